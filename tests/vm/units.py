"""Clips as the guest's cameras take them: a picture is its length and its bytes (access_unit_file.h)."""

import struct

import harness
import media

START = b"\0\0\0\1"


def write(path, clip_name, count=None):
    """The first `count` pictures of a clip of tests/data, also as media.clip sees them."""
    clip = media.clip(harness.DATA / clip_name)
    clip.pictures = clip.pictures[:count]
    with open(path, "wb") as out:
        for picture in clip.pictures:
            data = b"".join(START + unit for unit in picture)
            out.write(struct.pack(">I", len(data)) + data)
    return clip


def annexb(clip):
    """The bytes that a capture of these pictures gives."""
    return b"".join(START + unit for picture in clip.pictures for unit in picture)
