#!/usr/bin/env python3
"""Makes the picture order samples of this folder: NAME.bin holds parameter sets and the first bytes of every slice of a
clip coded by ffmpeg (Annex B), NAME.txt the composition time of every packet in frame periods as ffprobe reports it for
the MP4 file of the same clip. Needs ffmpeg with libx264 and libx265."""

import pathlib
import subprocess
import tempfile

SLICE_BYTES = 24
SOURCE = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2.56", "-pix_fmt", "yuv420p"]
FIXED = "scenecut=0:"
CLIPS = {
    "h264_no_b": ["libx264", "-bf", "0", "-g", "25"],
    "h264_pyramid": ["libx264", "-bf", "3", "-b_strategy", "0", "-x264-params",
                     FIXED + "b-pyramid=normal:keyint=25:min-keyint=25"],
    "h264_adaptive": ["libx264", "-bf", "3", "-x264-params", FIXED + "b-pyramid=none:keyint=20"],
    "h264_open_gop": ["libx264", "-bf", "3", "-b_strategy", "0", "-x264-params",
                      FIXED + "open-gop=1:b-pyramid=normal:keyint=20:min-keyint=10"],
    "h264_interlaced": ["libx264", "-bf", "2", "-flags", "+ilme+ildct", "-x264-params", FIXED + "tff=1:keyint=20"],
    "h265_no_b": ["libx265", "-x265-params", FIXED + "log-level=error:bframes=0:keyint=25"],
    "h265_b4": ["libx265", "-x265-params", FIXED + "log-level=error:bframes=4:b-adapt=0:keyint=25:open-gop=0"],
    "h265_open_gop": ["libx265", "-x265-params",
                      FIXED + "log-level=error:bframes=4:keyint=20:min-keyint=10:open-gop=1"],
    "h265_radl": ["libx265", "-x265-params",
                  FIXED + "log-level=error:bframes=3:keyint=20:min-keyint=20:open-gop=0:radl=2"],
}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def shortened(stream, is_h265):
    out = b""
    for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        kind = unit[0] >> 1 & 63 if is_h265 else unit[0] & 31
        is_slice = kind < 32 if is_h265 else kind in (1, 5)
        is_set = kind in (32, 33, 34) if is_h265 else kind in (7, 8)
        if is_slice or is_set:
            out += b"\0\0\0\1" + (unit[:SLICE_BYTES] if is_slice else unit).rstrip(b"\0")
    return out


def main():
    here = pathlib.Path(__file__).parent
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in CLIPS.items():
            mp4 = f"{scratch}/{name}.mp4"
            run("ffmpeg", "-v", "error", *SOURCE, "-c:v", *options, mp4)
            codec = "hevc" if name.startswith("h265") else "h264"
            stream = run("ffmpeg", "-v", "error", "-i", mp4, "-c", "copy", "-bsf:v", f"{codec}_mp4toannexb", "-f", codec, "-")
            (here / f"{name}.bin").write_bytes(shortened(stream, codec == "hevc"))
            packets = run("ffprobe", "-v", "error", "-show_entries", "packet=pts,dts,duration", "-of", "csv=p=0", mp4)
            rows = [[int(field) for field in line.split(",")[:3]] for line in packets.decode().split()]
            (here / f"{name}.txt").write_text(" ".join(str((pts - dts) // length) for pts, dts, length in rows) + "\n")


if __name__ == "__main__":
    main()
