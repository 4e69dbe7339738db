"""Reads what the tests compare: Annex-B clips, ADTS, FLV. Written for these tests alone, so that it judges the program independently.

"Comes back equal": the same NAL units in order by type and content, without start codes, access unit delimiters, filler and
repeated parameter sets, from the first received keyframe to the end; and the same audio frames.
"""

import hashlib
import struct
from collections import namedtuple

FRAME_RATE = 25
AAC_FRAME_MS = 1024 / 48


class h264:
    name = "h264"

    @staticmethod
    def kind(unit):
        return unit[0] & 31

    is_slice = staticmethod(lambda unit: 1 <= h264.kind(unit) <= 5)
    is_keyframe = staticmethod(lambda unit: h264.kind(unit) == 5)
    is_first_slice = staticmethod(lambda unit: unit[1] & 0x80 != 0)
    is_parameter_set = staticmethod(lambda unit: h264.kind(unit) in (7, 8, 13, 15))
    is_ignored = staticmethod(lambda unit: h264.kind(unit) in (9, 12))

    @staticmethod
    def sets_of(record):
        """The parameter sets of an avcC."""
        units, at = [], 6
        for count in (record[5] & 31, None):
            if count is None:
                count, at = record[at], at + 1
            for _ in range(count):
                size = struct.unpack_from(">H", record, at)[0]
                units.append(record[at + 2:at + 2 + size])
                at += 2 + size
        return units


class h265:
    name = "h265"

    @staticmethod
    def kind(unit):
        return unit[0] >> 1 & 63

    is_slice = staticmethod(lambda unit: h265.kind(unit) < 32)
    is_keyframe = staticmethod(lambda unit: 16 <= h265.kind(unit) <= 21)
    is_first_slice = staticmethod(lambda unit: unit[2] & 0x80 != 0)
    is_parameter_set = staticmethod(lambda unit: 32 <= h265.kind(unit) <= 34)
    is_ignored = staticmethod(lambda unit: h265.kind(unit) in (35, 38))

    @staticmethod
    def sets_of(record):
        """The parameter sets of an hvcC."""
        units, at = [], 23
        for _ in range(record[22]):
            count = struct.unpack_from(">H", record, at + 1)[0]
            at += 3
            for _ in range(count):
                size = struct.unpack_from(">H", record, at)[0]
                units.append(record[at + 2:at + 2 + size])
                at += 2 + size
        return units


def annexb_units(stream):
    """The NAL units between start codes of 3 or 4 bytes."""
    units, begin = [], None
    at = stream.find(b"\0\0\1")
    while at >= 0:
        if begin is not None:
            units.append(stream[begin:at].rstrip(b"\0"))
        begin = at + 3
        at = stream.find(b"\0\0\1", begin)
    if begin is not None:
        units.append(stream[begin:].rstrip(b"\0"))
    return units


def split_pictures(units, syntax):
    """Lists of units, one a picture."""
    pictures, current, has_slice = [], [], False
    for unit in units:
        is_slice = syntax.is_slice(unit)
        if has_slice and (not is_slice or syntax.is_first_slice(unit)):
            pictures.append(current)
            current, has_slice = [], False
        current.append(unit)
        has_slice = has_slice or is_slice
    return pictures + [current] if has_slice else pictures


def adts_frames(stream):
    frames, at = [], 0
    while at + 7 <= len(stream):
        header = 7 if stream[at + 1] & 1 else 9
        size = (stream[at + 3] & 3) << 11 | stream[at + 4] << 3 | stream[at + 5] >> 5
        frames.append(stream[at + header:at + size])
        at += size
    return frames


def prints(pictures, syntax):
    """(type, hash) of what has to arrive, in order."""
    known, out = set(), []
    for unit in (unit for picture in pictures for unit in picture):
        if syntax.is_ignored(unit):
            continue
        if syntax.is_parameter_set(unit):
            if unit in known:
                continue
            known.add(unit)
        out.append((syntax.kind(unit), hashlib.sha256(unit).hexdigest()[:16]))
    return out


flv_tag = namedtuple("flv_tag", "type time body")
picture = namedtuple("picture", "dts pts is_key units")
sound = namedtuple("sound", "time data")

AUDIO_CODECS = {10: "aac", 7: "alaw", 8: "ulaw"}
COMPOSITION = {"legacy": True, "legacy12": True}


def flv_tags(stream):
    """The whole tags of an FLV file; a tag that is cut off at the end is left out."""
    assert stream[:4] == b"FLV\1", "not an FLV file"
    tags, at = [], struct.unpack_from(">I", stream, 5)[0] + 4
    while at + 11 <= len(stream):
        kind, size = stream[at], int.from_bytes(stream[at + 1:at + 4], "big")
        if at + 11 + size + 4 > len(stream):
            break
        time = int.from_bytes(stream[at + 4:at + 7], "big") | stream[at + 7] << 24
        back = struct.unpack_from(">I", stream, at + 11 + size)[0]
        assert back == 11 + size, f"back pointer {back} of a tag of {size} bytes"
        tags.append(flv_tag(kind, time, stream[at + 11:at + 11 + size]))
        at += 11 + size + 4
    return tags


def length_prefixed(data):
    units, at = [], 0
    while at + 4 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        assert size > 0 and at + 4 + size <= len(data), "a NAL length leaves its picture"
        units.append(data[at + 4:at + 4 + size])
        at += 4 + size
    assert at == len(data), "bytes behind the last NAL unit"
    return units


def signed24(data):
    value = int.from_bytes(data, "big")
    return value - (1 << 24) if value & 0x800000 else value


class recording:
    """What an FLV file holds: metadata, headers, pictures, sounds, in order of arrival (`order`: tag kinds, headers apart)."""

    def __init__(self, content):
        self.tags = flv_tags(content if isinstance(content, bytes) else content.read_bytes())
        self.syntax = self.dialect = self.audio_codec = None
        self.video_headers, self.audio_headers = [], []
        self.pictures, self.sounds, self.order = [], [], []
        self.scripts = [tag for tag in self.tags if tag.type == 18]
        for tag in self.tags:
            if tag.type == 9:
                self._video(tag)
            elif tag.type == 8:
                self._audio(tag)
            elif tag.type == 18:
                self.order.append("metadata")

    def _video(self, tag):
        body = tag.body
        if body[0] & 0x80:
            assert body[1:5] == b"hvc1", f"four character code {body[1:5]}"
            self._claim(h265, "enhanced")
            kind, is_key = body[0] & 15, body[0] >> 4 & 7 == 1
            composition, data = (signed24(body[5:8]), body[8:]) if kind == 1 else (0, body[5:])
            kind = 1 if kind == 3 else kind
        else:
            self._claim(*{7: (h264, "legacy"), 12: (h265, "legacy12")}[body[0] & 15])
            kind, is_key, composition, data = body[1], body[0] >> 4 == 1, signed24(body[2:5]), body[5:]
        if kind == 0:
            self.order.append("video_header")
            self.video_headers.append(data)
            self.pending_sets = self.syntax.sets_of(data)
        elif kind == 1:
            self.order.append("key" if is_key else "inter")
            units = self.pending_sets + length_prefixed(data)
            self.pending_sets = []
            self.pictures.append(picture(tag.time, tag.time + composition, is_key, units))

    def _claim(self, syntax, dialect):
        assert self.dialect in (None, dialect), f"{dialect} after {self.dialect}"
        self.syntax, self.dialect = syntax, dialect

    def _audio(self, tag):
        if tag.body[0] >> 4 == 9:
            self._enhanced_audio(tag)
            return
        codec = AUDIO_CODECS[tag.body[0] >> 4]
        assert self.audio_codec in (None, codec), f"{codec} after {self.audio_codec}"
        self.audio_codec = codec
        if codec == "aac" and tag.body[1] == 0:
            self.order.append("audio_header")
            self.audio_headers.append(tag.body[2:])
            return
        self.order.append("audio")
        self.sounds.append(sound(tag.time, tag.body[2:] if codec == "aac" else tag.body[1:]))


    def _enhanced_audio(self, tag):
        assert tag.body[1:5] == b"Opus", f"four character code {tag.body[1:5]}"
        assert self.audio_codec in (None, "opus"), f"opus after {self.audio_codec}"
        self.audio_codec = "opus"
        if tag.body[0] & 15 == 0:
            self.order.append("audio_header")
            self.audio_headers.append(tag.body[5:])
        else:
            assert tag.body[0] & 15 == 1, f"audio packet type {tag.body[0] & 15}"
            self.order.append("audio")
            self.sounds.append(sound(tag.time, tag.body[5:]))


class clip:
    """A clip of tests/data: what was to arrive."""

    def __init__(self, video=None, audio=None):
        self.pictures, self.sounds = [], []
        if video is not None:
            self.syntax = h265 if video.suffix == ".h265" else h264
            self.pictures = split_pictures(annexb_units(video.read_bytes()), self.syntax)
        if audio is not None and audio.suffix == ".aac":
            self.sounds = adts_frames(audio.read_bytes())

    def key_positions(self):
        return [at for at, units in enumerate(self.pictures) if any(map(self.syntax.is_keyframe, units))]


def check_equal(test, sent, received, must_end=True):
    """Asserts that a recording is the clip's tail; returns the number of its first picture and sound in the clip."""
    test.assertTrue(received.pictures, "no picture arrived")
    test.assertTrue(received.pictures[0].is_key, "the first picture is not a keyframe")
    test.assertIs(received.syntax, sent.syntax)
    got = prints([each.units for each in received.pictures], sent.syntax)
    # A clip of one parameter set each: the numbers of its pictures tell where the recording began.
    first = None
    for at in sent.key_positions():
        until = None if must_end else at + len(received.pictures)
        if prints(sent.pictures[at:until], sent.syntax) == got:
            first = at
            break
    test.assertIsNotNone(first, f"{len(received.pictures)} pictures came, and they are not those of the clip's end")
    if not sent.sounds:
        return first, None
    sounds = [each.data for each in received.sounds]
    test.assertTrue(sounds, "no sound arrived")
    begin = len(sent.sounds) - len(sounds) if must_end else sent.sounds.index(sounds[0])
    test.assertEqual([hash(data) for data in sent.sounds[begin:begin + len(sounds)]], [hash(data) for data in sounds],
                     "other sounds than the clip's")
    return first, begin


def check_times(test, sent, received, first_picture, first_sound):
    """Asserts that time runs forward and that picture and sound belong together as in the clip, within 40 ms."""
    for name, times in (("video", [each.dts for each in received.pictures]), ("audio", [each.time for each in received.sounds])):
        steps = [(before, after) for before, after in zip(times, times[1:]) if after <= before]
        test.assertEqual(steps, [], f"{name} times that do not advance")
    for each in received.pictures:
        test.assertGreaterEqual(each.pts, each.dts)
    if first_sound is None:
        return
    # All groups of the clips are closed, so a keyframe is shown at the time of its number.
    video = [each.pts - (first_picture + at) * 1000 / FRAME_RATE for at, each in enumerate(received.pictures) if each.is_key]
    audio = [each.time - (first_sound + at) * AAC_FRAME_MS for at, each in enumerate(received.sounds)]
    offset = max(max(video) - min(audio), max(audio) - min(video))
    test.assertLess(abs(offset), 40, "ms between picture and sound")
    test.assertLess(max(video) - min(video), 40)
    test.assertLess(max(audio) - min(audio), 40)


def amf_number(script, name):
    """A number property of onMetaData."""
    key = struct.pack(">H", len(name)) + name.encode()
    at = script.find(key)
    assert at >= 0 and script[at + len(key)] == 0, f"no number {name}"
    return struct.unpack_from(">d", script, at + len(key) + 1)[0]
