"""tools/migrate_rtmp_config.py, run as its users run it. CAMPUSH names the program that judges what it wrote."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "migrate_rtmp_config.py"
CAMPUSH = os.environ.get("CAMPUSH")
VENC = {"venc1": {"name": "H264_CBR", "fr": 30, "w": 2688, "h": 1520, "bitrate": 4000},
        "venc2": {"name": "H265_AVBR", "fr": 15, "w": 640, "h": 360, "bitrate": 400}}


def net_service(main=None, sub=None, enable=1, has_outer=True):
    rtmp = {"enable": enable}
    if main is not None:
        rtmp["main_url"] = main
    if sub is not None:
        rtmp["sub_url"] = sub
    services = {"rtmp": rtmp, "rtsp": {"port": 554}}
    return {"net_service": services} if has_outer else services


class migrate_rtmp_config(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.new = self.path / "system_config.json"

    def write(self, name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (self.path / name).write_text(text, encoding="utf-8")

    def run_tool(self, *options, old="net_service.json"):
        return subprocess.run([sys.executable, TOOL, "--old", self.path / old, "--new", self.new, *options],
                              capture_output=True, text=True, check=False)

    def migrate(self):
        done = self.run_tool()
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(self.new.read_text(encoding="utf-8"))

    def urls_of_campush(self):
        """What `campush urls` prints with secrets, as {(camera, stream): url}."""
        if not CAMPUSH:
            self.skipTest("CAMPUSH is not set: the program that checks the result is not built")
        check = subprocess.run([CAMPUSH, "check", "--config", self.new], capture_output=True, text=True, check=False)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        urls = subprocess.run([CAMPUSH, "urls", "--config", self.new, "--show-secrets", "--json"], capture_output=True,
                              text=True, check=True)
        return {(row["camera_id"], row["stream_id"]): row["url"] for row in json.loads(urls.stdout)}

    def test_accepts_both_old_forms(self):
        for has_outer in (True, False):
            with self.subTest(has_outer=has_outer):
                self.write("net_service.json", net_service("rtmp://s/live/a_main", "rtmp://s/live/a_sub",
                                                           has_outer=has_outer))
                self.assertEqual(self.migrate()["rtmp"],
                                 {"enabled": True, "url_template": "rtmp://s/live/a_{stream_name}"})

    def test_writes_a_template_only_where_one_token_makes_the_difference(self):
        cases = [
            ("rtmp://s/live/cam_main", "rtmp://s/live/cam_sub", "rtmp://s/live/cam_{stream_name}"),
            ("rtmp://s/live/cam/0", "rtmp://s/live/cam/1", "rtmp://s/live/cam/{stream_id}"),
            ("rtmp://s/live/s10", "rtmp://s/live/s11", "rtmp://s/live/s1{stream_id}"),
            ("rtmp://s/main/main?k=1", "rtmp://s/sub/sub?k=1", "rtmp://s/{stream_name}/{stream_name}?k=1"),
            ("rtmp://s/live/{a}_main", "rtmp://s/live/{a}_sub", "rtmp://s/live/{{a}}_{stream_name}"),
            ("rtmp://s/live/stream1", "rtmp://s/live/stream2", None),
            ("rtmp://s/live/main", "rtmp://t/live/sub", None),
            ("rtmp://s/live/main?k=1", "rtmp://s/live/sub?k=2", None),
            ("rtmp://s/live/one", "rtmp://s/live/one/sub", None),
        ]
        for main, sub, template in cases:
            with self.subTest(main=main, sub=sub):
                self.new.unlink(missing_ok=True)
                self.write("net_service.json", net_service(main, sub))
                config = self.migrate()
                self.assertEqual(config["rtmp"].get("url_template"), template)
                streams = config["cameras"][0]["streams"]
                static = [stream.get("rtmp", {}).get("urls") for stream in streams]
                self.assertEqual(static, [None, None] if template else [[main], [sub]])
                self.assertEqual(self.urls_of_campush(), {(0, 0): main, (0, 1): sub})

    def test_takes_one_missing_address(self):
        for main, sub in (("rtmp://s/live/only", None), (None, "rtmp://s/live/only"), ("rtmp://s/live/only", "")):
            with self.subTest(main=main, sub=sub):
                self.new.unlink(missing_ok=True)
                self.write("net_service.json", net_service(main, sub))
                self.migrate()
                self.assertEqual(self.urls_of_campush(), {(0, 0 if main else 1): "rtmp://s/live/only"})

    def test_enable_0_stays_off(self):
        self.write("net_service.json", net_service("rtmp://s/live/a", enable=0))
        self.assertFalse(self.migrate()["rtmp"]["enabled"])
        self.assertEqual(self.urls_of_campush(), {})

    def test_fills_cameras_and_encoders(self):
        self.write("net_service.json", net_service("rtmp://s/live/main", "rtmp://s/live/sub"))
        self.write("venc.json", VENC)
        self.write("vi.json", {"sensor1": {"name": "OS04A10"}})
        camera = self.migrate()["cameras"][0]
        self.assertEqual(camera["source"], {"type": "vendor", "device": "OS04A10"})
        self.assertEqual(camera["streams"][0]["encoder"],
                         {"type": "H264_CBR", "width": 2688, "height": 1520, "framerate": 30, "bitrate": 4000})
        self.assertEqual(camera["streams"][1]["encoder"]["type"], "H265_AVBR")
        self.assertEqual(len(self.urls_of_campush()), 2)

    def test_a_second_sensor_does_not_start_to_push(self):
        self.write("net_service.json", net_service("rtmp://s/live/main", "rtmp://s/live/sub"))
        self.write("vi.json", {"sensor1": {"name": "OS04A10"}, "sensor2": {"name": "OS08A20"}})
        self.write("venc.json", VENC)
        config = self.migrate()
        self.assertEqual([camera["camera_id"] for camera in config["cameras"]], [0, 1])
        self.assertEqual(config["cameras"][1]["streams"][0]["encoder"]["type"], "H265_AVBR")
        self.assertEqual(self.urls_of_campush(), {(0, 0): "rtmp://s/live/main", (0, 1): "rtmp://s/live/sub"})

    def test_merges_keeps_foreign_keys_and_leaves_a_backup(self):
        before = {"system": {"device_id": "cam-1"}, "features": {"osd": True},
                  "rtmp": {"max_retry_attempts": 3, "enabled": False},
                  "cameras": [{"camera_id": 3, "name": "yard", "streams": [
                                  {"stream_id": 0, "source": {"type": "file", "video": "x.h264"},
                                   "rtmp": {"urls": ["rtmp://other/live/yard"]}}]},
                              {"camera_id": 0, "name": "gate", "streams": [
                                  {"stream_id": 0, "rtmp": {"urls": ["rtmp://stale/live/x"], "chunk_size": 4096}}]}]}
        self.write("system_config.json", before)
        os.chmod(self.new, 0o604)
        self.write("net_service.json", net_service("rtmp://s/live/main", "rtmp://s/live/sub"))
        after = self.migrate()
        self.assertEqual(json.loads((self.path / "system_config.json.bak").read_text()), before)
        self.assertEqual(after["system"], before["system"])
        self.assertEqual(after["features"], before["features"])
        self.assertEqual(after["rtmp"], {"max_retry_attempts": 3, "enabled": True})
        self.assertEqual(after["cameras"][0], before["cameras"][0])
        self.assertEqual(after["cameras"][1]["name"], "gate")
        self.assertEqual(after["cameras"][1]["streams"][0]["rtmp"],
                         {"chunk_size": 4096, "url_template": "rtmp://s/live/{stream_name}"})
        self.assertEqual(self.new.stat().st_mode & 0o777, 0o604)

    def test_merges_into_every_form_that_campush_reads(self):
        template = ("rtmp://s/live/main", "rtmp://s/live/sub")
        static = ("rtmp://s/live/one", "rtmp://t/live/two")
        own = {"stream_id": 0, "outputs": {"rtmp": {"chunk_size": 4096}}}
        cases = [
            ("ids left out", template, {"cameras": [{"name": "gate", "streams": [{"rtmp": {"chunk_size": 4096}}]}]}),
            ("older form at the top", template, {"outputs": {"rtmp": {"max_retry_attempts": 3}, "mp4": {}}}),
            ("older form in a stream", static, {"cameras": [{"camera_id": 0, "streams": [own]}]}),
            ("template of the camera", template,
             {"cameras": [{"camera_id": 0, "rtmp": {"url_template": "rtmp://old/live/{stream_name}"}}]}),
            ("list of the camera", template, {"cameras": [{"rtmp": {"urls": ["rtmp://old/live/a"]}}]}),
            ("list at the top", template, {"rtmp": {"urls": ["rtmp://old/live/a"]}}),
            ("switched off by an earlier run", template,
             {"cameras": [{"streams": [{}, {"stream_id": 1, "rtmp": {"enabled": False}}]}]}),
            ("the same with a list", static, {"cameras": [{"streams": [{}, {"rtmp": {"enabled": False}}]}]}),
            ("other names", template, {"cameras": [{"streams": [{"name": "big"}, {"name": "small"}]}]}),
            ("named destinations", template,
             {"cameras": [{"streams": [{"rtmp": [{"name": "cdn", "enabled": False}]}]}]}),
        ]
        for name, urls, before in cases:
            with self.subTest(name=name):
                self.write("system_config.json", before)
                self.write("net_service.json", net_service(*urls))
                after = self.migrate()
                self.assertEqual(self.urls_of_campush(), {(0, 0): urls[0], (0, 1): urls[1]})
                self.assertEqual(self.migrate(), after, "a second run")
                self.assertIn("nothing to change", self.run_tool().stdout)

    def test_leaves_other_streams_their_address(self):
        streams = [{"stream_id": 0}, {"stream_id": 1}, {"stream_id": 2}]
        self.write("system_config.json", {"rtmp": {"url_template": "rtmp://cdn/live/{stream_name}"},
                                          "cameras": [{"camera_id": 0, "streams": streams}]})
        self.write("net_service.json", net_service("rtmp://s/live/main", "rtmp://s/live/sub"))
        self.migrate()
        self.assertEqual(self.urls_of_campush(), {(0, 0): "rtmp://s/live/main", (0, 1): "rtmp://s/live/sub",
                                                  (0, 2): "rtmp://cdn/live/stream2"})

    def test_keeps_backups_that_were_added_behind_an_address(self):
        for first in ("rtmp://s/live/one", {"url": "rtmp://s/live/", "stream_key": "one"}):
            with self.subTest(first=first):
                urls = [first, "rtmp://backup/live/one"]
                self.write("system_config.json", {"cameras": [{"streams": [{"rtmp": {"urls": urls}}]}]})
                self.write("net_service.json", net_service("rtmp://s/live/one"))
                self.assertEqual(self.migrate()["cameras"][0]["streams"][0]["rtmp"]["urls"], urls)

    def test_makes_room_for_its_cameras(self):
        self.write("net_service.json", net_service("rtmp://s/live/main"))
        self.write("vi.json", {"sensor1": {"name": "A"}, "sensor2": {"name": "B"}})
        for before, expected in (({"max_cameras": 1}, 2), ({"max_cameras": 3}, 3), ({}, None)):
            with self.subTest(before=before):
                self.write("system_config.json", {"system": before})
                self.assertEqual(self.migrate()["system"].get("max_cameras"), expected)
                self.assertEqual(self.urls_of_campush(), {(0, 0): "rtmp://s/live/main"})

    def test_the_backup_is_the_file_byte_for_byte(self):
        before = b'\xef\xbb\xbf{\r\n"rtmp": {}\r\n}\r\n'
        self.new.write_bytes(before)
        self.write("net_service.json", net_service("rtmp://s/live/main"))
        self.migrate()
        self.assertEqual((self.path / "system_config.json.bak").read_bytes(), before)

    def test_takes_the_addresses_that_campush_takes_and_no_others(self):
        good = ["RTMP://s/live/x", "rtmp://u:p%40@[::1]:1935/live/x?a=1", "rtmps://s/app?vhost=a/key?b=1",
                "rtmp://s/a/b/c?d=/", "rtmp://u:@s/live/x", "rtmp://b\u00fccher.example/live/x"]
        bad = ["rtmp://s/live", "rtmp://s/live/", "rtmp://s//x", "rtmp://s:99999/live/x", "rtmp://s:/live/x",
               "rtmp://@s/live/x", "rtmp://:p@s/live/x", "rtmp://[::g]/live/x", "rtmp://::1/live/x", "rtmp:///live/x",
               "rtmp://s/live/?x=1", "rtmp://s/app?vhost=a", "rtmp://s?q/live/x", "rtmp://s/live/a b",
               "rtmp://u\u0001@s/live/x", "rtmp://s/live/" + "x" * 2048, "rtmp://s/live/\ud800"]
        for url in good + bad:
            with self.subTest(url=url):
                self.new.unlink(missing_ok=True)
                self.write("net_service.json", json.dumps(net_service(url)))
                done = self.run_tool()
                self.assertEqual(done.returncode, 0 if url in good else 2, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 0 if url in good else 1, done.stderr)
                if url in good:
                    self.assertEqual(self.urls_of_campush(), {(0, 0): url})

    def test_a_second_run_changes_nothing(self):
        self.write("net_service.json", net_service("rtmp://s/live/stream1", "rtmp://s/live/stream2"))
        self.write("venc.json", VENC)
        self.migrate()
        before = {entry.name: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in self.path.iterdir()}
        done = self.run_tool()
        self.assertEqual(done.returncode, 0)
        self.assertIn("nothing to change", done.stdout)
        self.assertEqual({entry.name: (entry.stat().st_mtime_ns, entry.read_bytes()) for entry in self.path.iterdir()},
                         before)

    def test_dry_run_prints_a_diff_and_writes_nothing(self):
        self.write("net_service.json", net_service("rtmp://s/live/main", "rtmp://s/live/sub"))
        done = self.run_tool("--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('+    "url_template": "rtmp://s/live/{stream_name}"', done.stdout)
        self.assertEqual([entry.name for entry in self.path.iterdir()], ["net_service.json"])

    def test_broken_input_gives_one_line_and_exit_2_and_touches_nothing(self):
        good = json.dumps(net_service("rtmp://s/live/main"))
        cases = [
            ("missing file", None, None, None, "no such file"),
            ("not json", "{", None, None, "not JSON"),
            ("not an object", "[]", None, None, "allowed: a JSON object"),
            ("no rtmp", "{}", None, None, 'no "rtmp" object'),
            ("duplicate key", '{"rtmp": {}, "rtmp": {}}', None, None, "stands twice"),
            ("deep", "[" * 100000, None, None, ""),
            ("enable", json.dumps(net_service("rtmp://s/live/a", enable=7)), None, None, "rtmp.enable: found 7"),
            ("no address", json.dumps(net_service()), None, None, "neither main_url nor sub_url"),
            ("one address twice", json.dumps(net_service("rtmp://s/live/a", "rtmp://s/live/a")), None, None,
             "same address"),
            ("huge number", '{"a": ' + "9" * 5000 + "}", None, None, "number of thousands of digits"),
            ("bad scheme", json.dumps(net_service("http://s/live/secretkey")), None, None, "rtmp.main_url"),
            ("number as address", json.dumps(net_service(5)), None, None, "rtmp.main_url: found 5"),
            ("bad encoder", good, {"venc1": {"name": "MJPEG"}}, None, 'venc1.name: found "MJPEG"'),
            ("bad size", good, {"venc1": {"name": "H264_CBR", "w": "wide"}}, None, 'venc1.w: found "wide"'),
            ("broken target", good, None, "{", "system_config.json:1:2: not JSON"),
            ("not quite json", good, None, '{"a": NaN}', "NaN is not JSON"),
            ("half a pair", good, None, '{"a": "\\ud800"}', "surrogate"),
            ("deep target", good, None, '{"a": ' + "[" * 900 + "]" * 900 + "}", "nested too deeply"),
            ("odd limit", good, None, '{"system": {"max_cameras": "x"}}', 'system.max_cameras: found "x"'),
            ("name in use", good, None, '{"cameras": [{"streams": [{"stream_id": 2, "name": "main"}]}]}',
             'the name "main" of stream 0'),
            ("odd target", good, None, '{"cameras": {}}', "cameras: found {}"),
        ]
        for name, old, venc, new, expected in cases:
            with self.subTest(name=name):
                for entry in self.path.iterdir():
                    entry.unlink()
                for file, content in (("net_service.json", old), ("venc.json", venc), ("system_config.json", new)):
                    if content is not None:
                        self.write(file, content)
                before = {entry.name: entry.read_bytes() for entry in self.path.iterdir()}
                done = self.run_tool()
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertIn(expected, done.stderr)
                self.assertNotIn("secretkey", done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertEqual({entry.name: entry.read_bytes() for entry in self.path.iterdir()}, before)

    def test_a_folder_that_cannot_be_written_leaves_the_file_whole(self):
        self.write("net_service.json", net_service("rtmp://s/live/main"))
        done = subprocess.run([sys.executable, TOOL, "--old", self.path / "net_service.json", "--new",
                               "/proc/self/system_config.json"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
