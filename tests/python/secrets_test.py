"""No stream key, password, query or file secret leaves the program except towards the server it belongs to."""

import json

import certificates
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
SIGN_KEY = "signKeyWombat4242"
MOVED_QUERY = "movedQueryYak5150"
MOVED_USER = "movedUserLemur6161"
ALL = (PASSWORD, QUERY, FILE_KEY, ENV_KEY, LONG_KEY, "partGnu6655", USER, TOKEN, APP_QUERY,
       SIGN_KEY, MOVED_QUERY, MOVED_USER)
# In no file but the configuration's: the others come from keys, passwords and servers.
NOT_IN_URLS = (TOKEN, SIGN_KEY, MOVED_QUERY, MOVED_USER)
# What is computed of secrets, and would serve as one.
COMPUTED = ("auth_key=", "txSecret=", "response=", "challenge=", "nonce=")
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
        for secret in (*ALL, *COMPUTED, "PRIVATE KEY"):
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

    def run_links(self, destinations, condition, name="links"):
        """Destinations with keys of their own."""
        config = harness.config_of([harness.camera(file_source("gate_sub.h264", "gate.aac"), destinations)])
        config["system"]["log_level"] = "trace"
        agent = harness.agent(self, config, name)
        harness.eventually(lambda: json.dumps(agent.sessions()), lambda: all(map(condition, agent.sessions())), 25)
        for path in ("/ready", "/metrics", "/api/v1/sessions"):
            self.check_text(agent.ask(path)[1], path)
        walked = self.run_campush("check", "--connect", "--config", agent.config_path, seconds=60)
        self.check_text(walked.stdout + walked.stderr, "check --connect")
        self.assertEqual(agent.stop()[0], 0)
        self.check_text(agent.child.log(), "the log")

    def test_passwords_of_publisher_authentication_stay_secret(self):
        destinations = []
        for method in ("adobe", "llnw"):
            server = harness.sink(self, "--auth", method, "--user", USER, "--password", PASSWORD, name=f"sink_{method}")
            for name, password in (("right", PASSWORD), ("wrong", PASSWORD[::-1] + LONG_KEY)):
                url = server.url(f"{name}?x={QUERY}").replace("rtmp://", f"rtmp://{USER}:{password}@")
                destinations.append({"name": f"{method}-{name}", "urls": [url]})
        self.run_links(destinations, lambda session: session["state"] == "connected" if session["destination"].endswith("right")
                       else session["errors"] > 0)

    def test_signatures_and_their_keys_stay_secret(self):
        (self.path / "sign_key").write_text(SIGN_KEY + "\n", encoding="utf-8")
        server = harness.sink(self)
        destinations = [{"name": kind, "urls": [server.url(f"{kind}?x={QUERY}")], "sign": {"type": kind, "key_file": "sign_key"}}
                        for kind in ("aliyun", "tencent")]
        self.run_links(destinations, lambda session: session["state"] == "connected")

    def test_addresses_that_servers_name_stay_secret(self):
        target = harness.sink(self, name="target")
        moved = f"rtmp://127.0.0.1:{target.port}/live?token={MOVED_QUERY}"
        faults = {
            "refused": ("--redirect", moved.replace("127", f"{MOVED_USER}:{PASSWORD}@127")),
            "redirected": ("--redirect", moved),
            "asked": ("--claim", "reconnect", "--reconnect-after", "0.3", "--reconnect-to", moved),
        }
        sinks = {name: harness.sink(self, *options, name=f"sink_{name}") for name, options in faults.items()}
        shows = {"refused": lambda status: status["errors"] > 0, "redirected": lambda status: status["state"] == "connected",
                 "asked": lambda status: status["connects"] > 1}
        self.run_links([{"name": name, "urls": [sink.url(name)]} for name, sink in sinks.items()],
                       lambda session: shows[session["destination"]](session))

    def test_nothing_leaks_through_tls(self):
        authority = certificates.authority(self.path)
        certificate, key = authority.issue(["IP:127.0.0.1"])
        server = harness.sink(self, "--tls-cert", certificate, "--tls-key", key)
        base = f"rtmps://{USER}:{PASSWORD}@127.0.0.1:{server.port}/live?sign={APP_QUERY}/{LONG_KEY}?token={QUERY}"
        trusting = {"ca_file": str(authority.certificate), "client_cert": str(certificate), "client_key": str(key)}
        self.run_links([{"name": "good", "urls": [base], "tls": trusting}, {"name": "bad", "urls": [base + "2"]}],
                       lambda session: session["state"] == "connected" or session["errors"] > 0)

    def test_check_and_urls_hide_what_show_secrets_shows(self):
        path = self.path / "c.json"
        path.write_text(json.dumps(self.config("rtmp://127.0.0.1")), encoding="utf-8")
        for command in (["check"], ["urls"], ["urls", "--json"]):
            done = self.run_campush(*command, "--config", path, env=ENVIRONMENT)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.check_text(done.stdout + done.stderr, command)
        shown = self.run_campush("urls", "--config", path, "--show-secrets", env=ENVIRONMENT).stdout
        for secret in ALL:
            if secret not in NOT_IN_URLS:
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
