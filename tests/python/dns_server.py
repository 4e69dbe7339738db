"""A DNS server that does as a file says: answers every A query with one address, denies the name, fails, or stays silent.

usage: dns_server.py ADDRESS PORT FILE    (FILE holds an IPv4 address, "nxdomain", "servfail" or "silent"; read at each query)
"""

import pathlib
import socket
import struct
import sys

A_RECORD = 1
RESPONSE, RECURSION = 0x8000, 0x0180


def question_end(query):
    at = 12
    while query[at]:
        at += query[at] + 1
    return at + 5


def answer(query, mode):
    """The datagram to send back; None for none."""
    if mode == "silent":
        return None
    end = question_end(query)
    kind = struct.unpack_from(">H", query, end - 4)[0]
    code = {"nxdomain": 3, "servfail": 2}.get(mode, 0)
    records = b""
    if code == 0 and kind == A_RECORD:
        # A pointer to the name of the question; class IN, TTL 0.
        records = b"\xc0\x0c" + struct.pack(">HHIH", A_RECORD, 1, 0, 4) + socket.inet_aton(mode)
    header = query[:2] + struct.pack(">HHHHH", RESPONSE | RECURSION | code, 1, 1 if records else 0, 0, 0)
    return header + query[12:end] + records


def main():
    address, port, file = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, int(port)))
        print("listening", flush=True)
        while True:
            query, client = server.recvfrom(512)
            reply = answer(query, pathlib.Path(file).read_text(encoding="ascii").strip())
            if reply is not None:
                server.sendto(reply, client)


if __name__ == "__main__":
    main()
