"""The test pattern through nginx-rtmp to ffmpeg: what a player sees and hears, and how late."""

import json
import statistics
import struct
import subprocess
import time

import harness
import time_strip
from harness import eventually

WIDTH, HEIGHT = 320, 180
TONE_HZ = 880
LOUD = 1500


def pattern(codec="H264_CBR", audio="aac", **source):
    return {"camera_id": 0, "name": "gate", "audio": {"codec": audio},
            "streams": [{"stream_id": 0, "source": {"type": "test", **source},
                         "encoder": {"type": codec, "width": WIDTH, "height": HEIGHT, "framerate": 25, "bitrate": 100, "gop": 25}}]}


class pattern_case(harness.case):
    needs = ("campush", "nginx", "ffmpeg", "ffprobe")

    def push(self, camera, url):
        camera["streams"][0]["rtmp"] = {"urls": [url]}
        agent = harness.agent(self, harness.config_of([camera]))
        encoders = agent.child.expect(r"source opened \(test\)|CAMPUSH_WITH_LIBAV[^\n]*", 30).group(0)
        if "CAMPUSH" in encoders:
            self.skipTest(f"no encoders in this build: {encoders}")
        agent.until(state="connected")
        return agent


class latency(pattern_case):
    def test_a_player_reads_the_time_from_each_picture(self):
        """The strip survives 320x180 at 100 kbit/s; what it says against the clock is the latency from capture to player."""
        server = harness.nginx(self)
        self.push(pattern(), server.url("gate"))
        player = subprocess.Popen(
            [harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-fflags", "nobuffer", "-flags", "low_delay", "-analyzeduration", "3000000",
             "-threads", "1", "-rw_timeout", "20000000", "-i", server.url("gate"), "-an", "-vsync", "passthrough", "-pix_fmt", "gray",
             "-f", "rawvideo", "-flush_packets", "1", "pipe:1"], stdout=subprocess.PIPE, preexec_fn=harness.die_with_parent)
        self.addCleanup(player.wait)
        self.addCleanup(player.stdout.close)
        self.addCleanup(player.kill)
        times, late_ms = [], []
        for _ in range(150):
            picture = player.stdout.read(WIDTH * HEIGHT)
            self.assertEqual(len(picture), WIDTH * HEIGHT, "the player ended")
            now = time.time() * 1000
            shown = time_strip.read(picture, WIDTH, HEIGHT)
            self.assertIsNotNone(shown, f"picture {len(times)} cannot be read")
            times.append(shown)
            late_ms.append(now - shown)
        self.assertEqual(times, sorted(set(times)), "each picture has a time of its own, in order")
        # What the player held back while it found out what comes is over after a second.
        steady = sorted(late_ms[25:])
        self.assertGreater(steady[0], 0)
        self.assertLess(statistics.median(steady), 3000)
        print(f"capture to player: median {statistics.median(steady):.0f} ms, least {steady[0]:.0f} ms, "
              f"99 of 100 within {steady[len(steady) * 99 // 100]:.0f} ms, {len(steady)} pictures")


def decode(path, *options):
    return subprocess.run([harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-i", str(path), *options, "pipe:1"], check=True,
                          capture_output=True, timeout=60).stdout


def packets(path, track):
    done = subprocess.run([harness.tool("ffprobe"), "-v", "error", "-of", "json", "-show_packets", "-select_streams", track, str(path)],
                          check=True, capture_output=True, text=True, timeout=60)
    return [float(packet["pts_time"]) for packet in json.loads(done.stdout)["packets"]]


class sound(pattern_case):
    def recording(self, camera):
        server = harness.nginx(self)
        self.push(camera, server.url("gate", "raw"))
        path = self.path / "seen.flv"
        player = self.start("player", [harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-y", "-rw_timeout", "20000000", "-i",
                                       server.url("gate", "raw"), "-t", "6", "-c", "copy", "-f", "flv", path])
        self.assertEqual(player.wait(40), 0, player.log())
        return path

    def pictures(self, path):
        """Of each picture its time in the stream, the wall clock it shows, and whether it flashes."""
        raw = decode(path, "-an", "-vsync", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo")
        size = WIDTH * HEIGHT
        at = packets(path, "v")
        self.assertEqual(len(raw), len(at) * size)
        each = [raw[i * size:(i + 1) * size] for i in range(len(at))]
        return [(when, time_strip.read(luma, WIDTH, HEIGHT), time_strip.is_flashing(luma, WIDTH, HEIGHT)) for when, luma in zip(at, each)]

    def tones(self, path, rate):
        """Of each tone when it begins, its length and its pitch."""
        raw = decode(path, "-vn", "-ac", "1", "-ar", str(rate), "-f", "s16le")
        samples = struct.unpack(f"<{len(raw) // 2}h", raw)
        begin = packets(path, "a")[0]
        found, i, quiet = [], 0, rate // 20
        while i < len(samples):
            if abs(samples[i]) < LOUD:
                i += 1
                continue
            end = last = i
            while end < len(samples) and end - last < quiet:
                last = end if abs(samples[end]) >= LOUD else last
                end += 1
            tone = samples[i:last]
            rises = [j for j in range(1, len(tone)) if tone[j - 1] < 0 <= tone[j]]
            pitch = (len(rises) - 1) * rate / (rises[-1] - rises[0]) if len(rises) > 2 else 0
            found.append((begin + i / rate, len(tone) / rate, pitch))
            i = end
        # The first and the last may be cut.
        return found[1:-1]

    def check(self, codec, rate):
        path = self.recording(pattern(audio=codec, tone_hz=TONE_HZ))
        pictures, tones = self.pictures(path), self.tones(path, rate)
        self.assertGreaterEqual(len(tones), 3)
        offsets_ms = []
        for begin, length, pitch in tones:
            with self.subTest(f"tone at {begin:.3f} s"):
                self.assertAlmostEqual(pitch, TONE_HZ, delta=5)
                self.assertAlmostEqual(length, 0.1, delta=0.015)
                flash = [when for i, (when, _, flashes) in enumerate(pictures)
                         if flashes and i > 0 and not pictures[i - 1][2] and abs(when - begin) < 0.5]
                self.assertEqual(len(flash), 1, "one flash to each tone")
                self.assertLess(abs(flash[0] - begin) * 1000, 40)
                nearest = min(pictures, key=lambda picture: abs(picture[0] - begin))
                wall_ms = nearest[1] + (begin - nearest[0]) * 1000
                offsets_ms.append((wall_ms + 500) % 1000 - 500)
        print(f"{codec}: tone against the clock in the picture: {', '.join(f'{offset:+.1f}' for offset in offsets_ms)} ms")
        for offset in offsets_ms:
            self.assertLess(abs(offset), 40)

    def test_aac_sounds_with_the_flash(self):
        self.check("aac", 48000)

    def test_a_law_sounds_with_the_flash(self):
        self.check("g711a", 8000)


class control(pattern_case):
    def test_status_names_encoder_and_its_load(self):
        server = harness.nginx(self)
        agent = self.push(pattern(), server.url("gate", "raw"))
        health = lambda: agent.cameras()[0]["health"]
        status = eventually("the load is known", lambda: health() if health()["encode_cpu_percent"] > 0 else None)
        self.assertLess(status["encode_cpu_percent"], 150)
        self.assertEqual(status["encoder"], "libx264")
        self.assertEqual(agent.stop()[0], 0)

    def test_the_encoder_gives_h264_to_a_server_that_takes_no_h265(self):
        """The stream goes on from H.265 to H.264 while its source stays open."""
        harness.require("campush-sink")
        server = harness.sink(self, "--claim", "no-hvc1")
        camera = pattern("H265_CBR")
        camera["streams"][0]["fallback"] = {"codec": "h264"}
        agent = self.push(camera, server.url("gate"))
        agent.until(video_codec="h264")
        server.until("second", lambda event: event["streams"] and event["streams"][0]["video"]["frames"] > 30)
        status = agent.cameras()[0]
        self.assertEqual((status["video_codec"], status["health"]["encoder"]), ("h264", "libx264"))
        self.assertEqual((status["failures"], status["reopens"]), (0, 0))
        self.assertEqual(agent.stop()[0], 0)
        self.assertEqual(server.until_closed()["pictures"]["missing_references"], 0)


if __name__ == "__main__":
    harness.main()
