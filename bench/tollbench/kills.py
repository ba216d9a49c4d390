"""A gate is killed under load: at random moments, and at each of its first write calls."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable
from functools import partial

from tollbench.booked import Verdict
from tollbench.calls import Ends
from tollbench.node import HEADER, Node
from tollbench.prepare import say
from tollbench.processes import Children, free_ports
from tollbench.site import Site

CALLERS = 24
# A gate is killed within so long of having started, or where it is let start, of having become ready.
START_SECONDS, LOAD_SECONDS = 0.1, 0.4
# One gate in so many is killed while it starts.
EARLY = 5
# The first write calls of a gate on an empty data directory make its keys and tables; by the first of them, its keys.
FRESH_WRITES, KEY_WRITES = 120, 16
# The journal and the files of keys are written by the first, SQLite's files by the second.
CALLS = ("write", "pwrite64")
# A traced gate that has not written so often by then is killed.
TRACED_SECONDS = 15.0


async def at_random(site: Site, children: Children, seed: int, count: int) -> Verdict:
    """Kill a gate `count` times at random moments, each time on the same data directory."""
    ready: list[float] = []

    async def kill_all(node: Node, moments: random.Random) -> None:
        for number in range(count):
            node.start()
            if number > 0 and moments.randrange(EARLY) == 0:
                await asyncio.sleep(moments.uniform(0, START_SECONDS))
            else:
                ready.append(await node.ready())
                await asyncio.sleep(moments.uniform(0, LOAD_SECONDS))
            node.kill()
            if (number + 1) % 100 == 0:
                say(f"killed {number + 1} times")

    verdict = await _under_load(site, children, "killed", seed, kill_all)
    verdict.tell(f"{count} kills at random moments (seed {seed})")
    print(f"  ready again: median {statistics.median(ready) * 1e3:.0f} ms, worst {max(ready) * 1e3:.0f} ms")
    return verdict


async def at_writes(site: Site, children: Children, seed: int, numbers: range) -> Verdict:
    """Kill a gate at the nth write call of whichever of its threads makes so many first, for each n of `numbers`."""
    unreached: list[int] = []

    async def kill_at(node: Node, at: int, calls: str) -> None:
        node.start(_killing_at(at, calls))
        if not await node.ended(TRACED_SECONDS):
            unreached.append(at)
        node.kill()

    verdict = Verdict()
    # Each call by itself: the store's thread has made more of its own before any other has made one.
    fresh = {(call, number) for call in CALLS for number in numbers if number <= FRESH_WRITES}
    fresh |= {("write", number) for number in range(1, KEY_WRITES + 1)}
    for call, at in sorted(fresh):
        killed = partial(kill_at, at=at, calls=call)
        found = await _under_load(site, children, f"{call}-{at}", seed, lambda node, _, killed=killed: killed(node))
        verdict.add(found, f"killed at {call} {at} of an empty directory: ")

    async def kill_all(node: Node, _: random.Random) -> None:
        for at in (number for number in numbers if number > FRESH_WRITES):
            await kill_at(node, at, ",".join(CALLS))
            if at % 500 < numbers.step:
                say(f"killed at write call {at}")

    verdict.add(await _under_load(site, children, "writes", seed, kill_all))
    verdict.tell(f"a kill at each of {len(numbers)} write calls up to the {numbers[-1]}th (seed {seed})")
    if unreached:
        print(f"  killed later, as there were not so many writes: {unreached}")
    return verdict


async def _under_load(
    site: Site, children: Children, name: str, seed: int, what: Callable[[Node, random.Random], Awaitable[None]]
) -> Verdict:
    """Do this to a gate whose callers do not let up, and judge what it booked in the end."""
    upstream = free_ports(1)[0]
    node = Node(site.with_upstream(upstream), children, name)
    async with Ends(upstream, seed) as ends:
        ends.call(node.port, HEADER, CALLERS)
        await what(node, random.Random(seed))
        await ends.leave()
        await node.finish(len(ends.known.seen))
        return await asyncio.to_thread(node.judge, ends.known)


def _killing_at(number: int, calls: str) -> list[str]:
    # The tracer is a grandchild, so that the gate is this process's own child.
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"] + [
        *("-e", f"inject={calls}:signal=KILL:when={number}"),
        "--",
    ]
