"""Callers and a model of this process's own, which remember of every call how far it came.

Both ends run on one event loop. A call has a path that no other call has, so that its event is found by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tollbench.processes import LOOPBACK, BenchError

BODY = b'{"label":"positive","score":0.9811}'
CHUNKS = 4
# Between two chunks of a stream, and before a slow answer.
PAUSE_SECONDS = 0.005
# A caller whom the gate does not answer tries again after this.
AGAIN_SECONDS = 0.01
KINDS = ("plain", "slow", "stream")
# One call in so many is left by its caller before its end.
LEFT = 20
OK = 200


@dataclass
class Known:
    """What both ends know of the calls, by their paths."""

    asked: set[str] = field(default_factory=set)
    # How often the model saw a call.
    seen: Counter[str] = field(default_factory=Counter)
    # The status of each answer that its caller has whole.
    whole: dict[str, int] = field(default_factory=dict)

    def served(self) -> int:
        """Callers who have a whole answer of the model."""
        return sum(status == OK for status in self.whole.values())


class Ends:
    """A model on `port` and callers of a gate, for as long as the block runs."""

    def __init__(self, upstream_port: int, seed: int) -> None:
        self.known = Known()
        self._upstream_port = upstream_port
        self._random = random.Random(seed)
        self._callers: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Ends:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Model(self.known), LOOPBACK, self._upstream_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()
        if self._server is not None:
            self._server.close()

    def call(self, port: int, header: str, callers: int) -> None:
        """Have so many callers call a gate, each again and again, until they leave."""
        self._callers += [asyncio.create_task(self._call(port, header)) for _ in range(callers)]

    async def leave(self) -> None:
        """Have every caller go, whatever it waits for."""
        for caller in self._callers:
            caller.cancel()
        ended = await asyncio.gather(*self._callers, return_exceptions=True)
        self._callers.clear()
        for error in ended:
            if isinstance(error, Exception):
                raise BenchError(f"a caller could not go on: {error!r}") from error

    async def _call(self, port: int, header: str) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            try:
                # A gate that was killed leaves whoever it had.
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    while await self._one(reader, writer, header):
                        pass
            finally:
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, header: str) -> bool:
        """Make one call; whether the connection can be used for another one."""
        path = f"/{self._random.choice(KINDS)}/{len(self.known.asked)}"
        leaves = self._random.randrange(LEFT) == 0
        self.known.asked.add(path)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{header}\r\n\r\n".encode("ascii"))
        if leaves:
            await asyncio.sleep(self._random.uniform(0, 2 * PAUSE_SECONDS))
            return False
        status, stays = await _answer(reader)
        self.known.whole[path] = status
        if status != OK:
            await asyncio.sleep(AGAIN_SECONDS)
        return stays


class _Model(asyncio.Protocol):
    """A connection to the model."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._came = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        while b"\r\n\r\n" in self._came:
            head, _, self._came = self._came.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode("ascii")
            self._known.seen[path] += 1
            self._answer(path)

    def _answer(self, path: str) -> None:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
        match path.split("/")[1]:
            case "plain":
                self._write(whole)
            case "slow":
                self._later(2, lambda: self._write(whole))
            case _:
                self._write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                chunk = b"%x\r\n%b\r\n" % (len(BODY), BODY)
                for number in range(1, CHUNKS + 1):
                    end = b"0\r\n\r\n" if number == CHUNKS else b""
                    self._later(number, lambda end=end: self._write(chunk + end))

    def _later(self, pauses: int, what: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(pauses * PAUSE_SECONDS, what)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read one answer to its last byte: its status, and whether the connection stays."""
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    if fields.get(b"transfer-encoding") == b"chunked":
        while (size := int((await reader.readuntil(b"\r\n")).strip(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
    return int(lines[0].split(b" ")[1]), fields.get(b"connection") != b"close"
