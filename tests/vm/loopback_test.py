#!/usr/bin/env python3
"""A camera that a user-space driver makes with v4l2loopback: its first buffer is an old one, and it never says that it is gone."""

import guest
import push_case
import units

NODE = "/dev/video40"
CLIPS = (("h264", "gate_sub.h264"), ("h265", "yard_sub.h265"))


class agent_on_a_loopback_camera(push_case.push_case):
    def setUp(self):
        super().setUp()
        self.load()

    def load(self):
        """Anew, since a device that was used before may have other things in its buffers."""
        self.guest.run("modprobe -r v4l2loopback && modprobe v4l2loopback devices=1 video_nr=40 exclusive_caps=1 card_label=loop max_buffers=8")

    def feed(self, clip_name, codec, rate=push_case.RATE, count=30):
        clip = units.write(self.shared / "clip", clip_name, count)
        feeder = self.start_in_guest("feeder", [guest.program("loopback_feeder"), NODE, "/run/share/clip", codec, push_case.WIDTH,
                                                push_case.HEIGHT, rate])
        feeder.expect("feeding")
        return clip, feeder

    def test_pushes_what_is_fed(self):
        for codec, clip_name in CLIPS:
            with self.subTest(codec):
                feeders = []

                def feed_anew(codec=codec, clip_name=clip_name, feeders=feeders):
                    for _, feeder in feeders[-1:]:
                        feeder.kill()
                    self.load()
                    feeders.append(self.feed(clip_name, codec))

                received = self.pushed_without_loss(NODE, codec, feed_anew)
                clip, feeder = feeders[-1]
                feeder.kill()
                self.check_plays(clip, received)

    def test_leaves_a_stale_first_buffer_out(self):
        # The driver forgets the newest picture when a second reader asks for buffers, and hands out what is left of it if that reader
        # is there before the next one. So slow that it is.
        clip, _ = self.feed("gate_sub.h264", "h264", rate=3, count=9)
        self.guest.run(f"timeout 20 v4l2-ctl -d {NODE} --stream-mmap --stream-count=2 --stream-to=/dev/null")
        agent = self.run_agent(NODE)
        self.until_pushed(12)
        agent.child.expect("its first buffer was an old one")
        agent.stop()
        self.check_plays(clip, self.recordings()[-1])

    def check_faults(self, *faults):
        for codec, clip_name in CLIPS:
            with self.subTest(codec):
                def begin(codec=codec, clip_name=clip_name):
                    self.load()
                    self.feed_again = lambda: self.feed(clip_name, codec)
                    return (NODE, *self.feed_again())

                self.check_goes_on(codec, begin, faults)

    def die_and_feed(self, agent, feeder):
        stalls = agent.stream()["health"]["stalls"]
        feeder.kill()
        agent.until_stream(lambda stream: stream["health"]["stalls"] > stalls)
        return self.feed_again()[1]

    def test_goes_on_when_the_feeder_was_dead_for_a_while(self):
        self.check_faults(self.die_and_feed)

    def test_goes_on_when_the_feeder_hung_for_a_while(self):
        self.check_faults(push_case.hang)


if __name__ == "__main__":
    guest.main()
