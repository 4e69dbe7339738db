"""`campush run` where servers say what they take and where to go: H.265 refused or not asked for, 302, ReconnectRequest, age."""

import json
import pathlib

import harness
import media
from harness import DATA, file_source

SLOW_TO_GIVE_UP = {**harness.QUICK, "resume": "gop_cache"}


def prints_of(stats):
    """The pictures of a recording, as hashes."""
    got = media.recording(pathlib.Path(stats["recording"]))
    return media.prints([each.units for each in got.pictures], got.syntax), got


class move_case(harness.case):
    needs = ("campush", "campush-sink")

    def agent(self, destinations, video="gate.h264", loop=True, name="agent", fallback=None, streams=()):
        camera = harness.camera(file_source(video, loop=loop), destinations)
        if fallback:
            camera["streams"][0]["fallback"] = fallback
        camera["streams"] += streams
        return harness.agent(self, harness.config_of([camera], SLOW_TO_GIVE_UP), name)

    def check_none_missing(self, video, *stats):
        """Between the first picture that any server got and the clip's end."""
        sent = media.clip(DATA / video)
        wanted = media.prints(sent.pictures, sent.syntax)
        got = [prints_of(each)[0] for each in stats]
        self.assertTrue(all(got), "a server without a picture")
        first = wanted.index(got[0][0])
        self.assertEqual(set(wanted[first:]) - set().union(*map(set, got)), set())
        self.assertEqual(got[-1][-1], wanted[-1])
        for each in stats:
            self.assertEqual(each["pictures"]["missing_references"], 0)


class redirects(move_case):
    def test_a_302_leads_to_the_other_server_at_once(self):
        target = harness.sink(self, name="target")
        first = harness.sink(self, "--redirect", f"rtmp://127.0.0.1:{target.port}/other", name="first")
        agent = self.agent(first.url("gate"), loop=False)
        status = agent.until(state="connected")
        self.assertEqual(status["url"], f"rtmp://127.0.0.1:{target.port}/other/gate")
        self.assertEqual((status["link"]["redirects"], status["errors"], status["pass"]), (1, 0, 1))
        self.check_none_missing("gate.h264", target.until_closed())

    def test_a_reconnect_request_moves_without_a_lost_picture(self):
        target = harness.sink(self, name="target")
        first = harness.sink(self, "--claim", "reconnect", "--reconnect-after", "1.5", "--reconnect-to",
                             f"rtmp://127.0.0.1:{target.port}/other", name="first")
        agent = self.agent(first.url("gate"), loop=False)
        status = agent.until(url=f"rtmp://127.0.0.1:{target.port}/other/gate", state="connected")
        self.assertEqual((status["link"]["redirects"], status["errors"]), (1, 0))
        self.check_none_missing("gate.h264", first.until_closed(), target.until_closed())

    def test_a_reconnect_request_that_leaves_the_security_level_is_not_followed(self):
        server = harness.sink(self, "--claim", "reconnect", "--reconnect-after", "1", "--reconnect-to", "rtmps://127.0.0.1/other")
        agent = self.agent(server.url("gate"))
        status = agent.until(last_error=lambda error: error and "only the same scheme" in error["text"])
        self.assertEqual(status["state"], "connected")
        self.assertEqual(status["connects"], 1)


class age(move_case):
    def test_an_old_connection_is_renewed_at_a_keyframe(self):
        server = harness.sink(self)
        destination = {"urls": [server.url("gate")], "max_session_age_s": 3}
        agent = self.agent(destination)
        status = agent.until(connects=lambda count: count >= 3, state="connected", seconds=20)
        self.assertEqual((status["errors"], status["attempts"]), (0, status["connects"]))
        self.assertEqual(agent.stop()[0], 0)
        harness.eventually("every publish has ended", lambda: len(server.events("close")) == len(server.events("publish")), 10)
        for each in server.events("close"):
            self.assertEqual(each["pictures"]["missing_references"], 0)
            syntax = media.recording(pathlib.Path(each["recording"])).syntax
            first = prints_of(each)[1].pictures[0]
            self.assertTrue(any(syntax.is_keyframe(unit) for unit in first.units if syntax.is_slice(unit)))


class h265(move_case):
    """What is pushed to a server that takes no H.265, and what of that is remembered."""

    def known(self):
        path = self.path / "state" / "servers.json"
        return json.loads(path.read_text(encoding="utf-8"))["servers"] if path.exists() else []

    def sub_stream(self, url):
        return [{"stream_id": 1, "source": file_source("gate_sub.h264"), "rtmp": {"urls": [url]}}]

    def test_another_stream_is_pushed_and_the_answer_survives_a_restart(self):
        server = harness.sink(self, "--claim", "no-hvc1")
        other = harness.sink(self, name="other")
        for name in ("first", "second"):
            agent = self.agent(server.url("yard"), "yard.h265", name=name, fallback={"stream": "sub"},
                               streams=self.sub_stream(other.url("sub")))
            status = agent.until(state="connected", is_on_fallback=True, video_codec="h264")
            self.assertIn("stream 1 is pushed instead", status["codec_note"])
            server.until("second", lambda event: event["streams"] and event["streams"][0]["video"]["frames"] > 5)
            harness.eventually("the answer is written", self.known, 5)
            self.assertEqual(agent.stop()[0], 0)
            server.until_closed()
        (entry,) = [each for each in self.known() if each["has_video_list"]]
        self.assertEqual(entry["server"], f"rtmp://127.0.0.1:{server.port}/live")
        self.assertFalse(entry["takes_hevc"])

    def test_without_a_fallback_status_says_what_to_configure(self):
        server = harness.sink(self, "--claim", "no-hvc1")
        agent = self.agent(server.url("yard"), "yard.h265")
        status = agent.until(reason="codec_refused", state="disconnected")
        self.assertIn("configure a fallback", status["last_error"]["text"])
        self.assertGreater(status["next_retry_in_s"], 200)
        self.assertEqual(server.events("publish"), [])

    def test_who_refuses_the_properties_gets_h265_without_them(self):
        server = harness.sink(self, "--refuse-properties")
        agent = self.agent(server.url("yard"), "yard.h265")
        status = agent.until(state="connected", video_codec="h265")
        self.assertEqual((status["attempts"], status["dialect"]), (1, "enhanced"))
        server.until("second", lambda event: event["streams"] and event["streams"][0]["video"]["frames"] > 5)
        (entry,) = harness.eventually("the answer is written", self.known, 5)
        self.assertTrue(entry["refuses_properties"])

    def test_a_list_with_hvc1_is_taken_at_its_word(self):
        server = harness.sink(self, "--claim", "hvc1")
        agent = self.agent(server.url("yard"), "yard.h265", loop=False)
        agent.until(state="connected", video_codec="h265", is_on_fallback=False)
        self.check_none_missing("yard.h265", server.until_closed())


if __name__ == "__main__":
    harness.main()
