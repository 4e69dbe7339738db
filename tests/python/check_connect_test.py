"""`campush check --connect`: at each failing server the step, the time it took, and a remedy."""

import json
import socket
import threading

import certificates
import harness
import netlab
from harness import camera, file_source

HOST = "ingest.campush.test"
STEPS = ["dns", "tcp", "clock", "tls", "handshake", "connect", "publish"]


class walk(harness.case):
    """Walks a configuration and looks at what is said of each address."""

    needs = ("campush", "campush-sink")
    prefix = ()

    def config(self, destinations, clip="gate.h264"):
        rtmp = [{"name": f"d{number}", **each} for number, each in enumerate(destinations)]
        path = self.path / "check.json"
        path.write_text(json.dumps(harness.config_of([camera(file_source(clip), rtmp)])), encoding="utf-8")
        return path

    def run_check(self, path, *options, seconds=40):
        return self.run_campush("check", "--connect", "--config", path, *options, seconds=seconds, prefix=self.prefix)

    def reports(self, destinations, *options, clip="gate.h264"):
        done = self.run_check(self.config(destinations, clip), "--json", *options)
        reports = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if all(report["ok"] for report in reports) else 1, done.stderr)
        for report in reports:
            self.assertEqual([step["step"] for step in report["steps"]], STEPS)
        return reports

    def report(self, url, *options, clip="gate.h264", **keys):
        return self.reports([{"urls": [url], **keys}], *options, clip=clip)[0]

    def step(self, report, name):
        return report["steps"][STEPS.index(name)]

    def expect_failure(self, report, step, reason, detail):
        """Everything before is ok or not needed, everything behind was not reached."""
        failed = self.step(report, step)
        self.assertEqual((failed["outcome"], failed.get("reason")), ("failed", reason), report)
        self.assertRegex(failed["detail"], detail)
        self.assertGreater(len(failed["remedy"]), 20)
        self.assertFalse(report["ok"])
        at = STEPS.index(step)
        self.assertNotIn("failed", [each["outcome"] for each in report["steps"][:at]])
        self.assertEqual({each["outcome"] for each in report["steps"][at + 1:]} - {"skipped"}, set())

    def sink(self, *options, name="sink"):
        return harness.sink(self, *options, name=name, prefix=self.prefix)


class good_server(walk):
    def test_walks_every_step_and_leaves_no_trace(self):
        sink = self.sink("--claim", "hvc1", "--claim", "reconnect")
        report = self.report(f"rtmp://localhost:{sink.port}/live/gate", clip="yard.h265")
        self.assertTrue(report["ok"], report)
        self.assertEqual([step["outcome"] for step in report["steps"]], ["ok", "ok", "skipped", "skipped", "ok", "ok", "ok"])
        self.assertIn("127.0.0.1 (IPv4)", self.step(report, "dns")["detail"])
        self.assertRegex(self.step(report, "tcp")["detail"], rf"^127\.0\.0\.1:{sink.port} from 127\.0\.0\.1:\d+")
        self.assertRegex(self.step(report, "connect")["detail"], "takes H.265, .*ReconnectRequest")
        for name in ("dns", "tcp", "handshake", "connect", "publish"):
            self.assertIsInstance(self.step(report, name)["ms"], float)
        self.assertEqual(sink.until_closed()["payload_bytes"], 0)

    def test_stops_before_publish_where_told_to(self):
        sink = self.sink()
        report = self.report(sink.url("gate"), "--no-publish")
        self.assertTrue(report["ok"], report)
        self.assertEqual(self.step(report, "publish")["outcome"], "skipped")
        self.assertEqual(sink.events("publish"), [])

    def test_says_first_that_it_publishes(self):
        sink = self.sink()
        path = self.config([{"urls": [sink.url("gate")]}])
        self.assertIn("published to for a moment", self.run_check(path).stderr)
        self.assertNotIn("published to", self.run_check(path, "--no-publish").stderr)

    def test_prints_a_block_for_each_address_in_the_order_of_the_file(self):
        sink = self.sink()
        urls = [sink.url("a"), "rtmp://127.0.0.1:1/live/b", sink.url("c")]
        done = self.run_check(self.config([{"urls": urls}, {"urls": [sink.url("d")]}]))
        self.assertEqual(done.returncode, 1)
        heads = [line for line in done.stdout.splitlines() if line.startswith("cam0")]
        self.assertEqual(heads, [f"cam0_stream0/d0 primary {urls[0]}", f"cam0_stream0/d0 backup1 {urls[1]}",
                                 f"cam0_stream0/d0 backup2 {urls[2]}", f"cam0_stream0/d1 primary {sink.url('d')}"])
        self.assertRegex(done.stdout, r"  tcp +failed +\d+ ms  .*refused.*\n +remedy: The host is there, but nothing listens")
        self.assertIn("3 of 4 addresses can be pushed to", done.stdout)

    def test_walks_to_many_addresses_at_once(self):
        sink = self.sink("--silent-after-accept")
        reports = self.reports([{"urls": [sink.url(f"k{number}") for number in range(12)]}])
        for report in reports:
            self.expect_failure(report, "handshake", "handshake_timeout", "within 5 s")

    def test_shows_no_secret(self):
        sink = self.sink("--deny-publish")
        done = self.run_check(self.config([{"urls": [f"rtmp://u:s3cr3tpass@127.0.0.1:{sink.port}/live/s3cr3tK3yOfTheStream?t=s3cr3t"]}]))
        self.assertNotIn("s3cr3t", done.stdout + done.stderr)

    def test_signs_each_address(self):
        sink = self.sink()
        secret = self.path / "cdn_secret"
        secret.write_text("s3cret\n", encoding="ascii")
        report = self.report(sink.url("gate"), sign={"type": "aliyun", "key_file": str(secret)})
        self.assertTrue(report["ok"], report)
        self.assertEqual(self.step(report, "clock")["outcome"], "ok")
        self.assertNotIn("auth_key", report["url"])
        signed = self.report(sink.url("gate?auth_key=1-0-0-x"), sign={"type": "aliyun", "key_file": str(secret)})
        self.expect_failure(signed, "publish", "sign", "carries auth_key already")

    def test_follows_a_redirect(self):
        target = self.sink(name="target")
        sink = self.sink("--redirect", f"rtmp://127.0.0.1:{target.port}/live")
        report = self.report(sink.url("gate"))
        self.assertTrue(report["ok"], report)
        self.assertIn(f" -> rtmp://127.0.0.1:{target.port}/live/gate", report["url"])
        target.until("publish")

    def test_proves_who_it_is(self):
        sink = self.sink("--auth", "adobe", "--user", "u", "--password", "p")
        reports = self.reports([{"urls": [f"rtmp://u:p@127.0.0.1:{sink.port}/live/a"]},
                                {"urls": [f"rtmp://u:wrong@127.0.0.1:{sink.port}/live/b"]}])
        self.assertTrue(reports[0]["ok"], reports[0])
        self.expect_failure(reports[1], "connect", "denied", "password|user")


class failing_servers(walk):
    # Option of the sink: step, reason, words of the detail.
    FAULTS = {
        "--bad-name": ("publish", "name_in_use", "BadName"),
        "--deny-connect": ("connect", "denied", "Rejected"),
        "--deny-publish": ("publish", "denied", "Denied"),
        "--silent-after-accept": ("handshake", "handshake_timeout", "5 s"),
        "--silent-after-connect": ("connect", "handshake_timeout", "5 s"),
        "--garbage": ("connect", "protocol_violation", "."),
        "--close-after-start": ("publish", "closed_by_server", "accepted, then ended"),
    }

    def test_name_the_step_the_reason_and_a_remedy(self):
        sinks = {fault: self.sink(fault, name=f"sink{fault}") for fault in self.FAULTS}
        reports = self.reports([{"urls": [sink.url("gate")]} for sink in sinks.values()])
        for (fault, expected), report in zip(self.FAULTS.items(), reports):
            with self.subTest(fault):
                self.expect_failure(report, *expected)
        busy = self.step(reports[list(self.FAULTS).index("--bad-name")], "publish")
        self.assertIn("probably the agent of this device", busy["remedy"])

    def test_closed_port(self):
        self.expect_failure(self.report(f"rtmp://127.0.0.1:{harness.free_port()}/live/x"), "tcp", "connect_refused", "refused")

    def test_a_server_that_hangs_up(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
            report = self.report(f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/x")
        self.expect_failure(report, "handshake", "closed_by_server|connection_reset", ".")

    def expect_failure(self, report, step, reason, detail):
        if "|" in reason:
            found = self.step(report, step).get("reason")
            self.assertRegex(found or "", reason, report)
            reason = found
        super().expect_failure(report, step, reason, detail)

    def test_something_else_on_the_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            # Nobody accepts: TCP connects, nothing answers.
            self.expect_failure(self.report(f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/x"), "handshake", "handshake_timeout", "5 s")

    def test_unknown_application_of_nginx(self):
        server = harness.nginx(self)
        self.expect_failure(self.report(server.url("x", "nowhere")), "connect", "closed_by_server|connection_reset", ".")

    def test_a_key_that_is_in_use_at_nginx(self):
        server = harness.nginx(self)
        agent = harness.agent(self, harness.config_of([camera(file_source("gate.h264", "gate.aac"), server.url("gate"))]))
        agent.until(state="connected")
        self.expect_failure(self.report(server.url("gate")), "publish", "name_in_use", "BadName")
        self.assertEqual(agent.session()["errors"], 0)

    def test_h265_that_is_refused(self):
        sink = self.sink("--claim", "no-hvc1")
        refused, served, never = self.reports([{"urls": [sink.url("a")]}, {"urls": [sink.url("b")], "hevc_mode": "legacy12"},
                                               {"urls": [sink.url("c")], "hevc_mode": "h264_only"}], clip="yard.h265")
        self.expect_failure(refused, "connect", "codec_refused", "does not take H.265")
        self.expect_failure(never, "connect", "codec_refused", "hevc_mode")
        self.assertIn("codec id 12", self.step(served, "connect")["detail"])
        self.assertTrue(served["ok"], served)

    def test_an_address_or_interface_that_is_not_ours(self):
        sink = self.sink()
        for keys in ({"bind_address": "192.0.2.77"}, {"bind_interface": "nowhere0"}, {"bind_address": "::1"}):
            with self.subTest(keys):
                self.expect_failure(self.report(sink.url("gate"), **keys), "tcp", "bind_failed", "192.0.2.77|nowhere0|no IPv6 address")


class failing_tls(walk):
    def setUp(self):
        super().setUp()
        self.authority = certificates.authority(self.path)

    def server(self, names=("DNS:localhost", "IP:127.0.0.1"), name="server", authority=None, options=(), **dates):
        made, key = (authority or self.authority).issue(names, file=name, **dates)
        return self.sink("--tls-cert", made, "--tls-key", key, *options, name=name)

    def tls(self, **keys):
        return {"ca_file": str(self.authority.certificate), **keys}

    def check_one(self, sink, step, reason, detail, **keys):
        keys.setdefault("tls", self.tls())
        self.expect_failure(self.report(f"rtmps://localhost:{sink.port}/live/x", **keys), step, reason, detail)

    def test_good_server_is_described(self):
        report = self.report(f"rtmps://localhost:{self.server().port}/live/x", tls=self.tls())
        self.assertTrue(report["ok"], report)
        self.assertRegex(self.step(report, "tls")["detail"],
                         r"^TLSv1\.3 \S+; 'server', issued by 'Test CA', until 2099-01-01 00:00 UTC \(\d+ days left\)$")
        self.assertEqual(self.step(report, "clock")["outcome"], "ok")

    def test_expired(self):
        self.check_one(self.server(begin="20200101000000Z", end="20210101000000Z"), "tls", "expired", "2021-01-01")

    def test_not_yet_valid(self):
        self.check_one(self.server(begin="20980101000000Z"), "tls", "not_yet_valid", "2098-01-01")

    def test_another_name(self):
        self.check_one(self.server(["DNS:other.example"]), "tls", "name_mismatch", "other.example, not for localhost")

    def test_unknown_issuer(self):
        stranger = certificates.authority(self.path, "Stranger")
        self.check_one(self.server(authority=stranger), "tls", "unknown_issuer", "Stranger")

    def test_pins(self):
        sink = self.server()
        mine = certificates.pin_of(self.authority.folder / "server.pem")
        good = self.report(f"rtmps://localhost:{sink.port}/live/x", tls=self.tls(pin_sha256=mine))
        self.assertTrue(good["ok"], good)
        other = certificates.pin_of(certificates.authority(self.path, "Other").certificate)
        self.check_one(sink, "tls", "pin_mismatch", mine.replace("+", r"\+"), tls=self.tls(pin_sha256=[other]))

    def test_a_client_certificate_is_wanted(self):
        sink = self.server(options=("--tls-client-ca", self.authority.certificate))
        report = self.report(f"rtmps://localhost:{sink.port}/live/x", tls=self.tls())
        self.assertFalse(report["ok"])
        failed = next(step for step in report["steps"] if step["outcome"] == "failed")
        self.assertIn(failed["step"], ("tls", "handshake"), report)
        made, key = self.authority.issue(["DNS:camera"], file="camera")
        shown = self.tls(client_cert=str(made), client_key=str(key))
        self.assertTrue(self.report(f"rtmps://localhost:{sink.port}/live/x", tls=shown)["ok"])

    def test_a_port_without_tls(self):
        report = self.report(f"rtmps://localhost:{self.sink(name='plain').port}/live/x", tls=self.tls())
        self.assertIn(self.step(report, "tls")["reason"], ("closed_by_server", "connection_reset", "not_tls"))
        self.assertIn("TLS port", self.step(report, "tls")["remedy"])

    def test_tls_on_the_port_of_a_plain_address(self):
        report = self.report(f"rtmp://localhost:{self.server().port}/live/x")
        self.assertEqual(self.step(report, "handshake")["outcome"], "failed")
        self.assertIn("rtmps://", self.step(report, "handshake")["remedy"])

    def test_a_ca_that_is_not_there(self):
        sink = self.server()
        path = self.config([{"urls": [f"rtmps://localhost:{sink.port}/live/x"], "tls": {"ca_file": "nowhere.pem"}}])
        done = self.run_campush("check", "--config", path)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^error: .*check\.json:\d+:\d+: /cameras/0/.*/tls/ca_file: ca_file .*nowhere\.pem: No such file")
        report = json.loads(self.run_check(path, "--json").stdout)[0]
        self.expect_failure(report, "tls", "files", "nowhere.pem")


class failing_network(walk):
    """On a machine of its own, whose name server and packet filter do as they are told."""

    def setUp(self):
        super().setUp()
        netlab.require("nft")
        self.home = netlab.namespace(self, "camera")
        self.prefix = tuple(self.home.prefix)
        self.dns = netlab.name_server(self, self.home)

    def test_names(self):
        cases = {"nxdomain": ("no_such_name", "ame"), "servfail": ("name_service_failed", "."), "silent": ("name_service_silent", ".")}
        for mode, (reason, detail) in cases.items():
            with self.subTest(mode):
                self.dns.answer_with(mode)
                report = self.report(f"rtmp://{HOST}/live/x")
                self.expect_failure(report, "dns", reason, detail)
                self.assertLess(self.step(report, "dns")["ms"], 9000)

    def test_a_dead_ipv6_address_is_named_and_costs_nothing(self):
        sink = self.sink()
        self.dns.answer_with("fd77::2 127.0.0.1")
        report = self.report(f"rtmp://{HOST}:{sink.port}/live/x")
        self.assertTrue(report["ok"], report)
        self.assertIn("127.0.0.1 (IPv4)", self.step(report, "dns")["detail"])
        self.assertIn(f"127.0.0.1:{sink.port} from", self.step(report, "tcp")["detail"])
        self.assertLess(self.step(report, "tcp")["ms"], 3000, "ms; its time-out is 5 s")

    def test_a_black_hole(self):
        self.home.filter("tcp dport 1935 drop")
        self.expect_failure(self.report("rtmp://127.0.0.1/live/x"), "tcp", "connect_timeout", ".")

    def test_no_route(self):
        self.expect_failure(self.report("rtmp://192.0.2.1/live/x"), "tcp", "unreachable", "nreachable")


if __name__ == "__main__":
    harness.main()
