"""What is lost, doubled or wrong between calls and events."""

from __future__ import annotations

import unittest
from collections import Counter

from tollbench import blocks
from tollbench.booked import Event, judge
from tollbench.calls import Known

SERVED = Event("/a", "served", 200)
CUT = Event("/a", "interrupted", None)


class Judging(unittest.TestCase):
    """One call, `/a`, and what is booked of it."""

    def check(self, seen: int, whole: int | None, events: list[Event], expected: tuple[int, int, int]) -> None:
        """How much is lost, doubled and wrong."""
        known = Known({"/a"}, Counter({"/a": seen} if seen else {}), {} if whole is None else {"/a": whole})
        verdict = judge(known, events)
        self.assertEqual((len(verdict.lost), len(verdict.doubled), len(verdict.wrong)), expected)
        self.assertEqual(verdict.good, expected == (0, 0, 0))

    def test_each_call_is_booked_once(self) -> None:
        """Whoever has a whole answer pays for one served call; a call that was cut is there, too."""
        self.check(1, 200, [SERVED], (0, 0, 0))
        self.check(1, None, [CUT], (0, 0, 0))
        self.check(1, None, [SERVED], (0, 0, 0))
        self.check(0, None, [CUT], (0, 0, 0))
        self.check(0, 503, [], (0, 0, 0))
        self.check(1, 200, [], (1, 0, 0))
        self.check(1, None, [], (1, 0, 0))
        self.check(1, 200, [SERVED, SERVED], (0, 1, 0))
        self.check(1, 200, [SERVED, CUT], (0, 1, 0))

    def test_what_is_booked_happened(self) -> None:
        """A call that was answered is no interrupted one; one that went nowhere is no served one."""
        self.check(1, 200, [CUT], (0, 0, 1))
        self.check(0, 503, [SERVED], (0, 0, 1))
        self.check(1, 503, [CUT], (0, 0, 1))
        self.check(2, 200, [SERVED], (0, 0, 1))
        self.check(0, None, [Event("/b", "served", 200)], (0, 0, 1))


class Blocks(unittest.TestCase):
    """Blocks of events, read without the program."""

    def check(self, packed: bytes, expected: bytes) -> None:
        """What LZ4 packed so."""
        self.assertEqual(blocks.unpack(packed), expected)

    def test_lz4(self) -> None:
        """Literals, copies that repeat themselves, and lengths of several bytes."""
        self.check(b"\x50hello", b"hello")
        self.check(b"\x20ab\x02\x00\x10c", b"ab" + b"abab" + b"c")
        self.check(b"\x1fz\x01\x00\xff\x01\x10y", b"z" + b"z" * (15 + 255 + 1 + 4) + b"y")
        self.check(b"\xf0\x05" + b"x" * 20, b"x" * 20)

    def test_ulid(self) -> None:
        """The text of its 128 bits."""
        self.assertEqual(blocks.ulid(0), "0" * 26)
        self.assertEqual(blocks.ulid(0x01563E3AB5D3D6764C61EFB99302BD5B), "01ARZ3NDEKTSV4RRFFQ69G5FAV")


if __name__ == "__main__":
    unittest.main()
