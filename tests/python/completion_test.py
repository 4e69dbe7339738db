"""The completions of packaging/completion, asked by the shells themselves."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import termios
import time

import harness
from harness import CAMPUSH, ROOT

COMPLETION = ROOT / "packaging" / "completion"

# Words of the line, the last one begun; what it becomes. "FOLDER" stands for one with c.json, clips/ and more.
CASES = {
    "a command": (["campush", "che"], {"check"}),
    "every command": (["campush", "re"], {"retry"}),
    "an option": (["campush", "check", "--no"], {"--no-publish"}),
    "an option after others": (["campush", "status", "--json", "--wa"], {"--watch"}),
    "a file": (["campush", "check", "--config", "FOLDER/c."], {"FOLDER/c.json"}),
    "a folder": (["campush", "demo", "--clips", "FOLDER/cl"], {"FOLDER/clips"}),
    "a session": (["campush", "retry", "--config", "FOLDER/c.json", "0/s"], {"0/sub/cloud", "0/sub/default"}),
    "one session": (["campush", "retry", "--config", "FOLDER/c.json", "0/m"], {"0/main/default"}),
    "one of a few words": (["campush-sink", "--duplicates", "re"], {"refuse", "replace"}),
    "a program without commands": (["campush-hal-check", "--aud"], {"--audio"}),
    "the migration": (["migrate_rtmp_config", "--dry"], {"--dry-run"}),
}


class completing(harness.case):
    def setUp(self):
        super().setUp()
        config = {"cameras": [{"camera_id": 0, "streams": [
            {"stream_id": 0, "source": {"type": "file", "video": "gate.h264"}, "rtmp": {"urls": ["rtmp://a/live/main"]}},
            {"stream_id": 1, "source": {"type": "file", "video": "gate.h264"}, "rtmp": [
                {"urls": ["rtmp://a/live/sub"]}, {"name": "cloud", "urls": ["rtmp://b/live/sub"]}]}]}]}
        (self.path / "c.json").write_text(json.dumps(config), encoding="utf-8")
        (self.path / "clips").mkdir()
        self.env = {"PATH": f"{pathlib.Path(CAMPUSH).parent}:{os.environ['PATH']}", "HOME": str(self.path), "ZDOTDIR": str(self.path),
                    "XDG_CONFIG_HOME": str(self.path), "XDG_DATA_HOME": str(self.path), "TERM": "dumb", "LANG": "C.UTF-8"}

    def words_of(self, words):
        return [word.replace("FOLDER", str(self.path)) for word in words]

    def shell(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=self.env)
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout.splitlines()

    def check_all(self, ask):
        for name, (words, expected) in CASES.items():
            with self.subTest(name):
                self.assertEqual(ask(self.words_of(words)), set(self.words_of(expected)))

    def ask_bash(self, words):
        script = (f'. "{COMPLETION}/bash/{words[0]}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                  f'_{words[0].replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        return set(self.shell("bash", "--norc", "-c", script, "bash", *words)) - {""}

    def ask_fish(self, words):
        script = f'source "{COMPLETION}/fish/{words[0]}.fish"; complete -C "{" ".join(words)}"'
        return {line.split("\t")[0].rstrip("/") for line in self.shell("fish", "-c", script)}

    def test_bash(self):
        self.check_all(self.ask_bash)

    def test_bash_splits_at_the_equals_sign(self):
        config = self.path / "c.json"
        self.assertEqual(self.ask_bash(["campush", "check", "--config", "=", str(config)[:-2]]), {str(config)})
        self.assertEqual(self.ask_bash(["campush", "retry", "--config", "=", str(config), "0/m"]), {"0/main/default"})
        self.assertIn(str(config), self.ask_bash(["campush", "check", "-c", f"{self.path}/"]))

    def test_bash_offers_what_there_is_and_no_more(self):
        self.assertEqual(self.ask_bash(["campush", ""]),
                         {"run", "check", "urls", "status", "retry", "devices", "demo", "--help", "--version"})
        self.assertEqual(self.ask_bash(["campush", "urls", ""]), {"--help", "--config", "--json", "--show-secrets"})
        self.assertEqual(self.ask_bash(["campush", "status", "--address", ""]), set())
        # Without a configuration there are no sessions to name: the options are.
        self.assertIn("--config", self.ask_bash(["campush", "retry", "--config", f"{self.path}/none.json", ""]))

    def test_fish(self):
        harness.require("fish")
        self.check_all(self.ask_fish)

    def test_zsh(self):
        harness.require("zsh")
        for name, (words, expected) in CASES.items():
            # Of several words a terminal shows what is common to them, which is no word to wait for.
            if len(expected) != 1:
                continue
            with self.subTest(name), zsh(self.env) as shell:
                shell.send(" ".join(self.words_of(words)) + "\t")
                shell.expect(" ".join(self.words_of([*words[:-1], *expected])))


class zsh:
    """An interactive zsh on a terminal of its own."""

    PROMPT = "READY> "

    def __init__(self, env):
        self.env = env
        self.seen = ""

    def __enter__(self):
        self.master, slave = pty.openpty()
        # One line, however long: what is shown is what stands in it.
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 1000, 0, 0))
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(["zsh", "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, env=self.env, start_new_session=True)
        os.close(slave)
        self.send(f"fpath=('{COMPLETION}/zsh' $fpath); autoload -Uz compinit; compinit -u -D; PS1='REA''DY> '\n")
        self.expect(self.PROMPT)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"zsh never showed {text!r}: {self.seen[-2000:]!r}")
            # The editor moves back to overwrite what it has shown.
            self.seen += re.sub(r"\r|\x07", "", os.read(self.master, 4096).decode(errors="replace"))


if __name__ == "__main__":
    harness.main()
