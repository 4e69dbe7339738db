"""A DNS server that does as a file says: answers every query with the addresses of its family, denies the name, fails, or stays silent.

usage: dns_server.py ADDRESS PORT FILE    (FILE holds IPv4 and IPv6 addresses, "nxdomain", "servfail" or "silent"; read at each query;
"silent NAME ADDRESS": silent for queries of NAME)
"""

import pathlib
import socket
import struct
import sys

A_RECORD, AAAA_RECORD = 1, 28
FAMILIES = {A_RECORD: socket.AF_INET, AAAA_RECORD: socket.AF_INET6}
RESPONSE, RECURSION = 0x8000, 0x0180


def question_end(query):
    at = 12
    while query[at]:
        at += query[at] + 1
    return at + 5


def name_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
        at += query[at] + 1
    return ".".join(labels)


def record(kind, address):
    """A pointer to the name of the question; class IN, TTL 0."""
    data = socket.inet_pton(FAMILIES[kind], address)
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data


def answer(query, mode):
    """The datagram to send back; None for none."""
    words = mode.split()
    if words[0] == "silent":
        if len(words) == 1 or words[1] == name_of(query):
            return None
        words = words[2:]
    end = question_end(query)
    kind = struct.unpack_from(">H", query, end - 4)[0]
    code = {"nxdomain": 3, "servfail": 2}.get(words[0], 0)
    found = [word for word in words if FAMILIES.get(kind) == (socket.AF_INET6 if ":" in word else socket.AF_INET)]
    records = [record(kind, address) for address in found] if code == 0 else []
    header = query[:2] + struct.pack(">HHHHH", RESPONSE | RECURSION | code, 1, len(records), 0, 0)
    return header + query[12:end] + b"".join(records)


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
