"""`campush run` where names are resolved badly: a network namespace with a DNS server that answers, denies or stays silent."""

import signal

import harness
import netlab
from harness import file_source

HOST = "ingest.campush.test"


class dns(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        netlab.require()
        self.home = netlab.namespace(self, "camera")
        self.dns = netlab.name_server(self, self.home)
        self.server = harness.sink(self, prefix=self.home.prefix)

    def answer_with(self, mode):
        self.dns.answer_with(mode)

    def named_url(self, name="named"):
        return f"rtmp://{HOST}:{self.server.port}/live/{name}"

    def run_agent(self, *urls):
        cameras = [harness.camera(file_source("gate_sub.h264"), url, number) for number, url in enumerate(urls)]
        config = harness.config_of(cameras)
        config["system"]["max_cameras"] = len(urls)
        return netlab.agent(self, self.home, config)

    def check_end(self, agent):
        code, seconds = agent.child.stop(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertTrue(harness.is_within(seconds, 2), f"{seconds} s")

    def test_a_silent_dns_delays_nobody_else_and_ends_within_2_seconds(self):
        # Cameras start in this order: the one that needs no name is the last.
        agent = self.run_agent(self.named_url(), f"rtmp://other.{HOST}/live/x", self.server.url("numeric"))
        agent.until(camera_id=2, state="connected")
        for camera_id in (0, 1):
            # Its 5 s have not passed: nobody waited for them.
            status = agent.session(camera_id=camera_id)
            self.assertEqual((status["connects"], status["errors"], status["phase"]), (0, 0, "resolve"))
        self.check_end(agent)

    def test_one_silent_name_among_16_streams_delays_no_other(self):
        silent = f"silent.{HOST}"
        self.answer_with(f"silent {silent} 127.0.0.1")
        urls = [self.named_url(f"s{number}") for number in range(15)]
        urls.insert(7, f"rtmp://{silent}:{self.server.port}/live/s15")
        agent = self.run_agent(*urls)
        others = [number for number in range(16) if number != 7]
        harness.eventually("15 streams are connected", lambda: all(
            session["state"] == "connected" for session in agent.sessions() if session["camera_id"] in others))
        status = agent.session(camera_id=7)
        self.assertEqual((status["connects"], status["errors"]), (0, 0), "they have waited for the silent name")
        # It goes on being looked for, and being late, while the others push.
        agent.until(camera_id=7, errors=lambda count: count > 0)
        for session in agent.sessions():
            if session["camera_id"] != 7:
                self.assertEqual((session["connects"], session["errors"]), (1, 0))
        self.assertEqual(agent.session(camera_id=7)["last_error"]["reason"], "dns_failed")
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
