"""Time on the wire across 2^24 ms (where extended timestamps begin), 2^31 and 2^32.

Judges: the raw 32 bits that campush-sink writes beside a recording, and ffmpeg -copyts -f framecrc as a player of nginx-rtmp. A
recorded FLV cannot tell: recorders let time begin at 0.
"""

import json
import os
import pathlib
import re
import signal

import harness
from harness import eventually, file_source

PUSH = os.environ.get("CAMPUSH_WIRE_TIME_PUSH", "")
BOUNDARIES = {"24": 1 << 24, "31": 1 << 31, "32": 1 << 32}
BEFORE_MS = 5000
# Beyond the boundary by this much.
AFTER_MS = 1500
PICTURE_MS = 40
SOUND_MS = 64


def signed(step):
    """A step of 32-bit time."""
    step &= 0xFFFFFFFF
    return step - (1 << 32) if step & 0x80000000 else step


class wire_time(harness.case):
    needs = ("campush-sink",)

    def setUp(self):
        super().setUp()
        if not PUSH:
            self.skipTest("wire_time_push is missing")

    def push(self, name, start, url):
        """An agent whose connection's clock begins at `start`."""
        config = harness.config_of([harness.camera(file_source("tiny.h264", "tiny.aac"), url)], http={"listen": ""})
        config["rtmp"]["resume"] = "gop_cache"
        path = self.path / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return self.start(name, [PUSH, path, start])

    def check_track(self, times, start, step_ms, name):
        self.assertLessEqual(abs(signed(times[0] - start)), step_ms + 5, f"{name} begins at {times[0]}")
        for before, after in zip(times, times[1:]):
            self.assertLessEqual(abs(signed(after - before) - step_ms), 1, f"{name}: {after} after {before}")

    def test_raw_times_at_the_sink(self):
        server = harness.sink(self, "--wire-times")
        pushers = {name: self.push(name, boundary - BEFORE_MS, server.url(f"at{name}")) for name, boundary in BOUNDARIES.items()}
        server.until("second", lambda event: len(event["streams"]) == len(BOUNDARIES) and
                     all(stream["video"]["frames"] * PICTURE_MS > BEFORE_MS + AFTER_MS for stream in event["streams"]), 25)
        for pusher in pushers.values():
            self.assertEqual(pusher.stop()[0], 0)
        eventually("all have ended", lambda: len(server.events("close")) == len(BOUNDARIES))
        for stats in server.events("close"):
            boundary = BOUNDARIES[stats["stream"][2:]]
            with self.subTest(stats["stream"]):
                start = boundary - BEFORE_MS
                rows = [line.split() for line in pathlib.Path(stats["recording"] + ".times").read_text(encoding="ascii").splitlines()]
                video, audio = ([int(time) for kind, time, _ in rows if kind == wanted] for wanted in ("9", "8"))
                # The first entry of each is its sequence header, at the time of the first frame.
                self.check_track(video[1:], start, PICTURE_MS, "video")
                self.check_track(audio[1:], start, SOUND_MS, "audio")
                self.assertEqual(video[0], start & 0xFFFFFFFF)
                self.assertGreater(signed(video[-1] - boundary), AFTER_MS - 500)
                self.assertEqual((stats["video"]["backward_steps"], stats["audio"]["backward_steps"]), (0, 0))
                self.assertEqual(stats["pictures"]["skipped"], 0)

    def test_ffmpeg_behind_nginx_sees_the_same_times(self):
        harness.require("nginx", "ffmpeg")
        server = harness.nginx(self)
        players = {}
        for name, boundary in BOUNDARIES.items():
            players[name] = self.start(f"player{name}", [
                harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-copyts", "-analyzeduration", "1000000",
                "-rw_timeout", "20000000", "-i", server.url(f"at{name}", "raw"), "-map", "0:v", "-c", "copy", "-flush_packets", "1",
                "-f", "framecrc", "-"])
        joined = lambda: (server.prefix / "logs" / "error.log").read_text().count("play: name='at") == len(BOUNDARIES)
        eventually("the players wait", joined)
        pushers = [self.push(name, boundary - BEFORE_MS, server.url(f"at{name}", "raw")) for name, boundary in BOUNDARIES.items()]
        for name, boundary in BOUNDARIES.items():
            with self.subTest(name):
                self.check_player(players[name], boundary)
        for pusher in pushers:
            self.assertEqual(pusher.stop(signal.SIGTERM)[0], 0)

    def check_player(self, player, boundary):
        def times():
            rows = re.findall(r"(?m)^0, +(-?\d+), +-?\d+, +\d+, +\d+, 0x[0-9a-f]+", player.log())
            return [int(row) for row in rows]
        wanted = (BEFORE_MS + AFTER_MS) // PICTURE_MS
        eventually(lambda: f"{wanted} pictures, there are {len(times())}: {player.log()[-500:]}", lambda: len(times()) > wanted, 25)
        seen = times()
        self.check_track(seen, boundary - BEFORE_MS, PICTURE_MS, "video")
        self.assertGreater(signed(seen[-1] - boundary), 0)


if __name__ == "__main__":
    harness.main()
