#!/usr/bin/env python3
"""How many instructions the frame path needs for a picture, by callgrind, against bench/callgrind_baseline.json.

Counts do not depend on what else the machine does, so that unlike a time they can fail a run. They depend on compiler and
processor family: others than those of the baseline only print.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BASELINE = Path(__file__).resolve().parent.parent / "callgrind_baseline.json"
FEW, MANY = 200, 1200
ALLOWED = 0.05
# One memcpy for every machine: the C library picks another one on each processor.
PLAIN = "glibc.cpu.hwcaps=-AVX512VL,-AVX512BW,-AVX2,-AVX,-ERMS,-FSRM"


def counted(program, pictures, folder):
    """Instructions of the whole program."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/{pictures}.out", program, str(pictures)],
        env={**os.environ, "GLIBC_TUNABLES": PLAIN}, capture_output=True, text=True, timeout=600, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"{program} under callgrind ended with {run.returncode}:\n{run.stderr}")
    return int(found.group(1))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("program", help="frame_path of the release preset")
    options.add_argument("--accept", action="store_true", help="make what is counted now the baseline of this compiler")
    chosen = options.parse_args()
    compiler = subprocess.run([chosen.program, "--compiler"], capture_output=True, text=True, check=True).stdout.strip()
    key = f"{compiler} {platform.machine()}"
    with tempfile.TemporaryDirectory() as folder:
        # What is done once, at the start, is in both.
        share = (counted(chosen.program, MANY, folder) - counted(chosen.program, FEW, folder)) / (MANY - FEW)
    baselines = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    if chosen.accept:
        baselines[key] = round(share)
        BASELINE.write_text(json.dumps(baselines, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if key not in baselines:
        print(f"frame path: {share:.0f} instructions a picture; no baseline for {key}")
        return 0
    change = share / baselines[key] - 1
    print(f"frame path: {share:.0f} instructions a picture, {change:+.1%} against the baseline of {key}")
    if change > ALLOWED:
        print(f"more than {ALLOWED:.0%} above {BASELINE.name}: a regression, or a price worth paying (--accept)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
