"""`campush run` in surroundings that are not as they should be, and under changes that come fast."""

import array
import fcntl
import json
import os
import signal
import socket
import subprocess
import termios

import harness
import media
from harness import DATA, file_source


F_SETPIPE_SZ = 1031  # of Linux; fcntl names it from Python 3.10


class robust_case(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        self.server = harness.sink(self)

    def config(self, *urls, source=None, **more):
        cameras = [harness.camera(source or file_source("gate_sub.h264", "gate.aac"), url, number) for number, url in enumerate(urls)]
        return harness.config_of(cameras, **more)

    def frames_so_far(self):
        return self.server.until("second", lambda event: event["streams"])["streams"][0]["video"]["frames"]

    def until_pictures(self, name="gate", more_than=25):
        self.server.until("second", lambda event: any(stream["stream"] == name and stream["video"]["frames"] > more_than
                                                      for stream in event["streams"]), 20)


class console(robust_case):
    def start_raw(self, config, shell, **streams):
        path = self.path / "raw.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        child = subprocess.Popen(["sh", "-c", f'exec "$0" run --config "$1" {shell}', harness.CAMPUSH, str(path)], **streams)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def check_end(self, child):
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(2), 0)

    def test_a_console_that_nobody_reads_does_not_stop_the_push(self):
        refused = {"urls": [f"rtmp://127.0.0.1:{harness.free_port()}/live/x"], "max_retry_attempts": 0,
                   "retry": {"initial_delay_s": 0.1, "max_delay_s": 0.1}}
        destinations = [{**refused, "name": f"d{number}", "urls": [refused["urls"][0] + str(number)]} for number in range(15)]
        config = harness.config_of([harness.camera(file_source("gate_sub.h264"), [{"urls": [self.server.url("gate")]}, *destinations])],
                                   http={"listen": ""})
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, F_SETPIPE_SZ, 8192)
        child = self.start_raw(config, "", stdout=writer, stderr=writer)
        os.close(writer)
        harness.eventually("the pipe is full", lambda: bytes_waiting(reader) > 4000)
        before = self.frames_so_far()
        self.until_pictures(more_than=before + 50)
        self.check_end(child)

    def test_standard_streams_may_be_closed(self):
        child = self.start_raw(self.config(self.server.url("gate"), http={"listen": ""}), "<&- >&- 2>&-")
        self.until_pictures()
        for number in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{child.pid}/fd/{number}"), "/dev/null")
        self.check_end(child)


def bytes_waiting(descriptor):
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


class surroundings(robust_case):
    def test_ipv6_is_pushed_to(self):
        if not socket.has_ipv6 or not has_loopback6():
            self.skipTest("no IPv6 loopback here")
        self.server = harness.sink(self, name="sink6", host="[::1]")
        agent = harness.agent(self, self.config(self.server.url("gate")))
        self.assertEqual(agent.until(state="connected")["url"], self.server.url("gate"))
        self.until_pictures()

    def test_few_descriptors_cost_http_and_not_the_push(self):
        harness.require("prlimit")
        agent = harness.agent(self, self.config(self.server.url("gate")), prefix=(harness.tool("prlimit"), "--nofile=40"))
        agent.until(state="connected")
        port = int(agent.address().split(":")[1])
        clients = []
        try:
            for _ in range(60):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
                clients.append(client)
            frames = self.frames_so_far()
            self.until_pictures(more_than=frames + 50)
        finally:
            for client in clients:
                client.close()
        harness.eventually("HTTP is back", lambda: agent.ask("/health")[0] == 200)
        status = agent.session()
        self.assertEqual((status["connects"], status["errors"]), (1, 0))

    def test_four_loops_carry_many_sessions(self):
        config = self.config(*(self.server.url(f"c{number}") for number in range(8)))
        config["system"].update(io_threads=4, max_cameras=8)
        agent = harness.agent(self, config)
        for number in range(8):
            agent.until(camera_id=number, state="connected")
        self.server.child.kill()
        for number in range(8):
            agent.until(camera_id=number, errors=lambda count: count > 0)
        self.server.start()
        for number in range(8):
            agent.until(camera_id=number, state="connected", connects=2)
        self.assertEqual(agent.stop()[0], 0)


def has_loopback6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True


class changes(robust_case):
    def test_another_codec_on_reload(self):
        agent = harness.agent(self, self.config(self.server.url("gate")))
        agent.until(state="connected", video_codec="h264", frames_sent=lambda sent: sent["inter"] > 0)
        agent.write(self.config(self.server.url("gate"), source=file_source("yard.h265", "yard.aac")))
        agent.child.send(signal.SIGHUP)
        agent.until(state="connected", video_codec="h265", seconds=20)
        self.server.until("second", lambda event: event["streams"] and event["streams"][0]["video"]["codec"] == "hevc"
                          and event["streams"][0]["video"]["frames"] > 30, 20)
        self.assertEqual(agent.stop()[0], 0)

    def test_a_clip_that_is_replaced_while_it_plays(self):
        clip = self.path / "clip.h264"
        clip.write_bytes((DATA / "gate_sub.h264").read_bytes())
        agent = harness.agent(self, self.config(self.server.url("gate"), source=file_source(clip)))
        agent.until(state="connected")
        # In place, so that what is open becomes shorter and other.
        clip.write_bytes((DATA / "tiny.h264").read_bytes())
        self.until_pictures(more_than=100)
        agent.until(state="connected", seconds=20)
        self.assertEqual(agent.stop()[0], 0)

    def test_a_storm_of_reloads_ends_with_the_last_file(self):
        urls = [self.server.url(name) for name in ("a", "b", "c", "d")]
        configs = [self.config(*urls[:2]), self.config(*urls), self.config(urls[3]),
                   self.config(*reversed(urls), source=file_source("tiny.h264"))]
        agent = harness.agent(self, configs[0])
        agent.address()
        for turn in range(40):
            agent.write(configs[turn % len(configs)])
            agent.child.send(signal.SIGHUP)
            agent.ask("/metrics")
        agent.write(configs[1])
        before = agent.child.log().count("] reload: ")
        agent.child.send(signal.SIGHUP)
        harness.eventually("the last reload", lambda: agent.child.log().count("] reload: ") > before)
        for number, url in enumerate(urls):
            agent.until(camera_id=number, state="connected", url=url, seconds=20)
        self.assertEqual(len(agent.sessions()), 4)
        harness.eventually("the sink has these four", lambda: sorted(
            stream["stream"] for stream in self.server.events("second")[-1]["streams"]) == ["a", "b", "c", "d"])
        self.assertEqual(agent.stop()[0], 0)

    def test_retry_and_signals_from_all_sides(self):
        agent = harness.agent(self, self.config(self.server.url("gate")))
        agent.until(state="connected")
        for _ in range(20):
            agent.child.send(signal.SIGUSR1)
            agent.ask("/api/v1/sessions/0/main/default/retry", "POST")
        self.until_pictures()
        status = agent.session()
        self.assertEqual((status["state"], status["connects"]), ("connected", 1))


class big_pictures(harness.case):
    needs = ("campush", "nginx", "ffmpeg")

    def make_clip(self):
        """Groups of one second; the first picture of the second group is noise, far above 1 MiB."""
        clip = self.path / "big.h264"
        graph = ("color=gray:s=1280x720:r=5:d=4,geq=lum='if(eq(N,5),random(0)*255,128)':cb=128:cr=128")
        subprocess.run([harness.tool("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "1",
                        "-x264-params", "keyint=5:scenecut=0:bframes=0:repeat-headers=1", "-f", "h264", str(clip)], check=True, timeout=60)
        sizes = [sum(map(len, units)) for units in media.split_pictures(media.annexb_units(clip.read_bytes()), media.h264)]
        self.assertGreater(sizes[5], 1 << 20)
        self.assertLess(max(sizes[:5]), 100000)
        return clip

    def test_a_picture_above_the_servers_limit_is_dropped_and_told(self):
        """nginx-rtmp resets a connection that sends it more than max_message."""
        server = harness.nginx(self)
        camera = harness.camera(file_source(self.make_clip()), server.url("big"))
        camera["streams"][0]["encoder"] = {"framerate": 5}
        agent = harness.agent(self, harness.config_of([camera]))
        agent.until(frames_dropped=lambda dropped: dropped.get("key_too_big", 0) >= 2, seconds=25)
        status = agent.session()
        self.assertEqual((status["state"], status["connects"], status["errors"]), ("connected", 1, 0))
        self.assertRegex(agent.child.log(), r"(?i)too.big|max_message_bytes|larger than")


if __name__ == "__main__":
    harness.main()
