"""`campush run` where the way to the server changes: another address, another device, and addresses that lead nowhere."""

import subprocess
import time

import harness
import netlab
from link_case import HOST, link_case

SECOND_CAMERA, SECOND_ROAD = "10.77.1.1", "10.77.1.2"
FARM = "10.99.0.1"


class link_change(link_case):
    """A new address or another road: the connection is made again on it within seconds, without waiting for time-outs."""

    def follow(self, agent, name, fault):
        """What ends the connection is the news of it: no time-out."""
        moved = {"connects": lambda count: count > self.before["connects"]}
        after = self.measure(agent, name, fault, moved, None, True, 6)
        self.assertGreater(after["link"]["link_changes"], self.before["link"]["link_changes"])

    def test_the_own_address_changes(self):
        agent = self.push()

        def change():
            self.camera.run(f"ip addr del {netlab.CAMERA}/24 dev cam0")
            self.camera.run(f"ip addr add {netlab.OTHER_CAMERA}/24 dev cam0")
        self.follow(agent, "own address changed", change)
        self.end(agent)

    def second_road(self):
        """A second cable, and a server whose address is on neither."""
        subprocess.run(["ip", "link", "add", "cam1", "netns", str(self.camera.pid), "type", "veth", "peer", "name", "srv1", "netns",
                        str(self.machine.pid)], check=True)
        self.machine.run(f"ip addr add {FARM}/32 dev lo")
        self.camera.run(f"ip route add {FARM}/32 via {netlab.SERVER} metric 100")
        for home, device, address in ((self.camera, "cam1", SECOND_CAMERA), (self.machine, "srv1", SECOND_ROAD)):
            netlab.add_addresses(home, device, address, "fd77:1::1" if home is self.camera else "fd77:1::2")
        self.server.child.kill()
        self.server = harness.sink(self, *self.server_options, name="farm", host=FARM, prefix=self.machine.prefix)

    def test_another_device_leads_to_the_server(self):
        self.second_road()
        agent = self.push()
        prefer = lambda: self.camera.run(f"ip route add {FARM}/32 via {SECOND_ROAD} metric 10")
        self.follow(agent, "route moves to another device", prefer)
        self.assertIn(SECOND_CAMERA, self.machine.run("ss", "-Htn", f"sport = :{self.server.port}"))
        self.end(agent)

    def test_a_device_that_goes_leaves_the_other(self):
        self.second_road()
        self.camera.run(f"ip route add {FARM}/32 via {SECOND_ROAD} metric 200")
        agent = self.push()
        down = lambda: self.camera.run("ip link set cam0 down")
        self.follow(agent, "device goes down, another is there", down)
        self.assertIn(SECOND_CAMERA, self.machine.run("ss", "-Htn", f"sport = :{self.server.port}"))
        self.end(agent)

    def test_an_address_more_changes_nothing(self):
        agent = self.push()
        self.begin(agent)
        self.camera.run("ip addr add 10.77.9.9/24 dev cam0")
        self.camera.run("ip route add 10.98.0.0/24 via 10.77.0.2")
        sent = agent.session()["frames_sent"]["inter"]
        # Well past the debounce of the changes.
        status = agent.until(frames_sent=lambda kinds: kinds["inter"] > sent + 75)
        self.assertEqual((status["connects"], status["errors"]), (1, 0))
        self.end(agent)

    def test_a_link_that_comes_back_wakes_who_waits(self):
        """The wait before the next attempt is cut short when an address appears."""
        slow = {"max_retry_attempts": 0, "retry": {"initial_delay_s": 60, "max_delay_s": 60, "jitter": 0}}
        self.camera.run("ip link set cam0 down")
        self.camera.run(f"ip addr del {netlab.CAMERA}/24 dev cam0")
        agent = self.push(**slow)
        agent.until(state="error", next_retry_in_s=lambda wait: wait and wait > 40)
        self.camera.run("ip link set cam0 up")
        self.camera.run(f"ip addr add {netlab.CAMERA}/24 dev cam0")
        agent.until(state="connected", seconds=6)
        self.until_flowing(agent)
        self.end(agent)


class dead_address(link_case):
    """One of a name's addresses leads nowhere."""

    def setUp(self):
        super().setUp()
        self.dns = netlab.name_server(self, self.camera)
        self.machine.filter(f"ip6 daddr {netlab.SERVER6} meta l4proto tcp counter drop")

    def test_a_dead_ipv6_address_costs_less_than_a_second(self):
        self.dns.answer_with(f"{netlab.SERVER6} {netlab.SERVER}")
        agent = self.push(f"rtmp://{HOST}:{self.server.port}/live/gate")
        agent.until(state=lambda state: state in ("connecting", "connected"))
        begin = time.monotonic()
        status = agent.until(state="connected", seconds=6)
        took = time.monotonic() - begin
        self.assertTrue(harness.is_within(took, 1), f"{took} s until connected")
        self.assertNotIn("packets 0 ", self.machine.run("nft list table inet faults"), "the dead address was not even tried")
        self.assertEqual(status["errors"], 0)
        self.before = status
        self.publish("dead IPv6 address, until connected", status, status, recovered=took)
        self.until_flowing(agent)
        self.end(agent)


if __name__ == "__main__":
    harness.main()
