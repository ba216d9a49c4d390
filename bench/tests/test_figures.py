"""Ratios, goals and configurations."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from tollbench import connections, gate, peers, report
from tollbench.credentials import KEY_COUNT, Credentials
from tollbench.load import Request
from tollbench.measure import Plan, Round, Row
from tollbench.site import Site
from tollbench.targets import TARGETS, named


def row(name: str, *cpu: float, invalid: str = "") -> Row:
    """A measured target with this CPU time in each round."""
    return Row(named(name), [Round(value, 1000.0, 20.0, 40.0) for value in cpu], invalid=invalid)


class Figures(unittest.TestCase):
    """What the tables say."""

    def check(self, target: Row, reference: Row, expected: float | None) -> None:
        """The ratio of two targets."""
        self.assertEqual(report.ratio(target, reference), expected)

    def test_ratio(self) -> None:
        """The median of the rounds' ratios is not the ratio of the medians; an invalid row has none."""
        self.check(row("gate-key", 10, 20, 90), row("nginx-plain", 10, 10, 30), 2.0)
        self.check(row("gate-key", 10, 20), row("nginx-plain", 10, 10), 1.5)
        self.check(row("gate-key"), row("nginx-plain"), None)
        self.check(row("gate-key", 10), row("nginx-plain", 10, invalid="refused"), None)

    def test_goals(self) -> None:
        """A goal is reached, missed, or not measured."""
        rows = [row("gate-key-off", 11), row("nginx-plain", 10), row("envoy-key", 20)]
        rows[0].syscalls = 4.1
        verdicts = {line[0]: (line[1], line[-1]) for line in report.goals_table(rows)[1:]}
        self.assertEqual(verdicts["API key ÷ nginx plain"], ("1.10", "reached"))
        self.assertEqual(verdicts["API key ÷ envoy `api_key_auth`"], ("0.55", "MISSED"))
        self.assertEqual(verdicts["system calls for each request"], ("4.10", "reached"))
        self.assertEqual(verdicts["memory of a fresh process"], (report.MISSING, ""))

    def test_tables(self) -> None:
        """Every line has every column, invalid rows too; goals name targets that exist."""
        rows = [row("gate-key", 11), row("nginx-plain", 10), row("envoy-key", invalid="answers 500\nalways")]
        for table in (report.rows_table(rows, (18.0, 37.0)), report.goals_table(rows)):
            self.assertEqual({len(line) for line in table}, {len(table[0])})
            self.assertEqual(len(report.markdown(table).splitlines()), len(table) + 1)
            self.assertEqual(len(report.text(table).splitlines()), len(table))
        for goal in report.GOALS:
            named(goal.target)
            if goal.reference:
                named(goal.reference)

    def test_fresh_tokens(self) -> None:
        """No file of tokens is used by two rounds."""
        plan = Plan(rounds=3, seconds=2, idle=1, proxy_cpu=0, load_cpu=1)
        self.assertEqual(len(plan.fresh_tokens()), 6)

    def test_addresses(self) -> None:
        """Loopback addresses differ, and stay within their octets."""
        addresses = [connections.address(index) for index in range(600)]
        self.assertEqual(addresses[0], "127.0.0.2")
        self.assertEqual(addresses[250], "127.0.1.2")
        self.assertEqual(len(set(addresses)), 600)

    def test_wire_form(self) -> None:
        """A request with and without its header."""
        self.assertEqual(connections.wire_form(Request("/a")), b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.assertIn(b"\r\nX-API-Key: k\r\n\r\n", connections.wire_form(Request("/a", "X-API-Key: k")))

    def test_body(self) -> None:
        """The body that all published figures are for."""
        self.assertEqual(len(peers.BODY), 208)


class Configurations(unittest.TestCase):
    """Every target can be configured; the gate's files hold what their rows say."""

    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        keys = [f"hk_live_{number:040}" for number in range(KEY_COUNT)]
        callers = Credentials(keys, folder / "public.pem", folder / "private.pem", "a.b.c")
        self.site = Site(folder, 9, callers, Path("tollgate"), Path("envoy"), 20_000)

    def check(self, name: str, routes: int, secrets: int) -> None:
        """A gate's file has so many routes, and its environment so many secrets, none of them in the file."""
        launch = named(name).configure(self.site, 8080)
        assert launch.config is not None
        text = launch.config.read_text()
        self.assertEqual(text.count("    upstream: models\n"), routes)
        self.assertEqual(len(launch.env), secrets)
        self.assertNotIn("hk_live_", text)
        self.assertEqual(launch.command[1:3], ["serve", "-c"])

    def test_gate(self) -> None:
        """The rows of the gate."""
        self.check("gate-public", routes=1, secrets=0)
        self.check("gate-key", routes=1, secrets=1)
        self.check("gate-10000", routes=KEY_COUNT, secrets=KEY_COUNT)
        self.check("gate-rs256", routes=1, secrets=0)

    def test_all(self) -> None:
        """Each target writes its files, twice over without clashing, and asks with its own credential."""
        for target in TARGETS:
            self.assertNotEqual(target.configure(self.site, 8080).command, target.configure(self.site, 8080).command)
            self.assertEqual(target.request(self.site).header is None, target.presents == "none")

    def test_generation(self) -> None:
        """A generation adds one route and leaves the rest as it was."""
        launch = named("gate-key").configure(self.site, 8080)
        assert launch.config is not None
        before = launch.config.read_text()
        after = gate.with_generation(before, 7)
        added = [line for line in after.splitlines() if line not in before.splitlines()]
        self.assertEqual(added[:2], ["  generation_7:", "    match: { path: /generation/7 }"])
        self.assertEqual(after.count("upstream: models"), 2)


if __name__ == "__main__":
    unittest.main()
