"""`campush run` over RTMPS: through nginx's TLS in front of nginx-rtmp, and to campush-sink, with every way a server can be refused."""

import pathlib

import certificates
import harness
import media
from harness import DATA, eventually, file_source, pictures_sent

NGINX_STREAM_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")


class tls_front:
    """nginx's stream module: takes TLS off and passes the rest to a port of 127.0.0.1."""

    def __init__(self, test, certificate, key, behind, protocols="TLSv1.2 TLSv1.3"):
        harness.require("nginx")
        if not NGINX_STREAM_MODULE.exists():
            if harness.IS_CI and harness.IS_ROOT:
                raise AssertionError("libnginx-mod-stream is missing in CI")
            test.skipTest("libnginx-mod-stream is missing")
        self.test, self.certificate, self.key, self.behind, self.protocols = test, certificate, key, behind, protocols
        self.prefix = test.path / "front"
        (self.prefix / "logs").mkdir(parents=True)
        self.port = harness.free_port()
        self.start()

    def start(self):
        user = "user root;" if harness.IS_ROOT else ""
        (self.prefix / "nginx.conf").write_text(f"""load_module {NGINX_STREAM_MODULE}; daemon off; master_process off; {user}
pid {self.prefix}/nginx.pid; error_log {self.prefix}/logs/error.log info;
events {{ worker_connections 256; }}
stream {{ server {{ listen 127.0.0.1:{self.port} ssl; ssl_certificate {self.certificate}; ssl_certificate_key {self.key};
  ssl_protocols {self.protocols}; proxy_pass 127.0.0.1:{self.behind}; }} }}
""", encoding="utf-8")
        self.child = self.test.start("front", [harness.tool("nginx"), "-p", self.prefix, "-c", self.prefix / "nginx.conf", "-e",
                                               self.prefix / "logs" / "error.log"])
        eventually("the front listens", lambda: harness.is_listening(self.port) or not self.child.is_running(), 5)
        assert self.child.is_running(), "the front ended: " + self.child.log()

    def url(self, name):
        return f"rtmps://localhost:{self.port}/live/{name}"


class tls_case(harness.case):
    def setUp(self):
        super().setUp()
        self.authority = certificates.authority(self.path)
        self.certificate, self.key = self.authority.issue(["DNS:localhost"])

    def push(self, source, url, tls=None, **rtmp):
        tls = {"ca_file": str(self.authority.certificate)} if tls is None else tls
        section = {"urls": [url], "tls": tls, **rtmp}
        return harness.agent(self, harness.config_of([harness.camera(source, section)]))


class through_nginx(tls_case):
    needs = ("campush", "nginx")

    def check(self, video, audio, version, protocols="TLSv1.2 TLSv1.3"):
        """A clip that ends: nginx-rtmp's recording holds all of it."""
        server = harness.nginx(self)
        front = tls_front(self, self.certificate, self.key, server.port, protocols)
        agent = self.push(file_source(video, audio, loop=False), front.url("gate"), resume="gop_cache")
        status = agent.until(state="connected")
        self.assertRegex(status["link"]["security"], rf"^{version} \S+$")
        agent.until(seconds=20, state="disconnected", reason="source_ended")
        recorded = eventually("a recording", lambda: server.recording("gate"))
        count = len(media.clip(DATA / video, DATA / audio).pictures)
        eventually("all is recorded", lambda: len(media.recording(recorded).pictures) >= count)
        sent, received = media.clip(DATA / video, DATA / audio), media.recording(recorded)
        media.check_times(self, sent, received, *media.check_equal(self, sent, received))
        self.assertEqual(agent.stop()[0], 0)

    def test_clip_comes_back_equal(self):
        self.check("gate.h264", "gate.aac", r"TLSv1\.3")

    def test_clip_comes_back_equal_over_tls_1_2(self):
        self.check("bframes.h264", "gate.aac", r"TLSv1\.2", "TLSv1.2")

    def test_a_reconnect_resumes_the_session(self):
        server = harness.nginx(self)
        front = tls_front(self, self.certificate, self.key, server.port)
        agent = self.push(file_source("gate.h264", "gate.aac"), front.url("gate"))
        agent.until(state="connected", frames_sent=lambda sent: sent["inter"] > 0)
        server.kill()
        agent.until(errors=lambda count: count > 0)
        server.start()
        status = agent.until(state="connected", link=lambda link: link["security"].endswith(", resumed"))
        before = pictures_sent(status)
        agent.until(frames_sent=lambda sent: sent["key"] + sent["inter"] > before + 10)


class to_the_sink(tls_case):
    needs = ("campush", "campush-sink")

    def server(self, *options, certificate=None, key=None):
        return harness.sink(self, "--tls-cert", certificate or self.certificate, "--tls-key", key or self.key, *options)

    def url(self, sink):
        return f"rtmps://localhost:{sink.port}/live/gate"

    def test_clip_comes_back_equal(self):
        sink = self.server()
        agent = self.push(file_source("gate.h264", "gate.aac", loop=False), self.url(sink), resume="gop_cache")
        agent.until(seconds=20, state="disconnected", reason="source_ended")
        closed = sink.until_closed()
        received = media.recording(pathlib.Path(closed["recording"]))
        media.check_equal(self, media.clip(DATA / "gate.h264", DATA / "gate.aac"), received)

    def test_shows_its_own_certificate(self):
        mine, key = self.authority.issue(["DNS:camera"], file="camera")
        sink = self.server("--tls-client-ca", self.authority.certificate)
        tls = {"ca_file": str(self.authority.certificate), "client_cert": str(mine), "client_key": str(key)}
        self.push(file_source("gate.h264"), self.url(sink), tls).until(state="connected")

    def test_a_refusal_is_told_in_status_and_healed_by_the_server(self):
        old, key = self.authority.issue(["DNS:localhost"], begin="20200101000000Z", end="20210101000000Z", file="old")
        sink = self.server(certificate=old, key=key)
        agent = self.push(file_source("gate.h264"), self.url(sink))
        status = agent.until(errors=lambda count: count > 0)
        self.assertEqual(status["last_error"]["reason"], "tls_failed")
        self.assertIn("expired on 2021-01-01", str(status["last_error"]))
        sink.restart("--tls-cert", self.certificate, "--tls-key", self.key)
        agent.until(state="connected")

    def test_the_systems_cas_do_not_know_ours(self):
        sink = self.server()
        agent = self.push(file_source("gate.h264"), self.url(sink), {})
        status = agent.until(errors=lambda count: count > 0)
        self.assertRegex(str(status["last_error"]), "issued by 'Test CA'.*unknown issuer")

    def test_a_replaced_ca_file_is_used_without_a_restart(self):
        other = certificates.authority(self.path, "Other CA")
        trusted = self.path / "trusted.pem"
        trusted.write_bytes(other.certificate.read_bytes())
        sink = self.server()
        agent = self.push(file_source("gate.h264"), self.url(sink), {"ca_file": str(trusted)})
        agent.until(errors=lambda count: count > 0)
        trusted.write_bytes(self.authority.certificate.read_bytes() + other.certificate.read_bytes())
        agent.until(state="connected")


if __name__ == "__main__":
    harness.main()
