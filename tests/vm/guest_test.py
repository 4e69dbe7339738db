#!/usr/bin/env python3
"""The guest itself: what it runs, and that its answers are true."""

import guest
import harness


class machine(guest.guest_case):
    needs = ()

    def test_runs_the_kernel_of_debian_and_the_programs_of_the_host(self):
        name = self.guest.text("uname -a")
        print(name)
        self.assertIn("Debian", name)
        self.assertEqual((harness.ROOT / "LICENSE").read_text(encoding="utf-8").strip(),
                         self.guest.text(f"cat {harness.ROOT}/LICENSE"))

    def test_returns_the_status_of_a_command(self):
        for wanted in (0, 1, 37):
            self.assertEqual(self.guest.run(f"exit {wanted}", must=False)[0], wanted)

    def test_leaves_the_host_as_it_is(self):
        self.guest.run(f"touch {harness.ROOT}/guest_was_here && rm {harness.ROOT}/README.md")
        self.assertFalse((harness.ROOT / "guest_was_here").exists())
        self.assertTrue((harness.ROOT / "README.md").exists())

    def test_reaches_a_server_on_the_loopback_of_the_host_and_nothing_else(self):
        sink = harness.sink(self)
        self.assertTrue(self.guest.succeeds(f"exec 4<>/dev/tcp/{guest.HOST}/{sink.port}"))
        self.assertFalse(self.guest.succeeds("timeout 3 bash -c 'exec 4<>/dev/tcp/192.0.2.1/80'"))

    def test_loads_every_driver_that_was_prepared(self):
        names = (guest.HERE / "prepare").read_text(encoding="utf-8").split('modules="')[1].split('"')[0].split()
        for name in names:
            with self.subTest(name):
                self.guest.run(f"modprobe {name}")


if __name__ == "__main__":
    guest.main()
