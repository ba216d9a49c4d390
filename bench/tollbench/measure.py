"""The measurements of one run: memory, interleaved rounds of load, system calls."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from tollbench import load, syscalls
from tollbench.connections import Connections
from tollbench.processes import BenchError, Children
from tollbench.site import Site
from tollbench.targets import UPSTREAM, Running, Target, check, fresh_rss_kib, start

CONNECTIONS = 32
LATENCY_SECONDS = 1
# A run with fresh tokens lasts so long, or until its tokens are used up.
FRESH_SECONDS = 1
FRESH_SATURATING = 20_000
FRESH_LATENCY = 10_000

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Round:
    """What one round measured of one target."""

    # CPU time of the proxy for each request at 32 connections, in microseconds.
    cpu: float
    # Completed requests in a second at 32 connections; absent where the tokens were used up early.
    rate: float | None
    # Latency at one connection, in microseconds.
    p50: float
    p99: float


@dataclass
class Row:
    """Everything measured of one target."""

    target: Target
    rounds: list[Round] = field(default_factory=list)
    rss_fresh_mib: float | None = None
    rss_idle_mib: float | None = None
    kib_per_connection: float | None = None
    syscalls: float | None = None
    # Why the figures of this row do not count; empty when they do.
    invalid: str = ""

    def median(self, figure: str) -> float | None:
        """The median of one figure over the rounds, or nothing where no round has it."""
        values = [value for one in self.rounds if (value := getattr(one, figure)) is not None]
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Plan:
    """How much to measure, and on which CPUs."""

    rounds: int
    seconds: int
    idle: int
    proxy_cpu: int
    load_cpu: int

    def fresh_tokens(self) -> dict[str, int]:
        """The files of fresh tokens that the rounds use up, and how many tokens each holds."""
        return {
            name: count
            for number in range(self.rounds)
            for name, count in ((_saturating(number), FRESH_SATURATING), (_single(number), FRESH_LATENCY))
        }


def memory(children: Children, site: Site, row: Row, plan: Plan) -> None:
    """Resident memory of a target that has just started, and with idle connections; on a process of its own."""
    try:
        running = start(children, site, row.target, plan.proxy_cpu)
        fresh = fresh_rss_kib(site, running)
        row.rss_fresh_mib = fresh / 1024
        with Connections(running.port, row.target.request(site)) as connections:
            connections.open(plan.idle)
            idle = running.child.rss_kib()
        row.rss_idle_mib = idle / 1024
        row.kib_per_connection = (idle - fresh) / plan.idle
        children.stop(running.child)
    except BenchError as error:
        row.invalid = str(error)


def start_checked(children: Children, site: Site, row: Row, plan: Plan) -> Running | None:
    """Start the process that the rounds load; nothing where its row is invalid by now."""
    try:
        running = start(children, site, row.target, plan.proxy_cpu)
        row.invalid = row.invalid or check(site, running) or ""
    except BenchError as error:
        row.invalid = str(error)
    return None if row.invalid else running


def round_of_load(
    site: Site, rows: list[tuple[Row, Running]], upstream: Running, plan: Plan, number: int
) -> tuple[float, float]:
    """One round over all targets: each is saturated once, then each is asked by one connection.

    A target that fails makes its row invalid and stops nothing. Returns the latencies of the upstream
    itself in this round, p50 and p99 in microseconds.
    """
    # Another target goes first in each round, so that none always follows the same neighbour.
    first = number % max(len(rows), 1)
    ordered = rows[first:] + rows[:first]
    upstream.child.pin(plan.load_cpu)
    saturated = [_attempt(row, partial(_saturate, site, running, plan, number)) for row, running in ordered]
    # On a CPU of its own, each wake-up of an idle virtual CPU would cost more than any of the proxies.
    upstream.child.pin(plan.proxy_cpu)
    direct = load.run(upstream.port, load.Request("/"), connections=1, seconds=LATENCY_SECONDS, cpu=plan.proxy_cpu)
    quiet = [_attempt(row, partial(_latency, site, running, plan, number)) for row, running in ordered]
    for (row, _), full, one in zip(ordered, saturated, quiet, strict=True):
        if full is None or one is None:
            continue
        row.rounds.append(Round(full.cpu, full.rate, one.p50, one.p99))
        failures = full.outcome.failures + one.failures
        if failures:
            row.invalid = row.invalid or f"{failures} requests failed in round {number + 1}"
    return direct.p50, direct.p99


def count_syscalls(children: Children, site: Site, row: Row, running: Running, plan: Plan) -> None:
    """System calls for each request; not for fresh tokens, whose calls are those of the repeated one."""
    if row.target.fresh:
        return
    request = row.target.request(site)
    count = partial(syscalls.per_request, children, running.child, running.port, request, plan.load_cpu)
    row.syscalls = _attempt(row, count)


def start_upstream(children: Children, site: Site, plan: Plan) -> Running:
    """The model server that all targets forward to."""
    return start(children, site, UPSTREAM, plan.load_cpu)


@dataclass(frozen=True)
class _Saturated:
    cpu: float
    rate: float | None
    outcome: load.Outcome


def _attempt(row: Row, action: Callable[[], Measured]) -> Measured | None:
    """Do one measurement; where it fails, the row is invalid and there is no result."""
    try:
        return action()
    except BenchError as error:
        row.invalid = row.invalid or str(error)
        return None


def _saturate(site: Site, running: Running, plan: Plan, number: int) -> _Saturated:
    fresh = running.target.fresh
    seconds = FRESH_SECONDS if fresh else plan.seconds
    before = running.child.cpu_seconds()
    outcome = _load(site, running, plan.load_cpu, CONNECTIONS, seconds, _saturating(number))
    spent = running.child.cpu_seconds() - before
    used_up = fresh and outcome.requests >= FRESH_SATURATING
    rate = None if used_up else outcome.requests_per_second
    return _Saturated(spent / max(outcome.requests, 1) * 1e6, rate, outcome)


def _latency(site: Site, running: Running, plan: Plan, number: int) -> load.Outcome:
    return _load(site, running, plan.proxy_cpu, 1, LATENCY_SECONDS, _single(number))


def _load(site: Site, running: Running, cpu: int, connections: int, seconds: int, tokens: str) -> load.Outcome:
    request = running.target.request(site)
    if not running.target.fresh:
        return load.run(running.port, request, connections=connections, seconds=seconds, cpu=cpu)
    return load.run(
        running.port,
        load.Request(request.path),
        connections=connections,
        seconds=seconds,
        cpu=cpu,
        tokens=site.credentials.fresh[tokens],
    )


def _saturating(number: int) -> str:
    return f"saturating-{number}"


def _single(number: int) -> str:
    return f"single-{number}"
