"""Lets publishers in by RTMPT, RTMPE or RTMPTE, with or without TLS, and hands them on to an ordinary RTMP server.

    rtmp_front.py --upstream HOST:PORT [--http] [--encrypted] [--tls CERT KEY] [--answer STATUS]

Prints "listening PORT", then a line per event. For tests on loopback: it checks what a real server would check, and no more.
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import ssl

PART = 1536
TAIL = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")
SERVER_KEY = b"Genuine Adobe Flash Media Server 001" + TAIL
PLAYER_KEY = b"Genuine Adobe Flash Player 001" + TAIL
SERVER_NAME, PLAYER_NAME = SERVER_KEY[:36], PLAYER_KEY[:30]
# RFC 2409, section 6.2.
PRIME = int("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
            "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
            "49286651ECE65381FFFFFFFFFFFFFFFF", 16)


def say(*words):
    print(*words, flush=True)


def keyed(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


class arcfour:
    def __init__(self, key):
        table, other = list(range(256)), 0
        for i in range(256):
            other = (other + table[i] + key[i % len(key)]) & 255
            table[i], table[other] = table[other], table[i]
        self.table, self.first, self.second = table, 0, 0

    def apply(self, data):
        table, i, j = self.table, self.first, self.second
        done = bytearray(data)
        for at, byte in enumerate(done):
            i = (i + 1) & 255
            value = table[i]
            j = (j + value) & 255
            other = table[j]
            table[i], table[j] = other, value
            done[at] = byte ^ table[(value + other) & 255]
        self.first, self.second = i, j
        return bytes(done)


# Where key and digest stand, by the two schemes of Adobe's player: four bytes that say it, a divisor, a base.
SCHEMES = (((1532, 632, 772), (8, 728, 12)), ((768, 632, 8), (772, 728, 776)))


def offset(part, rule):
    at, modulus, base = rule
    return sum(part[at:at + 4]) % modulus + base


def digest_of(part, at, key):
    return keyed(key, part[:at] + part[at + 32:])


class encryption:
    """The server's half of RTMPE: bytes of the client in, plain bytes out, and the other way round."""

    def __init__(self):
        self.received = bytearray()
        self.reply = bytearray()
        self.incoming = self.outgoing = None
        self.is_done = False
        self.keys = None

    def feed(self, data):
        """Plain bytes of the chunk stream."""
        if self.is_done:
            return self.incoming.apply(data)
        self.received += data
        if self.keys is None and len(self.received) >= 1 + PART:
            self.answer(bytes(self.received[1:1 + PART]))
        if self.keys is None or len(self.received) < 1 + 2 * PART:
            return b""
        last = bytes(self.received[1 + PART:1 + 2 * PART])
        expected = keyed(keyed(PLAYER_KEY, self.digest), last[:-32])
        if expected != last[-32:]:
            raise ValueError("C2 is not signed")
        self.incoming, self.outgoing = (arcfour(key) for key in self.keys)
        self.incoming.apply(bytes(PART))
        self.outgoing.apply(bytes(PART))
        self.is_done = True
        say("encrypted")
        return self.incoming.apply(bytes(self.received[1 + 2 * PART:]))

    def answer(self, theirs):
        if self.received[0] != 6:
            raise ValueError(f"version {self.received[0]}")
        for key_rule, digest_rule in SCHEMES:
            at = offset(theirs, digest_rule)
            if digest_of(theirs, at, PLAYER_NAME) == theirs[at:at + 32]:
                break
        else:
            raise ValueError("C1 has no digest")
        their_digest = theirs[at:at + 32]
        key_at = offset(theirs, key_rule)
        their_key = theirs[key_at:key_at + 128]
        secret = int.from_bytes(os.urandom(128), "big") % PRIME
        ours = bytearray(os.urandom(PART))
        ours[4:8] = bytes((3, 5, 1, 1))
        own_key = pow(2, secret, PRIME).to_bytes(128, "big")
        place = offset(ours, key_rule)
        ours[place:place + 128] = own_key
        place = offset(ours, digest_rule)
        ours[place:place + 32] = self.digest = digest_of(bytes(ours), place, SERVER_NAME)
        shared = pow(int.from_bytes(their_key, "big"), secret, PRIME).to_bytes(128, "big")
        self.keys = keyed(shared, own_key)[:16], keyed(shared, their_key)[:16]
        last = os.urandom(PART - 32)
        self.reply = bytearray(b"\x06" + bytes(ours) + last + keyed(keyed(SERVER_KEY, their_digest), last))


class session:
    """One publisher on its way to the server behind. `tell` takes what goes back to it."""

    def __init__(self, upstream, is_encrypted, tell):
        self.upstream, self.tell = upstream, tell
        self.cipher = encryption() if is_encrypted else None
        self.writer = None
        self.is_over = False

    async def open(self):
        reader, self.writer = await asyncio.open_connection(*self.upstream)
        if self.cipher:
            # The server behind wants its own handshake.
            first = b"\x03" + bytes(8) + os.urandom(PART - 8)
            self.writer.write(first)
            answer = await reader.readexactly(1 + 2 * PART)
            self.writer.write(answer[1:1 + PART])
        self.task = asyncio.ensure_future(self.pull(reader))

    async def pull(self, reader):
        early = b""
        while True:
            data = await reader.read(65536)
            if not data:
                self.is_over = True
                return self.tell(None)
            if self.cipher and not self.cipher.is_done:
                early += data
                continue
            data, early = early + data, b""
            self.tell(self.cipher.outgoing.apply(data) if self.cipher else data)

    def push(self, data):
        if self.cipher:
            data = self.cipher.feed(data)
            if self.cipher.reply:
                reply, self.cipher.reply = bytes(self.cipher.reply), bytearray()
                self.tell(reply)
        if data:
            self.writer.write(data)

    def close(self):
        if self.writer:
            self.writer.close()


class front:
    def __init__(self, options):
        host, port = options.upstream.rsplit(":", 1)
        self.upstream = host, int(port)
        self.options = options
        self.tunnels = {}

    async def serve(self, reader, writer):
        try:
            await (self.serve_http if self.options.http else self.serve_bytes)(reader, writer)
        except (ValueError, ConnectionError, asyncio.IncompleteReadError) as failure:
            say("ended", repr(failure))
        writer.close()

    async def serve_bytes(self, reader, writer):
        way = session(self.upstream, self.options.encrypted, lambda data: writer.write(data) if data else writer.close())
        await way.open()
        while data := await reader.read(65536):
            way.push(data)
        way.close()

    async def serve_http(self, reader, writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            verb, path, _ = head.split("\r\n")[0].split(" ")
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(fields["content-length"]))
            if verb != "POST" or fields["content-type"] != "application/x-fcs" or "host" not in fields:
                raise ValueError(head)
            status, answer = await self.answer(path.split("/")[1:], body)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/x-fcs\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
                         + answer)

    async def answer(self, path, body):
        if self.options.answer:
            return self.options.answer, b""
        if path[0] == "open":
            name = os.urandom(6).hex()
            waiting = []
            way = session(self.upstream, self.options.encrypted, waiting.append)
            await way.open()
            self.tunnels[name] = way, waiting, [0]
            say("open", name)
            return 200, name.encode() + b"\n"
        if path[1] not in self.tunnels:
            return 404, b""
        way, waiting, count = self.tunnels[path[1]]
        if int(path[2]) != count[0]:
            raise ValueError(f"request {path[2]} after {count[0]}")
        count[0] += 1
        if path[0] == "close":
            say("close", path[1])
            way.close()
            del self.tunnels[path[1]]
            return 200, b"\0"
        if path[0] == "send":
            way.push(body)
        if way.is_over:
            del self.tunnels[path[1]]
            if not any(waiting):
                return 404, b""
        said = b"".join(each for each in waiting if each)
        waiting.clear()
        return 200, b"\x01" + said


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--answer", type=int, default=0)
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    server = await asyncio.start_server(front(options).serve, "127.0.0.1", 0, ssl=context)
    say("listening", server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
