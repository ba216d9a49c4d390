"""The store is away while calls go on: what waits in the journal, and how quickly it is booked afterwards."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import urllib.error
import urllib.request
from abc import abstractmethod
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import TracebackType

from tollbench import gate, peers
from tollbench.booked import Verdict
from tollbench.calls import Known
from tollbench.load import Request
from tollbench.node import ADMIN_KEY, HEADER, Node
from tollbench.processes import BenchError, Children, free_ports, wait_until_listening
from tollbench.servers import Postgres
from tollbench.site import Site
from tollbench.steady import SteadyLoad, Totals

# Before the store goes; and where nothing is booked for so long, nothing waits.
CALM_SECONDS = 2.0
# Until everything is booked after the store is back.
PATIENCE_SECONDS = 1800.0
LOOK_EVERY_SECONDS = 0.02
# Ready again, with however much waiting, and booked afterwards in a second at least.
READY_MS = 1000
SQLITE_RATE, POSTGRES_RATE = 5_000, 20_000
# How often the store is written to beside the events.
WRITE_EVERY_SECONDS = 0.1


class Away:
    """A store that can be taken away for as long as a block runs."""

    def __init__(self, name: str, store: Path | str) -> None:
        self.name, self.store = name, store

    @abstractmethod
    def __enter__(self) -> None:
        """Take it away."""

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""


class LockedFile(Away):
    """A file of SQLite that somebody else has locked against writers."""

    def __init__(self, path: Path) -> None:
        super().__init__("SQLite locked", path)
        self._path = path

    def __enter__(self) -> None:
        self._holder = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        self._holder.execute("BEGIN EXCLUSIVE")

    def __exit__(self, *_: object) -> None:
        self._holder.rollback()
        self._holder.close()


class StoppedServer(Away):
    """A PostgreSQL that is stopped."""

    def __init__(self, server: Postgres) -> None:
        super().__init__("PostgreSQL stopped", server.url)
        self._server = server

    def __enter__(self) -> None:
        self._server.halt()

    def __exit__(self, *_: object) -> None:
        self._server.resume()


async def sqlite(site: Site, children: Children, seconds: float, rate: int) -> Verdict:
    """The embedded store is locked for so long, at so many calls a second."""
    node = _node(site, children, "locked", "")
    node.start()
    await node.ready()
    return await _outage(node, LockedFile(node.store), seconds, rate, SQLITE_RATE)


async def postgres(site: Site, children: Children, seconds: float, rate: int) -> Verdict:
    """A PostgreSQL is stopped for so long, at so many calls a second."""
    with Postgres() as server:
        node = _node(site, children, "stopped", f"store: {server.url}\n")
        gate.migrate(node.site, node.launch)
        node.start()
        await node.ready()
        return await _outage(node, StoppedServer(server), seconds, rate, POSTGRES_RATE)


async def locks(site: Site, children: Children, seconds: float, rate: int) -> Verdict:
    """So many calls a second into SQLite, and somebody who makes keys meanwhile: nobody finds the store locked."""
    node = _node(site, children, "busy", "")
    node.start()
    await node.ready()
    refused: list[str] = []
    with _load(node, rate) as load:
        deadline = time.monotonic() + seconds
        made = 0
        while time.monotonic() < deadline:
            refused += await asyncio.to_thread(_make_key, node, made)
            made += 1
            await asyncio.sleep(WRITE_EVERY_SECONDS)
    await node.finish(load.totals.done)
    verdict = _judge(node, node.store, load.totals)
    verdict.wrong += refused + node.lock_errors()
    verdict.tell(f"{load.totals.rate:,.0f} calls/s for {seconds:g} s into SQLite, {made} keys made meanwhile")
    return verdict


async def _outage(node: Node, away: Away, seconds: float, rate: int, least: int) -> Verdict:
    with _load(node, rate) as load:
        await asyncio.sleep(CALM_SECONDS)
        await asyncio.to_thread(away.__enter__)
        await asyncio.sleep(seconds)
    waiting = await node.metric("tollgate_ledger_lag_events")
    # Whoever is killed with so much waiting has to find it again.
    node.kill()
    await asyncio.to_thread(away.__exit__, None, None, None)
    node.start()
    ready = await node.ready()
    drained, booked = await _drained(node)
    await node.finish(load.totals.done, store=away.store)
    verdict = _judge(node, away.store, load.totals)
    verdict.tell(f"{away.name} for {seconds:g} s at {load.totals.rate:,.0f} calls/s")
    print(f"  ready again after {ready * 1e3:.0f} ms with {waiting:,.0f} events waiting (wanted: at most {READY_MS})")
    print(f"  {booked:,.0f} events booked at {drained:,.0f} events/s (wanted: {least:,})", flush=True)
    return verdict


async def _drained(node: Node) -> tuple[float, float]:
    """Events that a gate which was just started books in a second, from its first batch to its last; and how many."""
    first = last = (0.0, 0.0)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now = (time.monotonic(), await node.metric("tollgate_ledger_events_total"))
        if now[1] > last[1]:
            first, last = first if first[1] else now, now
        elif first[1] and now[0] - last[0] > CALM_SECONDS:
            return (last[1] - first[1]) / max(last[0] - first[0], LOOK_EVERY_SECONDS), last[1]
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise BenchError("the store is back, and nothing is booked")


def _node(site: Site, children: Children, name: str, extra: str) -> Node:
    """A gate before a model whose log tells each call that it saw."""
    upstream = free_ports(1)[0]
    site = site.with_upstream(upstream)
    launch = peers.logging_upstream(site, f"{name}-upstream")
    wait_until_listening(children.start(f"{name}-upstream", launch.command), upstream)
    node = Node(site, children, name, extra=extra)
    node.upstream_log = peers.log_of(launch)
    return node


def _load(node: Node, rate: int) -> SteadyLoad:
    return SteadyLoad(node.port, Request("/predict", HEADER), rate)


def _judge(node: Node, store: Path | str, totals: Totals) -> Verdict:
    """The model's log against the books: each call is known by the id that the gate gave it."""
    assert node.upstream_log is not None
    seen = Counter(node.upstream_log.read_text().split())
    known = Known(set(seen), seen, {})
    verdict = node.judge(known, store=store, by="id")
    # A call that never went to the model has an event where the gate was killed in between.
    verdict.wrong = [text for text in verdict.wrong if not text.startswith("nobody made")]
    if verdict.outcomes["served"] < totals.served:
        verdict.wrong.append(f"{totals.served:,} callers were answered, {verdict.outcomes['served']:,} are booked")
    return verdict


def _make_key(node: Node, number: int) -> list[str]:
    """Write to the store by the admin API; what was wrong with that."""
    request = urllib.request.Request(
        f"http://{node.admin}/api/v1/keys",
        data=json.dumps({"name": f"bench-{number}"}).encode(),
        headers={"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"},
    )
    try:
        with closing(urllib.request.urlopen(request, timeout=30)):
            return []
    except urllib.error.URLError as error:
        return [f"a key could not be made: {error}"]
