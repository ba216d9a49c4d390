"""Drive wrk against one target, and read what it reports."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tollbench.processes import LOOPBACK, BenchError

MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}
FRESH_SCRIPT = Path(__file__).with_name("fresh.lua")


@dataclass(frozen=True)
class Request:
    """The request that the load repeats: a path, and at most one header (`Name: value`)."""

    path: str
    header: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What one wrk run did."""

    requests: int
    requests_per_second: float
    # Latency in microseconds.
    p50: float
    p99: float
    # Answers that were not 2xx or 3xx, and connections that failed.
    failures: int


def run(
    port: int, request: Request, *, connections: int, seconds: int, cpu: int, tokens: Path | None = None
) -> Outcome:
    """One wrk run of `seconds` on one CPU; with `tokens`, each request presents the next token of that file."""
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    if request.header is not None:
        command += ["-H", request.header]
    if tokens is not None:
        command += ["-s", str(FRESH_SCRIPT)]
    command.append(f"http://{LOOPBACK}:{port}{request.path}")
    if tokens is not None:
        command += ["--", str(tokens), request.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return parse(done.stdout)


def parse(report: str) -> Outcome:
    """Read wrk's report. Raises `BenchError` when it is not one."""
    done = re.search(r"^\s*(\d+) requests in ", report, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s*([\d.]+)", report, re.MULTILINE)
    if done is None or rate is None:
        raise BenchError(f"wrk did not report requests:\n{report}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    failures = [match for found in (refused, broken) if found is not None for match in found.groups()]
    return Outcome(
        requests=int(done[1]),
        requests_per_second=float(rate[1]),
        p50=_percentile(report, 50),
        p99=_percentile(report, 99),
        failures=sum(int(count) for count in failures),
    )


def _percentile(report: str, percent: int) -> float:
    found = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", report, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk did not report its {percent}th percentile:\n{report}")
    return float(found[1]) * MICROSECONDS[found[2]]
