"""What suites of the link share: an agent and a server with a cable between them, and what a fault costs, measured.

A measured fault is a row: a line `FAULT {…}` in the test's output, and one in the file that CAMPUSH_FAULT_ROWS names
(tools/fault_table makes docs/reliability.md's table of them).
"""

import json
import os
import pathlib
import subprocess
import time

import harness
import media
import netlab
from harness import file_source, pictures_sent

MAX_SHUTDOWN_S = 2.0
MAX_GROWTH_KIB = 8 * 1024
KINDS = ("key", "inter", "disposable", "audio")
# Pictures that the queue let go; those for which there was no connection are counted apart.
BY_THE_QUEUE = ("disposable", "congestion", "broken_reference", "flush")
HOST = "ingest.campush.test"


class row(dict):
    """One measured fault. Units: seconds; pictures."""

    def publish(self):
        text = json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in self.items()})
        print("FAULT", text, flush=True)
        path = os.environ.get("CAMPUSH_FAULT_ROWS")
        if path:
            with open(path, "a", encoding="utf-8") as rows:
                rows.write(text + "\n")


def dropped_by_kind(before, after):
    """Pictures and sounds that the queue dropped between two statuses."""
    counts = {kind: sum(after["frames_dropped"].get(f"{kind}_{why}", 0) - before["frames_dropped"].get(f"{kind}_{why}", 0)
                        for why in BY_THE_QUEUE) for kind in KINDS}
    return {kind: count for kind, count in counts.items() if count}


def unsent_by_kind(before, after):
    """Those that came while there was no connection, or before its first keyframe."""
    return sum(after["frames_dropped"].get(f"{kind}_{why}", 0) - before["frames_dropped"].get(f"{kind}_{why}", 0)
               for kind in KINDS[:3] for why in ("not_connected", "before_start"))


def is_sanitized(program):
    content = pathlib.Path(program).read_bytes()
    return b"__asan_init" in content or b"__tsan_init" in content


class footprint:
    """Memory and descriptors of a process."""

    def __init__(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        self.rss_kib = int(status.split("VmRSS:")[1].split()[0])
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.threads = int(status.split("Threads:")[1].split()[0])


class link_case(harness.case):
    needs = ("campush", "campush-sink", "ffmpeg")
    # The old connection of a camera that reconnects may look alive to the server for a while.
    server_options = ("--duplicates", "replace")

    def setUp(self):
        super().setUp()
        self.cable = self.make_cable()
        self.camera, self.machine = self.cable.camera, self.cable.server
        self.server = harness.sink(self, *self.server_options, host=netlab.SERVER, prefix=self.machine.prefix)

    def make_cable(self):
        return netlab.cable(self)

    def push(self, *urls, source=None, **rtmp):
        source = source or file_source("gate.h264", "gate.aac")
        section = {"urls": list(urls) or [self.server.url("gate")], **rtmp}
        return netlab.agent(self, self.camera, harness.config_of([harness.camera(source, section)]))

    def until_flowing(self, agent, more_than=30):
        """Connected, and the server takes pictures."""
        return agent.until(state="connected", is_acknowledging=True, seconds=20, queue=lambda queue: queue["level"] == "normal",
                           frames_sent=lambda sent: sent["key"] > 0 and sent["key"] + sent["inter"] > more_than)

    # --- a fault, from before it to after it ------------------------------------------------------------------------

    def begin(self, agent):
        self.until_flowing(agent)
        self.before, self.size = agent.session(), footprint(agent.child.pid)

    def measure(self, agent, name, fault, notice, heal=None, reconnects=None, notice_within=15, recover_within=15, hold=None):
        """Makes a fault, waits until status shows it, heals it, waits until pictures reach the server again.

        `notice` is what status shows, as agent.until() takes it; `hold` what it shows before the fault is healed (default: notice);
        `reconnects` whether the connection has to end (None: either). What nobody heals is recovered from since it began.
        """
        self.begin(agent)
        begin = time.monotonic()
        fault()
        seen = agent.until(seconds=notice_within, **notice)
        noticed = time.monotonic() - begin
        at_heal = agent.until(seconds=30, **hold) if hold is not None else seen
        given_up = time.monotonic() - begin if seen["state"] == "connected" and at_heal["state"] != "connected" else None
        if heal is not None:
            begin = time.monotonic()
            heal()
        after = self.until_recovered(agent, at_heal, reconnects, recover_within)
        recovered = time.monotonic() - begin
        if reconnects is not None:
            self.assertEqual(after["connects"] > self.before["connects"], reconnects, f"{after['connects']} connects")
        self.publish(name, at_heal if given_up else seen, after, noticed, recovered, given_up)
        self.check_size(agent)
        return after

    def publish(self, name, seen, after, noticed=None, recovered=None, given_up=None):
        row(fault=name, noticed_s=noticed, given_up_s=given_up, recovered_s=recovered, shows=shown(self.before, seen),
            connects=after["connects"] - self.before["connects"], dropped=dropped_by_kind(self.before, after),
            unsent=unsent_by_kind(self.before, after)).publish()

    def until_recovered(self, agent, at_heal, reconnects, seconds):
        connects = self.before["connects"] + 1 if reconnects else 0
        return agent.until(seconds=seconds, state="connected", is_acknowledging=True, connects=lambda count: count >= connects,
                           queue=lambda queue: queue["level"] == "normal",
                           frames_sent=lambda sent: sent["key"] + sent["inter"] > pictures_sent(at_heal),
                           bytes_acknowledged=lambda count: count > at_heal["bytes_acknowledged"])

    def check_size(self, agent):
        """Neither descriptors nor threads stay behind, nor more memory than a queue and its pool."""
        last = []

        def is_as_before():
            last[:] = [footprint(agent.child.pid)]
            return last[0].descriptors <= self.size.descriptors

        harness.eventually(lambda: f"{last[0].descriptors} descriptors, {self.size.descriptors} before", is_as_before, 10)
        if not is_sanitized(harness.CAMPUSH):
            self.assertLess(last[0].rss_kib - self.size.rss_kib, MAX_GROWTH_KIB, "KiB more than before the fault")

    def end(self, agent, fault=None):
        """SIGTERM, under the fault if there is one; then everything that the server took must decode."""
        if fault is not None:
            self.until_flowing(agent)
            fault()
        code, seconds = agent.stop()
        self.assertEqual(code, 0)
        self.assertTrue(harness.is_within(seconds, MAX_SHUTDOWN_S), f"{seconds} s")
        self.check_received()

    def check_received(self):
        code, _ = self.server.child.stop()
        self.assertEqual(code, 0, "the server's exit code: pictures without their reference")
        streams = self.server.until("summary")["streams"]
        pictures = sum(self.check_recording(stream) for stream in streams)
        self.assertGreater(pictures, 30)

    def check_recording(self, stream):
        """A stream of the server's summary decodes from its first picture; returns how many pictures it has."""
        self.assertEqual(stream["pictures"]["missing_references"], 0)
        for track in ("video", "audio"):
            self.assertEqual(stream[track]["backward_steps"], 0, track)
        path = pathlib.Path(stream["recording"])
        received = media.recording(path)
        if not received.pictures:
            return 0
        self.assertTrue(received.pictures[0].is_key, "the first picture is not a keyframe")
        done = subprocess.run([harness.tool("ffmpeg"), "-v", "error", "-nostdin", "-threads", "1", "-i", str(path), "-f", "null", "-"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return len(received.pictures)


def shown(before, status):
    """What status shows, in a word."""
    if status["last_error"] and status["last_error"] != before["last_error"]:
        return status["last_error"]["reason"]
    if status["link"]["link_changes"] > before["link"]["link_changes"]:
        return "link_changed"
    return "" if status["queue"]["level"] == "normal" else f"queue {status['queue']['level']}"


not_normal = {"queue": lambda queue: queue["level"] != "normal"}


def failed(*reasons):
    """Status after a failure for one of these reasons."""
    return {"last_error": lambda error: error and error["reason"] in reasons, "state": lambda state: state != "connected"}
