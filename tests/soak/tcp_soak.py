"""The agent as a process against two servers, over TCP, for as long as CAMPUSH_SOAK_HOURS says (without it: some seconds), with faults drawn
from CAMPUSH_SOAK_SEED. What it holds is sampled at rest, that is when every session sends and no fault is on: a row each in CAMPUSH_SOAK_CSV.

Rests, not moments, are compared: a fault may hold a queue's memory, a reload two sessions at once.
"""

import csv
import json
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

import harness  # noqa: E402
from harness import file_source  # noqa: E402

SHORT_S = 12
COLUMNS = ("seconds", "event", "rss_kib", "pss_kib", "anonymous_kib", "descriptors", "threads", "connects", "dropped")
SERVER_FAULTS = (("--deny-publish",), ("--bad-name",), ("--silent-after-accept",), ("--silent-after-connect",), ("--garbage",),
                 ("--close-after-bytes", "200000"), ("--stop-reading-after-bytes", "100000"), ("--slow", "2000"))
# Below this no slope can be told from the allocator's arenas filling up.
LEAST_HOURS_FOR_SLOPE = 0.15


def slope(points):
    """Least squares, in units of y for each unit of x; 0 for fewer than three points."""
    if len(points) < 3:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def sample(pid):
    """What a process holds, as the kernel counts it."""
    base = pathlib.Path(f"/proc/{pid}")
    status = (base / "status").read_text(encoding="ascii")
    rollup = (base / "smaps_rollup").read_text(encoding="ascii")
    return {"rss_kib": int(status.split("VmRSS:")[1].split()[0]), "pss_kib": int(rollup.split("Pss:")[1].split()[0]),
            "anonymous_kib": int(rollup.split("Anonymous:")[1].split()[0]), "descriptors": len(os.listdir(base / "fd")),
            "threads": int(status.split("Threads:")[1].split()[0])}


class tcp_soak(harness.case):
    needs = ("campush", "campush-sink")

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("CAMPUSH_SOAK_SEED", "20260807"))
        self.span = float(os.environ.get("CAMPUSH_SOAK_HOURS", SHORT_S / 3600)) * 3600
        print(f"CAMPUSH_SOAK_SEED={self.seed} for {self.span:.0f} s", flush=True)
        self.random = random.Random(self.seed)
        self.sinks = [harness.sink(self, name=f"sink{number}") for number in range(2)]
        self.rows = []

    def config(self, more=False):
        """Two cameras, each to both servers, first and second choice swapped; `more`: another destination, another log level."""
        cameras = []
        for number in range(2):
            first, second = self.sinks[number], self.sinks[1 - number]
            targets = [{"name": "default", "urls": [first.url(f"c{number}"), second.url(f"c{number}")]}]
            if more:
                targets.append({"name": "more", "urls": [second.url(f"m{number}")]})
            cameras.append(harness.camera(file_source("gate_sub.h264", "gate.aac"), targets, number))
        rtmp = {"max_retry_attempts": 0, "retry": {"initial_delay_s": 0.2, "max_delay_s": 1, "jitter": 0.2, "busy_wait_s": 1, "stable_s": 2},
                "failback": {"after_s": 3}}
        config = harness.config_of(cameras, rtmp)
        config["system"]["log_level"] = "warn" if more else "info"
        return config

    def restart_sink(self, sink, *options):
        sink.child.kill()
        sink.start(*options)

    def fault(self):
        """One fault, from its beginning to its end; returns its name."""
        sink = self.random.choice(self.sinks)
        what = self.random.choice(("kill", "fault", "fault", "fault", "stop_server", "stop_agent", "reload", "retry", "pause"))
        wait = self.random.uniform(0.3, 6)
        if what == "kill":
            sink.child.kill()
            time.sleep(wait)
            sink.start()
        elif what == "fault":
            options = self.random.choice(SERVER_FAULTS)
            self.restart_sink(sink, *options)
            time.sleep(wait)
            self.restart_sink(sink)
            return options[0]
        elif what in ("stop_server", "stop_agent"):
            child = sink.child if what == "stop_server" else self.agent.child
            child.send(signal.SIGSTOP)
            time.sleep(wait)
            child.send(signal.SIGCONT)
        elif what == "reload":
            for more in (True, False):
                self.agent.write(self.config(more))
                self.agent.child.send(signal.SIGHUP)
                if not more:
                    continue
                harness.eventually("two destinations more", lambda: len(self.agent.sessions()) == 4)
        elif what == "retry":
            self.agent.child.send(signal.SIGUSR1)
        else:
            time.sleep(wait)
        return what

    def rest(self, event):
        """Waits until all is well, then takes a row."""
        harness.eventually("two sessions", lambda: len(self.agent.sessions()) == 2)
        for number in range(2):
            sent = harness.pictures_sent(self.agent.session(camera_id=number))
            self.agent.until(camera_id=number, seconds=60, state="connected", is_acknowledging=True, frames_sent=lambda count, sent=sent: sum(
                count[kind] for kind in ("key", "inter", "disposable")) > sent + 10, queue=lambda queue: queue["level"] == "normal")
        sessions = self.agent.sessions()
        self.rows.append({"seconds": round(time.monotonic() - self.begin, 1), "event": event, **sample(self.agent.child.pid),
                          "connects": sum(each["connects"] for each in sessions),
                          "dropped": sum(sum(each["frames_dropped"].values()) for each in sessions)})

    def write_rows(self):
        path = os.environ.get("CAMPUSH_SOAK_CSV")
        if not path:
            return
        with open(path, "w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(self.rows)

    def report(self):
        """Slopes over the second half: the first is the allocator's way to its working size."""
        half = self.rows[len(self.rows) // 2:]
        found = {key: slope([(row["seconds"] / 3600, row[key]) for row in half])
                 for key in ("rss_kib", "pss_kib", "anonymous_kib", "descriptors", "threads")}
        first, last = self.rows[0], self.rows[-1]
        print("SOAK", json.dumps({"seed": self.seed, "seconds": last["seconds"], "rests": len(self.rows), "first": first, "last": last,
                                  "per_hour": {key: round(value, 1) for key, value in found.items()}}), flush=True)
        return found

    def test_an_agent_that_lives_through_faults_keeps_its_size(self):
        self.agent = harness.agent(self, self.config())
        self.begin = time.monotonic()
        self.rest("start")
        while time.monotonic() - self.begin < self.span:
            self.rest(self.fault())
            self.write_rows()
        found = self.report()
        self.assertEqual(max(row["threads"] for row in self.rows[1:]), self.rows[1]["threads"], "threads")
        # A connection that is being closed, and the one of the question itself.
        self.assertLessEqual(self.rows[-1]["descriptors"], self.rows[0]["descriptors"] + 3, "descriptors")
        if self.span >= LEAST_HOURS_FOR_SLOPE * 3600:
            self.assertLess(abs(found["descriptors"]), 30, "descriptors an hour")
        code, seconds = self.agent.stop()
        self.assertEqual(code, 0)
        self.assertTrue(harness.is_within(seconds, 2), f"{seconds} s")
        for sink in self.sinks:
            self.assertEqual(sink.child.stop()[0], 0, "the server's exit code: pictures without their reference")


if __name__ == "__main__":
    harness.main()
