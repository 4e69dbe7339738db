"""`campush run` against a campush-sink that misbehaves: the state and reason it shows, what goes on meanwhile, how it comes back."""

import harness
from harness import file_source, pictures_sent


def dropped_for_the_network(dropped):
    """Pictures that the queue let go, as opposed to those that came before a connection did."""
    return sum(count for key, count in dropped.items() if key.endswith(("_congestion", "_broken_reference", "_flush", "_disposable")))


class fault_case(harness.case):
    needs = ("campush", "campush-sink")

    def push(self, server, source=None, **rtmp):
        source = source or file_source("gate.h264", "gate.aac")
        return harness.agent(self, harness.config_of([harness.camera(source, {"urls": [server.url("gate")], **rtmp})]))

    def check_recovery(self, agent, server):
        """The server comes back on the same port and behaves."""
        server.restart()
        before = agent.session()["connects"]
        agent.until(state="connected", connects=lambda count: count > before or server.events("publish"), seconds=20)
        sent = pictures_sent(agent.session())
        agent.until(frames_sent=lambda kinds: kinds["key"] + kinds["inter"] > sent + 5)
        server.until("second", lambda event: event["streams"] and event["streams"][0]["video"]["frames"] > 5)
        self.assertEqual(agent.stop()[0], 0)
        stats = server.until_closed()
        self.assertEqual(stats["pictures"]["missing_references"], 0)


class before_publishing(fault_case):
    """Faults that keep a session from its first picture."""

    def check(self, reason, *options, seconds=15):
        server = harness.sink(self, *options)
        agent = self.push(server)
        agent.until(last_error=lambda error: error and error["reason"] == reason, errors=lambda count: count >= 2, seconds=seconds)
        status = agent.session()
        self.assertIn(status["state"], ("error", "connecting"))
        self.assertEqual(status["connects"], 0)
        self.assertEqual(pictures_sent(status), 0)
        code, why = agent.ask("/ready")
        self.assertEqual(code, 503)
        self.assertIn("cam0_stream0/default", why)
        self.check_recovery(agent, server)

    def test_a_server_that_refuses_connections(self):
        server = harness.sink(self)
        server.child.kill()
        agent = self.push(server)
        agent.until(errors=lambda count: count >= 2)
        self.assertEqual(agent.session()["last_error"]["reason"], "connect_refused")
        self.check_recovery(agent, server)

    def test_a_server_that_says_nothing(self):
        self.check("handshake_timeout", "--silent-after-accept", seconds=20)

    def test_a_server_that_does_not_answer_connect(self):
        self.check("handshake_timeout", "--silent-after-connect", seconds=20)

    def test_a_server_that_speaks_garbage(self):
        self.check("protocol_violation", "--garbage")

    def test_a_name_in_use(self):
        server = harness.sink(self, "--bad-name")
        agent = self.push(server)
        status = agent.until(is_name_in_use=True, next_retry_in_s=lambda wait: wait)
        self.assertEqual(status["last_error"]["reason"], "name_in_use")
        self.assertLessEqual(status["next_retry_in_s"], 3.6)
        self.assertEqual(status["pass"], 1)
        self.check_recovery(agent, server)
        self.assertFalse(any(event["publishes_refused"] for event in server.events("second")))


class refusals(fault_case):
    """An explicit no is not asked again every second; a person's retry is."""

    def check(self, *options):
        server = harness.sink(self, *options)
        agent = self.push(server)
        status = agent.until(state="disconnected", reason="denied")
        self.assertGreater(status["next_retry_in_s"], 200)
        server.restart()
        code, _ = agent.ask("/api/v1/sessions/0/main/default/retry", "POST")
        self.assertEqual(code, 202)
        agent.until(state="connected", frames_sent=lambda sent: sent["inter"] > 0)

    def test_connect_is_denied(self):
        self.check("--deny-connect")

    def test_publish_is_denied(self):
        self.check("--deny-publish")

    def test_accepted_and_closed_three_times_is_a_denial(self):
        self.check("--close-after-start")


class while_publishing(fault_case):
    def test_a_connection_that_breaks_is_made_again(self):
        server = harness.sink(self, "--close-after-bytes", "150000")
        agent = self.push(server)
        status = agent.until(connects=lambda count: count >= 3, seconds=25)
        self.assertIn(status["last_error"]["reason"], ("closed_by_server", "connection_reset"))
        self.check_recovery(agent, server)

    def test_a_publisher_that_is_kicked_comes_back(self):
        server = harness.sink(self, "--unpublish-after", "1")
        agent = self.push(server)
        status = agent.until(connects=lambda count: count >= 2, seconds=20)
        self.assertIn(status["last_error"]["reason"], ("closed_by_server", "server_error"))
        self.check_recovery(agent, server)

    def test_a_server_that_stops_reading_is_left_after_8_seconds(self):
        server = harness.sink(self, "--stop-reading-after-bytes", "50000")
        agent = self.push(server)
        agent.until(state="connected")
        agent.until(queue=lambda queue: queue["level"] != "normal", seconds=30)
        agent.until(last_error=lambda error: error and error["reason"] == "ack_stall", seconds=30)
        self.assertGreater(dropped_for_the_network(agent.session()["frames_dropped"]), 0)
        self.check_recovery(agent, server)

    def test_a_slow_server_loses_pictures_and_keeps_its_connection(self):
        server = harness.sink(self, "--slow", "40000")
        agent = self.push(server)
        agent.until(frames_dropped=lambda dropped: dropped_for_the_network(dropped) > 20, seconds=40)
        status = agent.session()
        self.assertEqual((status["state"], status["connects"], status["errors"]), ("connected", 1, 0))
        self.assertNotIn("key_congestion", status["frames_dropped"])
        self.assertFalse([kind for kind in status["frames_dropped"] if kind.startswith("audio_congestion")])
        second = server.until("second", lambda event: event["streams"])
        self.assertEqual(second["streams"][0]["pictures"]["missing_references"], 0)
        self.check_recovery(agent, server)

    def test_late_acknowledgements_change_nothing(self):
        server = harness.sink(self, "--late-acks", "3")
        agent = self.push(server)
        agent.until(state="connected", is_acknowledging=True, frames_sent=lambda sent: sent["inter"] > 120)
        status = agent.session()
        self.assertEqual((status["errors"], status["queue"]["level"]), (0, "normal"))
        self.assertEqual(agent.ask("/ready")[0], 200)

    def test_a_stalled_destination_does_not_hold_up_another(self):
        stalled, good = harness.sink(self, "--stop-reading-after-bytes", "50000", name="stalled"), harness.sink(self, name="good")
        destinations = [{"name": name, "urls": [server.url("gate")]} for name, server in (("stalled", stalled), ("good", good))]
        agent = harness.agent(self, harness.config_of([harness.camera(file_source("gate.h264", "gate.aac"), destinations)]))
        agent.until("stalled", errors=lambda count: count > 0, seconds=40)
        status = agent.session("good")
        self.assertEqual((status["state"], status["errors"], status["connects"]), ("connected", 0, 1))
        agent.stop()
        stats = good.until_closed()
        self.assertEqual((stats["pictures"]["skipped"], stats["video"]["gaps"]), (0, 0))


def failing(status):
    return status["errors"] > 0


class endings(fault_case):
    """SIGTERM ends the program within 2 s, whatever the server does at that moment."""

    # What the server does; what status shows then.
    FAULTS = {
        "--refuse": failing,
        "--bad-name": lambda status: status["is_name_in_use"],
        "--deny-connect": lambda status: status["reason"] == "denied",
        "--deny-publish": lambda status: status["reason"] == "denied",
        "--silent-after-accept": lambda status: status["phase"] == "handshake",
        "--silent-after-connect": lambda status: status["phase"] == "connect",
        "--garbage": failing,
        "--close-after-start": failing,
        "--close-after-bytes 30000": failing,
        "--stop-reading-after-bytes 30000": lambda status: status["queue"]["bytes"] > 0,
        "--slow 20000": lambda status: status["queue"]["level"] != "normal",
        "--late-acks 3": lambda status: status["state"] == "connected",
        "--unpublish-after 0.3": failing,
        "--claim reconnect --reconnect-after 0.3": lambda status: status["connects"] > 1,
        "--redirect rtmp://127.0.0.1:9/live": failing,
        "--refuse-properties": lambda status: status["state"] == "connected",
        "--auth adobe --user camera --password right": lambda status: status["state"] == "disconnected" or failing(status),
    }

    def begin(self, number, options, scheme="rtmp"):
        server = harness.sink(self, *options.split(), name=f"sink{number}")
        port = server.port or harness.free_port()
        url = f"{scheme}://camera:wrong@127.0.0.1:{port}/live/gate"
        camera = harness.camera(file_source("gate.h264", "gate.aac"), url)
        config = harness.config_of([camera])
        config["system"]["state_dir"] = f"state{number}"
        return harness.agent(self, config, f"agent{number}")

    def check(self, cases):
        """Programs run side by side: each waits for its own moment."""
        started = [(options, shows, self.begin(number, options, *scheme)) for number, (options, shows, *scheme) in enumerate(cases)]
        for options, shows, agent in started:
            with self.subTest(options):
                harness.eventually(lambda: f"{options}: {agent.session()}", lambda: shows(agent.session()), 30)
                code, seconds = agent.stop()
                self.assertEqual(code, 0)
                self.assertTrue(harness.is_within(seconds, 2), f"{seconds} s")

    def test_under_faults_before_publishing(self):
        self.check(list(self.FAULTS.items())[:7])

    def test_under_faults_while_publishing(self):
        self.check(list(self.FAULTS.items())[7:])

    def test_under_a_tls_handshake_that_is_not_answered(self):
        self.check([("--silent-after-accept", lambda status: status["phase"] == "tls", "rtmps")])


class sources(fault_case):
    """Not every stream can be had: the others go on."""

    def test_a_camera_without_its_clip_does_not_hold_up_another(self):
        server = harness.sink(self)
        clip = self.path / "late.h264"
        cameras = [harness.camera(file_source(clip), server.url("late"), 0), harness.camera(file_source("gate.h264"), server.url("gate"), 1)]
        agent = harness.agent(self, harness.config_of(cameras))
        agent.until(camera_id=1, state="connected")
        status = agent.until(camera_id=0, state="disconnected", reason="not_started")
        self.assertEqual(status["attempts"], 0)
        broken = next(each for each in agent.cameras() if each["camera_id"] == 0)
        self.assertIn("late.h264", broken["last_error"])
        clip.write_bytes((harness.DATA / "gate_sub.h264").read_bytes())
        agent.until(camera_id=0, state="connected", seconds=30)
        self.assertEqual(agent.session(camera_id=1)["connects"], 1)

    def test_damaged_clips_are_named_and_nothing_else_suffers(self):
        server = harness.sink(self)
        damaged = {"empty": b"", "zeros": bytes(4096), "text": b"no video at all\n" * 100}
        cameras = [harness.camera(file_source("gate.h264"), server.url("gate"), 0)]
        for number, (name, content) in enumerate(damaged.items(), 1):
            path = self.path / f"{name}.h264"
            path.write_bytes(content)
            cameras.append(harness.camera(file_source(path), server.url(name), number))
        agent = harness.agent(self, harness.config_of(cameras))
        agent.until(state="connected", frames_sent=lambda sent: sent["inter"] > 30)
        for number, name in enumerate(damaged, 1):
            with self.subTest(name):
                self.assertEqual(agent.session(camera_id=number)["reason"], "not_started")
                camera = next(each for each in agent.cameras() if each["camera_id"] == number)
                self.assertIn(f"{name}.h264", camera["last_error"])
                self.assertNotIn("\n", camera["last_error"])
        self.assertEqual(agent.session()["errors"], 0)

    def test_a_truncated_clip_plays_as_far_as_it_goes(self):
        server = harness.sink(self)
        path = self.path / "cut.h264"
        path.write_bytes((harness.DATA / "tiny.h264").read_bytes()[:-700])
        agent = self.push(server, file_source(path, loop=False))
        agent.until(state="disconnected", reason="source_ended", seconds=20)
        stats = server.until_closed()
        self.assertGreater(stats["video"]["frames"], 100)
        self.assertEqual(stats["pictures"]["missing_references"], 0)


if __name__ == "__main__":
    harness.main()
