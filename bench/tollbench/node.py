"""One gate on one data directory, which is started, killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tollbench import gate
from tollbench.booked import Books, Verdict, judge
from tollbench.calls import Known
from tollbench.processes import LOOPBACK, BenchError, Child, Children, free_ports
from tollbench.site import Site

KEY = "the key of whoever calls a gate that is killed"
HEADER = f"X-API-Key: {KEY}"
ADMIN_KEY = "the bootstrap key of a bench"
ENV = {"BENCH_KEY": KEY, "TOLLGATE_ADMIN_KEY": ADMIN_KEY}
ASK_EVERY_SECONDS = 0.005
# Until a gate answers, or ends when it is asked to.
PATIENCE_SECONDS = 60.0
# How often a gate may stop with something left.
STOPS = 5
ROUTES = """  everything:
    match: { path: /** }
    upstream: models
    accept: [api_key]
    limits: [1000000 requests/s]
"""
CONSUMERS = """  bench:
    credentials: [{ api_key: { env: BENCH_KEY } }]
"""


class Node:
    """A gate: key, limit, and a journal on a data directory of its own. `extra` is more of its configuration."""

    def __init__(self, site: Site, children: Children, name: str, *, workers: int = 2, extra: str = "") -> None:
        self.port, self._probes = free_ports(2)
        launch = gate.launch(site, name, self.port, gate.Routes(ROUTES, CONSUMERS, ENV))
        self.site, self.launch = site, launch
        assert launch.config is not None
        text = launch.config.read_text().replace("workers: 1\n", f"workers: {workers}\n")
        probes = f"probes: {{ listen: {LOOPBACK}:{self._probes} }}\n"
        launch.config.write_text(f"{text}{probes}{extra}")
        self.data = launch.config.parent / "data"
        self.admin = next(line for line in text.splitlines() if line.startswith("admin:")).split()[3]
        # Where the model's log is, where it has one.
        self.upstream_log: Path | None = None
        self.child: Child | None = None
        self._command, self._children, self._name = launch.command, children, f"{name}-{self.port}"
        self._started = 0.0

    @property
    def store(self) -> Path:
        """The file of the embedded store."""
        return self.data / "tollgate.db"

    def start(self, wrap: Sequence[str] = ()) -> Child:
        """Start it, inside `wrap` if that is given, and do not wait."""
        self._started = time.monotonic()
        self.child = self._children.start(self._name, [*wrap, *self._command], env=ENV)
        return self.child

    async def ready(self) -> float:
        """Wait until it says that it is; seconds since it was started."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            code = self.running().process.poll()
            if code is not None:
                raise BenchError(f"the gate ended by itself ({code}):\n{self.running().log_tail()}")
            try:
                if (await self.probe("/ready")).startswith("HTTP/1.1 200"):
                    return time.monotonic() - self._started
            except (OSError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(ASK_EVERY_SECONDS)
        raise BenchError(f"the gate is not ready after {PATIENCE_SECONDS:g} s:\n{self.running().log_tail()}")

    async def probe(self, path: str) -> str:
        """What it answers on the listener of probes."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self._probes)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode("ascii"))
            return (await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)).decode("utf-8", "replace")
        finally:
            writer.close()

    async def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        lines = (await self.probe("/metrics")).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def kill(self) -> None:
        """SIGKILL, if it runs still."""
        child = self.running()
        # A tracer has the gate as its child.
        for pid in reversed(child.tree()):
            signal_if_there(pid, signal.SIGKILL)
        child.process.wait()
        self._children.stop(child)
        self.child = None

    async def ended(self, patience: float) -> bool:
        """Whether it ends by itself within `patience` seconds."""
        deadline = time.monotonic() + patience
        while self.running().process.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(ASK_EVERY_SECONDS)
        return True

    async def finish(self, expected: int, *, store: Path | str | None = None) -> None:
        """Have it deliver the events that are expected, and whatever else it has, and stop it in order."""
        # How much waits is not known before what a killed gate left is read, so the books tell.
        books = Books(store or self.store)
        deadline = time.monotonic() + PATIENCE_SECONDS
        for _ in range(STOPS):
            if self.child is None:
                self.start()
            await self.ready()
            while await asyncio.to_thread(books.count) < expected and time.monotonic() < deadline:
                await asyncio.sleep(10 * ASK_EVERY_SECONDS)
            child = self.running()
            child.process.terminate()
            if not await self.ended(PATIENCE_SECONDS):
                break
            self._children.stop(child)
            self.child = None
            # What was booked and not noted as such is delivered once more, and a gate that has no time for it says so.
            if child.process.returncode == 0:
                return
        raise BenchError(f"the gate did not stop in order ({child.process.returncode}):\n{child.log_tail()}")

    def beside(self, name: str, command: list[str]) -> Child:
        """Start a process that has to do with this gate alone."""
        return self._children.start(name, command)

    def leave(self, child: Child) -> None:
        """Wait for the end of such a process, and forget it."""
        self._children.stop(child)
        child.log.unlink(missing_ok=True)

    def judge(self, known: Known, *, store: Path | str | None = None, by: str = "path") -> Verdict:
        """What is wrong between calls, books and log, once the gate has finished."""
        books = Books(store or self.store)
        verdict = judge(known, books.events(by))
        verdict.wrong += books.contradictions(verdict.events) + self.panics()
        return verdict

    def panics(self) -> list[str]:
        """Lines of the log that tell of a panic or a damage."""
        lines = self._log().splitlines()
        return [line for line in lines if "panicked" in line or "is damaged" in line]

    def lock_errors(self) -> list[str]:
        """Lines of the log that tell that the store was locked."""
        return [line for line in self._log().splitlines() if "is locked" in line or "busy" in line.lower()]

    def running(self) -> Child:
        """Its process."""
        if self.child is None:
            raise BenchError("the gate does not run")
        return self.child

    def _log(self) -> str:
        log = self._children.log_of(self._name)
        return log.read_text(errors="replace") if log.exists() else ""


def signal_if_there(pid: int, what: signal.Signals) -> None:
    """Signal a process of this run, which may have ended in the meantime."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)
