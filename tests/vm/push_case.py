"""What the cases about cameras share: an agent in the guest that pushes to a sink on the host, and what came there."""

import signal

import guest
import harness
import media

WIDTH, HEIGHT = 320, 180
# Slow enough for a guest on a busy machine to lose no picture.
RATE = 15
# Of coded pictures, between driver and agent.
BUFFERS = 4


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

    def pushed_without_loss(self, device, codec, prepare=lambda: None, **source):
        """The recording of a run in which the guest was fast enough for every picture: on a busy machine it has three tries."""
        for _ in range(3):
            prepare()
            agent = self.run_agent(device, codec, **source)
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

    def check_goes_on(self, codec, begin, faults):
        """What comes before, between and after the faults is the clip's, byte for byte, each part from a keyframe on; nothing is missing but
        what the driver's numbers say is lost, which happens in a guest on a busy machine. `begin()` makes the camera and returns its node, its
        clip and its program; each fault is given the agent and that program, and returns the program that plays then."""
        for _ in range(3):
            earlier = len(self.recordings())
            node, clip, camera = begin()
            agent = self.run_agent(node, codec)
            self.until_pushed(RATE)
            for fault in faults:
                camera = fault(agent, camera)
                self.until_pushed(2 * RATE)
                agent.until_stream(lambda stream: stream["state"] == "running")
            health = agent.stream()["health"]
            agent.stop()
            camera.kill()
            parts, missing, why = parts_of(clip, self.recordings()[earlier:])
            print(f"{codec}: parts of {parts} pictures, {missing} missing inside, {health['lost_pictures']} lost {why}")
            if not why:
                # A feeder knows nothing of the stream that is switched off and on: what lies in the buffers then is gone.
                self.assertLessEqual(missing, health["lost_pictures"] + BUFFERS * len(faults))
                self.assertLessEqual(len(parts), len(faults) + 1 + health["lost_pictures"])
                self.assertGreaterEqual(sum(parts[-2:]), RATE)
                return
            # A camera that was opened anew because the guest was held up gives what it has then, a keyframe or not.
            self.assertTrue(health["lost_pictures"] > 0 or health["stalls"] > len(faults), why)
        self.fail("the guest was held up in each of three runs")

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


def hang(agent, camera):
    """A camera that stands still until the agent has noticed."""
    stalls = agent.stream()["health"]["stalls"]
    camera.send(signal.SIGSTOP)
    agent.until_stream(lambda stream: stream["health"]["stalls"] > stalls)
    camera.send(signal.SIGCONT)
    return camera


def parts_of(clip, recordings):
    """How many pictures of the clip, which plays again and again, came in order in each stretch of the recordings; how many are missing
    inside the stretches; and what is wrong with the first picture that neither goes on with one nor is a keyframe. A connection's header
    has the parameter sets."""
    def without_sets(units):
        return media.prints([[unit for unit in units if not clip.syntax.is_parameter_set(unit)]], clip.syntax)

    wanted = [without_sets(units) for units in clip.pictures]
    sets = {unit for units in clip.pictures for unit in units if clip.syntax.is_parameter_set(unit)}
    parts, missing = [], 0
    for number, recording in enumerate(recordings):
        following = None
        for at, each in enumerate(recording.pictures):
            got = without_sets(each.units)
            if got not in wanted or (following is None and not each.is_key):
                return parts, missing, f"picture {at} of connection {number} is not picture {following} of the clip"
            if following is None or (each.is_key and got != wanted[following]):
                parts.append(0)
            elif got != wanted[following]:
                missing += (wanted.index(got) - following) % len(wanted)
            following = wanted.index(got)
            parts[-1] += 1
            following = (following + 1) % len(wanted)
        if {unit for each in recording.pictures for unit in each.units if clip.syntax.is_parameter_set(unit)} != sets:
            return parts, missing, f"the parameter sets of connection {number} are not the clip's"
    return parts, missing, ""
