"""Reads blocks of usage events, without the program that wrote them.

What they are made of stands in `crates/store/src/events/block/body.rs` and `crates/core/src/usage/encoding.rs`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tollbench.processes import BenchError

VERSION = 1
HASH = 32
# Version, boot, stream and seq, which stand before the intent of an event.
HEAD = 1 + 16 + 2 + 8
TEXTS = 11
ABSENT = 0xFFFF
# The place of the path among the texts.
PATH = 8
OUTCOMES = ["served", "cancelled", "upstream_error", "interrupted"]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def events(body: bytes) -> Iterator[tuple[str, str, str, int | None]]:
    """Id, path, outcome and status of each event of a block. Raises `BenchError` for other bytes."""
    if body[0] != VERSION:
        raise BenchError(f"a block is of version {body[0]}")
    length = int.from_bytes(body[1:5], "little")
    plain = unpack(body[5:])
    if len(plain) != length:
        raise BenchError(f"a block has {len(plain)} bytes and says {length}")
    at = 0
    while at < length:
        end = at + 2 + int.from_bytes(plain[at : at + 2])
        yield _event(plain[at + 2 : end])
        at = end + HASH


def unpack(packed: bytes) -> bytes:
    """What LZ4 made one of its blocks of."""
    out, at = bytearray(), 0
    while True:
        token = packed[at]
        literals, at = _length(packed, at + 1, token >> 4)
        out += packed[at : at + literals]
        at += literals
        # The last one has literals alone.
        if at == len(packed):
            return bytes(out)
        start = len(out) - int.from_bytes(packed[at : at + 2], "little")
        copied, at = _length(packed, at + 2, token & 15)
        copied += 4
        # Where it reaches into what it makes, it repeats.
        piece = out[start : start + copied]
        out += (piece * (copied // len(piece) + 1))[:copied]


def _length(packed: bytes, at: int, length: int) -> tuple[int, int]:
    more = length == 15
    while more:
        length += packed[at]
        more = packed[at] == 255
        at += 1
    return length, at


def _event(event: bytes) -> tuple[str, str, str, int | None]:
    number, at, path = int.from_bytes(event[HEAD : HEAD + 16]), HEAD + 24, ""
    for text in range(TEXTS):
        length = int.from_bytes(event[at : at + 2])
        at += 2
        if length != ABSENT:
            if text == PATH:
                path = event[at : at + length].decode()
            at += length
    status = int.from_bytes(event[at + 1 : at + 3])
    return ulid(number), path, OUTCOMES[event[at]], status or None


def ulid(number: int) -> str:
    """The text of a ULID."""
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
