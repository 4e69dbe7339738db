"""`campush run` through librtmp: the schemes that only it speaks, each against a front that hands on to an ordinary server."""

import pathlib
import re
import subprocess
import sys

import harness
import media
from harness import DATA, ROOT, eventually, file_source, pictures_sent

FRONT = ROOT / "tests" / "fakes" / "rtmp_front.py"


class front:
    """tests/fakes/rtmp_front.py before the server at `upstream`."""

    def __init__(self, test, upstream, *options, name="front"):
        self.child = test.start(name, [sys.executable, "-B", FRONT, "--upstream", f"127.0.0.1:{upstream}", *options])
        self.port = int(self.child.expect(r"listening (\d+)").group(1))


class librtmp_case(harness.case):
    needs = ("campush", "campush-sink")

    def push(self, url, source=None, **rtmp):
        source = source or file_source("gate.h264", "gate.aac")
        section = {"urls": [url], **rtmp}
        return harness.agent(self, harness.config_of([harness.camera(source, section)], {**harness.QUICK, "resume": "gop_cache"}))

    def threads_of(self, agent):
        return [path.read_text().strip() for path in pathlib.Path(f"/proc/{agent.child.pid}/task").glob("*/comm")]

    def certificate(self):
        cert, key = self.path / "cert.pem", self.path / "key.pem"
        subprocess.run([harness.tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
        return cert, key


class schemes(librtmp_case):
    """The clip comes back equal by every way."""

    def check(self, scheme, *options, **rtmp):
        server = harness.sink(self)
        door = front(self, server.port, *options)
        agent = self.push(f"{scheme}://127.0.0.1:{door.port}/live/gate", file_source("gate.h264", "gate.aac", loop=False), **rtmp)
        agent.until(state="connected")
        self.assertIn("librtmp", self.threads_of(agent))
        stats = server.until_closed(40)
        self.assertEqual(stats["pictures"]["missing_references"], 0)
        received = media.recording(pathlib.Path(stats["recording"]))
        sent = media.clip(DATA / "gate.h264", DATA / "gate.aac")
        media.check_times(self, sent, received, *media.check_equal(self, sent, received))
        agent.until(state="disconnected", reason="source_ended")
        eventually("the thread is joined", lambda: "librtmp" not in self.threads_of(agent))
        self.assertEqual(agent.stop()[0], 0)
        return door

    def test_rtmpt(self):
        door = self.check("rtmpt", "--http")
        self.assertEqual(len(re.findall("open", door.child.log())), 1)
        self.assertEqual(len(re.findall("close", door.child.log())), 1)

    def test_rtmpe(self):
        self.assertIn("encrypted", self.check("rtmpe", "--encrypted").child.log())

    def test_rtmpte(self):
        self.assertIn("encrypted", self.check("rtmpte", "--http", "--encrypted").child.log())

    def test_rtmpts(self):
        cert, key = self.certificate()
        self.check("rtmpts", "--http", "--tls", cert, key, tls={"ca_file": str(cert)})

    def test_rtmps(self):
        cert, key = self.certificate()
        self.check("rtmps", "--tls", cert, key, tls={"ca_file": str(cert)}, backend="librtmp")


class refusals(librtmp_case):
    def check(self, url, reason, words, **rtmp):
        agent = self.push(url, **rtmp)
        status = agent.until(last_error=lambda error: error and error["reason"] == reason, errors=lambda count: count >= 2)
        self.assertRegex(status["last_error"]["text"], words)
        self.assertEqual(pictures_sent(status), 0)
        self.assertEqual(agent.stop()[0], 0)

    def test_a_web_server_that_knows_no_tunnel(self):
        door = front(self, 1, "--http", "--answer", "404")
        self.check(f"rtmpt://127.0.0.1:{door.port}/live/gate", "server_error", "404")

    def test_an_rtmp_server_where_http_is_expected(self):
        server = harness.sink(self)
        self.check(f"rtmpt://127.0.0.1:{server.port}/live/gate", "closed_by_server", "before the handshake .* not speak rtmpt")

    def test_a_server_that_does_not_encrypt(self):
        server = harness.sink(self)
        self.check(f"rtmpe://127.0.0.1:{server.port}/live/gate", "closed_by_server", "before the handshake .* not speak rtmpe")

    def test_a_certificate_of_nobody_known(self):
        door = front(self, 1, "--tls", *self.certificate())
        self.check(f"rtmpts://127.0.0.1:{door.port}/live/gate", "tls_failed", "certificate")


if __name__ == "__main__":
    harness.main()
