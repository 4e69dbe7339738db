"""The commands and their exit codes: 0 good, 1 failed at run time, 2 usage or configuration."""

import json
import signal

import harness
from harness import ROOT, file_source

PUSH = {"cameras": [harness.camera(file_source("gate.h264"), "rtmp://127.0.0.1/live/gate")]}


def changed(**sections):
    return {**PUSH, **sections}


def with_stream(**keys):
    stream = {**PUSH["cameras"][0]["streams"][0], **keys}
    return {"cameras": [{"camera_id": 0, "streams": [stream]}]}


def with_url(url):
    return with_stream(rtmp={"urls": [url]})


# name: configuration, words of the one line that is printed.
MISTAKES = {
    "empty file": ("", "1:1"),
    "not JSON": ("{ cameras: 1 }", "1:3"),
    "cut off": ('{"cameras": [', "1:14"),
    "not an object": ("[]", "allowed: object"),
    "too deep": ("[" * 5000, "deep"),
    "a key twice": ('{"rtmp": {"enabled": true, "enabled": true}}', "given twice"),
    "bytes that are not UTF-8": (b'{"system": {"device_id": "\xff"}}', "c.json:1:"),
    "word for a number": (with_stream(encoder={"bitrate": "fast"}), "/cameras/0/streams/0/encoder/bitrate"),
    "out of range": (changed(system={"io_threads": 0}), "allowed: integer 1 to 16"),
    "misspelt key": (with_stream(encoder={"bitrat": 1}), 'did you mean "bitrate"?'),
    "no file in a file source": (with_stream(source={"type": "file"}), 'needs the key "video" or "audio"'),
    "unknown source": (with_stream(source={"type": "telepathy"}), '"file", "v4l2"'),
    "no address": (with_stream(rtmp={}), "no address"),
    "two sessions to one address": ({"cameras": [harness.camera(file_source("gate.h264"), "rtmp://a/live/x", number)
                                                 for number in (0, 1)]}, "cam1_stream0/default"),
    "two cameras of one number": ({"cameras": PUSH["cameras"] * 2}, "camera_id 0 is already used"),
    "more cameras than allowed": ({**PUSH, "system": {"max_cameras": 1}, "cameras": [
        harness.camera(file_source("gate.h264"), f"rtmp://a/live/{number}", number) for number in (0, 1)]}, "max_cameras"),
    "level out of order": (with_stream(rtmp={"urls": ["rtmp://a/b/c"], "queue": {"high_bytes": 20000}}), "warning_bytes"),
    "log file without a path": (changed(system={"log": {"target": "file"}}), '"path"'),
    "no log file at all": (changed(system={"log": {"target": "file", "path": "x", "max_files": 0}}), "allowed: integer 1"),
    "two cameras on one device": ({"cameras": [harness.camera({"type": "v4l2", "device": "/dev/video0"}, f"rtmp://a/live/{number}", number)
                                               for number in (0, 1)]}, "camera 1, stream main"),
    "more than the uplink carries": (changed(system={"uplink_kbps": 100}, cameras=[{"streams": [
        {"source": file_source("gate.h264"), "encoder": {"bitrate": 101}, "rtmp": {"urls": ["rtmp://a/b/c"]}}]}]), "/system/uplink_kbps"),
    "HTTP for all without a token": (changed(http={"listen": "0.0.0.0:8080"}), "token_file"),
    "HTTP at a name": (changed(http={"listen": "localhost:8080"}), "/http/listen"),
    "scheme": (with_url("http://a/live/x"), "rtmp://"),
    "no host": (with_url("rtmp:///live/x"), "host is missing"),
    "no application": (with_url("rtmp://a"), "application name is missing"),
    "no key": (with_url("rtmp://a/live"), "stream key is missing"),
    "port": (with_url("rtmp://a:70000/live/x"), "port"),
    "IPv6 without its bracket": (with_url("rtmp://[::1/live/x"), "IPv6"),
    "space": (with_url("rtmp://a/live/x y"), "space"),
    "unknown variable": (with_url("rtmp://a/live/{cam}"), "camera_id, stream_id"),
    "unclosed brace": (with_url("rtmp://a/live/{camera_id"), "never closed"),
    "variable that is not set": (with_url("rtmp://a/live/{env:CAMPUSH_NOT_SET}"), "CAMPUSH_NOT_SET"),
    "secret that is not there": (with_url("rtmp://a/live/{file:nothing}"), "nothing"),
}


class usage(harness.case):
    def check_line(self, done, code):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_help_and_version_are_good(self):
        for options in (["--help"], ["--version"], *([command, "--help"] for command in ("run", "check", "urls", "status", "retry", "devices", "demo"))):
            with self.subTest(options):
                done = self.run_campush(*options)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("campush" if options != ["--version"] else "campush 0.", done.stdout)

    def test_wrong_usage_is_2(self):
        for options in ([], ["push"], ["run", "--fast"], ["check", "--config"], ["demo", "--seconds", "x"]):
            with self.subTest(options):
                done = self.run_campush(*options)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, "")
                self.assertLessEqual(len(done.stderr.strip().splitlines()), 2)
                self.assertIn(options[-1].strip("-") if options else "subcommand", done.stderr)

    def test_the_examples_are_good(self):
        for path in sorted((ROOT / "etc" / "examples").glob("*.json")) + [ROOT / "etc" / "system_config.json"]:
            with self.subTest(path.name):
                done = self.run_campush("check", "--config", path)
                # Keys and certificates of an example are not on this machine.
                missing = [line for line in done.stderr.splitlines() if "/etc/campush/" in line and "No such file" in line]
                self.assertEqual(done.stderr.splitlines(), missing)
                self.assertEqual(done.returncode, 2 if missing else 0)
                self.assertIn("is good" if not missing else "warning: ", done.stdout)

    def test_urls_lists_every_address_in_order(self):
        done = self.run_campush("urls", "--config", ROOT / "etc" / "examples" / "two_cameras.json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 1 + 8)
        self.assertRegex(lines[1], r"^0 +main +default +primary +rtmp://server/live/cam0_main$")
        self.assertRegex(lines[2], r"^0 +main +default +backup1 +rtmp://server2/live/cam0_main$")
        rows = json.loads(self.run_campush("urls", "--json", "--config", ROOT / "etc" / "examples" / "two_cameras.json").stdout)
        self.assertEqual([row["url"] for row in rows], [line.split()[-1] for line in lines[1:]])

    def test_each_mistake_is_one_line_and_2(self):
        for name, (content, words) in MISTAKES.items():
            with self.subTest(name):
                path = self.path / "c.json"
                if not isinstance(content, bytes):
                    content = (content if isinstance(content, str) else json.dumps(content)).encode()
                path.write_bytes(content)
                for command in ("check", "urls", "run"):
                    done = self.run_campush(command, "--config", path)
                    self.check_line(done, 2)
                    self.assertIn(words, done.stderr)
                    self.assertEqual(done.stdout, "")

    def test_a_file_that_cannot_be_read_is_one_line_and_2(self):
        for path, words in ((self.path / "missing.json", "No such file"), (self.path, "not a file"), ("/dev/zero", "/dev/zero")):
            for command in ("check", "urls", "run"):
                with self.subTest(command=command, path=path):
                    done = self.run_campush(command, "--config", path)
                    self.check_line(done, 2)
                    self.assertIn(words, done.stderr)

    def test_an_unreadable_file_is_named(self):
        path = self.path / "c.json"
        path.write_text(json.dumps(PUSH), encoding="utf-8")
        path.chmod(0)
        done = self.run_campush("check", "--config", path, prefix=harness.as_nobody(self))
        self.check_line(done, 2)
        self.assertIn("c.json", done.stderr)
        self.assertIn("ermission denied", done.stderr)

    def test_check_warns_of_what_will_not_be_pushed(self):
        """Valid, and yet nothing will come of it."""
        cases = {
            "clip that is missing": (with_stream(source=file_source(self.path / "absent.h264")), "absent.h264"),
            "source of another build": (with_stream(source={"type": "publish"}), "source publish is not in this build"),
            "camera that is not plugged in": (with_stream(source={"type": "v4l2", "device": "/dev/video_none"}), "/dev/video_none"),
            "plug-in that is missing": (with_stream(source={"type": "vendor", "library": "none.so"}), "none.so"),
            "a server that anybody may be": (with_stream(rtmp={"urls": ["rtmps://a/live/x"], "tls": {"insecure": True}}), "any certificate"),
            "unknown section": (changed(colours={}), "colours"),
        }
        for name, (content, words) in cases.items():
            with self.subTest(name):
                path = self.path / "c.json"
                path.write_text(json.dumps(content), encoding="utf-8")
                done = self.run_campush("check", "--config", path)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                warnings = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
                self.assertEqual(len(warnings), 1, done.stdout)
                self.assertIn(words, warnings[0])

    def test_devices_lists_what_is_here_and_asks_plug_ins(self):
        done = self.run_campush("devices")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for title in ("Cameras", "Microphones", "Plug-ins"):
            self.assertIn(title, done.stdout.splitlines())
        listing = json.loads(self.run_campush("devices", "--json").stdout)
        self.assertEqual(set(listing), {"cameras", "microphones", "plugins"})
        self.assertEqual(listing["plugins"], [])

    def test_devices_says_which_plug_in_cannot_be_asked(self):
        done = self.run_campush("devices", "--json", "--library", self.path / "none.so")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("none.so", json.loads(done.stdout)["plugins"][0]["error"])

    def test_status_without_an_agent_is_1(self):
        done = self.run_campush("status", "--address", f"127.0.0.1:{harness.free_port()}")
        self.check_line(done, 1)
        self.assertIn("no agent answers", done.stderr)

    def test_status_with_a_bad_address_is_2(self):
        for address in ("nonsense", "127.0.0.1", "127.0.0.1:99999"):
            with self.subTest(address):
                self.check_line(self.run_campush("status", "--address", address), 2)


    def test_retry_without_an_agent_is_1_and_with_a_bad_address_2(self):
        done = self.run_campush("retry", "--address", f"127.0.0.1:{harness.free_port()}")
        self.check_line(done, 1)
        self.assertIn("no agent answers", done.stderr)
        self.check_line(self.run_campush("retry", "0/main", "--address", "nonsense"), 2)


class demo(harness.case):
    def test_shows_a_failover_without_a_person(self):
        done = self.run_campush("demo", "--once", "--seconds", "8", seconds=40)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("the primary server was killed", done.stdout)
        self.assertRegex(done.stdout, r"failover: all 4 streams play on the backup, \d+ ms after the kill")
        self.assertRegex(done.stdout.splitlines()[-1], r"^result: (\d+) frames sent, \d+ received, .* 0 pictures without reference: good$")
        self.assertNotIn("\x1b", done.stdout)


class status(harness.case):
    needs = ("campush", "campush-sink")

    def test_shows_the_sessions_as_table_and_json(self):
        server = harness.sink(self)
        agent = harness.agent(self, harness.config_of([harness.camera(file_source("gate.h264"), server.url("gate"), name="gate")]))
        agent.until(state="connected")
        done = self.run_campush("status", "--address", agent.address())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("1 of 1 sessions connected", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^gate/main +default +connected ")
        self.assertNotIn("\x1b", done.stdout)
        rows = json.loads(self.run_campush("status", "--json", "--address", agent.address()).stdout)["sessions"]
        self.assertEqual(rows[0]["state"], "connected")
        watch = self.start("watch", [harness.CAMPUSH, "status", "--watch", "--address", agent.address()])
        harness.eventually("it is shown twice", lambda: watch.log().count("gate/main") >= 2)
        watch.stop(signal.SIGINT)


class retry(harness.case):
    needs = ("campush", "campush-sink")

    def test_tries_again_what_waits_and_leaves_what_is_connected(self):
        server = harness.sink(self)
        patient = {"urls": [f"rtmp://127.0.0.1:{harness.free_port()}/live/x"], "retry": {"initial_delay_s": 3600, "max_delay_s": 3600}}
        agent = harness.agent(self, harness.config_of([
            harness.camera(file_source("gate.h264"), server.url("gate"), name="gate"),
            harness.camera(file_source("gate.h264"), patient, 1)]))
        address = ("--address", agent.address())
        states = {"connected", "error"}
        harness.eventually("one is connected, the other waits", lambda: {one["state"] for one in agent.sessions()} == states)
        done = self.run_campush("retry", *address)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "1/main/default: tries again now\n", ""))
        agent.child.expect(r"(?s)(Session failed, retry in .*){2}")
        done = self.run_campush("retry", "gate/0/default", *address)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "0/main/default: stays connected\n", ""))
        self.assertEqual(agent.session()["connects"], 1)
        done = self.run_campush("retry", "0", "nobody/main", *address)
        self.check_line(done, 2)
        self.assertIn("nobody/main: no such session", done.stderr)

    def check_line(self, done, code):
        self.assertEqual((done.returncode, done.stdout), (code, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


if __name__ == "__main__":
    harness.main()
