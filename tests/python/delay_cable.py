"""Carries packets between two network namespaces, each a fixed time late: what netem does, for kernels without it.

usage: delay_cable.py PID_A DEVICE_A PID_B DEVICE_B DELAY_MS    (a tun device is made in the network namespace of each process)
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST_PACKET = 65536
libc = ctypes.CDLL(None, use_errno=True)


def open_tun(pid, device):
    with open(f"/proc/{pid}/ns/net", "rb") as network:
        if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def carry(ends, delay_s):
    """For ever: what one end gives reaches the other `delay_s` later, in order."""
    on_the_way = collections.deque()
    while True:
        now = time.monotonic()
        while on_the_way and on_the_way[0][0] <= now:
            _, end, packet = on_the_way.popleft()
            try:
                os.write(end, packet)
            except OSError:
                continue  # The device is down: the packet is lost, as on a cable.
        wait = on_the_way[0][0] - now if on_the_way else None
        for end in select.select(ends, [], [], wait)[0]:
            other = ends[1] if end == ends[0] else ends[0]
            try:
                on_the_way.append((time.monotonic() + delay_s, other, os.read(end, LARGEST_PACKET)))
            except OSError:
                continue


def main():
    pid_a, device_a, pid_b, device_b, delay_ms = sys.argv[1:]
    ends = (open_tun(pid_a, device_a), open_tun(pid_b, device_b))
    print("carrying", flush=True)
    carry(ends, float(delay_ms) / 1000)


if __name__ == "__main__":
    main()
