"""What other programs report is read right, and what is no report is an error that says so."""

from __future__ import annotations

import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

from tollbench import callgrind, load, steady, syscalls
from tollbench.processes import BenchError

WRK = """Running 1s test @ http://127.0.0.1:8080/
  1 threads and 1 connections
  Latency Distribution
     50%   18.00us
     75%   20.00us
     99%    1.20ms
  52000 requests in 1.10s, 18.05MB read
{failures}Requests/sec:  47272.73
"""
H2LOAD = """finished in 2.00s, 2000.00 req/s, 708.98KB/s
requests: 4003 total, 4003 started, 4000 done, 3990 succeeded, 10 failed, 2 errored, 1 timeout
status codes: 3990 2xx, 0 3xx, 10 4xx, 0 5xx
"""
STRACE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.060000           1     40000           writev
------ ----------- ----------- --------- --------- ----------------
100.00    0.100000           1     82000{errors} total
"""


class Reports(unittest.TestCase):
    """Every program's report, through one door."""

    def check(self, read: Callable[[str], object], report: str, expected: object | None) -> None:
        """`read` makes `expected` of a report, or raises where nothing is expected."""
        with self.subTest(report=report):
            if expected is None:
                self.assertRaises(BenchError, read, report)
            else:
                self.assertEqual(read(report), expected)

    def test_wrk(self) -> None:
        """Failures are refusals and broken connections together."""
        clean = load.Outcome(52_000, 47_272.73, 18.0, 1200.0, 0)
        refused = "  Non-2xx or 3xx responses: 7\n"
        broken = "  Socket errors: connect 1, read 2, write 0, timeout 4\n"
        self.check(load.parse, WRK.format(failures=""), clean)
        self.check(load.parse, WRK.format(failures=refused), load.Outcome(52_000, 47_272.73, 18.0, 1200.0, 7))
        self.check(load.parse, WRK.format(failures=broken + refused), load.Outcome(52_000, 47_272.73, 18.0, 1200.0, 14))
        self.check(load.parse, WRK.format(failures="").replace("99%", "98%"), None)
        self.check(load.parse, "unable to connect to 127.0.0.1:8080 Connection refused\n", None)

    def test_h2load(self) -> None:
        """A request that was errored or timed out is not among those done."""
        totals = steady.parse(H2LOAD)
        self.assertEqual((totals.done, totals.served, totals.broken, totals.failed), (4000, 3990, 3, 13))
        self.check(steady.parse, "", None)

    def test_strace(self) -> None:
        """The column of errors is empty where no call failed."""
        self.check(syscalls.total_calls, STRACE.format(errors="          "), 82_000)
        self.check(syscalls.total_calls, STRACE.format(errors="       100"), 82_000)
        self.check(syscalls.total_calls, "strace: attach: ptrace: Operation not permitted\n", None)

    def test_callgrind(self) -> None:
        """A thread may have rested; a dump that does not say how much was done counts nothing."""
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder) / "callgrind.1.1"

            def read(text: str) -> int:
                dump.write_text(text)
                return callgrind.total(dump)

            self.check(read, "events: Ir\nfn=(1)\n0 7600000\ntotals: 7600000\n", 7_600_000)
            self.check(read, "events: Ir\nsummary: 12\n", 12)
            self.check(read, "totals: 0\n", 0)
            self.check(read, "", None)
            self.assertRaises(BenchError, callgrind.total, dump.with_name("absent"))


if __name__ == "__main__":
    unittest.main()
