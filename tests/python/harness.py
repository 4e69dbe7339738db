"""What the suites of this folder share: a folder of their own, ports, programs with deadlines, the agent, nginx-rtmp, the sink.

Nothing here waits for a fixed time: eventually() polls a condition until its deadline. Programs are ended by their own process.
Seconds are those of an idle machine: deadlines are PATIENCE times as long, since they only end what hangs. What must be quick is
asserted, and where only the test's own clock can say so, with what allowance() finds that this machine is late by.
"""

import ctypes
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
CAMPUSH = os.environ.get("CAMPUSH", "")
CAMPUSH_SINK = os.environ.get("CAMPUSH_SINK", "")
# What rtmp addresses are spoken with; empty: the default.
BACKEND = os.environ.get("CAMPUSH_BACKEND", "")
NGINX_RTMP_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
IS_CI = os.environ.get("CI") == "true"
IS_ROOT = os.geteuid() == 0
SKIPPED = 77
# Of Debian packages: where CI runs as root it can install them, so their absence is a failure there.
SCHEDULED = ("nginx", "ffmpeg", "rtmpdump", "promtool", "ip", "tc", "nft", "openssl", "groff", "mandoc", "zsh", "fish")


# What sanitizers and runtime libraries print.
DEFECTS = re.compile(r"ERROR: \w+Sanitizer.*|WARNING: \w+Sanitizer.*|runtime error: .*|terminate called.*|Assertion .* failed.*")


def tool(name):
    """The path of a program, also where PATH lacks the folders of root."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def require(*names):
    """Skips the case, and says why, if a program it needs is missing."""
    for name in names:
        if name == "campush":
            is_there = bool(CAMPUSH)
        elif name == "campush-sink":
            is_there = bool(CAMPUSH_SINK)
        elif name == "nginx":
            is_there = bool(tool("nginx")) and NGINX_RTMP_MODULE.exists()
        else:
            is_there = bool(tool(name))
        if is_there:
            continue
        if IS_CI and IS_ROOT and name in SCHEDULED:
            raise AssertionError(f"{name} is missing in CI")
        raise unittest.SkipTest(f"{name} is missing")


PATIENCE = 4


def eventually(what, condition, seconds=15.0):
    """The first true value of condition(); fails with `what` after the deadline."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.03)


def allowance():
    """What a moment costs here and now, in seconds: a start and an end of the program, three times."""
    begin = time.monotonic()
    for _ in range(3):
        subprocess.run([CAMPUSH, "--version"], check=True, capture_output=True, timeout=60)
    return time.monotonic() - begin


def is_within(seconds, limit):
    """Whether what took so long kept to its limit, but for what the machine is late by."""
    return seconds < limit or seconds < limit + allowance()


def free_port():
    """A port of 127.0.0.1 that is free now, outside of the range that the kernel hands out by itself."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def is_listening(port):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    """Of a test that is killed, nothing stays behind."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class program:
    """A child process whose output, both streams, goes to a file."""

    def __init__(self, path, command, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.log_path = path
        self.command = [str(part) for part in command]
        with open(path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=stdin, stdout=log, stderr=subprocess.STDOUT, cwd=cwd,
                                            env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait(self, seconds=15):
        """The exit code."""
        seconds *= PATIENCE
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} has not ended within {seconds} s") from None

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Ends it; returns exit code and the seconds that took."""
        begin = time.monotonic()
        if self.is_running():
            self.send(number)
        return self.wait(seconds), time.monotonic() - begin

    def kill(self):
        if self.is_running():
            self.process.kill()
        self.process.wait()

    def expect(self, pattern, seconds=15):
        """Waits for a match in the output."""
        return eventually(lambda: f"{pattern!r} in {self.log_path.name}:\n{self.log()[-3000:]}",
                          lambda: re.search(pattern, self.log()), seconds)


class case(unittest.TestCase):
    """A test with a folder of its own; whatever it starts is ended with it."""

    needs = ("campush",)

    def setUp(self):
        require(*self.needs)
        folder = tempfile.TemporaryDirectory(prefix="campush_test_")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.programs = []
        self.agents = []

    def tearDown(self):
        """Whatever a case was about: no agent may have crashed, and those that run end well."""
        for child in self.agents:
            if child.is_running():
                child.send(signal.SIGTERM)
            code = child.wait(10)
            self.assertIn(code, (0, 1, 2, -signal.SIGKILL), f"{child.log_path.name}: exit code {code}")
        for child in self.programs:
            found = DEFECTS.search(child.log())
            self.assertIsNone(found, f"{child.log_path.name}: {found and found.group(0)}")

    def start(self, name, command, env=None, cwd=None):
        child = program(self.path / f"{name}.log", command, env, cwd)
        self.programs.append(child)
        self.addCleanup(child.kill)
        return child

    def run_campush(self, *arguments, env=None, seconds=20, prefix=()):
        return subprocess.run([*prefix, CAMPUSH, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=seconds * PATIENCE,
                              env={**os.environ, **(env or {})}, cwd=self.path)

    def logs(self):
        text = ""
        for log in sorted(self.path.glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
            text += "\n".join([f"--- {log.name}", *(line[:400] for line in lines if '"second"' not in line), ""])
        return text


def as_nobody(test):
    """What to put before a command so that it lacks root's right to read everything; opens the test's folder to it."""
    if not IS_ROOT:
        return ()
    require("setpriv")
    test.path.chmod(0o777)
    prefix = (tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups")
    if subprocess.run([*prefix, CAMPUSH, "--version"], check=False, capture_output=True).returncode != 0:
        test.skipTest("the program is in a folder that nobody may enter")
    return prefix


def file_source(video=None, audio=None, loop=True):
    source = {"type": "file", "loop": loop}
    for key, clip in (("video", video), ("audio", audio)):
        if clip is not None:
            source[key] = str(DATA / clip) if isinstance(clip, str) else str(clip)
    return source


def camera(source, rtmp, camera_id=0, **more):
    """A camera of one stream; `rtmp` is a URL, a section, or a list of destinations."""
    if isinstance(rtmp, str):
        rtmp = {"urls": [rtmp]}
    return {"camera_id": camera_id, "streams": [{"stream_id": 0, "source": source, "rtmp": rtmp}], **more}


# Waits that keep a test short; the rules are the same.
QUICK = {"max_retry_attempts": 0, "retry": {"initial_delay_s": 0.2, "max_delay_s": 0.5, "jitter": 0}}


def config_of(cameras, rtmp=None, **more):
    rtmp = {**(rtmp or QUICK)}
    if BACKEND:
        rtmp.setdefault("backend", BACKEND)
    return {"system": {"device_id": "test", "state_dir": "state", "log_level": "debug"}, "rtmp": rtmp, "cameras": cameras,
            "http": {"listen": "127.0.0.1:0"}, **more}


class agent:
    """`campush run` on a configuration, and its HTTP surface."""

    def __init__(self, test, config, name="agent", env=None, prefix=()):
        self.test, self.name = test, name
        self.config_path = test.path / f"{name}.json"
        self.write(config)
        self.child = test.start(name, [*prefix, CAMPUSH, "run", "--config", self.config_path], env)
        test.agents.append(self.child)
        self.port = None

    def write(self, config):
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        self.config_path.write_text(text, encoding="utf-8")

    def address(self):
        if self.port is None:
            self.port = int(self.child.expect(r"HTTP on 127\.0\.0\.1:(\d+)\n").group(1))
        return f"127.0.0.1:{self.port}"

    def ask(self, path, method="GET", token=None):
        """Status code and body."""
        request = urllib.request.Request(f"http://{self.address()}{path}", method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10 * PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def sessions(self):
        status, body = self.ask("/api/v1/sessions")
        assert status == 200, body
        return json.loads(body)["sessions"]

    def session(self, destination="default", camera_id=0):
        for each in self.sessions():
            if each["destination"] == destination and each["camera_id"] == camera_id:
                return each
        raise AssertionError(f"no session {camera_id}/{destination}")

    def until(self, destination="default", seconds=15, camera_id=0, **wanted):
        """Waits until the session's status has these values; a callable value is a test of its own."""
        last = {}

        def is_so():
            last.update(self.session(destination, camera_id))
            return all(want(last[key]) if callable(want) else last[key] == want for key, want in wanted.items())

        eventually(lambda: f"{wanted} of {destination}: {json.dumps(last)}", is_so, seconds)
        return last

    def cameras(self):
        return json.loads(self.ask("/api/v1/cameras")[1])["cameras"]

    def stop(self, seconds=10):
        return self.child.stop(signal.SIGTERM, seconds)


def pictures_sent(session):
    return sum(session["frames_sent"][kind] for kind in ("key", "inter", "disposable"))


class nginx:
    """nginx-rtmp on a port of its own: applications `live` (recorded; a player begins at a keyframe) and `raw` (neither)."""

    def __init__(self, test, name="nginx"):
        require("nginx")
        self.test, self.name = test, name
        self.prefix = test.path / name
        self.recordings = self.prefix / "rec"
        self.recordings.mkdir(parents=True)
        (self.prefix / "logs").mkdir()
        self.child = None
        for _ in range(5):
            self.port = free_port()
            try:
                self.start()
                return
            except AssertionError:
                self.child.kill()
        raise AssertionError("nginx does not start: " + self.child.log())

    def start(self):
        user = "user root;" if IS_ROOT else ""
        text = f"""load_module {NGINX_RTMP_MODULE}; daemon off; master_process off; {user}
pid {self.prefix}/nginx.pid; error_log {self.prefix}/logs/error.log info;
events {{ worker_connections 256; }}
rtmp {{ access_log off; server {{ listen 127.0.0.1:{self.port};
  application live {{ live on; wait_key on; wait_video on; record all; record_path {self.recordings}; record_unique on; }}
  application raw {{ live on; }}
}} }}
"""
        (self.prefix / "nginx.conf").write_text(text, encoding="utf-8")
        self.child = self.test.start(self.name, [tool("nginx"), "-p", self.prefix, "-c", self.prefix / "nginx.conf", "-e",
                                                 self.prefix / "logs" / "error.log"])
        eventually("nginx listens", lambda: is_listening(self.port) or not self.child.is_running(), 5)
        if not self.child.is_running():
            raise AssertionError("nginx ended: " + self.child.log())

    def kill(self):
        self.child.kill()

    def url(self, name, application="live"):
        return f"rtmp://127.0.0.1:{self.port}/{application}/{name}"

    def recording(self, name):
        """The newest one."""
        found = sorted(self.recordings.glob(f"{name}-*.flv"), key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None


class sink:
    """campush-sink on a port of its own, its report read as JSON."""

    def __init__(self, test, *options, name="sink", port=0, prefix=(), host="127.0.0.1"):
        require("campush-sink")
        self.host = host
        self.test, self.name, self.port, self.prefix = test, name, port, prefix
        self.records = test.path / f"{name}_rec"
        self.start(*options)

    def start(self, *options):
        """Again on the same port, for another fault or none."""
        log = self.test.path / f"{self.name}.log"
        self.seen = log.stat().st_size if log.exists() else 0
        self.child = self.test.start(self.name, [*self.prefix, CAMPUSH_SINK, "--listen", f"{self.host}:{self.port}", "--json",
                                                 "--record", self.records, *options])
        listening = self.until("listening")
        self.port = listening["port"] or self.port

    def restart(self, *options):
        self.child.kill()
        self.start(*options)

    def events(self, kind):
        lines = self.child.log_path.read_bytes()[self.seen:].decode(errors="replace").split("\n")[:-1]
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def until(self, kind, wanted=lambda event: True, seconds=15):
        """The newest event of this kind that is as wanted."""
        return eventually(f"the sink's {kind}", lambda: next(filter(wanted, reversed(self.events(kind))), None), seconds)

    def until_closed(self, seconds=20):
        """Stats of the stream that ended, its recording among them."""
        return self.until("close", seconds=seconds)

    def url(self, name, application="live"):
        return f"rtmp://{self.host}:{self.port}/{application}/{name}"


class case_result(unittest.TextTestResult):
    """Shows the logs of a case that failed."""

    def _show_logs(self, test):
        if isinstance(test, case) and hasattr(test, "path") and test.path.exists():
            self.stream.write(test.logs())

    def addFailure(self, test, err):
        self._show_logs(test)
        super().addFailure(test, err)

    def addError(self, test, err):
        self._show_logs(test)
        super().addError(test, err)


def main():
    """Runs the cases named on the command line, or all; exit code 77 when every one of them was skipped."""
    runner = unittest.TextTestRunner(verbosity=2, resultclass=case_result)
    done = unittest.main(module="__main__", testRunner=runner, exit=False).result
    for test, why in done.skipped:
        print(f"SKIPPED {test}: {why}")
    if not done.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if done.testsRun and len(done.skipped) == done.testsRun else 0)
