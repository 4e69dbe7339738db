#!/usr/bin/env python3
"""The V4L2 layer of a 32-bit ARM program whose times have 32 bits, as compilers of vendors make it, at Debian's arm64 kernel."""

import os
import pathlib
import re

import guest

COUNT = 10
# Node, format, bytes of a picture (of the first plane) as the driver's options below make them; where the pictures come to.
CAMERAS = (("/dev/video50", "YUYV", 115200, "mmap"), ("/dev/video50", "YUYV", 115200, "userptr"), ("/dev/video51", "NM12", 57600, "mmap"))


class capture_probe(guest.guest_case):
    needs = ()
    drivers = ("vivid n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0x0,0x0 vid_cap_nr=50,51 multiplanar=1,2",)

    def test_understands_the_kernel(self):
        probe = pathlib.Path(os.environ["CAMPUSH"]).parent / "capture_probe"
        for node, pixel_format, size, memory in CAMERAS:
            with self.subTest(pixel_format=pixel_format, memory=memory):
                lines = self.guest.text(f"timeout 60 {probe} {node} {pixel_format} 320 180 {COUNT} {memory}").splitlines()
                self.assertEqual(any("come by userptr" in line for line in lines), memory == "userptr", lines)
                pictures = [tuple(map(int, line.split())) for line in lines if re.fullmatch(r"[0-9 ]+", line)]
                self.assertEqual([each[0] for each in pictures], [size] * COUNT, lines)
                # Time and number advance together, by what 5 to 60 pictures a second take; the first has the time at which it was asked for.
                for before, after in zip(pictures[1:], pictures[2:]):
                    self.assertGreater(after[2], before[2])
                    self.assertTrue(5000 < (after[1] - before[1]) / (after[2] - before[2]) < 400000, f"{before}, {after}")


if __name__ == "__main__":
    guest.main()
