"""`campush run` against Debian's nginx-rtmp, with ffmpeg and rtmpdump as players."""

import json
import os
import signal
import subprocess

import harness
import media
from harness import DATA, eventually, file_source, pictures_sent


class nginx_case(harness.case):
    needs = ("campush", "nginx", "ffmpeg")

    def push(self, source, urls, **rtmp):
        section = {"urls": urls if isinstance(urls, list) else [urls], **rtmp}
        return harness.agent(self, harness.config_of([harness.camera(source, section)]))

    def play(self, server, name, target, *options):
        """An ffmpeg that copies what it plays to `target`."""
        child = self.start(target.name, [harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-y", *options, "-rw_timeout", "20000000",
                                         "-i", server.url(name), "-c", "copy", "-flush_packets", "1", "-f", "flv", target])
        return child

    def decode_errors(self, path):
        done = subprocess.run([harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-i", str(path), "-f", "null", "-"],
                              capture_output=True, text=True, check=False, timeout=60)
        return done.stderr + ("" if done.returncode == 0 else f"exit code {done.returncode}")

    def until_recorded(self, server, name):
        """The newest recording, once nginx has closed it."""
        path = eventually("a recording", lambda: server.recording(name))
        eventually("the recording is closed", lambda: str(path) not in open_files(server.child.pid))
        return path


def tags_so_far(path):
    return media.flv_tags(path.read_bytes()) if path.exists() and path.stat().st_size > 13 else []


def open_files(pid):
    found = []
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(entry.path))
        except OSError:
            continue
    return found


class comes_back_equal(nginx_case):
    """A clip that ends, pushed once: nginx's own recording and what ffmpeg pulled both hold it."""

    def check(self, video, audio):
        server = harness.nginx(self)
        pulled = self.path / "pulled.flv"
        player = self.play(server, "gate", pulled)
        player_joined = lambda: "play: name='gate'" in (server.prefix / "logs" / "error.log").read_text()
        eventually("the player waits for the stream", player_joined)
        agent = self.push(file_source(video, audio, loop=False), server.url("gate"), resume="gop_cache")
        agent.until(state="connected")
        agent.until(seconds=20, state="disconnected", reason="source_ended")
        recorded = self.until_recorded(server, "gate")
        # nginx tells its players nothing about the end, and ffmpeg keeps the last frames back until it knows.
        count = len(media.recording(recorded).tags) - 100
        eventually("the player is at the end", lambda: len(tags_so_far(pulled)) >= count)
        server.kill()
        player.wait()
        sent = media.clip(DATA / video, DATA / audio)
        for path in (recorded, pulled):
            with self.subTest(path.name):
                received = media.recording(path)
                first = media.check_equal(self, sent, received)
                media.check_times(self, sent, received, *first)
                self.assertEqual(self.decode_errors(path), "")
        self.check_probe(pulled)
        self.assertEqual(agent.stop()[0], 0)

    def check_probe(self, path):
        """ffprobe's view of the same: keyframe first, dts in order."""
        done = subprocess.run([harness.tool("ffprobe"), "-v", "error", "-of", "json", "-show_packets", "-select_streams", "v", str(path)],
                              capture_output=True, text=True, check=True)
        packets = json.loads(done.stdout)["packets"]
        self.assertIn("K", packets[0]["flags"])
        times = [int(packet["dts"]) for packet in packets]
        self.assertEqual(times, sorted(set(times)))

    def test_h264_and_aac(self):
        self.check("gate.h264", "gate.aac")

    def test_h264_with_b_frames_and_aac(self):
        self.check("bframes.h264", "gate.aac")


class players(nginx_case):
    def test_late_joiner_plays_from_a_keyframe(self):
        server = harness.nginx(self)
        agent = self.push(file_source("gate.h264", "gate.aac"), server.url("gate"))
        agent.until(frames_sent=lambda sent: sent["inter"] + sent["key"] > 100)
        pulled = self.path / "late.flv"
        player = self.play(server, "gate", pulled, "-t", "3")
        with self.subTest("ffmpeg decodes while it plays"):
            self.assertEqual(self.decode_errors_live(server.url("gate")), "")
        self.assertEqual(player.wait(20), 0, player.log())
        received = media.recording(pulled)
        self.assertTrue(received.pictures[0].is_key)
        self.assertGreater(len(received.pictures), 50)
        media.check_equal(self, looped_clip("gate.h264"), received, must_end=False)
        self.assertEqual(self.decode_errors(pulled), "")

    def decode_errors_live(self, url):
        done = subprocess.run([harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-rw_timeout", "10000000", "-i", url, "-t", "2",
                               "-f", "null", "-"], capture_output=True, text=True, check=False, timeout=30)
        return done.stderr

    def test_rtmpdump_gets_headers_before_pictures(self):
        harness.require("rtmpdump")
        server = harness.nginx(self)
        agent = self.push(file_source("gate_sub.h264", "gate.aac"), server.url("gate"))
        agent.until(state="connected")
        target = self.path / "dump.flv"
        dump = self.start("rtmpdump", [harness.tool("rtmpdump"), "-q", "-v", "-r", server.url("gate"), "-o", target])
        eventually("the dump has pictures", lambda: len(tags_so_far(target)) > 50)
        dump.stop(signal.SIGINT)
        received = media.recording(target)
        media_order = [kind for kind in received.order if kind != "metadata"]
        self.assertIn("video_header", media_order[:2])
        first_picture = media_order.index("key")
        self.assertLess(media_order.index("video_header"), first_picture)
        self.assertNotIn("inter", media_order[:first_picture])


def looped_clip(name):
    """The clip three times over: what a player of a looping source may see."""
    sent = media.clip(DATA / name)
    sent.pictures = sent.pictures * 3
    return sent


class faults(nginx_case):
    needs = ("campush", "nginx")

    def test_stream_survives_a_restart_of_the_server(self):
        server = harness.nginx(self)
        agent = self.push(file_source("gate.h264", "gate.aac"), server.url("gate"))
        agent.until(state="connected", frames_sent=lambda sent: sent["inter"] > 0)
        server.kill()
        status = agent.until(errors=lambda count: count > 0)
        self.assertIn(status["last_error"]["reason"], ("connection_reset", "closed_by_server", "connect_refused"))
        agent.until(failed_attempts=lambda count: count > 0)
        self.assertIn(agent.ask("/ready")[0], (503,))
        sent_before = pictures_sent(agent.session())
        server.start()
        agent.until(state="connected", connects=2)
        agent.until(frames_sent=lambda sent: sent["key"] + sent["inter"] > sent_before + 10)
        self.assertRegex(agent.child.log(), r"Session failed, retry in 1s \(cam0_stream0/default\)")
        self.assertEqual(agent.ask("/ready")[0], 200)

    def test_a_name_in_use_is_taken_over_when_it_is_free(self):
        harness.require("ffmpeg")
        server = harness.nginx(self)
        holder = self.start("holder", [harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i",
                                       DATA / "gate_sub.h264", "-c", "copy", "-f", "flv", server.url("gate")])
        eventually("the first publisher records", lambda: server.recording("gate"))
        agent = self.push(file_source("gate.h264", "gate.aac"), server.url("gate"))
        status = agent.until(is_name_in_use=True)
        self.assertEqual(status["last_error"]["reason"], "name_in_use")
        self.assertNotEqual(status["state"], "connected")
        self.assertGreater(status["next_retry_in_s"] or 0, 0)
        holder.stop(signal.SIGINT)
        agent.until(state="connected", is_name_in_use=False, seconds=10)

    def test_fails_over_to_the_backup_and_back(self):
        primary, backup = harness.nginx(self, "primary"), harness.nginx(self, "backup")
        agent = self.push(file_source("gate.h264", "gate.aac"), [primary.url("gate"), backup.url("gate")],
                          failback={"enabled": True, "after_s": 2}, resume="gop_cache")
        agent.until(state="connected", url_index=0, frames_sent=lambda sent: sent["inter"] > 0)
        primary.kill()
        status = agent.until(state="connected", url_index=1, seconds=5)
        self.assertEqual(status["url"], backup.url("gate"))
        self.assertEqual(status["connects"], 2)
        agent.until(failback=lambda it: it["attempts"] > 0)
        self.assertEqual(agent.session()["state"], "connected")
        primary.start()
        status = agent.until(state="connected", url_index=0, connects=3, seconds=25)
        self.assertEqual(status["url"], primary.url("gate"))
        # The backup's recording is whole: a make-before-break loses nothing of it before the switch.
        received = media.recording(self.until_recorded(backup, "gate"))
        media.check_equal(self, looped_clip("gate.h264"), received, must_end=False)

    def test_an_application_that_does_not_exist_is_a_failure_of_this_destination_alone(self):
        server = harness.nginx(self)
        destinations = [{"name": "good", "urls": [server.url("gate")]}, {"name": "bad", "urls": [server.url("gate", "nowhere")]}]
        agent = harness.agent(self, harness.config_of([harness.camera(file_source("gate.h264"), destinations)]))
        agent.until("good", state="connected")
        status = agent.until("bad", errors=lambda count: count >= 2)
        self.assertIn(status["last_error"]["reason"], ("closed_by_server", "connection_reset", "denied"))
        self.assertEqual(agent.session("good")["connects"], 1)


if __name__ == "__main__":
    harness.main()
