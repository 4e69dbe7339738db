"""`campush run` with the sound of a microphone beside the pictures of a file, pushed to campush-sink: pitch, time, faults.

The microphone is a plug-in of ALSA (tests/fakes/pcm_fakecap.cpp), so that libasound itself is in use on a machine without a sound card.
"""

import array
import os
import pathlib
import struct
import subprocess

import harness
import media
from harness import DATA, file_source

FAKECAP = os.environ.get("CAMPUSH_FAKECAP", "")
FILE_HAL = os.environ.get("CAMPUSH_FILE_HAL", "")
TONE_HZ = 437
A_LAW_SILENCE = b"\xd5" * 160
AAC_SILENCE = bytes([0x00, 0xC8, 0x00, 0x07])
# One frame of each codec, in ms.
FRAME_MS = {"aac": 1024 / 48, "g711a": 20, "opus": 20}


def expand_a_law(code):
    """ITU-T G.711."""
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 15
    size = step * 2 + 1 if segment == 0 else (step * 2 + 33) << (segment - 1)
    return size if code & 0x80 else -size


def pitch(samples, rate):
    """By upward crossings of zero."""
    first = last = None
    count = 0
    for at in range(1, len(samples)):
        if samples[at - 1] < 0 <= samples[at]:
            first = at if first is None else first
            last, count = at, count + 1
    assert count > 2, f"{count} crossings in {len(samples)} samples"
    return (count - 1) * rate / (last - first)


def ogg_checksum(data):
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def ogg_opus(head, packets):
    """An Ogg file (RFC 3533, RFC 7845) of Opus packets of 20 ms, for decoders that do not read Enhanced RTMP."""
    tags = b"OpusTags" + struct.pack("<I4sI", 4, b"test", 0)
    pages = [(2, 0, head), (0, 0, tags)] + [(0, 960 * (at + 1), packet) for at, packet in enumerate(packets)]
    out = b""
    for number, (flags, position, packet) in enumerate(pages):
        laces = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        page = b"OggS" + struct.pack("<BBqIII", 0, flags, position, 1, number, 0) + bytes([len(laces)]) + laces + packet
        out += page[:22] + struct.pack("<I", ogg_checksum(page)) + page[26:]
    return out


def decoded(source):
    """48 kHz mono, as FFmpeg hears a file."""
    harness.require("ffmpeg")
    sound = subprocess.run([harness.tool("ffmpeg"), "-v", "error", "-i", str(source), "-map", "0:a", "-ac", "1", "-ar", "48000", "-f",
                            "s16le", "-"], capture_output=True, check=True, timeout=60).stdout
    return array.array("h", sound[:len(sound) // 2 * 2])


class microphone_case(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        if not FAKECAP:
            self.skipTest("built without ALSA")
        self.control = self.path / "control"
        self.alsa = self.path / "asound.conf"
        self.alsa.write_text(f"""</usr/share/alsa/alsa.conf>
pcm_type.fakecap {{ lib "{FAKECAP}" }}
pcm.mic {{ type fakecap control "{self.control}" tone {TONE_HZ} ppm 100 rate 48000 channels 1 }}
""", encoding="utf-8")

    def tell(self, fault):
        draft = self.path / "draft"
        draft.write_text(fault, encoding="utf-8")
        draft.rename(self.control)

    def push(self, server, **audio):
        self.codec = audio.get("codec", "aac")
        camera = harness.camera(file_source("gate.h264"), server.url("gate"),
                                audio={"type": "alsa", "device": "mic", **audio})
        agent = harness.agent(self, harness.config_of([camera]), env={"ALSA_CONFIG_PATH": str(self.alsa)})
        agent.until(state="connected")
        return agent

    def health(self, agent):
        return agent.cameras()[0]["health"]

    def until_health(self, agent, what, wanted, seconds=15):
        harness.eventually(lambda: f"{what}: {self.health(agent)}", lambda: wanted(self.health(agent)), seconds)

    def sent_sounds(self, agent):
        return agent.session()["frames_sent"]["audio"]

    def until_more_sound(self, agent, count=100):
        wanted = self.sent_sounds(agent) + count
        harness.eventually(f"{count} more frames of sound", lambda: self.sent_sounds(agent) >= wanted)

    def finish(self, agent, server):
        """What the server has recorded, once its times have been judged."""
        self.assertEqual(agent.stop()[0], 0)
        stats = server.until_closed()
        self.assertEqual(stats["pictures"]["missing_references"], 0)
        received = media.recording(pathlib.Path(stats["recording"]))
        times = [each.time for each in received.sounds]
        steps = [after - before for before, after in zip(times, times[1:])]
        self.assertGreater(min(steps), 0, "times of sound that do not advance")
        self.assertLess(max(steps), 3 * FRAME_MS[self.codec], "a hole in the sound")
        both = [times[-1] - times[0], received.pictures[-1].dts - received.pictures[0].dts]
        self.assertLess(abs(both[0] - both[1]), 300, f"sound and pictures are not of one length: {both} ms")
        return received, stats


class microphone(microphone_case):
    def test_aac_keeps_the_pitch(self):
        server = harness.sink(self)
        agent = self.push(server, codec="aac")
        self.until_more_sound(agent, 150)
        received, stats = self.finish(agent, server)
        if "CAMPUSH_WITH_LIBAV" in agent.child.log():
            self.skipTest("built without encoders")
        self.assertEqual(received.audio_codec, "aac")
        self.assertAlmostEqual(pitch(decoded(stats["recording"])[24000:], 48000), TONE_HZ, delta=2)

    def test_opus_goes_out_as_enhanced_audio_and_keeps_the_pitch(self):
        server = harness.sink(self)
        agent = self.push(server, codec="opus")
        self.until_more_sound(agent, 150)
        received, stats = self.finish(agent, server)
        if "CAMPUSH_WITH_LIBAV" in agent.child.log():
            self.skipTest("built without encoders")
        self.assertEqual(received.audio_codec, "opus")
        self.assertEqual(stats["audio"]["codec"], "opus")
        self.assertEqual(received.order[:4], ["metadata", "video_header", "audio_header", "key"])
        self.assertEqual(received.audio_headers[0][:8], b"OpusHead")
        ogg = self.path / "received.opus"
        ogg.write_bytes(ogg_opus(received.audio_headers[0], [each.data for each in received.sounds]))
        self.assertAlmostEqual(pitch(decoded(ogg)[24000:], 48000), TONE_HZ, delta=2)

    def test_a_law_keeps_the_pitch(self):
        server = harness.sink(self)
        agent = self.push(server, codec="g711a")
        self.until_more_sound(agent, 150)
        received, _ = self.finish(agent, server)
        self.assertEqual(received.audio_codec, "alaw")
        frames = [each.data for each in received.sounds if each.data != A_LAW_SILENCE]
        self.assertGreater(len(frames), 100)
        samples = [expand_a_law(code) for code in b"".join(frames[-100:])]
        self.assertAlmostEqual(pitch(samples, 8000), TONE_HZ, delta=2)

    def test_an_overrun_is_counted_and_sound_goes_on(self):
        server = harness.sink(self)
        agent = self.push(server, codec="g711a")
        self.until_more_sound(agent, 50)
        self.tell("xrun")
        self.until_health(agent, "an overrun", lambda health: health["overruns"] >= 1)
        self.until_more_sound(agent, 50)
        received, _ = self.finish(agent, server)
        self.assertNotEqual(received.sounds[-1].data, A_LAW_SILENCE)
        self.assertEqual(agent.child.log().count("Session cam0_stream0 connected"), 1)

    def test_silence_stands_in_for_a_microphone_that_is_unplugged(self):
        server = harness.sink(self)
        agent = self.push(server, codec="g711a")
        self.until_more_sound(agent, 50)
        self.tell("unplug")
        self.until_health(agent, "silence", lambda health: health["is_filled_with_silence"])
        self.until_more_sound(agent, 50)
        self.control.unlink()
        self.until_health(agent, "sound", lambda health: not health["is_filled_with_silence"])
        self.until_more_sound(agent, 50)
        received, _ = self.finish(agent, server)
        kinds = [each.data == A_LAW_SILENCE for each in received.sounds]
        changes = [at for at in range(1, len(kinds)) if kinds[at] != kinds[at - 1]]
        # Silence may come first, too, until the microphone is open.
        self.assertIn(len(changes), (2, 3))
        self.assertFalse(kinds[-1])
        self.assertGreater(changes[-1] - changes[-2], 40, "frames of silence")
        self.assertEqual(agent.child.log().count("Session cam0_stream0 connected"), 1)

    def test_pictures_do_not_wait_for_a_microphone_that_is_missing(self):
        self.tell("unplug")
        server = harness.sink(self)
        agent = self.push(server, codec="aac")
        self.until_more_sound(agent, 50)
        received, _ = self.finish(agent, server)
        self.assertEqual(received.audio_codec, "aac")
        self.assertEqual({each.data for each in received.sounds}, {AAC_SILENCE})

    def test_a_muted_microphone_is_never_opened(self):
        server = harness.sink(self)
        agent = self.push(server, codec="g711a", muted=True)
        self.until_more_sound(agent, 50)
        received, _ = self.finish(agent, server)
        self.assertEqual({each.data for each in received.sounds}, {A_LAW_SILENCE})
        self.assertNotIn("mic0: opened", agent.child.log())


class plugin_sound(harness.case):
    needs = ("campush", "campush-sink")

    def received(self, clips, **audio):
        """What arrives of the example plug-in playing these clips."""
        if not FILE_HAL:
            self.skipTest("built without the example plug-in")
        server = harness.sink(self)
        source = {"type": "vendor", "library": FILE_HAL, "options": {kind: str(DATA / clip) for kind, clip in clips.items()}}
        agent = harness.agent(self, harness.config_of([harness.camera(source, server.url("gate"), audio=audio)]))
        agent.until(state="connected")
        harness.eventually("75 pictures", lambda: harness.pictures_sent(agent.session()) > 75)
        self.assertEqual(agent.stop()[0], 0)
        return media.recording(pathlib.Path(server.until_closed()["recording"]))

    def test_is_taken_as_it_is(self):
        sent = media.clip(audio=DATA / "gate.aac").sounds
        received = [each.data for each in self.received({"h264": "gate.h264", "aac": "gate.aac"}).sounds]
        self.assertGreater(len(received), 100)
        # Silence may come first, until the plug-in gives its first frame.
        first = next(at for at, data in enumerate(received) if data != AAC_SILENCE)
        self.assertLess(first, 100)
        begin = sent.index(received[first])
        count = min(len(sent) - begin, len(received) - first)
        self.assertEqual(sent[begin:begin + count], received[first:first + count])

    def test_is_not_stood_in_for_where_the_plug_in_has_none(self):
        received = self.received({"h264": "gate.h264"})
        self.assertEqual(received.sounds, [])
        self.assertGreater(len(received.pictures), 50)

    def test_is_stood_in_for_where_it_was_asked_for(self):
        received = self.received({"h264": "gate.h264"}, type="vendor")
        self.assertEqual({each.data for each in received.sounds}, {AAC_SILENCE})


if __name__ == "__main__":
    harness.main()
