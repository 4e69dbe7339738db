"""What the cases about cameras share: an agent in the guest that pushes to a sink on the host, and what came there."""

import guest
import harness
import media

WIDTH, HEIGHT = 320, 180
# Slow enough for a guest on a busy machine to lose no picture.
RATE = 15


class push_case(guest.guest_case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        self.sink = harness.sink(self)

    def run_agent(self, device, codec="h264", audio=None, **source):
        """On one V4L2 camera, or on a microphone alone."""
        source = {"type": "v4l2", "device": device, **source}
        camera = harness.camera(source, f"rtmp://{guest.HOST}:{self.sink.port}/live/camera")
        encoder = {"type": f"{codec.upper()}_CBR", "width": WIDTH, "height": HEIGHT, "framerate": RATE, "bitrate": 200, "gop": 2 * RATE}
        camera["streams"][0]["encoder"] = encoder
        camera["audio"] = audio or {"enabled": False}
        return guest.agent(self, harness.config_of([camera]))

    def recordings(self):
        """Of every connection so far, in order."""
        paths = sorted(self.sink.records.glob("*.flv"), key=lambda path: path.stat().st_mtime)
        return [media.recording(path) for path in paths if path.stat().st_size > 13]

    def pictures_at_sink(self):
        return sum(len(each.pictures) for each in self.recordings())

    def until_pushed(self, pictures, seconds=40):
        """Until that many more pictures have come than now."""
        base = self.pictures_at_sink()
        harness.eventually(lambda: f"{pictures} pictures after {base}, now {self.pictures_at_sink()}",
                           lambda: self.pictures_at_sink() >= base + pictures, seconds)

    def pushed_without_loss(self, device, codec, prepare=lambda: None):
        """The recording of a run in which the guest was fast enough for every picture: on a busy machine it has three tries."""
        for _ in range(3):
            prepare()
            agent = self.run_agent(device, codec)
            # What was lost before the first picture went out is no gap.
            self.until_pushed(1)
            before = agent.stream()["health"]
            self.until_pushed(4 * RATE)
            after = agent.stream()["health"]
            agent.stop()
            if all(after[key] == before[key] for key in ("lost_pictures", "damaged_buffers", "stalls")):
                return self.recordings()[-1]
            print(f"not without loss: {after}")
        return self.fail("pictures were lost in each of three runs")

    def check_plays(self, clip, received):
        """What came is the clip played again and again, without a gap."""
        sent = media.clip()
        sent.syntax, sent.pictures = clip.syntax, clip.pictures * 4
        media.check_equal(self, sent, received, must_end=False)

    def check_groups(self, clip, received):
        """What came is the clip from its start at every keyframe; returns the lengths of the groups."""
        def pictures_only(pictures):
            # Parameter sets go out once a connection.
            return media.prints([[unit for unit in units if not clip.syntax.is_parameter_set(unit)] for units in pictures], clip.syntax)

        groups = []
        for each in received.pictures:
            if each.is_key:
                groups.append([])
            groups[-1].append(each.units)
        for number, group in enumerate(groups):
            self.assertEqual(pictures_only(group), pictures_only(clip.pictures[:len(group)]), f"group {number}")
        return [len(group) for group in groups]
