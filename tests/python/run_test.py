"""`campush run` as a service: its HTTP surface, signals, reload, the lock, and a machine that lacks things."""

import copy
import json
import os
import re
import signal
import socket
import subprocess
import time

import harness
from harness import file_source, pictures_sent

MAX_SHUTDOWN_S = 2.0
LAST_RESORT_S = 4.0


class run_case(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        self.server = harness.sink(self)

    def camera(self, camera_id=0, name="gate", **rtmp):
        return harness.camera(file_source("gate_sub.h264", "gate.aac"), {"urls": [self.server.url(name)], **rtmp}, camera_id)

    def until_pictures(self, name, more_than=5):
        """The push goes on, as the server sees it; needs nothing of the agent."""
        self.server.until("second", lambda event: any(stream["stream"] == name and stream["video"]["frames"] > more_than
                                                      for stream in event["streams"]), 20)


class http(run_case):
    def test_health_ready_and_routes(self):
        config = harness.config_of([self.camera(0), harness.camera(file_source("gate.h264"),
                                                                   f"rtmp://127.0.0.1:{harness.free_port()}/live/x", 1)])
        agent = harness.agent(self, config)
        agent.until(state="connected")
        agent.until(camera_id=1, errors=lambda count: count > 0)
        for method, path, code in (
                ("GET", "/health", 200), ("HEAD", "/health", 200), ("GET", "/ready", 503), ("GET", "/metrics", 200),
                ("GET", "/api/v1/sessions", 200), ("GET", "/api/v1/cameras", 200), ("GET", "/api/v1/sessions/0/main/default", 200),
                ("GET", "/api/v1/sessions/0/0/default", 200), ("GET", "/api/v1/sessions/0/sub/default", 404), ("GET", "/", 404),
                ("POST", "/api/v1/sessions", 405), ("GET", "/api/v1/sessions/0/0/default/retry", 405),
                ("POST", "/api/v1/sessions/1/0/default/retry", 202), ("POST", "/api/v1/sessions/7/0/default/retry", 404)):
            with self.subTest(f"{method} {path}"):
                self.assertEqual(agent.ask(path, method)[0], code)
        why = json.loads(agent.ask("/ready")[1])
        self.assertFalse(why["ready"])
        self.assertEqual(len(why["why"]), 1)
        self.assertIn("cam1_stream0/default", why["why"][0])

    def test_ready_is_200_when_all_are_connected(self):
        agent = harness.agent(self, harness.config_of([self.camera()]))
        agent.until(state="connected", is_acknowledging=True)
        self.assertEqual(agent.ask("/ready")[0], 200)
        self.server.child.kill()
        harness.eventually("not ready any more", lambda: agent.ask("/ready")[0] == 503)
        self.assertEqual(agent.ask("/health")[0], 200)

    def test_metrics_are_as_promtool_wants_them(self):
        harness.require("promtool")
        agent = harness.agent(self, harness.config_of([self.camera()]))
        agent.until(state="connected", frames_sent=lambda sent: sent["inter"] > 0)
        text = agent.ask("/metrics")[1]
        done = subprocess.run([harness.tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        labels = r'{camera_id="0",stream="main"'
        for name, labels_end in (("campush_session_up", ',destination="default"}'), ("campush_camera_up", "}")):
            self.assertRegex(text, rf"(?m)^{name}{labels}{labels_end} 1$")
        sent = re.search(r'campush_session_frames_sent_total{[^}]*kind="inter"} (\d+)', text)
        self.assertGreater(int(sent.group(1)), 0)

    def test_a_hostile_client_costs_a_connection(self):
        agent = harness.agent(self, harness.config_of([self.camera()]))
        agent.until(state="connected")
        port = int(agent.address().split(":")[1])
        for request in (b"\0" * 5000, b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n", b"POST /health HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
                        b"GET /health HTTP/1.1\r\n" + b"a: b\r\n" * 5000, b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                try:
                    client.sendall(request)
                    client.recv(4096)
                except OSError:
                    continue
        idle = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(40)]
        for client in idle:
            client.close()
        harness.eventually("it answers again", lambda: agent.ask("/health")[0] == 200)
        self.assertEqual(agent.session()["errors"], 0)


class signals(run_case):
    def check_end(self, agent, number=signal.SIGTERM):
        code, seconds = agent.child.stop(number)
        self.assertEqual(code, 0)
        self.assertTrue(harness.is_within(seconds, MAX_SHUTDOWN_S), f"{seconds} s")

    def test_sigterm_and_sigint_unpublish_and_end(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                agent = harness.agent(self, harness.config_of([self.camera(name=f"gate{number}")]), f"agent{number}")
                agent.until(state="connected", frames_sent=lambda sent: sent["inter"] > 0)
                self.check_end(agent, number)
                closed = self.server.until("close", lambda event: event["stream"] == f"gate{number}")
                self.assertEqual(closed["end_reason"], "unpublished by the client")

    def test_sigterm_ends_under_a_stalled_server(self):
        self.server.restart("--stop-reading-after-bytes", "30000")
        agent = harness.agent(self, harness.config_of([harness.camera(file_source("gate.h264"), self.server.url("gate"))]))
        agent.until(state="connected")
        agent.until(queue=lambda queue: queue["bytes"] > 0, seconds=30)
        self.check_end(agent)

    def test_sigterm_ends_while_servers_do_not_answer(self):
        self.server.restart("--silent-after-accept")
        agent = harness.agent(self, harness.config_of([self.camera(), self.camera(1, "other")]))
        agent.until(state="connecting", phase="handshake")
        self.check_end(agent)

    def test_sigterm_ends_beside_code_that_never_returns(self):
        """A driver or a plug-in that hangs cannot be made to end: the sessions are ended in order, then the process ends without it."""
        if os.environ.get("CAMPUSH_SANITIZE") == "thread":
            self.skipTest("ThreadSanitizer holds a signal back from a thread that waits in the C library")
        stuck = harness.camera({"type": "vendor", "library": os.environ["CAMPUSH_STUCK_PLUGIN"]}, self.server.url("stuck"), 1)
        agent = harness.agent(self, harness.config_of([self.camera(), stuck]))
        agent.until(camera_id=0, state="connected", frames_sent=lambda sent: sent["inter"] > 0, seconds=30)
        code, seconds = agent.child.stop(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertTrue(harness.is_within(seconds, LAST_RESORT_S), f"{seconds} s")
        closed = self.server.until("close", lambda event: event["stream"] == "gate")
        self.assertEqual(closed["end_reason"], "unpublished by the client")

    def test_sigterm_at_once_after_the_start(self):
        agent = harness.agent(self, harness.config_of([self.camera(number, f"g{number}") for number in range(4)]))
        agent.child.expect("campush .* starts with")
        self.check_end(agent)

    def test_sigusr1_tries_again_at_once(self):
        self.server.child.kill()
        slow = {"max_retry_attempts": 0, "retry": {"initial_delay_s": 300, "max_delay_s": 300}}
        agent = harness.agent(self, harness.config_of([self.camera()], slow))
        agent.until(state="error", next_retry_in_s=lambda wait: wait and wait > 100)
        self.server.restart()
        agent.child.send(signal.SIGUSR1)
        agent.until(state="connected", seconds=5)


class reload(run_case):
    def start_two(self):
        self.config = harness.config_of([self.camera(0, "one"), self.camera(1, "two")])
        self.agent = harness.agent(self, self.config)
        for camera_id in (0, 1):
            self.agent.until(camera_id=camera_id, state="connected", frames_sent=lambda sent: sent["inter"] > 0)

    def reload(self, expected=r"\] reload: (.+)"):
        """Returns the line that sums the reload up."""
        offset = len(self.agent.child.log())
        self.agent.child.send(signal.SIGHUP)
        return harness.eventually(lambda: self.agent.child.log()[offset:],
                                  lambda: re.search(expected, self.agent.child.log()[offset:])).group(0)

    def check_untouched(self, camera_id=0):
        status = self.agent.session(camera_id=camera_id)
        self.assertEqual((status["state"], status["connects"], status["errors"]), ("connected", 1, 0))
        return status

    def change(self, edit):
        wanted = copy.deepcopy(self.config)
        edit(wanted)
        self.agent.write(wanted)

    def test_only_what_changed_restarts(self):
        self.start_two()
        with self.subTest("an address"):
            self.change(lambda config: config["cameras"][1]["streams"][0].update(rtmp={"urls": [self.server.url("three")]}))
            self.reload()
            self.agent.until(camera_id=1, state="connected", url=self.server.url("three"))
            self.check_untouched(0)
            self.until_pictures("three")
        with self.subTest("a camera less"):
            self.change(lambda config: config["cameras"].pop())
            self.reload()
            harness.eventually("one session", lambda: len(self.agent.sessions()) == 1)
            self.check_untouched(0)
            self.assertEqual(len(self.agent.cameras()), 1)
        with self.subTest("a camera more, another clip"):
            self.change(lambda config: config["cameras"][1]["streams"][0].update(source=file_source("tiny.h264")))
            self.reload()
            self.agent.until(camera_id=1, state="connected")
            before = self.check_untouched(0)
            self.agent.until(frames_sent=lambda sent: sum(sent.values()) > pictures_sent(before) + 20)

    def test_a_bad_file_changes_nothing(self):
        self.start_two()
        for content in ("{", '{"cameras": [{"camera_id": "x"}]}', ""):
            with self.subTest(content):
                self.agent.write(content)
                line = self.reload(r"reload refused, nothing has changed: .+")
                self.assertIn("agent.json:1:", line)
        self.agent.config_path.unlink()
        self.reload(r"reload refused, nothing has changed: .+No such file")
        for camera_id in (0, 1):
            self.check_untouched(camera_id)
        self.assertRegex(self.agent.ask("/metrics")[1], r"(?m)^campush_failed_reloads_total\{?\}? 4$")
        self.agent.write(self.config)
        self.reload(r"nothing changed")
        for camera_id in (0, 1):
            self.check_untouched(camera_id)

    def test_log_level_and_http_change_alone(self):
        self.start_two()
        port = harness.free_port()
        self.change(lambda config: config.update(http={"listen": f"127.0.0.1:{port}"}, system={**config["system"], "log_level": "trace"}))
        self.reload()
        self.agent.port = port
        harness.eventually("HTTP at its new place", lambda: harness.is_listening(port))
        for camera_id in (0, 1):
            self.check_untouched(camera_id)

    def test_http_follows_its_token_file(self):
        token = self.path / "token"
        token.write_text("first-token\n", encoding="utf-8")
        self.config = harness.config_of([self.camera(0, "one")])
        self.config["http"]["token_file"] = str(token)
        self.agent = harness.agent(self, self.config)
        harness.eventually("it answers", lambda: self.agent.ask("/metrics", token="first-token")[0] == 200)
        token.write_text("short\n", encoding="utf-8")
        self.assertIn("allowed: 8 to 256", self.reload(r"reload: http.token_file .+"))
        self.assertEqual(self.agent.ask("/metrics", token="first-token")[0], 200)
        token.write_text("second-token\n", encoding="utf-8")
        self.reload(r"HTTP on .+\n")
        self.agent.port = None
        self.agent.port = int(re.findall(r"HTTP on 127\.0\.0\.1:(\d+)\n", self.agent.child.log())[-1])
        self.assertEqual(self.agent.ask("/metrics", token="second-token")[0], 200)
        self.assertEqual(self.agent.ask("/metrics", token="first-token")[0], 401)

    def streams_of_metrics(self):
        return sorted(set(re.findall(r'campush_stream_tags_total{camera_id="0",stream="([^"]+)"}', self.agent.ask("/metrics")[1])))

    def test_a_stream_less_or_renamed_leaves_nothing_behind(self):
        self.config = harness.config_of([self.camera(0, "one")])
        streams = self.config["cameras"][0]["streams"]
        streams.append({**copy.deepcopy(streams[0]), "stream_id": 1, "rtmp": {"urls": [self.server.url("two")]}})
        self.agent = harness.agent(self, self.config)
        harness.eventually("both", lambda: self.streams_of_metrics() == ["main", "sub"])
        self.change(lambda config: config["cameras"][0]["streams"].pop())
        self.reload()
        harness.eventually("one less", lambda: self.streams_of_metrics() == ["main"])
        self.change(lambda config: config["cameras"][0].update(streams=[{**streams[0], "name": "wide"}]))
        self.reload()
        harness.eventually("its new name", lambda: self.streams_of_metrics() == ["wide"])
        self.agent.until(state="connected", stream="wide", seconds=20)
        self.assertNotRegex(self.agent.child.log(), r"error +\[app\]")

    def test_two_sessions_swap_their_addresses(self):
        self.start_two()

        def swap(config):
            for camera, name in zip(config["cameras"], ("two", "one")):
                camera["streams"][0]["rtmp"]["urls"] = [self.server.url(name)]
        self.change(swap)
        self.reload()
        for camera_id, name in ((0, "two"), (1, "one")):
            self.agent.until(camera_id=camera_id, state="connected", url=self.server.url(name), seconds=20)
        self.assertNotRegex(self.agent.child.log(), r"error +\[app\]")

    def test_a_destination_more_leaves_its_neighbour_alone(self):
        self.start_two()
        second = [{"urls": [self.server.url("one")]}, {"name": "archive", "urls": [self.server.url("archive")]}]
        self.change(lambda config: config["cameras"][0]["streams"][0].update(rtmp=second))
        self.reload()
        self.agent.until("archive", state="connected")
        for camera_id in (0, 1):
            self.check_untouched(camera_id)


class machine(run_case):
    """Something is missing, full or taken: the push goes on."""

    def test_a_second_run_on_the_same_state_is_refused(self):
        agent = harness.agent(self, harness.config_of([self.camera()]))
        agent.until(state="connected")
        done = self.run_campush("run", "--config", agent.config_path)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(f"already running, pid {agent.child.pid}", done.stderr)
        self.assertEqual(agent.session()["connects"], 1)
        with self.subTest("the lock goes with a process that was killed"):
            agent.child.kill()
            again = harness.agent(self, harness.config_of([self.camera()]), "again")
            again.until(state="connected")

    def test_a_state_folder_that_cannot_be_written_is_replaced(self):
        config = harness.config_of([self.camera()])
        config["system"]["state_dir"] = "/proc/campush"
        agent = harness.agent(self, config, env={"XDG_STATE_HOME": str(self.path / "xdg")})
        agent.until(state="connected")
        self.assertEqual(agent.child.log().count("/proc/campush cannot be written"), 1)
        self.assertTrue((self.path / "xdg" / "campush" / "campush.lock").exists())

    def test_a_port_in_use_is_a_warning(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            config = harness.config_of([self.camera()], http={"listen": f"127.0.0.1:{port}"})
            agent = harness.agent(self, config)
            self.until_pictures("gate")
            self.assertEqual(agent.child.log().count(f"HTTP on 127.0.0.1:{port}: "), 1)
            self.assertEqual(agent.stop()[0], 0)

    def config_with_log_file(self, path):
        config = harness.config_of([self.camera(0, "one"), self.camera(1, "two")], http={"listen": f"127.0.0.1:{harness.free_port()}"})
        config["system"]["log"] = {"target": "file", "path": str(path), "max_bytes": 1 << 20}
        config["system"]["log_level"] = "trace"
        return config

    def check_goes_on(self, agent):
        for name in ("one", "two"):
            self.until_pictures(name)
        harness.eventually("the loss is told once", lambda: agent.child.log().count("log lines are being lost") == 1)
        self.assertEqual(agent.stop()[0], 0)
        self.assertEqual(len(agent.child.log().splitlines()), 1, agent.child.log())

    def test_a_log_that_takes_nothing_does_not_stop_the_push(self):
        self.check_goes_on(harness.agent(self, self.config_with_log_file("/dev/full")))

    def test_a_full_disk_does_not_stop_the_push(self):
        if not harness.IS_ROOT or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("a small disk needs a mount namespace")
        disk = self.path / "disk"
        disk.mkdir()
        mount = f'mount -t tmpfs -o size=8k small {disk} && head -c 8100 /dev/zero >{disk}/filler; exec "$@"'
        agent = harness.agent(self, self.config_with_log_file(disk / "campush.log"), prefix=("unshare", "-m", "sh", "-c", mount, "sh"))
        self.check_goes_on(agent)

    def test_a_log_that_nobody_reads_does_not_stop_the_push(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while os.write(writer, b"x" * 4096):
                pass
        os.set_blocking(writer, True)
        path = self.path / "agent.json"
        path.write_text(json.dumps(harness.config_of([self.camera()])), encoding="utf-8")
        child = subprocess.Popen([harness.CAMPUSH, "run", "--config", path], stdout=writer, stderr=writer)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        os.close(writer)
        self.until_pictures("gate")
        begin = time.monotonic()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(10 * harness.PATIENCE), 0)
        seconds = time.monotonic() - begin
        self.assertTrue(harness.is_within(seconds, MAX_SHUTDOWN_S), f"{seconds} s")

    def test_a_log_folder_that_does_not_exist_is_a_mistake(self):
        path = self.path / "c.json"
        path.write_text(json.dumps(self.config_with_log_file(self.path / "no" / "log")), encoding="utf-8")
        done = self.run_campush("run", "--config", path)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("No such file", done.stderr)

    def test_a_clip_that_may_not_be_read_concerns_its_camera_alone(self):
        prefix = harness.as_nobody(self)
        clip = self.path / "closed.h264"
        clip.write_bytes((harness.DATA / "tiny.h264").read_bytes())
        clip.chmod(0)
        config = harness.config_of([self.camera(), harness.camera(file_source(clip), self.server.url("closed"), 1)])
        agent = harness.agent(self, config, prefix=prefix)
        agent.until(state="connected")
        closed = harness.eventually("it is told", lambda: next((each for each in agent.cameras()
                                                                if each["camera_id"] == 1 and each["last_error"]), None))
        self.assertIn("closed.h264", closed["last_error"])
        self.assertIn("ermission denied", closed["last_error"])
        self.assertEqual(agent.session()["errors"], 0)


if __name__ == "__main__":
    harness.main()
