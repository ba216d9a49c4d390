"""How connections are spread over addresses."""

from __future__ import annotations

import unittest

from tollbench import connections
from tollbench.processes import BenchError


class Spread(unittest.TestCase):
    """Connections from many addresses."""

    def check(self, count: int, addresses: int, expected: int | str) -> None:
        """How many each address opens, or a part of why it cannot be."""
        if isinstance(expected, int):
            self.assertEqual(connections.per_address(count, addresses), expected)
        else:
            with self.assertRaisesRegex(BenchError, expected):
                connections.per_address(count, addresses)

    def test_the_cap_of_the_gate_holds(self) -> None:
        """Everybody stays within the cap, or it is said how many addresses are needed."""
        self.check(9800, 40, 245)
        self.check(2000, 40, 50)
        self.check(1, 40, 1)
        self.check(257, 1, "give `--addresses 2`")
        self.check(20_000, 40, "give `--addresses 80`")
        self.check(0, 40, "must be a connection")
        self.check(1, 0, "an address")
