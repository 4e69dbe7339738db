#!/usr/bin/env python3
"""Raw pictures of the kernel's vivid driver, which fails on request, and an encoder at the kernel's memory-to-memory interface."""

import re

import guest
import push_case
import units

NODE, EXPORTER = "/dev/video50", "/dev/video51"
# A webcam without a control whose picture has to be right: the errors are what matters.
VIVID = "vivid n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0x0,0x0 vid_cap_nr=50,51"


class raw_camera(guest.guest_case):
    """What the driver can do, as v4l2-ctl sees it."""

    needs = ()
    drivers = (VIVID,)

    def capture(self, how, pixel_format="YUYV", count=10):
        return self.guest.run(f"v4l2-ctl -d {NODE} -v width=320,height=180,pixelformat={pixel_format} -p 15 && "
                              f"timeout 20 v4l2-ctl -d {NODE} {how} --stream-count={count} --stream-to=/run/share/captured", must=False)

    def test_gives_its_pictures_in_memory_of_every_kind(self):
        exported = f"--stream-dmabuf --export-device {EXPORTER}"
        self.guest.run(f"v4l2-ctl -d {EXPORTER} -v width=320,height=180,pixelformat=YUYV")
        for how in ("--stream-mmap", "--stream-user", exported):
            with self.subTest(how):
                status, output = self.capture(how)
                self.assertEqual(status, 0, output)
                self.assertEqual((self.shared / "captured").stat().st_size, 10 * 320 * 180 * 2)

    def test_gives_the_agents_layer_the_same_pictures_in_memory_of_every_kind(self):
        # Without text in it the picture stands still.
        self.guest.run(f"v4l2-ctl -d {NODE} -c osd_text_mode=2 && v4l2-ctl -d {EXPORTER} -v width=320,height=180,pixelformat=YUYV")
        status, output = self.capture("--stream-mmap")
        self.assertEqual(status, 0, output)
        probe = f"timeout 30 {guest.program('capture_probe')} {NODE} YUYV 320 180 10"
        for memory in ("mmap", "userptr", "dmabuf"):
            with self.subTest(memory):
                lines = self.guest.text(f"{probe} {memory} /run/share/probed {EXPORTER}").splitlines()
                self.assertIn(f"its pictures come by {memory}" if memory != "mmap" else "", "\n".join(lines))
                self.assertEqual((self.shared / "probed").read_bytes(), (self.shared / "captured").read_bytes())
        self.guest.run(f"v4l2-ctl -d {NODE} -c osd_text_mode=0")

    def test_gives_the_formats_that_cameras_have(self):
        for pixel_format, bits in (("YUYV", 16), ("UYVY", 16), ("NV12", 12), ("YU12", 12), ("GREY", 8)):
            with self.subTest(pixel_format):
                status, output = self.capture("--stream-mmap", pixel_format, 3)
                self.assertEqual(status, 0, output)
                self.assertEqual((self.shared / "captured").stat().st_size, 3 * 320 * 180 * bits // 8)


class encoder(guest.guest_case):
    """The encoder of modules/, as v4l2-ctl drives it."""

    needs = ()
    drivers = ("m2m_encoder",)

    def test_encodes_drains_and_gives_a_keyframe_at_each_group(self):
        clip = units.write(self.shared / "m2m_encoder.h264", "gate_sub.h264", 50)
        output = self.guest.text("timeout 30 v4l2-ctl -d /dev/video0 -x width=320,height=180,pixelformat=NV12 -v pixelformat=H264 "
                                 "-c video_gop_size=15 --stream-out-mmap --stream-mmap --stream-count=40 --stream-to=/run/share/coded")
        self.assertIn("EOS EVENT", output)
        wanted = clip.pictures[:15] * 2 + clip.pictures[:10]
        clip.pictures = wanted
        self.assertEqual((self.shared / "coded").read_bytes()[:len(units.annexb(clip))], units.annexb(clip))


class agent_with_an_encoder_of_the_kernel(push_case.push_case):
    drivers = (VIVID, "m2m_encoder")

    def setUp(self):
        super().setUp()
        self.clip = units.write(self.shared / "m2m_encoder.h264", "gate_sub.h264", 50)

    def run_on_vivid(self, **source):
        agent = self.run_agent(NODE, pixel_format="nv12", width=320, height=180, framerate=15, **source)
        self.until_pushed(push_case.RATE, 60)
        return agent

    def inject(self, *controls):
        """Settings of the driver that make it fail."""
        self.guest.run(f"v4l2-ctl -d {NODE} " + " ".join(f"-c {each}" for each in controls))

    def test_pushes_what_the_encoder_made(self):
        agent = self.run_on_vivid()
        self.assertEqual(agent.stream()["health"]["encoder"], "h264_v4l2m2m")
        self.until_pushed(3 * push_case.RATE)
        agent.stop()
        groups = self.check_groups(self.clip, self.recordings()[-1])
        self.assertLessEqual(max(groups), 2 * push_case.RATE)
        log = self.guest.text("dmesg")
        self.assertIn("m2m_encoder: Video Bitrate = 200000", log)
        self.assertIn(f"m2m_encoder: Video GOP Size = {2 * push_case.RATE}", log)

    def test_pushes_pictures_in_memory_of_its_own(self):
        agent = self.run_on_vivid(memory="userptr")
        agent.child.expect("its pictures come by userptr")
        agent.stop()
        self.check_groups(self.clip, self.recordings()[-1])

    def test_says_which_memory_is_missing(self):
        agent = self.run_agent(NODE, pixel_format="nv12", width=320, height=180, framerate=15, memory="dmabuf", dma_heap="/dev/dma_heap/none")
        agent.until_stream(lambda stream: "memory of /dev/dma_heap/none" in stream["last_error"])
        agent.stop()

    def test_gives_out_every_picture_that_the_encoder_holds(self):
        self.guest.run("modprobe -r m2m_encoder && modprobe m2m_encoder delay=2 && dmesg -C")
        agent = self.run_on_vivid()
        self.inject("disconnect=1")
        agent.until_stream(lambda stream: stream["failures"] > 0)
        self.until_pushed(push_case.RATE)
        agent.stop()
        log = self.guest.text("dmesg")
        self.guest.run("modprobe -r m2m_encoder && modprobe m2m_encoder")
        ends = [(int(taken), int(given)) for taken, given in re.findall(r"m2m_encoder: ends, (\d+) in, (\d+) out", log)]
        print(f"pictures that went into the encoder and came out: {ends}")
        # When the camera went, and at the stop.
        self.assertEqual(len(ends), 2)
        for taken, given in ends:
            self.assertGreater(taken, push_case.RATE)
            self.assertEqual(given, taken)
        for recording in self.recordings():
            self.check_groups(self.clip, recording)

    def test_says_which_call_failed_and_goes_on(self):
        for control, call in (("inject_vidioc_streamon_error", "VIDIOC_STREAMON"), ("inject_vidioc_reqbufs_error", "VIDIOC_REQBUFS"),
                              ("inject_vidioc_qbuf_error", "VIDIOC_QBUF")):
            with self.subTest(call):
                self.inject(f"{control}=1")
                agent = self.run_on_vivid(memory="mmap")
                stream = agent.stream()
                self.assertEqual(stream["state"], "running")
                self.assertEqual(stream["failures"], 1)
                self.assertIn(call, stream["last_error"])
                agent.stop()

    def test_counts_a_buffer_that_the_driver_marks_and_goes_on(self):
        agent = self.run_on_vivid()
        self.inject("inject_v4l2_buf_flag_error=1")
        agent.until_stream(lambda stream: stream["health"]["damaged_buffers"] > 0)
        agent.child.expect("damaged, empty or longer than can be")
        self.until_pushed(push_case.RATE)
        self.assertEqual(agent.stream()["failures"], 0)
        agent.stop()

    def test_starts_a_stream_anew_that_takes_no_buffer_back(self):
        agent = self.run_on_vivid()
        self.inject("inject_vidioc_qbuf_error=1")
        agent.until_stream(lambda stream: stream["health"]["stalls"] > 0)
        self.until_pushed(push_case.RATE)
        agent.stop()

    def test_goes_on_after_the_camera_was_unplugged(self):
        agent = self.run_on_vivid()
        # ENODEV until the last file is closed, then it is there again.
        self.inject("disconnect=1")
        agent.until_stream(lambda stream: stream["failures"] > 0)
        self.until_pushed(push_case.RATE)
        agent.until_stream(lambda stream: stream["state"] == "running")
        agent.stop()

    def test_goes_on_after_an_error_of_the_driver(self):
        agent = self.run_on_vivid()
        self.inject("inject_fatal_streaming_error=1")
        # Whichever call meets it first: one is a stall, the other a failure of the source.
        agent.until_stream(lambda stream: stream["health"]["stalls"] + stream["failures"] > 0)
        self.until_pushed(push_case.RATE)
        agent.stop()

    def test_counts_pictures_that_the_driver_dropped(self):
        agent = self.run_on_vivid()
        self.inject("percentage_of_dropped_buffers=30")
        agent.until_stream(lambda stream: stream["health"]["lost_pictures"] > 3)
        self.inject("percentage_of_dropped_buffers=0")
        self.until_pushed(push_case.RATE)
        agent.stop()

    def test_times_run_on_when_those_of_the_driver_wrap(self):
        self.inject("wrap_timestamp=1")
        agent = self.run_on_vivid()
        self.until_pushed(3 * push_case.RATE)
        agent.stop()
        self.inject("wrap_timestamp=0")
        times = [each.dts for each in self.recordings()[-1].pictures]
        steps = [after - before for before, after in zip(times, times[1:])]
        self.assertGreater(min(steps), 0)
        self.assertLess(max(steps), 500)


class agent_with_an_encoder_of_its_own(push_case.push_case):
    drivers = (VIVID,)

    def test_pushes_raw_pictures_of_every_kind_in_h264(self):
        for pixel_format in ("yuyv", "nv12"):
            with self.subTest(pixel_format):
                agent = self.run_agent(NODE, pixel_format=pixel_format, width=320, height=180, framerate=5)
                self.until_pushed(10, 90)
                self.assertEqual(agent.stream()["health"]["encoder"], "libx264")
                agent.stop()


if __name__ == "__main__":
    guest.main()
