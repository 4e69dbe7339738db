#!/usr/bin/env python3
"""What the compiler and the linker made of cmake/campush_hardening.cmake, read from the programs themselves.

usage: hardening_test.py CXX EXPECTED PROGRAM…   EXPECTED: words of `optional`, with commas: what this compiler has been found to know.
Before it judges a program it judges one that is built with none of it, which has to fail in every point.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, str(path)], capture_output=True, text=True, check=True).stdout


class program:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.header, self.segments = readelf("-h", path), readelf("-l", path)
        self.dynamic, self.symbols = readelf("-d", path), readelf("--dyn-syms", path)
        self.is_module = self.path.suffix == ".so"

    def flags(self, kind):
        """What stands in the line of each segment of this kind, and of those that are loaded for LOAD."""
        return re.findall(rf"^ +{kind} +(?:0x\w+ +){{5}}([RWE ]+?) +0x", self.segments, re.M)


required = {
    "can be loaded anywhere": lambda it: "DYN" in it.header and (it.is_module or re.search(r"FLAGS_1\).*\bPIE\b", it.dynamic)),
    "tables are read-only after the start": lambda it: "GNU_RELRO" in it.segments,
    "all of them, as nothing is bound later": lambda it: re.search(r"BIND_NOW|FLAGS_1\).*\bNOW\b", it.dynamic),
    "the stack is not run": lambda it: [f for f in it.flags("GNU_STACK")] and not any("E" in f for f in it.flags("GNU_STACK")),
    "nothing is both written and run": lambda it: it.flags("LOAD") and not any("W" in f and "E" in f for f in it.flags("LOAD")),
    "libraries come from the system's folders": lambda it: not re.search(r"\((RPATH|RUNPATH)\)", it.dynamic),
    "its code is not changed when it is loaded": lambda it: "TEXTREL" not in it.dynamic,
}
optional = {
    "protector": ("a smashed stack is found", lambda it: "__stack_chk_fail" in it.symbols),
    "fortify": ("the C library checks sizes", lambda it: re.search(r"UND +__\w+_chk\b", it.symbols)),
}

WEAK = """#include <cstdio>
#include <cstring>
asm(".section .both, \\"awx\\"\\n.byte 0\\n.text");
int main(int, char** argv) { char to[8]; std::strcpy(to, argv[0]); return std::puts(to); }
"""
WEAK_FLAGS = ("-O0", "-fno-pie", "-no-pie", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-Wl,-z,norelro", "-Wl,-z,lazy", "-Wl,-z,execstack",
              "-Wl,-rpath,/nowhere")
# Needs code that no compiler of today makes by itself.
NOT_IN_WEAK = ("its code is not changed when it is loaded",)


class hardening(unittest.TestCase):
    compiler, expected, programs = "", (), ()

    def checks(self):
        return {**required, **{name: check for word, (name, check) in optional.items() if word in self.expected}}

    def test_programs_are_hardened(self):
        for path in self.programs:
            it = program(path)
            for name, holds in self.checks().items():
                # A small one may have no buffer that a checked function fills.
                if name == optional["fortify"][0] and it.path.name != "campush":
                    continue
                with self.subTest(program=it.path.name, check=name):
                    self.assertTrue(holds(it), f"{it.path.name}: not so: {name}")

    def test_a_weak_program_is_found_weak(self):
        with tempfile.TemporaryDirectory() as folder:
            source, weak = pathlib.Path(folder) / "weak.cpp", pathlib.Path(folder) / "weak"
            source.write_text(WEAK, encoding="ascii")
            built = subprocess.run([self.compiler, *WEAK_FLAGS, str(source), "-o", str(weak)], capture_output=True, text=True, check=False)
            if built.returncode != 0:
                self.skipTest("this compiler does not build it: " + built.stderr.splitlines()[-1])
            it = program(weak)
            for name, holds in self.checks().items():
                if name in NOT_IN_WEAK:
                    continue
                with self.subTest(check=name):
                    self.assertFalse(holds(it), f"not noticed: {name}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    hardening.compiler, hardening.expected, hardening.programs = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
    unittest.main(argv=sys.argv[:1], verbosity=2)
