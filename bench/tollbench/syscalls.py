"""Count the system calls that a process makes for each request, with strace attached to all its threads."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from tollbench import load
from tollbench.processes import BenchError, Child, Children

CONNECTIONS = 32
SECONDS = 2


def per_request(children: Children, child: Child, port: int, request: load.Request, cpu: int) -> float:
    """System calls for each request at 32 connections; accepting those 32 is in the count and does not show."""
    command = ["strace", "-c", "-f", *(word for pid in child.tree() for word in ("-p", str(pid)))]
    tracer = children.start(f"strace-{child.name}", command)
    _wait_until_attached(tracer, len(child.tree()))
    outcome = load.run(port, request, connections=CONNECTIONS, seconds=SECONDS, cpu=cpu)
    # strace prints its counts when it is interrupted; SIGTERM would end it without a word.
    tracer.process.send_signal(signal.SIGINT)
    tracer.process.wait(10)
    children.stop(tracer)
    return total_calls(tracer.log.read_text()) / max(outcome.requests, 1)


def total_calls(table: str) -> int:
    """The number of calls in the last line of strace's table. Raises `BenchError` when there is none."""
    found = re.search(r"^\s*100\.00\s+[\d.]+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total\s*$", table, re.MULTILINE)
    if found is None:
        raise BenchError(f"strace did not count:\n{table[-1000:]}")
    return int(found[1])


def _wait_until_attached(tracer: Child, processes: int) -> None:
    deadline = time.monotonic() + 10
    while _attached(tracer.log) < processes:
        if tracer.process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"strace did not attach:\n{tracer.log_tail()}")
        time.sleep(0.02)


def _attached(log: Path) -> int:
    return len(re.findall(r"[Pp]rocess \d+ attached", log.read_text()))
