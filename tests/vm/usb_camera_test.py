#!/usr/bin/env python3
"""A USB camera that encodes, at the kernel's own uvcvideo driver: what the tests' camera (usb_camera.cpp) is worth, and the agent on it."""

import signal

import guest
import harness
import media
import units

NODE = "/dev/video0"
CLIPS = (("h264", "H264", "gate_sub.h264"), ("h265", "HEVC", "yard_sub.h265"))
# Slow enough for a guest on a busy machine to lose no picture.
RATE = 15


class camera_case(guest.guest_case):
    drivers = ("uvcvideo", "dummy_hcd", "raw_gadget")

    def plug_in(self, clip_name, codec, *options, count=None):
        clip = units.write(self.shared / "clip", clip_name, count)
        command = [guest.program("usb_camera"), "/run/share/clip", codec, 320, 180, RATE, *options]
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


class agent_on_a_usb_camera(camera_case):
    needs = ("campush", "campush-sink")

    def run_agent(self, sink, codec):
        source = {"type": "v4l2", "device": NODE}
        camera = harness.camera(source, self.url(sink, "usb"))
        camera["streams"][0]["encoder"] = {"type": f"{codec.upper()}_CBR", "width": 320, "height": 180, "framerate": RATE}
        return guest.agent(self, harness.config_of([camera]))

    def until_pushed(self, sink, pictures):
        """Until that many more pictures have come than now."""
        base = self.pictures_at(sink)
        harness.eventually(lambda: f"{pictures} pictures after {base}, now {self.pictures_at(sink)}",
                           lambda: self.pictures_at(sink) >= base + pictures, 40)

    def pictures_at(self, sink):
        return sum(len(media.recording(path).pictures) for path in sink.records.glob("*.flv"))

    def check_recording(self, path, clip):
        """What came is the clip, played again and again, without a gap."""
        sent = media.clip()
        sent.syntax, sent.pictures = clip.syntax, clip.pictures * 3
        media.check_equal(self, sent, media.recording(path), must_end=False)

    def test_pushes_what_the_camera_encodes(self):
        for codec, _, clip_name in CLIPS:
            with self.subTest(codec):
                sink = harness.sink(self, name=f"sink_{codec}")
                clip, camera = self.plug_in(clip_name, codec, "loop")
                agent = self.run_agent(sink, codec)
                self.until_pushed(sink, 4 * RATE)
                health = agent.stream()["health"]
                self.assertEqual((health["lost_pictures"], health["damaged_buffers"], health["stalls"]), (0, 0, 0))
                agent.stop()
                self.check_recording(sink.until_closed()["recording"], clip)
                self.unplug(camera)

    def test_goes_on_when_the_camera_is_plugged_in_again(self):
        sink = harness.sink(self)
        clip, camera = self.plug_in("gate_sub.h264", "h264", "loop")
        agent = self.run_agent(sink, "h264")
        self.until_pushed(sink, RATE)
        for _ in range(2):
            self.unplug(camera)
            agent.until_stream(lambda stream: stream["state"] == "reopening")
            _, camera = self.plug_in("gate_sub.h264", "h264", "loop")
            self.until_pushed(sink, 2 * RATE)
            agent.until_stream(lambda stream: stream["state"] == "running")
        agent.stop()

    def test_goes_on_when_the_camera_has_hung(self):
        sink = harness.sink(self)
        clip, camera = self.plug_in("gate_sub.h264", "h264", "loop")
        agent = self.run_agent(sink, "h264")
        self.until_pushed(sink, RATE)
        camera.send(signal.SIGSTOP)
        agent.until_stream(lambda stream: stream["health"]["stalls"] > 0)
        camera.send(signal.SIGCONT)
        self.until_pushed(sink, 2 * RATE)
        agent.stop()


if __name__ == "__main__":
    guest.main()
