#!/usr/bin/env python3
"""A USB camera that encodes, at the kernel's own uvcvideo driver: what the tests' camera (usb_camera.cpp) is worth, and the agent on it."""

import json
import signal

import guest
import harness
import push_case
import units

NODE = "/dev/video0"
CLIPS = (("h264", "H264", "gate_sub.h264"), ("h265", "HEVC", "yard_sub.h265"))


class camera_case(guest.guest_case):
    drivers = ("uvcvideo", "dummy_hcd", "raw_gadget")

    def plug_in(self, clip_name, codec, *options, count=None):
        clip = units.write(self.shared / "clip", clip_name, count)
        command = [guest.program("usb_camera"), "/run/share/clip", codec, push_case.WIDTH, push_case.HEIGHT,
                   push_case.RATE, *options]
        camera = self.start_in_guest("usb_camera", command)
        self.guest.until_there(NODE)
        return clip, camera

    def unplug(self, camera):
        camera.kill()
        self.guest.until_gone(NODE)


class usb_camera(camera_case):
    needs = ()

    def captured(self, how, count):
        self.guest.run(f"timeout 20 v4l2-ctl -d {NODE} --stream-{how} --stream-count={count} --stream-to=/run/share/captured")
        return (self.shared / "captured").read_bytes()

    def test_its_streams_are_captured_as_they_are(self):
        for codec, fourcc, clip_name in CLIPS:
            clip, camera = self.plug_in(clip_name, codec, count=20)
            self.assertIn(f"'{fourcc}'", self.guest.text(f"v4l2-ctl -d {NODE} --list-formats"))
            # The second time shows that a new start begins at the first picture.
            for how in ("mmap", "mmap", "user"):
                with self.subTest(codec=codec, how=how):
                    captured = self.captured(how, 20)
                    self.assertEqual(captured, units.annexb(clip))
            self.unplug(camera)

    def test_it_can_be_unplugged_while_it_streams(self):
        _, camera = self.plug_in("gate_sub.h264", "h264")
        capture = self.start_in_guest("capture", ["v4l2-ctl", "-d", NODE, "--stream-mmap", "--stream-count=1000", "--stream-to=/dev/null"])
        camera.expect("playing")
        camera.kill()
        # Which of the two depends on the kernel: newer ones end the queue before the device.
        capture.expect("VIDIOC_DQBUF: failed: (No such device|Invalid argument)")
        self.guest.until_gone(NODE)

    def test_its_stream_hangs_when_it_does(self):
        _, camera = self.plug_in("gate_sub.h264", "h264", "loop")
        camera.send(signal.SIGSTOP)
        self.assertFalse(self.guest.succeeds(f"timeout 3 v4l2-ctl -d {NODE} --stream-mmap --stream-count=2 --stream-to=/dev/null"))


class agent_on_a_usb_camera(camera_case, push_case.push_case):
    needs = push_case.push_case.needs

    def test_pushes_what_the_camera_encodes(self):
        for codec, _, clip_name in CLIPS:
            with self.subTest(codec):
                clip, camera = self.plug_in(clip_name, codec, "loop")
                self.check_plays(clip, self.pushed_without_loss(NODE, codec))
                self.unplug(camera)

    def test_pushes_what_the_camera_encodes_into_memory_of_the_agent(self):
        clip, camera = self.plug_in("gate_sub.h264", "h264", "loop")
        self.check_plays(clip, self.pushed_without_loss(NODE, "h264", memory="userptr"))
        self.agents[-1].expect("its pictures come by userptr")
        self.unplug(camera)

    def test_lists_the_camera(self):
        self.plug_in("gate_sub.h264", "h264", "loop")
        listed = json.loads(self.guest.text(f"{harness.CAMPUSH} devices --json"))
        self.assertIn("Test USB camera", json.dumps(listed["cameras"]))
        self.assertIn("H264", json.dumps(listed["cameras"]))

    def check_faults(self, *faults):
        """For each codec, the same camera before and after; a fault may plug another one in, by plug_in_again()."""
        for codec, _, clip_name in CLIPS:
            with self.subTest(codec):
                def begin(codec=codec, clip_name=clip_name):
                    self.plug_in_again = lambda: self.plug_in(clip_name, codec, "loop")
                    return (NODE, *self.plug_in_again())

                self.check_goes_on(codec, begin, faults)
                self.guest.until_gone(NODE)

    def unplug_and_plug_in(self, agent, camera):
        self.unplug(camera)
        agent.until_stream(lambda stream: stream["state"] == "reopening")
        return self.plug_in_again()[1]

    def test_goes_on_when_the_camera_is_plugged_in_again(self):
        self.check_faults(self.unplug_and_plug_in, self.unplug_and_plug_in)

    def test_goes_on_when_the_camera_has_hung(self):
        self.check_faults(push_case.hang)


if __name__ == "__main__":
    guest.main()
