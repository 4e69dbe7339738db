"""The agent under its own filter of system calls: what it is for still works, in every thread, and what it is not for does not."""

import json
import pathlib
import re
import signal

import certificates
import harness
from harness import camera, config_of, file_source, pictures_sent


def modes(pid):
    """What the kernel says of each thread: 0 no filter, 2 a filter."""
    found = set()
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            found.add(re.search(r"^Seccomp:\s+(\d)", status.read_text(), re.M).group(1))
        except OSError:
            continue  # it has ended since
    return found


class seccomp_case(harness.case):
    needs = ("campush", "campush-sink")

    def push(self, mode, url, **more):
        config = config_of([camera(file_source("gate.h264", "gate.aac"), {"urls": [url], **more})])
        config["system"]["seccomp"] = mode
        agent = harness.agent(self, config)
        if agent.child.expect(r"system\.seccomp: |HTTP on").group(0) != "HTTP on":
            self.skipTest(agent.child.log().strip())
        return agent

    def check(self, mode, url, **more):
        agent = self.push(mode, url, **more)
        agent.until(state="connected", frames_sent=lambda sent: sent["key"] + sent["inter"] > 50)
        self.assertEqual(modes(agent.child.pid), {"2"})
        return agent


class filtered(seccomp_case):
    def test_push_to_nginx(self):
        server = harness.nginx(self)
        agent = self.check("on", server.url("gate"))
        sent = pictures_sent(agent.session())
        server.kill()
        agent.until(state=lambda state: state != "connected")
        server.start()
        agent.until(state="connected", frames_sent=lambda kinds: sum(kinds.values()) > sent + 50)
        self.assertEqual(agent.stop()[0], 0)

    def test_push_over_tls_by_name(self):
        authority = certificates.authority(self.path)
        certificate, key = authority.issue(["DNS:localhost"])
        server = harness.sink(self, "--tls-cert", certificate, "--tls-key", key)
        agent = self.check("on", f"rtmps://localhost:{server.port}/live/gate", tls={"ca_file": str(authority.certificate)})
        self.assertEqual(agent.stop()[0], 0)

    def test_reload_and_status(self):
        server = harness.sink(self)
        agent = self.check("on", server_url(server))
        config = json.loads(agent.config_path.read_text())
        config["system"]["log_level"] = "trace"
        config["system"]["seccomp"] = "off"
        agent.write(config)
        agent.child.send(signal.SIGHUP)
        agent.child.expect("system.seccomp changes only with a restart")
        agent.child.expect("reload done")
        self.assertEqual(modes(agent.child.pid), {"2"})
        self.assertEqual(agent.stop()[0], 0)

    def test_log_mode_pushes_too(self):
        server = harness.sink(self)
        self.assertEqual(self.check("log", server_url(server)).stop()[0], 0)


class unfiltered(seccomp_case):
    def test_an_unknown_word_is_refused(self):
        config = config_of([])
        config["system"]["seccomp"] = "maybe"
        (self.path / "c.json").write_text(json.dumps(config), encoding="utf-8")
        done = self.run_campush("check", "--config", "c.json")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/system/seccomp", done.stderr)

    def test_is_the_default(self):
        server = harness.sink(self)
        config = config_of([camera(file_source("gate.h264"), server_url(server))])
        agent = harness.agent(self, config)
        agent.until(state="connected")
        self.assertEqual(modes(agent.child.pid), modes("self"))


def server_url(server):
    return f"rtmp://127.0.0.1:{server.port}/live/gate"


if __name__ == "__main__":
    harness.main()
