#!/usr/bin/env python3
"""A QEMU guest with Debian's kernel, whose root is the host's: real drivers for the device suite, without /dev/kvm and without root.

The test runs on the host and tells the guest what to run; the guest reaches servers on the host's loopback as 10.0.2.2, in a
network namespace that has nothing else. As a program it runs one command and returns its status:

  tests/vm/guest.py 'modprobe vivid && v4l2-ctl --list-devices'
"""

import ctypes
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import harness  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# What differs between the machines that the guest can be; `line` is its second serial port.
MACHINES = {
    "x86_64": {"folder": "guest", "options": ("-machine", "pc,accel=tcg", "-cpu", "max"), "line": "ttyS1", "serial": ("-serial", "chardev:shell"),
               "append": "console=ttyS0 no_timer_check", "roots": ()},
    "aarch64": {"folder": "guest-aarch64", "options": ("-machine", "virt", "-accel", "tcg", "-cpu", "cortex-a57"), "line": "ttyS0",
                "serial": ("-device", "pci-serial,chardev=shell"), "append": "console=ttyAMA0",
                "roots": ("guest-aarch64/programs", "sysroot-aarch64", "sysroot-armhf")},
}
MACHINE_NAME = os.environ.get("CAMPUSH_GUEST_MACHINE", "x86_64")
MACHINE = MACHINES[MACHINE_NAME]
FOLDER = pathlib.Path(os.environ.get("CAMPUSH_GUEST", harness.ROOT / "build" / MACHINE["folder"]))
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
HOST = "10.0.2.2"
AGENT_PORT = 8080
libc = ctypes.CDLL(None, use_errno=True)

# What the guest runs: a command a line on the second serial port, its number first; number and status come back.
SHELL = r"""
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run LC_ALL=C.UTF-8
cd /run/share
stty -F /dev/LINE raw -echo
exec 3<>/dev/LINE
echo ready >&3
while IFS= read -r line <&3; do
  number=${line%% *}
  if [ "$line" = "$number" ]; then break; fi
  ( . "/run/share/command.$number" ) >"/run/share/output.$number" 2>&1 </dev/null 3>&-
  echo "$number $?" >&3
done
"""


def require():
    """Skips the case, and says why, where no guest can be booted."""
    missing = [f"build/{each}" for each in MACHINE["roots"] if not (harness.ROOT / "build" / each).is_dir()]
    missing += [each for each in (harness.CAMPUSH, FOLDER / "ready") if each and not pathlib.Path(each).exists()]
    if missing:
        why = f"{missing[0]} is not there (tests/vm/prepare, tests/vm/arm_agents)"
        if harness.IS_CI and harness.IS_ROOT:
            raise AssertionError(why)
        raise unittest.SkipTest(why)
    harness.require(f"qemu-system-{MACHINE_NAME}")


def program(name):
    """A program of this folder, as it was built."""
    path = pathlib.Path(os.environ.get("CAMPUSH_VM_BIN", ".")) / name
    assert path.exists(), f"{path} is not built"
    return path


def enter_private_network():
    """The rest of this process, and what it starts, sees a loopback of its own."""
    ids = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET if ids[0] == 0 else CLONE_NEWNET | CLONE_NEWUSER) != 0:
        print(f"guest: no private network ({os.strerror(ctypes.get_errno())}), the machine's loopback is used")
        return
    if ids[0] != 0:
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {ids[0]} 1", encoding="ascii")
        pathlib.Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {ids[1]} 1", encoding="ascii")
    subprocess.run([harness.tool("ip"), "link", "set", "lo", "up"], check=True)


class guest:
    """Boots at once; close() ends it. `folder` is seen by both sides, in the guest as /run/share."""

    def __init__(self, folder, memory_mb=768):
        self.folder = pathlib.Path(folder)
        self.commands = self.started = 0
        self.agent_port = harness.free_port()
        (self.folder / "shell").write_text(SHELL.replace("LINE", MACHINE["line"]), encoding="ascii")
        self.process = harness.program(self.folder / "guest.log", self._command(memory_mb))
        self.line = None
        try:
            harness.eventually(lambda: "the guest boots\n" + self.process.log(), self._connect, 60)
        except BaseException:
            self.process.kill()
            raise

    def _command(self, memory_mb):
        share = "security_model=none"
        append = f"{MACHINE['append']} panic=-1 loglevel=5 mitigations=off nokaslr"
        if MACHINE["roots"]:
            roots = ":".join(f"/host{harness.ROOT}/build/{each}" for each in MACHINE["roots"])
            append += f" guest_roots={roots} guest_top={harness.ROOT}"
        return [f"qemu-system-{MACHINE_NAME}", *MACHINE["options"], "-smp", "1", "-m", str(memory_mb), "-nodefaults",
                "-no-user-config", "-no-reboot", "-display", "none", "-kernel", FOLDER / "vmlinux", "-initrd", FOLDER / "initramfs.gz",
                "-append", append,
                "-serial", "stdio", "-chardev", f"socket,id=shell,path={self.folder}/shell.socket,server=on,wait=off",
                *MACHINE["serial"],
                "-virtfs", f"local,path=/,mount_tag=host,{share},readonly=on,multidevs=remap",
                "-virtfs", f"local,path={self.folder},mount_tag=share,{share}",
                "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.agent_port}-:{AGENT_PORT}",
                "-device", "virtio-net-pci,netdev=net,romfile="]

    def _connect(self):
        if not self.process.is_running():
            raise AssertionError("qemu ended: " + self.process.log())
        if self.line is None:
            try:
                self.line = socket.socket(socket.AF_UNIX)
                self.line.connect(str(self.folder / "shell.socket"))
            except OSError:
                self.line = None
                return False
        return self._answer(0.5) == "ready"

    def _answer(self, seconds):
        """One line of the guest's shell, or nothing within that time."""
        self.line.settimeout(seconds)
        text = b""
        try:
            while not text.endswith(b"\n"):
                data = self.line.recv(1)
                if not data:
                    raise AssertionError("the guest is gone:\n" + self.process.log()[-3000:])
                text += data
        except socket.timeout:
            assert not text, f"half an answer: {text}"
            return None
        return text.decode().strip()

    def run(self, command, seconds=120, must=True):
        """Runs shell text in the guest; returns its status and output. With `must` a status but 0 fails the case."""
        self.commands += 1
        number = str(self.commands)
        (self.folder / f"command.{number}").write_text(command + "\n", encoding="utf-8")
        self.line.sendall(f"{number} run\n".encode())
        answer = self._answer(seconds)
        if answer is None:
            self.process.kill()
            raise AssertionError(f"not ended within {seconds} s: {command}\n{self._output(number)}\n{self.process.log()[-3000:]}")
        assert answer.split()[0] == number, f"answer {answer} to command {number}"
        status, output = int(answer.split()[1]), self._output(number)
        assert status == 0 or not must, f"status {status}: {command}\n{output}\n{self.process.log()[-2000:]}"
        return status, output

    def _output(self, number):
        path = self.folder / f"output.{number}"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def text(self, command, seconds=60):
        """What a command prints, that has to succeed."""
        return self.run(command, seconds)[1].strip()

    def succeeds(self, command, seconds=60):
        return self.run(command, seconds, must=False)[0] == 0

    def until_there(self, path, seconds=20):
        harness.eventually(f"{path} in the guest", lambda: self.succeeds(f"test -e {path}"), seconds)

    def until_gone(self, path, seconds=20):
        harness.eventually(f"no {path} in the guest", lambda: self.succeeds(f"test ! -e {path}"), seconds)

    def start(self, name, command):
        """A program that goes on running in the guest; its output is in <number>_<name>.log of the folder."""
        self.started += 1
        name = f"{self.started:02}_{name}"
        words = " ".join(shlex.quote(str(word)) for word in command)
        self.run(f"setsid bash -c '\"$@\" >{name}.log 2>&1 </dev/null & echo $! >{name}.pid; wait $!; echo $? >{name}.status'"
                 f" start {words} >/dev/null 2>&1 & until [ -s {name}.pid ]; do sleep 0.02; done")
        return guest_program(self, name, int((self.folder / f"{name}.pid").read_text(encoding="ascii")))

    def close(self):
        if self.process.is_running():
            try:
                self.line.sendall(b"end\n")
                self.process.wait(10)
            except (OSError, AssertionError):
                pass
        self.process.kill()
        if self.line is not None:
            self.line.close()


class guest_program:
    """A program that runs in the guest, by its process id there."""

    def __init__(self, owner, name, pid):
        self.owner, self.name, self.pid = owner, name, pid
        self.log_path = owner.folder / f"{name}.log"

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def status(self):
        """As the shell tells it; nothing while it runs."""
        path = self.owner.folder / f"{self.name}.status"
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        return int(text) if text else None

    def is_running(self):
        return self.status() is None

    def send(self, number):
        self.owner.run(f"kill -{int(number)} {self.pid}")

    def wait(self, seconds=20):
        """The exit status; a program killed by a signal has the signal's negative number, as in harness.program."""
        harness.eventually(f"{self.name} ends", lambda: not self.is_running(), seconds)
        status = self.status()
        return status if status < 128 else 128 - status

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it; returns exit status and the seconds that took."""
        begin = time.monotonic()
        if self.is_running():
            self.owner.run(f"kill -{int(number)} {self.pid}", must=False)
        return self.wait(seconds), time.monotonic() - begin

    def kill(self):
        if self.is_running():
            self.stop(signal.SIGKILL)

    def expect(self, pattern, seconds=20):
        """Waits for a match in the output."""
        def found():
            has_ended = not self.is_running()
            match = re.search(pattern, self.log())
            assert match or not has_ended, f"{self.name} ended with status {self.status()}:\n{self.log()[-3000:]}"
            return match

        return harness.eventually(lambda: f"{pattern!r} in {self.name}.log:\n{self.log()[-3000:]}", found, seconds)


class guest_case(harness.case):
    """Cases that share one boot, with the drivers of `drivers` loaded; each starts what it needs and ends it."""

    drivers = ()

    @classmethod
    def setUpClass(cls):
        require()
        harness.require(*cls.needs)
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="campush_vm_"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.guest = guest(cls.shared)
        cls.addClassCleanup(cls.guest.close)
        for driver in cls.drivers:
            cls.guest.run(f"modprobe {driver}")

    def logs(self):
        text = super().logs()
        for log in sorted(self.shared.glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
            text += "\n".join([f"--- guest: {log.name}", *(line[:400] for line in lines), ""])
        return text

    def start_in_guest(self, name, command):
        child = self.guest.start(name, command)
        self.programs.append(child)
        self.addCleanup(child.kill)
        return child


TOKEN = "of-the-guest"


class agent(harness.agent):
    """`campush run` in the guest; the host asks it over a forwarded port."""

    def __init__(self, test, config, name="agent"):
        self.test, self.name = test, name
        config["system"]["state_dir"] = "/run/state"
        config["http"] = {"listen": f"0.0.0.0:{AGENT_PORT}", "token_file": "/run/share/token"}
        (test.shared / "token").write_text(TOKEN, encoding="ascii")
        self.config_path = test.shared / f"{name}.json"
        self.write(config)
        self.child = test.start_in_guest(name, [harness.CAMPUSH, "run", "--config", f"/run/share/{name}.json"])
        test.agents.append(self.child)
        self.child.expect(r"HTTP on [0-9.]+:\d+\n")
        self.port = test.guest.agent_port

    def address(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, path, method="GET", token=TOKEN):
        return super().ask(path, method, token)

    def stream(self):
        """Status of the first stream of a camera."""
        return self.cameras()[0]

    def until_stream(self, wanted, seconds=20):
        """Waits until the first stream's status is as wanted."""
        last = {}

        def is_so():
            last.update(self.stream())
            return wanted(last)

        harness.eventually(lambda: f"the stream is {json.dumps(last)}", is_so, seconds)
        return last


def main():
    enter_private_network()
    harness.main()


def run_one(command):
    """Status of one command in a guest of its own; its output is printed."""
    enter_private_network()
    with tempfile.TemporaryDirectory(prefix="campush_vm_") as folder:
        machine = guest(folder)
        try:
            status, output = machine.run(command, seconds=600, must=False)
        finally:
            machine.close()
        print(output, end="")
        return status


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        sys.exit(2)
    try:
        require()
    except unittest.SkipTest as reason:
        print(f"SKIPPED: {reason}")
        sys.exit(harness.SKIPPED)
    sys.exit(run_one(" ".join(sys.argv[1:])))
