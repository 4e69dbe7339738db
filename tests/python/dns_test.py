"""`campush run` where names are resolved badly: a network namespace with a DNS server that answers, denies or stays silent."""

import json
import pathlib
import signal
import subprocess
import sys

import harness
from harness import CAMPUSH, file_source

HOST = "ingest.campush.test"
DNS_SERVER = pathlib.Path(__file__).with_name("dns_server.py")
SETUP = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && echo ready && exec sleep 600'


class namespace_agent(harness.agent):
    """Its HTTP port is in the namespace: campush status asks there."""

    def sessions(self):
        command = [*self.test.inside, CAMPUSH, "status", "--json", "--address", self.address()]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return json.loads(done.stdout)["sessions"]


class dns(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        if not harness.IS_ROOT:
            self.skipTest("a network namespace needs root")
        harness.require("ip", "unshare", "nsenter")
        if subprocess.run(["unshare", "-n", "-m", "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("this kernel or container allows no network namespace")
        conf = self.path / "resolv.conf"
        conf.write_text("nameserver 127.0.0.1\n", encoding="ascii")
        holder = self.start("namespace", ["unshare", "-n", "-m", "sh", "-c", SETUP, "sh", conf])
        holder.expect("ready")
        self.inside = ["nsenter", "-t", str(holder.pid), "-n", "-m"]
        self.mode = self.path / "dns_mode"
        self.answer_with("silent")
        self.start("dns", [*self.inside, sys.executable, "-B", DNS_SERVER, "127.0.0.1", 53, self.mode]).expect("listening")
        self.server = harness.sink(self, prefix=self.inside)

    def answer_with(self, mode):
        self.mode.write_text(mode, encoding="ascii")

    def named_url(self, name="named"):
        return f"rtmp://{HOST}:{self.server.port}/live/{name}"

    def run_agent(self, *urls):
        cameras = [harness.camera(file_source("gate_sub.h264"), url, number) for number, url in enumerate(urls)]
        return namespace_agent(self, harness.config_of(cameras), prefix=self.inside)

    def check_end(self, agent):
        code, seconds = agent.child.stop(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertLess(seconds, 2)

    def test_a_silent_dns_delays_nobody_else_and_ends_within_2_seconds(self):
        agent = self.run_agent(self.server.url("numeric"), self.named_url(), f"rtmp://other.{HOST}/live/x")
        agent.until(camera_id=0, state="connected", seconds=3)
        for camera_id in (1, 2):
            status = agent.session(camera_id=camera_id)
            self.assertEqual((status["state"], status["phase"]), ("connecting", "resolve"))
        self.check_end(agent)

    def test_a_silent_dns_is_a_failure_of_this_address_alone(self):
        agent = self.run_agent({"urls": [self.named_url("away"), self.server.url("numeric")]})
        status = agent.until(state="connected", url_index=1, seconds=12)
        self.assertEqual(status["last_error"]["reason"], "dns_failed")
        self.assertIn(HOST, status["last_error"]["text"])
        self.check_end(agent)

    def test_a_name_that_does_not_exist_is_told_at_once_and_taken_when_it_does(self):
        for mode in ("nxdomain", "servfail"):
            with self.subTest(mode):
                self.answer_with(mode)
                agent = self.run_agent(self.named_url(mode)) if mode == "nxdomain" else agent
                errors = agent.session()["errors"]
                agent.until(errors=lambda count: count > errors, seconds=10)
                self.assertEqual(agent.session()["last_error"]["reason"], "dns_failed")
        self.answer_with("127.0.0.1")
        agent.until(state="connected")

    def test_the_last_good_address_is_used_while_dns_is_silent(self):
        self.answer_with("127.0.0.1")
        agent = self.run_agent(self.named_url())
        agent.until(state="connected")
        self.answer_with("silent")
        self.server.restart()
        agent.until(state="connected", connects=2, seconds=20)
        self.check_end(agent)

    def test_a_server_that_moves_is_found_at_its_new_address(self):
        self.answer_with("127.0.0.9")
        agent = self.run_agent(self.named_url())
        agent.until(errors=lambda count: count > 0)
        self.assertEqual(agent.session()["last_error"]["reason"], "connect_refused")
        self.answer_with("127.0.0.1")
        agent.until(state="connected")


if __name__ == "__main__":
    harness.main()
