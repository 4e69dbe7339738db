"""Machines and cables for tests of the link: network namespaces, veth pairs, tc and nft, and a cable with a delay of its own.

A namespace lives as long as its holder, a child of the test, so nothing of it is left when the test ends, however it ends.
"""

import contextlib
import ctypes
import os
import pathlib
import subprocess
import sys

import harness

CAMERA, SERVER, SECOND_SERVER, OTHER_CAMERA = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.11"
CAMERA6, SERVER6 = "fd77::1", "fd77::2"
CLONE_NEWNET = 0x40000000
HOLD = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && echo ready && exec sleep 900'
DELAY_CABLE = pathlib.Path(__file__).with_name("delay_cable.py")
DNS_SERVER = pathlib.Path(__file__).with_name("dns_server.py")
libc = ctypes.CDLL(None, use_errno=True)


def require(*tools):
    """Skips the case, and says why, where no network namespace can be made."""
    harness.require("ip", "unshare", "nsenter", *tools)
    if harness.IS_ROOT and subprocess.run(["unshare", "-n", "-m", "true"], check=False, capture_output=True).returncode == 0:
        return
    why = "this container allows no network namespace" if harness.IS_ROOT else "a network namespace needs root"
    raise harness.unittest.SkipTest(why)


def enter(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class namespace:
    """A machine: its network, and an /etc/resolv.conf that asks 127.0.0.1."""

    def __init__(self, test, name):
        self.test, self.name = test, name
        conf = test.path / f"{name}_resolv.conf"
        conf.write_text("nameserver 127.0.0.1\n", encoding="ascii")
        self.holder = test.start(f"{name}_namespace", ["unshare", "-n", "-m", "sh", "-c", HOLD, "sh", conf])
        self.holder.expect("ready")
        self.prefix = ["nsenter", "-t", str(self.holder.pid), "-n", "-m"]
        self.set("net.ipv4.tcp_congestion_control", "reno")

    def set(self, key, value):
        """A setting of this machine's network, by its sysctl name."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    @property
    def pid(self):
        return self.holder.pid

    def run(self, *command, must=True):
        """`command` may be one text of several words; returns its output."""
        words = command[0].split() if len(command) == 1 else list(command)
        done = subprocess.run([*self.prefix, *words], capture_output=True, text=True, check=False, timeout=40)
        assert done.returncode == 0 or not must, f"{self.name}: {' '.join(words)}: {done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def entered(self):
        """Sockets that are made inside belong to this machine."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
            try:
                enter(there)
            finally:
                os.close(there)
            try:
                yield self
            finally:
                enter(home)
        finally:
            os.close(home)

    def filter(self, *rules):
        """What this machine does with packets that arrive; without rules it takes all."""
        self.run("nft", "add table inet faults; delete table inet faults")
        if rules:
            chain = "add table inet faults; add chain inet faults arriving { type filter hook input priority 0; }; "
            self.run("nft", chain + "; ".join(f"add rule inet faults arriving {rule}" for rule in rules))


class agent(harness.agent):
    """`campush run` on a machine of its own."""

    def __init__(self, test, home, config, name="agent", env=None):
        self.home = home
        super().__init__(test, config, name, env, home.prefix)

    def ask(self, path, method="GET", token=None):
        with self.home.entered():
            return super().ask(path, method, token)


class name_server:
    """Answers on a machine's 127.0.0.1 as dns_server.py says; silent until told otherwise."""

    def __init__(self, test, home):
        self.mode = test.path / "dns_mode"
        self.answer_with("silent")
        test.start("dns", [*home.prefix, sys.executable, "-B", DNS_SERVER, "127.0.0.1", 53, self.mode]).expect("listening")

    def answer_with(self, mode):
        """Replaced as a whole, since the server may be reading it."""
        written = self.mode.with_suffix(".new")
        written.write_text(mode, encoding="ascii")
        written.replace(self.mode)


class cable:
    """A camera's machine and a server's, and a veth pair between them: cam0 and srv0. `rate` is the camera's upstream."""

    RATE = "8mbit"

    def __init__(self, test):
        require("tc", "nft")
        self.camera, self.server = namespace(test, "camera"), namespace(test, "server")
        subprocess.run(["ip", "link", "add", "cam0", "netns", str(self.camera.pid), "type", "veth", "peer", "name", "srv0", "netns",
                        str(self.server.pid)], check=True)
        for home, device, address, address6 in ((self.camera, "cam0", CAMERA, CAMERA6), (self.server, "srv0", SERVER, SERVER6)):
            add_addresses(home, device, address, address6)
        self.camera.run("tc qdisc add dev cam0 root handle 1: htb default 1")
        self.camera.run(f"tc class add dev cam0 parent 1: classid 1:1 htb rate {self.RATE} burst 16k")
        # A modem's queue: 64 KiB are 64 ms at full rate.
        self.camera.run("tc qdisc add dev cam0 parent 1:1 bfifo limit 64k")

    def change_rate(self, rate=RATE):
        self.camera.run(f"tc class change dev cam0 parent 1: classid 1:1 htb rate {rate} burst 16k")

    def kill_connections(self, port):
        """As a NAT box that forgot them: the server's end goes, and the camera hears a reset."""
        self.server.run("ss", "-K", f"sport = :{port}")


def add_addresses(home, device, address, address6):
    home.run(f"ip link set {device} up")
    home.run(f"ip addr add {address}/24 dev {device}")
    # Without duplicate address detection it may be used at once.
    home.run(f"ip -6 addr add {address6}/64 dev {device} nodad", must=False)


class delay_cable:
    """As cable, and every packet arrives `delay_ms` later: a process carries them between two tun devices."""

    def __init__(self, test, delay_ms):
        require()
        if not os.path.exists("/dev/net/tun"):
            raise harness.unittest.SkipTest("/dev/net/tun is missing")
        self.camera, self.server = namespace(test, "camera"), namespace(test, "server")
        carrier = test.start("delay_cable", [sys.executable, "-B", DELAY_CABLE, self.camera.pid, "cam0", self.server.pid, "srv0", delay_ms])
        carrier.expect("carrying")
        for home, device, address, address6 in ((self.camera, "cam0", CAMERA, CAMERA6), (self.server, "srv0", SERVER, SERVER6)):
            add_addresses(home, device, address, address6)
            # However late the process comes, the cable loses nothing.
            home.run(f"ip link set {device} txqueuelen 5000")
        # Linux starts with a window of 64 KiB and widens it only for a peer that sends more than 14 KiB within an eighth of a round trip.
        # An even stream of pictures may stay below that for good: 1.1 Mbit/s over 600 ms, whatever the sender does.
        self.server.set("net.ipv4.tcp_rmem", "4096 4194304 33554432")
