"""`campush run` on a machine that fails it: no memory, full and read-only disks, a clock that is wrong, and ends at any moment.

Every case is a row of docs/reliability.md. CAMPUSH_STOP_SECONDS, CAMPUSH_RELOADS and CAMPUSH_KILLS make three of them longer.
"""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

import certificates
import harness
from harness import eventually, file_source
from link_case import footprint, is_sanitized

STOP_S = float(os.environ.get("CAMPUSH_STOP_SECONDS", "6"))
RELOADS = int(os.environ.get("CAMPUSH_RELOADS", "100"))
KILLS = int(os.environ.get("CAMPUSH_KILLS", "50"))
SEED = int(os.environ.get("CAMPUSH_SOAK_SEED", "20260807"))
MAX_GROWTH_KIB = 1024


class reliability_case(harness.case):
    needs = ("campush", "campush-sink")
    sink_options = ()

    def setUp(self):
        super().setUp()
        self.server = harness.sink(self, *self.sink_options)

    def config(self, *names, **more):
        cameras = [harness.camera(file_source("gate_sub.h264", "gate.aac"), self.server.url(name), number) for number, name in enumerate(names)]
        return harness.config_of(cameras, **more)

    def until_flowing(self, agent, camera_id=0):
        """Pictures that were not sent when this was called."""
        sent = harness.pictures_sent(agent.until(camera_id=camera_id, state="connected", is_acknowledging=True))
        return agent.until(camera_id=camera_id, state="connected", is_acknowledging=True,
                           frames_sent=lambda count: sum(count[kind] for kind in ("key", "inter", "disposable")) > sent + 20)

    def check_nothing_is_missing(self):
        self.assertEqual(self.server.child.stop()[0], 0, "the server's exit code: pictures without their reference")

    def in_own_mounts(self, script):
        """What to put before a command so that it sees other file systems than the test."""
        if not harness.IS_ROOT or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("another view of the disks needs a mount namespace")
        return ("unshare", "-m", "sh", "-e", "-c", script + '; exec "$@"', "sh")


class learning_case(reliability_case):
    """A server whose answer is worth keeping in state_dir."""

    sink_options = ("--claim", "hvc1")

    def config(self, *names, **more):
        config = super().config(*names, **more)
        for camera in config["cameras"]:
            camera["streams"][0]["source"] = file_source("yard.h265")
        return config


class memory(reliability_case):
    def setUp(self):
        super().setUp()
        harness.require("prlimit")
        if is_sanitized(harness.CAMPUSH):
            self.skipTest("a sanitizer needs terabytes of addresses")

    def test_too_little_memory_to_start_is_told(self):
        path = self.path / "agent.json"
        path.write_text(json.dumps(self.config("gate")), encoding="utf-8")
        told = 0
        # With less than 17 MiB the loader finds no room, or the libraries before main() can tell anything.
        for mebibytes in range(20, 120, 4):
            child = self.start(f"limit{mebibytes}", [harness.tool("prlimit"), f"--as={mebibytes << 20}", harness.CAMPUSH, "run", "--config", path])
            eventually("it runs or has ended", lambda child=child: not child.is_running() or re.search("connected to|capture thread: ", child.log()))
            if child.is_running():
                is_whole = "connected to" in child.log()
                self.assertEqual(child.stop()[0], 0)
                if is_whole:
                    break
                told += 1
                continue
            self.assertIn(child.wait(), (1, 2), child.log())
            self.assertTrue(child.log().strip(), "it ended without a word")
            told += 1
        else:
            self.fail("120 MiB of addresses are too few")
        self.assertGreater(told, 0)

    def test_memory_that_runs_out_ends_the_process_clearly(self):
        agent = harness.agent(self, self.config("gate"))
        self.until_flowing(agent)
        size = int(re.search(r"VmSize:\s+(\d+)", pathlib.Path(f"/proc/{agent.child.pid}/status").read_text(encoding="ascii")).group(1))
        subprocess.run([harness.tool("prlimit"), "--pid", str(agent.child.pid), f"--as={(size - 64) << 10}"], check=True)
        # What it holds free does not last for eight cameras more.
        config = self.config(*(f"c{number}" for number in range(8)))
        config["system"]["max_cameras"] = 8
        agent.write(config)
        agent.child.send(signal.SIGHUP)
        self.assertEqual(agent.child.wait(), 1, agent.child.log())
        self.assertIn("campush: out of memory, the process ends", agent.child.log())
        again = harness.agent(self, self.config("gate"), "again")
        self.until_flowing(again)


class disk(learning_case):
    def test_a_full_disk_keeps_no_answers_and_leaves_nothing_half_written(self):
        state = self.path / "state"
        state.mkdir()
        mount = f"mount -t tmpfs -o size=8k small {state} && (head -c 9000 /dev/zero >{state}/filler || true)"
        agent = harness.agent(self, self.config("gate"), prefix=self.in_own_mounts(mount))
        self.until_flowing(agent)
        agent.child.expect("is not kept over a restart: .*No space left")
        seen = pathlib.Path(f"/proc/{agent.child.pid}/root{state}")
        self.assertEqual(sorted(path.name for path in seen.iterdir()), ["campush.lock", "filler"])
        self.until_flowing(agent)
        self.assertEqual(agent.child.log().count("is not kept over a restart"), 1)
        self.assertEqual(agent.session()["connects"], 1)
        self.assertEqual(agent.stop()[0], 0)

    def test_a_recorder_on_a_full_disk_goes_on_receiving(self):
        records = self.path / "small_rec"
        records.mkdir()
        server = harness.sink(self, name="small", prefix=self.in_own_mounts(f"mount -t tmpfs -o size=64k small {records}"))
        agent = harness.agent(self, harness.config_of([harness.camera(file_source("gate.h264"), server.url("gate"))]))
        server.child.expect("recording: No space left")
        self.until_flowing(agent)
        self.assertEqual(server.child.log().count("No space left"), 1)
        self.assertEqual(agent.session()["connects"], 1)
        self.assertEqual(agent.stop()[0], 0)

    def test_a_read_only_root_costs_one_warning(self):
        """/tmp is writable, as on a device whose root is not."""
        temporary = self.path / "tmp"
        temporary.mkdir()
        mount = f"mount -t tmpfs own {temporary} && mount -o remount,bind,ro / && (! touch /probe 2>/dev/null)"
        config = self.config("gate")
        config["system"]["state_dir"] = "/var/lib/campush"
        agent = harness.agent(self, config, prefix=self.in_own_mounts(mount), env={"TMPDIR": str(temporary), "XDG_STATE_HOME": ""})
        self.until_flowing(agent)
        self.assertEqual(agent.child.log().count("/var/lib/campush cannot be written"), 1)
        self.assertEqual(agent.stop()[0], 0)

    def test_a_state_folder_that_becomes_read_only_costs_one_warning(self):
        state = self.path / "state"
        state.mkdir()
        agent = harness.agent(self, self.config("gate"), prefix=self.in_own_mounts(f"mount -t tmpfs own {state} && mount -o remount,ro {state}"),
                              env={"XDG_STATE_HOME": str(self.path / "xdg")})
        self.until_flowing(agent)
        self.assertEqual(agent.child.log().count("cannot be written"), 1)
        self.assertTrue((self.path / "xdg" / "campush" / "campush.lock").exists())
        self.assertEqual(agent.stop()[0], 0)


class clock(harness.case):
    needs = ("campush", "campush-sink", "openssl")

    def test_a_clock_at_1970_holds_tls_back_until_it_is_set(self):
        if not os.environ.get("CAMPUSH_WALL_CLOCK") or is_sanitized(harness.CAMPUSH):
            self.skipTest("a preloaded clock and a sanitizer do not go together")
        authority = certificates.authority(self.path)
        certificate, key = authority.issue(["DNS:localhost"])
        secure = harness.sink(self, "--tls-cert", certificate, "--tls-key", key, name="secure")
        plain = harness.sink(self, name="plain")
        offset = self.path / "offset"
        offset.write_text(str(60 - int(time.time())), encoding="ascii")
        cameras = [harness.camera(file_source("gate_sub.h264"), {"urls": [f"rtmps://localhost:{secure.port}/live/gate"],
                                                                 "tls": {"ca_file": str(authority.certificate)}}),
                   harness.camera(file_source("gate_sub.h264"), plain.url("plain"), 1)]
        agent = harness.agent(self, harness.config_of(cameras),
                              env={"LD_PRELOAD": os.environ["CAMPUSH_WALL_CLOCK"], "CAMPUSH_WALL_OFFSET": str(offset)})
        self.assertIn("1970-01-01", agent.child.expect("campush .* starts with") and agent.child.log())
        agent.until(last_error=lambda error: error and error["reason"] == "clock_wrong")
        before = agent.until(camera_id=1, state="connected")
        offset.write_text("0", encoding="ascii")
        agent.until(state="connected", is_acknowledging=True)
        for step in ("-86400", "2592000", "0"):
            offset.write_text(step, encoding="ascii")
            sent = harness.pictures_sent(agent.session(camera_id=1))
            eventually("pictures go on", lambda sent=sent: harness.pictures_sent(agent.session(camera_id=1)) > sent + 20)
        after = agent.session(camera_id=1)
        self.assertEqual((after["connects"], after["errors"]), (before["connects"], 0))
        self.assertEqual(agent.stop()[0], 0)
        self.assertEqual(plain.child.stop()[0], 0)


class stopped(reliability_case):
    def test_a_process_that_was_stopped_goes_on_without_a_burst(self):
        agent = harness.agent(self, self.config("gate"))
        self.until_flowing(agent)
        agent.child.send(signal.SIGSTOP)
        # Time that passes is the fault here.
        time.sleep(STOP_S)
        at_stop = self.frames()
        begin = time.monotonic()
        agent.child.send(signal.SIGCONT)
        self.until_flowing(agent)
        self.until_flowing(agent)
        eventually("the server has them", lambda: self.frames() > at_stop + 40)
        # Two keyframe distances: what a new connection may begin with.
        self.assertLess(self.frames() - at_stop, 25 * (time.monotonic() - begin) + 100)
        self.assertEqual(agent.stop()[0], 0)
        self.check_nothing_is_missing()

    def frames(self):
        """Of all publishes, as the server's newest report has them."""
        newest = self.server.events("second")[-1]
        return sum(each["video"]["frames"] for each in newest["streams"]) + sum(each["video"]["frames"] for each in self.server.events("close"))


class changes(reliability_case):
    def reload(self, agent, config, word="] reload: "):
        before = agent.child.log().count(word)
        agent.write(config)
        agent.child.send(signal.SIGHUP)
        eventually("the reload", lambda: agent.child.log().count(word) > before)

    def test_a_hundred_reloads_leave_nothing_behind(self):
        first, second = self.config("kept", "one"), self.config("kept", "two", "three")
        agent = harness.agent(self, first)
        self.until_flowing(agent)
        for _ in range(5):
            self.reload(agent, second)
            self.reload(agent, first)
        self.until_flowing(agent)
        self.until_flowing(agent, 1)
        before = footprint(agent.child.pid)
        for turn in range(RELOADS):
            self.reload(agent, first if turn % 2 else second)
        self.until_flowing(agent)
        self.until_flowing(agent, 1)
        kept = agent.session()
        self.assertEqual((kept["connects"], kept["errors"]), (1, 0))
        eventually("descriptors and threads are as before", lambda: footprint(agent.child.pid).descriptors <= before.descriptors
                   and footprint(agent.child.pid).threads <= before.threads)
        growth = footprint(agent.child.pid).rss_kib - before.rss_kib
        print(f"{RELOADS} reloads: {growth} KiB more", flush=True)
        if not is_sanitized(harness.CAMPUSH):
            self.assertLess(growth, MAX_GROWTH_KIB)
        self.assertEqual(agent.stop()[0], 0)
        self.check_nothing_is_missing()

    def test_a_file_that_is_half_written_is_refused(self):
        agent = harness.agent(self, self.config("gate"))
        self.until_flowing(agent)
        whole = json.dumps(self.config("gate", "other"), indent=1)
        pieces = [0, 1, *(len(whole) * part // 8 for part in range(1, 8)), len(whole) - 1]
        for size in pieces:
            self.reload(agent, whole[:size], "reload refused, nothing has changed")
        self.assertRegex(agent.ask("/metrics")[1], rf"(?m)^campush_failed_reloads_total\S* {len(pieces)}$")
        self.assertEqual(len(agent.sessions()), 1)
        self.until_flowing(agent)
        self.reload(agent, whole)
        self.until_flowing(agent, 1)
        kept = agent.session()
        self.assertEqual((kept["connects"], kept["errors"]), (1, 0))
        self.assertEqual(agent.stop()[0], 0)


class killed(learning_case):
    LIVES_AT_ONCE = 5

    def live(self, number, seed):
        """Starts and kills one agent again and again; what its state folder holds is whole each time."""
        chance = random.Random(seed)
        folder = self.path / f"state{number}"
        config = self.config(f"k{number}", http={"listen": ""})
        config["system"]["state_dir"] = str(folder)
        path = self.path / f"killed{number}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        for _ in range(KILLS // self.LIVES_AT_ONCE):
            child = subprocess.Popen([harness.CAMPUSH, "run", "--config", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                     preexec_fn=harness.die_with_parent)
            try:
                # Half of them around the moment in which what was learned is written.
                child.wait(chance.choice((chance.uniform(0, 0.2), chance.uniform(0.9, 1.2))))
                self.troubles.append(f"ended by itself: {child.stderr.read()}")
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stderr.close()
            answers = folder / "servers.json"
            try:
                if answers.exists():
                    assert json.loads(answers.read_text(encoding="utf-8"))["version"] == 1
                    self.written += 1
                    # So that it is written again.
                    answers.unlink()
            except (ValueError, KeyError, AssertionError) as problem:
                self.troubles.append(f"{answers}: {problem}")

    def test_a_kill_at_any_moment_leaves_whole_files_and_no_lock(self):
        print(f"CAMPUSH_SOAK_SEED={SEED}, {KILLS} kills", flush=True)
        self.troubles, self.written = [], 0
        lives = [threading.Thread(target=self.live, args=(number, SEED + number)) for number in range(self.LIVES_AT_ONCE)]
        for life in lives:
            life.start()
        for life in lives:
            life.join()
        self.assertEqual(self.troubles, [])
        print(f"{self.written} of them after the file was written", flush=True)
        config = self.config("k0")
        config["system"]["state_dir"] = str(self.path / "state0")
        agent = harness.agent(self, config)
        self.until_flowing(agent)
        eventually("what was learned is kept", (self.path / "state0" / "servers.json").exists)
        self.assertNotIn("ignored", agent.child.log())
        self.assertEqual(agent.stop()[0], 0)

    def test_a_kill_in_every_step_of_writing_leaves_the_old_file_or_the_new(self):
        """The kernel kills it as it enters each system call of the write."""
        harness.require("strace")
        if is_sanitized(harness.CAMPUSH):
            self.skipTest("a leak check and a tracer exclude each other")
        if subprocess.run([harness.tool("strace"), "-o", "/dev/null", "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("this container allows no tracing")
        state = self.path / "state"
        answers = state / "servers.json"
        old = json.dumps({"version": 1, "servers": []})
        for call, when in (("fsync", 1), ("rename", 1), ("fsync", 2)):
            with self.subTest(call=call, when=when):
                state.mkdir(exist_ok=True)
                answers.write_text(old, encoding="utf-8")
                path = self.path / "traced.json"
                path.write_text(json.dumps(self.config("gate")), encoding="utf-8")
                child = self.start(f"{call}{when}", [harness.tool("strace"), "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                                     f"inject={call}:signal=KILL:when={when}", harness.CAMPUSH, "run", "--config", path])
                self.assertNotEqual(child.wait(), 0)
                now = json.loads(answers.read_text(encoding="utf-8"))
                self.assertEqual(now["version"], 1)
                if when == 1 and call == "fsync":
                    self.assertEqual(now["servers"], [])
        agent = harness.agent(self, self.config("gate"))
        self.until_flowing(agent)
        eventually("it is written", lambda: len(json.loads(answers.read_text(encoding="utf-8"))["servers"]) == 1)
        self.assertFalse((state / "servers.json.new").exists())
        self.assertEqual(agent.stop()[0], 0)


if __name__ == "__main__":
    harness.main()
