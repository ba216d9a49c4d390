"""The disk fails under the journal of a gate that serves: each of its first calls once, and others again and again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tollbench.booked import Verdict
from tollbench.calls import OK, Ends
from tollbench.node import HEADER, Node
from tollbench.prepare import say
from tollbench.processes import BenchError, Children, free_ports
from tollbench.site import Site

CALLERS = 16
# Until a call fails as it was asked to, and until calls are served again after it.
HIT_SECONDS, AGAIN_SECONDS = 10.0, 10.0
LOOK_EVERY_SECONDS = 0.01
# How a call fails. A write that takes nothing is the one short write that a tracer can make without a lie.
WRITES = ("error=EIO", "error=ENOSPC", "retval=0")
SYNCS = ("error=EIO", "error=ENOSPC")
# Calls that a gate makes about once a second: every other one of them fails, while writes fail, too, so that there are
# more of them.
RARE = ("rename", "openat", "fsync", "fallocate")
SEGMENTS = range(1, 60)


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    # Of the first 500 calls, these fail.
    numbers: range = range(1, 501)
    # How long every other rare call fails.
    seconds: float = 300.0


async def sweep(site: Site, children: Children, seed: int, sizes: Sizes) -> Verdict:
    """Each of the journal's first writes and syncs fails once; every other one of its rare calls fails for a while."""
    verdict = Verdict()
    failed = 0
    for call, ways, extra in (
        ("write", WRITES, ""),
        ("fdatasync", SYNCS, "ledger: { sync: always }\n"),
    ):
        async with _served(site, children, f"failing-{call}", seed, extra, verdict) as (node, ends):
            for number, way in zip(sizes.numbers, cycle(ways)):
                await _once(node, ends, verdict, f"inject={call}:{way}:when={number}")
        say(f"{call} has failed {len(sizes.numbers)} times")
    async with _served(site, children, "failing-rarely", seed, "", verdict) as (node, ends):
        for call in RARE:
            for first, way in ((1, "error=EIO"), (2, "error=ENOSPC")):
                rules = [f"inject={call}:{way}:when={first}+2", "inject=write:error=EIO:when=40+40"]
                failed += await _for_a_while(node, ends, verdict, rules, sizes.seconds)
    many = f"{len(sizes.numbers)} writes and as many syncs of the first {sizes.numbers[-1]}"
    verdict.tell(f"{many} failed one by one, {failed} other calls in turns (seed {seed})")
    return verdict


@contextlib.asynccontextmanager
async def _served(
    site: Site, children: Children, name: str, seed: int, extra: str, verdict: Verdict
) -> AsyncIterator[tuple[Node, Ends]]:
    """A gate and its callers; when the block has ended, what it booked is judged."""
    upstream = free_ports(1)[0]
    # One thread, so that the nth call is the nth call of one stream.
    node = Node(site.with_upstream(upstream), children, name, workers=1, extra=extra)
    async with Ends(upstream, seed) as ends:
        ends.call(node.port, HEADER, CALLERS)
        yield node, ends
        await ends.leave()
        await node.finish(len(ends.known.seen))
        verdict.add(await asyncio.to_thread(node.judge, ends.known), f"{name}: ")
        refused = sum(status != OK for status in ends.known.whole.values())
        say(f"{name}: {refused} calls were refused")


async def _once(node: Node, ends: Ends, verdict: Verdict, rule: str) -> None:
    """Have one call fail, see that the gate serves again, and kill it."""
    async with _traced(node, [rule]) as trace:
        if not await _within(HIT_SECONDS, lambda: trace.injected() > 0):
            verdict.wrong.append(f"{rule} was never reached")
        await _serves(ends, verdict, rule)
    node.kill()


async def _for_a_while(node: Node, ends: Ends, verdict: Verdict, rules: list[str], seconds: float) -> int:
    """Have calls fail for so long, see that the gate serves again afterwards, and kill it; how many failed."""
    async with _traced(node, rules) as trace:
        await asyncio.sleep(seconds)
        injected = trace.injected()
    await _serves(ends, verdict, f"{rules[0]}, {injected} calls failed")
    node.kill()
    return injected


async def _serves(ends: Ends, verdict: Verdict, after: str) -> None:
    served = ends.known.served()
    if not await _within(AGAIN_SECONDS, lambda: ends.known.served() > served):
        verdict.wrong.append(f"nothing was served within {AGAIN_SECONDS:g} s after {after}")


class _Trace:
    """What a tracer wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def injected(self) -> int:
        """How many calls failed because they were asked to."""
        return self._path.read_text(errors="replace").count("(INJECTED)") if self._path.exists() else 0


@contextlib.asynccontextmanager
async def _traced(node: Node, rules: list[str]) -> AsyncIterator[_Trace]:
    """A gate that was just started, whose calls on its journal's files fail by these rules while the block runs."""
    node.start()
    await node.ready()
    boot = max((node.data / "journal").resolve().iterdir())
    stream = boot / "0"
    files = [stream / f"{number:08}.{kind}" for number in SEGMENTS for kind in ("new", "seg")]
    files += [stream, stream / "checkpoint", stream / "checkpoint.new"]
    calls = ",".join(rule.split("=", 1)[1].split(":")[0] for rule in rules)
    output = node.data.parent / f"{boot.name}.trace"
    command = ["strace", "-f", "-s", "0", "-o", str(output), "-e", f"trace={calls}"]
    command += [word for rule in rules for word in ("-e", rule)]
    command += [word for file in files for word in ("-P", str(file))]
    tracer = node.beside(f"strace-{boot.name}", [*command, "-p", str(node.running().process.pid)])
    if not await _within(HIT_SECONDS, lambda: "attached" in tracer.log.read_text()):
        raise BenchError(f"strace did not attach:\n{tracer.log_tail()}")
    try:
        yield _Trace(output)
    finally:
        tracer.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(node.leave, tracer)
        output.unlink(missing_ok=True)


async def _within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    return True
