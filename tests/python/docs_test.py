"""What the pages say against what the programs are: reasons, metrics, options, links, manual pages, alert rules."""

import json
import os
import re
import subprocess
import sys

import harness
from harness import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import roff  # noqa: E402  pylint: disable=wrong-import-position

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "packaging").rglob("*.md")])
MANUALS = sorted((ROOT / "docs" / "man").glob("*.[15]"))
RULES = ROOT / "etc" / "prometheus" / "campush.rules.yml"
COMMANDS = ("run", "check", "urls", "status", "retry", "devices", "demo")


def source(path):
    return (ROOT / "src" / path).read_text(encoding="utf-8")


def names_of(array):
    """The texts of an array in names.cpp."""
    body = re.search(rf"{array}\[\] = {{(.*?)}};", source("rtmp/names.cpp"), re.DOTALL).group(1)
    return set(re.findall(r'"(\w+)"', body))


def section(title):
    """A part of operations.md, up to the next heading."""
    return re.split(r"^##+ ", OPERATIONS.split(f"### {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(title, column):
    return {word for row in roff.table_rows(section(title), column) for word in re.findall(r"`(\w+)`", row[0])}


def anchors(page):
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"`", "", heading).lower()).replace(" ", "-") for heading in headings}


class operations(harness.case):
    needs = ()

    def test_every_reason_of_a_session_has_its_row(self):
        self.assertEqual(first_column("What a session says", "reason"), names_of("reason_names"))

    def test_every_reason_of_a_drop_has_its_row(self):
        self.assertEqual(first_column("What was not sent", "reason"), names_of("drop_names"))

    def test_every_state_of_a_camera_has_its_row(self):
        states = re.findall(r'case camera_state::\w+: return "(\w+)"', source("device/camera_manager.cpp"))
        self.assertEqual(first_column("Cameras and microphones", "state"), set(states))

    def test_every_kind_of_a_failed_step_has_its_row(self):
        phrases, remedies = source("app/check_remedies.cpp").split("struct remedy_row")
        kinds = set(re.findall(r'{check_step::\w+, "[^"]+", "(\w+)"}', phrases)) | set(re.findall(r'{check_step::\w+, "(\w+)",', remedies))
        self.assertGreater(len(kinds), 20)
        self.assertEqual(first_column("What `check --connect` says", "kind"), kinds - names_of("reason_names"))

    def test_every_row_has_a_remedy(self):
        for title, column in (("What a session says", "reason"), ("What was not sent", "reason"), ("Cameras and microphones", "state"),
                              ("Connected, and yet", "what is seen"), ("What `check --connect` says", "kind")):
            rows = list(roff.table_rows(section(title), column))
            self.assertTrue(rows)
            for row in rows:
                self.assertTrue(row[0] and row[1] and row[-1], row) if title != "Cameras and microphones" else self.assertTrue(row[-1], row)

    def test_other_states_are_explained(self):
        for array in ("bitrate_names", "level_names"):
            for name in names_of(array):
                self.assertIn(f"`{name}`", section("Connected, and yet"), array)


class pages(harness.case):
    needs = ()

    def test_links_lead_somewhere(self):
        for page in PAGES:
            text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                place = (page.parent / path).resolve() if path else page
                self.assertTrue(place.exists(), f"{page.name}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors(place), f"{page.name}: {target}")

    def test_metrics_exist(self):
        known = set(re.findall(r'"(campush_\w+)"', source("server/metrics.cpp")))
        self.assertGreater(len(known), 50)
        for page in [*PAGES, RULES]:
            if page.name == "CHANGELOG.md":
                continue
            for name in set(re.findall(r"\bcampush_(?:session|camera|stream|failed|start)_\w+\b", page.read_text(encoding="utf-8"))):
                if not name.endswith("_"):
                    self.assertTrue(name in known or not is_metric(name), f"{page.name}: {name}")

    def test_the_manual_is_linted(self):
        self.assertGreaterEqual(len(MANUALS), 5)
        harness.require("groff", "mandoc")
        for manual in MANUALS:
            with self.subTest(manual.name):
                for command in (["groff", "-man", "-ww", "-z", "-Tutf8", "-k"], ["mandoc", "-T", "lint", "-W", "error"]):
                    done = subprocess.run([*command, manual], capture_output=True, text=True, check=False, timeout=120)
                    self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), command)

    def test_completions_are_scripts(self):
        harness.require("zsh", "fish")
        for shell in ("bash", "zsh", "fish"):
            files = sorted((ROOT / "packaging" / "completion" / shell).iterdir())
            self.assertEqual(len(files), 4)
            for file in files:
                done = subprocess.run([shell, "-n", file], capture_output=True, text=True, check=False, timeout=120,
                                      env={**os.environ, "HOME": str(self.path), "XDG_CONFIG_HOME": str(self.path)})
                self.assertEqual((done.returncode, done.stderr), (0, ""), file)

    def test_alert_rules_go_off_when_they_should(self):
        harness.require("promtool")
        for command in (["promtool", "check", "rules", RULES], ["promtool", "test", "rules", ROOT / "tests" / "data" / "campush.rules.test.yml"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def is_metric(name):
    """Other things are called so too: targets of the build, programs of the tests."""
    return re.search(r"_(total|seconds|bytes|bps|up|state|index|info|ratio|level|second|ppm|retransmits|connects)$", name) is not None


class commands(harness.case):
    def test_options_in_the_pages_exist(self):
        known = {command: set(re.findall(r"(?<![\w-])--[a-z-]+", self.run_campush(command, "--help").stdout)) for command in COMMANDS}
        for page in [*PAGES, ROOT / "etc" / "prometheus" / "campush.rules.yml"]:
            for line in page.read_text(encoding="utf-8").splitlines():
                for command, rest in re.findall(rf"campush ({'|'.join(COMMANDS)})\b([^`|#;]*)", line):
                    # The program is the subject, or it is only spoken of.
                    for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
                        self.assertIn(option, known[command], f"{page.name}: {line}")

    def test_help_teaches(self):
        for command in COMMANDS:
            text = self.run_campush(command, "--help").stdout
            self.assertIn("Examples:", text)
            self.assertIn("Exit status:", text)
            self.assertIn(f"  campush {command}", text)
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [], command)
            for example in re.findall(rf"^  campush ({command}.*?)(?:   | \||$)", text, re.MULTILINE):
                for option in re.findall(r"--[a-z-]+", example):
                    self.assertIn(f"{option} ", text.split("Examples:")[0].replace("\n", " \n"), example)

    def test_configurations_in_the_pages_are_good(self):
        count = 0
        for page in PAGES:
            for block in re.findall(r"^```json\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
                try:
                    config = json.loads(block)
                except ValueError:
                    continue
                if "cameras" not in config or "net_service" in config:
                    continue
                path = self.path / "c.json"
                path.write_text(block, encoding="utf-8")
                done = self.run_campush("check", "--config", path)
                self.assertEqual(done.returncode, 0, f"{page.name}: {done.stderr}")
                count += 1
        self.assertGreater(count, 0)


class migration(harness.case):
    """The walk of docs/migration.md, taken again."""

    PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")

    def tool(self, *options):
        done = subprocess.run([sys.executable, "-B", ROOT / "tools" / "migrate_rtmp_config.py", "--old", "net_service.json", "--new",
                               "system_config.json", *options], capture_output=True, text=True, check=False, timeout=60, cwd=self.path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def expect_in_page(self, text):
        self.assertIn(text.replace(f"{ROOT}/", ""), self.PAGE)

    def test_a_legacy_file_as_it_is(self):
        for name in ("multi_camera", "single_camera"):
            path = ROOT / "tests" / "data" / "legacy" / f"{name}.json"
            self.expect_in_page(self.run_campush("urls", "--config", path).stdout)
        self.expect_in_page(self.run_campush("check", "--config", ROOT / "tests" / "data" / "legacy" / "multi_camera.json").stdout)

    def test_net_service(self):
        for file in (ROOT / "tests" / "data" / "legacy_net_service").iterdir():
            (self.path / file.name).write_bytes(file.read_bytes())
        self.expect_in_page("".join(self.tool("--dry-run").splitlines(True)[:7]))
        self.expect_in_page(self.tool())
        self.expect_in_page(self.run_campush("check", "--config", "system_config.json").stdout)
        self.expect_in_page(self.run_campush("urls", "--config", "system_config.json").stdout)
        self.expect_in_page(self.tool())

    def test_every_ignored_key_is_listed(self):
        patterns = re.findall(r'"(/[\w/*]+)"', source("config/legacy_keys.cpp"))
        self.assertGreater(len(patterns), 5)
        listed = " ".join(self.PAGE.split("### Ignored keys", 1)[1].split("###", 1)[0].split())
        for pattern in patterns:
            key = pattern.replace("/cameras/*", "").replace("/streams/*", "").strip("/").replace("/", ".")
            self.assertIn(f"`{key}`", listed)


if __name__ == "__main__":
    harness.main()
