"""`campush run` against campush-sink: H.265 in both dialects, G.711, fan-out; mpegts.js as a second judge."""

import pathlib

import harness
import judge
import media
from harness import DATA, file_source


class sink_case(harness.case):
    needs = ("campush", "campush-sink")

    def push_once(self, video, audio, destinations, codec="aac"):
        """Pushes the clip to its end."""
        camera = harness.camera(file_source(video, audio, loop=False), destinations, audio={"codec": codec})
        return harness.agent(self, harness.config_of([camera], {**harness.QUICK, "resume": "gop_cache"}))

    def received(self, server):
        stats = server.until_closed()
        self.assertEqual(stats["pictures"]["missing_references"], 0)
        self.assertEqual(stats["video"]["backward_steps"], 0)
        return media.recording(pathlib.Path(stats["recording"])), stats


class hevc(sink_case):
    def check(self, video, audio, size, mode="enhanced", dialect="enhanced"):
        server = harness.sink(self)
        agent = self.push_once(video, audio, {"urls": [server.url("yard")], "hevc_mode": mode})
        agent.until(state="connected", dialect=dialect, video_codec="h265")
        received, stats = self.received(server)
        self.assertEqual(received.dialect, dialect)
        sent = media.clip(DATA / video, DATA / audio)
        first = media.check_equal(self, sent, received)
        media.check_times(self, sent, received, *first)
        self.check_start(received)
        self.check_judge(received, stats["recording"], size)
        self.assertEqual(agent.stop()[0], 0)

    def check_start(self, received):
        self.assertEqual(received.order[:4], ["metadata", "video_header", "audio_header", "key"])
        self.assertEqual(received.pictures[0].dts, 0)

    def check_judge(self, received, path, size):
        judge.require()
        seen = judge.look_at(judge.bundle(self.path), path)
        self.assertEqual(seen["complaints"], [])
        self.assertEqual(seen["unparsed"], 0)
        self.assertRegex(seen["video"]["codec"], r"^hvc1\.1\.")
        self.assertEqual((seen["video"]["width"], seen["video"]["height"]), size)
        self.assertEqual(seen["frames"], len(received.pictures))
        self.assertEqual(seen["keyframes"], sum(each.is_key for each in received.pictures))
        self.assertEqual(seen["sounds"], len(received.sounds))
        self.assertEqual(seen["lastVideoDts"] - seen["firstVideoDts"], received.pictures[-1].dts - received.pictures[0].dts)
        self.assertEqual(seen["audio"], {"codec": "mp4a.40.2", "sampleRate": 48000, "channels": 1})

    def test_enhanced_comes_back_equal(self):
        self.check("yard.h265", "yard.aac", (640, 360))

    def test_enhanced_with_b_frames_comes_back_equal(self):
        self.check("bframes.h265", "yard.aac", (320, 180))

    def test_legacy12_comes_back_equal(self):
        self.check("yard.h265", "yard.aac", (640, 360), "legacy12", "legacy12")

    def test_one_stream_goes_to_an_enhanced_and_a_legacy12_server_at_once(self):
        modern, old = harness.sink(self, name="modern"), harness.sink(self, name="old")
        agent = self.push_once("yard.h265", "yard.aac", [
            {"name": "modern", "urls": [modern.url("yard")], "hevc_mode": "enhanced"},
            {"name": "old", "urls": [old.url("yard")], "hevc_mode": "legacy12"}])
        for name, dialect in (("modern", "enhanced"), ("old", "legacy12")):
            agent.until(name, state="connected", dialect=dialect)
        sent = media.clip(DATA / "yard.h265", DATA / "yard.aac")
        for server, dialect in ((modern, "enhanced"), (old, "legacy12")):
            with self.subTest(dialect):
                received, _ = self.received(server)
                self.assertEqual(received.dialect, dialect)
                first = media.check_equal(self, sent, received)
                media.check_times(self, sent, received, *first)

    def test_a_server_that_takes_h264_alone_is_not_sent_h265(self):
        server = harness.sink(self)
        agent = self.push_once("yard.h265", "yard.aac", {"urls": [server.url("yard")], "hevc_mode": "h264_only"})
        agent.until(state="disconnected", reason="codec_refused")
        self.assertEqual(server.events("publish"), [])


class g711(sink_case):
    def check(self, clip, codec, name):
        server = harness.sink(self)
        agent = self.push_once("gate.h264", clip, server.url("gate"), codec)
        agent.until(state="connected")
        received, _ = self.received(server)
        self.assertEqual(received.audio_codec, name)
        self.assertEqual(received.audio_headers, [])
        first, _ = media.check_equal(self, media.clip(DATA / "gate.h264"), received)
        data = b"".join(each.data for each in received.sounds)
        whole = (DATA / clip).read_bytes()
        self.assertTrue(whole.endswith(data), "other samples than the clip's")
        self.assertGreater(len(data), len(whole) // 2)
        # 8 samples a millisecond: time and samples say the same.
        span = received.sounds[-1].time - received.sounds[0].time
        self.assertAlmostEqual(span, (len(data) - len(received.sounds[-1].data)) / 8, delta=2)
        begin_of_sound = (len(whole) - len(data)) / 8 - received.sounds[0].time
        begin_of_video = first * 1000 / media.FRAME_RATE - received.pictures[0].pts
        self.assertLess(abs(begin_of_sound - begin_of_video), 40, "ms between picture and sound")

    def test_a_law_comes_back_equal(self):
        self.check("gate.alaw", "g711a", "alaw")

    def test_mu_law_comes_back_equal(self):
        self.check("gate.ulaw", "g711u", "ulaw")


class tracks(sink_case):
    def test_sound_alone_is_pushed(self):
        server = harness.sink(self)
        agent = self.push_once(None, "yard.aac", server.url("yard"))
        agent.until(state="connected", audio_codec="aac")
        stats = server.until_closed()
        received = media.recording(pathlib.Path(stats["recording"]))
        self.assertEqual(received.pictures, [])
        sent = media.clip(audio=DATA / "yard.aac").sounds
        self.assertEqual([each.data for each in received.sounds], sent[len(sent) - len(received.sounds):])

    def test_metadata_tells_the_stream(self):
        server = harness.sink(self)
        agent = self.push_once("gate_sub.h264", "gate.aac", server.url("gate"))
        agent.until(state="connected")
        received, _ = self.received(server)
        meta = received.scripts[0].body
        for name, value in (("width", 320), ("height", 180), ("framerate", 25), ("audiosamplerate", 48000)):
            with self.subTest(name):
                self.assertEqual(media.amf_number(meta, name), value)

    def test_a_loop_goes_on_in_continuous_time(self):
        server = harness.sink(self)
        source = file_source("tiny.h264", "tiny.aac")
        agent = harness.agent(self, harness.config_of([harness.camera(source, server.url("tiny"))]))
        # More than one round of the clip.
        server.until("second", lambda event: event["streams"] and event["streams"][0]["video"]["frames"] > 260, seconds=20)
        agent.stop()
        stats = server.until_closed()
        for track in ("video", "audio"):
            self.assertEqual(stats[track]["backward_steps"], 0)
            self.assertLess(stats[track]["largest_step_ms"], 150)
        self.assertEqual(stats["pictures"]["skipped"], 0)


if __name__ == "__main__":
    harness.main()
