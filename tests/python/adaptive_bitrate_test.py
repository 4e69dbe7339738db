"""The encoder's bitrate follows a real link: narrowed and widened by tc, and one that is long but wide.

CAMPUSH_ADAPTIVE_CSV names a file that gets the measured run, for bench/adaptive_bitrate's plot.
"""

import bisect
import csv
import os
import time

import harness
import netlab

PUSH = os.environ.get("CAMPUSH_ADAPTIVE_PUSH", "")
CONFIGURED_KBPS = 4000
WIDE, NARROW = ("8mbit", 8000), ("1500kbit", 1500)
# The plot shows the narrow link for longer than the rules need to be seen.
WIDE_S, NARROW_S = (20, 60) if "CAMPUSH_ADAPTIVE_CSV" in os.environ else (10, 25)
FULL_AGAIN_WITHIN_S = 60
SETTLED_AFTER_S, MAX_DELAY_MS = 5, 1000
FAR_MS, FAR_START_S, FAR_SLOWED_WITHIN_S = 600, 15, 20


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class adaptive_bitrate(harness.case):
    needs = ("campush-sink",)

    def setUp(self):
        super().setUp()
        if not PUSH:
            self.skipTest("adaptive_push is missing")

    def push_over(self, cable):
        self.table = self.path / "push.csv"
        self.server = harness.sink(self, host=netlab.SERVER, prefix=cable.server.prefix)
        self.pusher = self.start("push", [*cable.camera.prefix, PUSH, self.server.url("cam0"), self.table, CONFIGURED_KBPS])
        harness.eventually("a connection", lambda: self.rows() and self.rows()[-1]["connects"] == 1)

    def rows(self):
        """What was written so far, whole lines only."""
        if not self.table.exists():
            return []
        lines = self.table.read_text(encoding="ascii").split("\n")[:-1]
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]

    def end(self):
        """The pusher ends well and the server missed no reference; all rows."""
        self.assertEqual(self.pusher.stop()[0], 0)
        code, _ = self.server.child.stop()
        self.assertEqual(code, 0, "the server's exit code: pictures without their reference")
        streams = self.server.until("summary")["streams"]
        self.assertEqual([stream["pictures"]["missing_references"] for stream in streams], [0])
        self.assertGreater(streams[0]["pictures"]["marked"], 500)
        return self.rows()

    def test_follows_a_link_that_narrows_and_widens(self):
        cable = netlab.cable(self)
        self.push_over(cable)
        changes = []

        def change(rate, kbps):
            changes.append((time.monotonic(), kbps))
            cable.change_rate(rate)

        change(*WIDE)
        time.sleep(WIDE_S)
        change(*NARROW)
        time.sleep(NARROW_S)
        self.assertLess(self.rows()[-1]["encoder_kbps"], NARROW[1] * 1.2)
        change(*WIDE)
        harness.eventually(lambda: f"full rate: {self.rows()[-1]}", lambda: self.rows()[-1]["encoder_kbps"] == CONFIGURED_KBPS,
                           FULL_AGAIN_WITHIN_S)
        full_again_s = time.monotonic() - changes[-1][0]
        self.assertLess(full_again_s, FULL_AGAIN_WITHIN_S)
        time.sleep(5 if "CAMPUSH_ADAPTIVE_CSV" in os.environ else 1)
        rows = self.end()
        self.write_plot_table(rows, changes)

        narrowed = changes[1][0]
        delays = [row["queue_ms"] for row in rows if row["time_s"] > narrowed + SETTLED_AFTER_S]
        before = [row for row in rows if row["time_s"] < narrowed]
        slowed = next(row["time_s"] for row in rows if row["time_s"] > narrowed and row["encoder_kbps"] < NARROW[1])
        print(f"MEASURED slowed after {slowed - narrowed:.1f} s, queue delay p99 {percentile(delays, 0.99):.0f} ms, worst "
              f"{max(row['queue_ms'] for row in rows):.0f} ms, dropped {rows[-1]['dropped']:.0f}, full rate again after "
              f"{full_again_s:.0f} s", flush=True)
        self.assertLess(percentile(delays, 0.99), MAX_DELAY_MS)
        self.assertEqual(before[-1]["dropped"], 0)
        self.assertEqual(rows[-1]["connects"], 1)

    def push_far(self, congestion_control):
        """Over 600 ms of round trip, with what Linux sets by default beside the congestion control."""
        cable = netlab.delay_cable(self, FAR_MS / 2)
        if congestion_control not in cable.camera.run("cat /proc/sys/net/ipv4/tcp_available_congestion_control").split():
            self.skipTest(f"{congestion_control} is not in this kernel")
        cable.camera.set("net.ipv4.tcp_congestion_control", congestion_control)
        self.push_over(cable)
        return cable

    def check_untouched(self):
        rows = self.end()
        shortest = min(row["rtt_ms"] for row in rows if row["rtt_ms"] > 0)
        print(f"MEASURED round trip {shortest:.0f} ms, dropped {rows[-1]['dropped']:.0f}, worst queue delay "
              f"{max(row['queue_ms'] for row in rows):.0f} ms, without those of the start "
              f"{max(row['queue_ms'] for row in rows if row['time_s'] > rows[0]['time_s'] + FAR_START_S):.0f} ms", flush=True)
        self.assertGreater(shortest, FAR_MS - 10)
        self.assertEqual(rows[-1]["dropped"], 0)
        self.assertEqual({row["encoder_kbps"] for row in rows}, {CONFIGURED_KBPS})
        self.assertEqual(rows[-1]["connects"], 1)

    def test_a_round_trip_of_600_ms_without_congestion_costs_nothing(self):
        self.push_far("reno")
        time.sleep(25)
        self.check_untouched()

    def test_a_round_trip_of_600_ms_costs_nothing_with_bbr_which_pauses(self):
        cable = self.push_far("bbr")
        # It stops for two round trips when it has seen no shorter one for 10 s.
        def is_pausing():
            time.sleep(0.3)
            return " cwnd:4 " in cable.camera.run("ss", "-Htin", "dport", f"= :{self.server.port}")

        harness.eventually("a pause", is_pausing, 60)
        time.sleep(8)
        self.check_untouched()

    def test_congestion_on_a_long_way_is_seen(self):
        netlab.require("tc")
        cable = self.push_far("reno")
        time.sleep(15)
        before = self.rows()[-1]
        cable.camera.run(f"tc qdisc add dev cam0 root tbf rate {NARROW[0]} burst 16k limit 64k")
        narrowed = time.monotonic()
        harness.eventually(lambda: f"a lower bitrate: {self.rows()[-1]}",
                           lambda: self.rows()[-1]["encoder_kbps"] < NARROW[1] * 1.2, FAR_SLOWED_WITHIN_S)
        time.sleep(10)
        rows = self.end()
        slowed = next(row["time_s"] for row in rows if row["time_s"] > narrowed and row["encoder_kbps"] < CONFIGURED_KBPS)
        delays = [row["queue_ms"] for row in rows if row["time_s"] > narrowed]
        print(f"MEASURED slowed after {slowed - narrowed:.1f} s, worst queue delay {max(delays):.0f} ms, "
              f"dropped {rows[-1]['dropped'] - before['dropped']:.0f}", flush=True)
        self.assertEqual((before["dropped"], before["encoder_kbps"]), (0, CONFIGURED_KBPS))
        self.assertEqual(rows[-1]["connects"], 1)

    @staticmethod
    def write_plot_table(rows, changes):
        """The rows with the link's rate beside them, times from the first change on."""
        path = os.environ.get("CAMPUSH_ADAPTIVE_CSV")
        if not path:
            return
        begin = changes[0][0]
        times = [at for at, _ in changes]
        with open(path, "w", encoding="ascii", newline="") as table:
            out = csv.writer(table, lineterminator="\n")
            out.writerow(["time_s", "link_kbps", "encoder_kbps", "sent_kbps", "queue_ms", "rtt_ms", "dropped"])
            for row in rows:
                if row["time_s"] < begin:
                    continue
                link = changes[bisect.bisect(times, row["time_s"]) - 1][1]
                out.writerow([f"{row['time_s'] - begin:.1f}", link, *(f"{row[key]:.0f}" for key in (
                    "encoder_kbps", "sent_kbps", "queue_ms", "rtt_ms", "dropped"))])


if __name__ == "__main__":
    harness.main()
