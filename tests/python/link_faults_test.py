"""`campush run` on a link that fails: what it shows and when, how it comes back, what it lost. One network namespace a machine."""

import harness
import netlab
from harness import pictures_sent
from link_case import HOST, dropped_by_kind, failed, link_case, not_normal

RESET = ("connection_reset", "closed_by_server", "connect_refused")


class slow(link_case):
    """The connection lives on."""

    def test_bandwidth_falls(self):
        agent = self.push()
        fall = lambda: self.cable.change_rate("300kbit")
        much = {"frames_dropped": lambda dropped: dropped["total"] - self.before["frames_dropped"]["total"] > 50}
        status = self.measure(agent, "bandwidth 8 to 0.3 Mbit/s", fall, not_normal, self.cable.change_rate, False, 20, 20, much)
        self.assertEqual(status["errors"], 0)
        for kind in ("key_congestion", "audio_congestion"):
            self.assertNotIn(kind, status["frames_dropped"])
        self.end(agent, fall)

    def test_a_tenth_of_the_packets_is_lost(self):
        agent = self.push()
        lose = lambda: self.machine.filter("numgen random mod 100 < 10 drop")
        self.begin(agent)
        lose()
        sent = pictures_sent(self.before)
        status = agent.until(frames_sent=lambda kinds: kinds["key"] + kinds["inter"] > sent + 120, seconds=60)
        self.assertEqual((status["connects"], status["errors"]), (1, 0))
        self.publish("10 % of the packets lost", status, status)
        self.check_size(agent)
        self.end(agent)


class cut(link_case):
    """Nothing passes for a while, and nobody says so."""

    def test_the_far_end_of_the_cable_is_down(self):
        agent = self.push()
        down, up = (lambda: self.machine.run("ip link set srv0 down")), (lambda: self.machine.run("ip link set srv0 up"))
        self.measure(agent, "link down, far end, for about 2 s", down, not_normal, up, False,
                     hold={"queue": lambda queue: queue["level"] == "high"})
        self.end(agent, down)

    def test_the_own_end_of_the_cable_is_down(self):
        agent = self.push()
        down, up = (lambda: self.camera.run("ip link set cam0 down")), (lambda: self.camera.run("ip link set cam0 up"))
        self.measure(agent, "link down, own end, for about 2 s", down, not_normal, up,
                     hold={"queue": lambda queue: queue["level"] == "high"})
        self.end(agent, down)

    def test_packets_vanish(self):
        agent = self.push()
        vanish = lambda: self.machine.filter("drop")
        self.measure(agent, "blackhole", vanish, not_normal, self.machine.filter, True, hold=failed("ack_stall"))
        self.end(agent, vanish)

    def test_no_route(self):
        agent = self.push()
        remove = lambda: self.camera.run(f"ip route add unreachable {netlab.SERVER}/32")
        restore = lambda: self.camera.run(f"ip route del unreachable {netlab.SERVER}/32")
        self.measure(agent, "no route to the server", remove, not_normal, restore, True,
                     hold=failed("unreachable", "ack_stall", "link_changed"))
        self.end(agent, remove)


class broken(link_case):
    """Something says that the connection is gone."""

    def test_a_middlebox_forgets_the_connection(self):
        agent = self.push()
        kill = lambda: self.cable.kill_connections(self.server.port)
        again = {"connects": lambda count: count > self.before["connects"]}
        self.measure(agent, "reset", kill, again, None, True)
        self.end(agent, kill)

    def test_a_firewall_resets(self):
        agent = self.push()
        reset = lambda: self.machine.filter(f"tcp dport {self.server.port} reject with tcp reset")
        self.measure(agent, "reset, then refused", reset, failed(*RESET), self.machine.filter, True, hold=failed("connect_refused"))
        self.end(agent, reset)

    def test_the_server_is_restarted(self):
        agent = self.push()
        kill, start = self.server.child.kill, lambda: self.server.start(*self.server_options)
        self.measure(agent, "server killed, restarted", kill, failed(*RESET), start, True, hold=failed("connect_refused"))
        self.end(agent)


class names(link_case):
    """The connection breaks while DNS does."""

    def setUp(self):
        super().setUp()
        self.dns = netlab.name_server(self, self.camera)
        self.dns.answer_with(netlab.SERVER)

    def push_by_name(self):
        return self.push(f"rtmp://{HOST}:{self.server.port}/live/gate")

    def break_with(self, mode):
        def both():
            self.dns.answer_with(mode)
            self.cable.kill_connections(self.server.port)
        return both

    def check_last_good_address(self, name, mode, recover_within):
        agent = self.push_by_name()
        again = {"connects": lambda count: count > self.before["connects"]}
        self.measure(agent, name, self.break_with(mode), again, None, True, recover_within)
        self.end(agent)

    def test_the_name_is_denied(self):
        agent = self.push_by_name()
        self.measure(agent, "reset, DNS says nxdomain", self.break_with("nxdomain"), failed("dns_failed"),
                     lambda: self.dns.answer_with(netlab.SERVER), True)
        self.end(agent)

    def test_dns_fails_and_the_last_good_address_is_used(self):
        self.check_last_good_address("reset, DNS says servfail", "servfail", 20)

    def test_dns_is_silent_and_the_last_good_address_is_used(self):
        self.check_last_good_address("reset, DNS silent", "silent", 20)

    def test_the_server_moves_to_another_address(self):
        add = lambda address: self.machine.run(f"ip addr add {address}/24 dev srv0")
        self.server.child.kill()
        self.server = harness.sink(self, *self.server_options, name="anywhere", host="0.0.0.0", prefix=self.machine.prefix)
        agent = self.push_by_name()

        def move():
            self.dns.answer_with(netlab.SECOND_SERVER)
            add(netlab.SECOND_SERVER)
            self.machine.filter(f"ip daddr {netlab.SERVER} reject with tcp reset")
        self.measure(agent, "server moved, DNS changed", move, failed(*RESET), None, True)
        self.assertIn(f"{netlab.SECOND_SERVER}", self.machine.run("ss", "-Htn", f"sport = :{self.server.port}"))
        self.end(agent)


class far(link_case):
    """300 ms each way, and as much bandwidth as anyone wants."""

    def make_cable(self):
        return netlab.delay_cable(self, 300)

    def test_a_long_way_is_no_congestion(self):
        agent = self.push()
        self.before = agent.session()
        status = agent.until(state="connected", seconds=20, is_acknowledging=True,
                             frames_sent=lambda sent: sent["key"] + sent["inter"] > 200)
        self.assertGreaterEqual(status["rtt_ms"], 600)
        self.assertEqual((status["connects"], status["errors"], status["queue"]["level"]), (1, 0, "normal"))
        self.assertEqual(dropped_by_kind(self.before, status), {})
        self.publish("600 ms round trip", status, status)
        self.end(agent)


if __name__ == "__main__":
    harness.main()
