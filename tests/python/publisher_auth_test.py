"""Publisher authentication (Adobe, Limelight): the sink's server side against Debian's ffmpeg first, then campush against it."""

import harness
from harness import DATA, file_source

USER, PASSWORD = "userCaracal21", "pw-Zebra-4471"
METHODS = ("adobe", "llnw")


class auth_case(harness.case):
    def server(self, method):
        return harness.sink(self, "--auth", method, "--user", USER, "--password", PASSWORD, name=f"sink_{method}")

    def url(self, server, user=USER, password=PASSWORD, app="live"):
        return server.url("yard", app).replace("rtmp://", f"rtmp://{user}:{password}@")

    def summary(self, server):
        server.child.stop()
        return server.until("summary")


class ffmpeg_against_the_sink(auth_case):
    needs = ("campush-sink", "ffmpeg")

    def push(self, url):
        command = [harness.tool("ffmpeg"), "-hide_banner", "-loglevel", "error", "-i", DATA / "gate_sub.h264", "-t", "1", "-c", "copy",
                   "-f", "flv", url]
        return self.start("ffmpeg", command).wait(20)

    def test_the_right_password_is_let_in(self):
        for method in METHODS:
            for app in ("live", "live/inst"):
                with self.subTest(method=method, app=app):
                    server = self.server(method)
                    self.assertEqual(self.push(self.url(server, app=app)), 0)
                    closed = server.until_closed()
                    self.assertGreater(closed["keyframes"], 0)
                    self.assertEqual(self.summary(server)["connects_refused"], 2)

    def test_a_wrong_password_is_refused(self):
        for method in METHODS:
            with self.subTest(method):
                server = self.server(method)
                self.assertNotEqual(self.push(self.url(server, password="guess")), 0)
                summary = self.summary(server)
                self.assertEqual((summary["publishes"], summary["connects_refused"]), (0, 3))


class campush_against_the_sink(auth_case):
    needs = ("campush", "campush-sink")

    def agent(self, url, name):
        camera = harness.camera(file_source("gate_sub.h264", "gate.aac"), url)
        config = harness.config_of([camera])
        config["system"]["log_level"] = "trace"
        return harness.agent(self, config, name)

    def check_silence(self, agent):
        """Neither user nor password is told to anybody but the server."""
        shown = agent.ask("/api/v1/sessions")[1] + agent.ask("/metrics")[1]
        self.assertEqual(agent.stop()[0], 0)
        for text in (shown, agent.child.log()):
            for secret in (USER, PASSWORD):
                self.assertNotIn(secret, text)

    def test_the_right_password_is_let_in_at_once(self):
        for method in METHODS:
            with self.subTest(method):
                server = self.server(method)
                agent = self.agent(self.url(server), f"agent_{method}")
                status = agent.until(state="connected", frames_sent=lambda sent: sent["key"] > 0)
                self.assertEqual(status["attempts"], 1, "three connections are one attempt")
                self.check_silence(agent)
                self.assertEqual(server.until_closed()["pictures"]["missing_references"], 0)

    def test_a_wrong_password_is_denied_in_a_clear_sentence(self):
        for method in METHODS:
            with self.subTest(method):
                server = self.server(method)
                agent = self.agent(self.url(server, password="guessTapir7"), f"agent_{method}")
                status = agent.until(last_error=lambda error: error and error["reason"] == "denied")
                self.assertIn(f"the server does not accept this user and password ({method})", status["last_error"]["text"])
                self.check_silence(agent)
                self.assertNotIn("guessTapir7", agent.child.log())

    def test_an_address_without_user_says_what_is_missing(self):
        server = self.server("adobe")
        agent = self.agent(server.url("yard"), "agent")
        status = agent.until(last_error=lambda error: error and error["reason"] == "denied")
        self.assertIn("asks for a user and a password (adobe), and the address has none", status["last_error"]["text"])


if __name__ == "__main__":
    harness.main()
