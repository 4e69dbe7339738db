#!/usr/bin/env python3
"""A USB camera that encodes, at the kernel's own uvcvideo driver: what the tests' camera (usb_camera.cpp) is worth."""

import guest
import units

NODE = "/dev/video0"


class usb_camera(guest.guest_case):
    needs = ()
    drivers = ("uvcvideo", "dummy_hcd", "raw_gadget")

    def plug_in(self, clip_name, codec):
        clip = units.write(self.shared / "clip", clip_name, 50)
        camera = self.start_in_guest("usb_camera", [guest.program("usb_camera"), "/run/share/clip", codec, 320, 180, 25])
        self.guest.until_there(NODE)
        return clip, camera

    def captured(self, how, count):
        self.guest.run(f"timeout 20 v4l2-ctl -d {NODE} --stream-{how} --stream-count={count} --stream-to=/run/share/captured")
        return (self.shared / "captured").read_bytes()

    def test_its_streams_are_captured_as_they_are(self):
        for codec, fourcc, clip_name in (("h264", "H264", "gate_sub.h264"), ("h265", "HEVC", "yard_sub.h265")):
            clip, camera = self.plug_in(clip_name, codec)
            self.assertIn(f"'{fourcc}'", self.guest.text(f"v4l2-ctl -d {NODE} --list-formats"))
            # The second time shows that a new start begins at the first picture.
            for how in ("mmap", "mmap", "user"):
                with self.subTest(codec=codec, how=how):
                    captured = self.captured(how, 20)
                    clip.pictures = clip.pictures[:20]
                    self.assertEqual(captured, units.annexb(clip))
            camera.kill()
            self.guest.until_gone(NODE)

    def test_it_can_be_unplugged_while_it_streams(self):
        _, camera = self.plug_in("gate_sub.h264", "h264")
        capture = self.start_in_guest("capture", ["v4l2-ctl", "-d", NODE, "--stream-mmap", "--stream-count=1000", "--stream-to=/dev/null"])
        camera.expect("playing")
        camera.kill()
        # Which of the two depends on the kernel: newer ones end the queue before the device.
        capture.expect("VIDIOC_DQBUF: failed: (No such device|Invalid argument)")
        self.guest.until_gone(NODE)


if __name__ == "__main__":
    guest.main()
