"""No stream key, password, query or file secret leaves the program except towards the server it belongs to."""

import json

import harness
from harness import file_source

# Each is found nowhere else, so that its appearance anywhere is a leak.
PASSWORD = "pw-Zebra-4471"
QUERY = "tokenQuagga9983"
FILE_KEY = "fileKeyOkapi5512"
ENV_KEY = "envKeyTapir7730"
LONG_KEY = "longkeyIbex1234567890abcdef"
PATH_KEY = "partA/partGnu6655"
USER = "userCaracal21"
TOKEN = "bearerNarwhal8899"
APP_QUERY = "appQueryDugong3141"
ALL = (PASSWORD, QUERY, FILE_KEY, ENV_KEY, LONG_KEY, "partGnu6655", USER, TOKEN, APP_QUERY)
ENVIRONMENT = {"CAMPUSH_TEST_KEY": ENV_KEY}


def urls_with_secrets(base):
    """Addresses that between them carry every secret; `base` is rtmp://HOST:PORT."""
    with_user = base.replace("rtmp://", f"rtmp://{USER}:{PASSWORD}@")
    return [
        f"{with_user}/live/plain?auth={QUERY}",
        {"url": f"{base}/live", "stream_key": "{file:key}"},
        f"{base}/live/{{env:CAMPUSH_TEST_KEY}}",
        f"{base}/live/{LONG_KEY}?x={QUERY}",
        {"url": f"{base}/live", "stream_key": PATH_KEY},
        f"{base}/live?sign={APP_QUERY}/short",
    ]


class secrets(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        (self.path / "key").write_text(FILE_KEY + "\n", encoding="utf-8")
        (self.path / "token").write_text(TOKEN + "\n", encoding="utf-8")

    def config(self, base, **more):
        """A destination for each address, so that all of them are tried at once."""
        destinations = [{"name": f"d{number}", "urls": [url]} for number, url in enumerate(urls_with_secrets(base))]
        config = harness.config_of([harness.camera(file_source("gate_sub.h264", "gate.aac"), destinations)], **more)
        config["system"]["log_level"] = "trace"
        config["http"]["token_file"] = "token"
        return config

    def check_text(self, text, what):
        for secret in ALL:
            self.assertNotIn(secret, text, f"{what} shows a secret")

    def check_surfaces(self, agent):
        """Everything that the running program says of itself."""
        for path in ("/health", "/ready", "/metrics", "/api/v1/sessions", "/api/v1/cameras", "/api/v1/sessions/0/main/d0"):
            code, body = agent.ask(path, token=TOKEN)
            self.assertIn(code, (200, 503), path)
            self.assertGreater(len(body), 10)
            self.check_text(body, path)
        self.check_text(agent.ask("/api/v1/sessions/0/main/d1/retry", "POST", token=TOKEN)[1], "retry")
        for options in ([], ["--json"]):
            done = self.run_campush("status", "--address", agent.address(), "--token-file", self.path / "token", *options)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("d5", done.stdout)
            self.check_text(done.stdout + done.stderr, f"status {options}")

    def until_all(self, agent, condition):
        def is_so():
            sessions = json.loads(agent.ask("/api/v1/sessions", token=TOKEN)[1])["sessions"]
            return all(map(condition, sessions))
        harness.eventually("every session", is_so, 25)

    def run_against(self, base, condition, name="agent"):
        agent = harness.agent(self, self.config(base), name, ENVIRONMENT)
        self.until_all(agent, condition)
        self.check_surfaces(agent)
        self.assertEqual(agent.ask("/metrics")[0], 401)
        self.assertEqual(agent.stop()[0], 0)
        self.assertIn("Session", agent.child.log())
        self.check_text(agent.child.log(), "the log")

    def test_nothing_leaks_while_publishing(self):
        server = harness.sink(self)
        self.run_against(f"rtmp://127.0.0.1:{server.port}", lambda session: session["state"] == "connected")
        # The server has got them as they are.
        self.assertEqual(len(server.events("publish")), len(urls_with_secrets("")))

    def test_nothing_leaks_when_servers_fail(self):
        for name, option in (("refused", "--refuse"), ("bad name", "--bad-name"), ("denied", "--deny-publish"), ("rejected", "--deny-connect"),
                             ("garbage", "--garbage")):
            with self.subTest(name):
                server = harness.sink(self, option, name=f"sink_{option[2:]}")
                port = server.port or harness.free_port()
                self.run_against(f"rtmp://127.0.0.1:{port}", lambda session: session["errors"] > 0, f"agent{option}")

    def test_nothing_leaks_when_nginx_refuses(self):
        harness.require("nginx")
        server = harness.nginx(self)
        self.run_against(f"rtmp://127.0.0.1:{server.port}",
                         lambda session: session["state"] == "connected" or session["errors"] > 0)

    def test_nothing_leaks_when_a_name_cannot_be_resolved(self):
        self.run_against("rtmp://nowhere.invalid", lambda session: session["errors"] > 0)

    def test_check_and_urls_hide_what_show_secrets_shows(self):
        path = self.path / "c.json"
        path.write_text(json.dumps(self.config("rtmp://127.0.0.1")), encoding="utf-8")
        for command in (["check"], ["urls"], ["urls", "--json"]):
            done = self.run_campush(*command, "--config", path, env=ENVIRONMENT)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check_text(done.stdout + done.stderr, command)
        shown = self.run_campush("urls", "--config", path, "--show-secrets", env=ENVIRONMENT).stdout
        for secret in ALL:
            if secret != TOKEN:
                self.assertIn(secret, shown)

    def test_mistakes_in_urls_are_told_without_the_url(self):
        base = "rtmp://127.0.0.1"
        broken = {
            "scheme": f"htp://{USER}:{PASSWORD}@127.0.0.1/live/{LONG_KEY}?a={QUERY}",
            "port": f"rtmp://{USER}:{PASSWORD}@127.0.0.1:99999/live/{LONG_KEY}",
            "no host": f"rtmp://{USER}:{PASSWORD}@/live/{LONG_KEY}",
            "space": f"{base}/live/ {LONG_KEY}?{QUERY}",
            "no key": f"rtmp://{USER}:{PASSWORD}@127.0.0.1",
            "bracket": f"rtmp://{USER}:{PASSWORD}@[::1/live/{LONG_KEY}",
            "unknown variable": f"{base}/live/{LONG_KEY}{{nobody}}",
            "brace": f"{base}/live/{LONG_KEY}{{camera_id",
            "wrong type": {"url": f"{base}/live", "stream_key": 17, "comment": LONG_KEY},
            "key unknown": {"url": f"{base}/live", "streamkey": LONG_KEY},
            "secret is too long": f"{base}/live/" + LONG_KEY * 200,
        }
        for name, url in broken.items():
            with self.subTest(name):
                self.check_refused([{"name": "a", "urls": [url]}])
        with self.subTest("twice the same"):
            url = f"{base}/live/{LONG_KEY}?{QUERY}"
            self.check_refused([{"name": "a", "urls": [url]}, {"name": "b", "urls": [url]}])

    def check_refused(self, destinations):
        path = self.path / "broken.json"
        path.write_text(json.dumps(harness.config_of([harness.camera(file_source("gate.h264"), destinations)])), encoding="utf-8")
        for command in ("check", "urls", "run"):
            done = self.run_campush(command, "--config", path, env=ENVIRONMENT)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.check_text(done.stdout + done.stderr, command)


if __name__ == "__main__":
    harness.main()
