"""A steady load beside other work: h2load at a fixed rate, in slices, until it is told to stop."""

from __future__ import annotations

import re
import subprocess
import threading
from dataclasses import dataclass
from types import TracebackType

from tollbench.load import Request
from tollbench.processes import LOOPBACK, BenchError

CLIENTS = 20
SLICE_SECONDS = 2


@dataclass
class Totals:
    """What became of the requests of a load."""

    done: int = 0
    # Answered with 2xx.
    served: int = 0
    # Errored or timed out, so never `done`.
    broken: int = 0
    # How long the load lasted, in seconds.
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers in a second; far below what was asked for, the run proves little."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        """Requests that were not answered with 2xx."""
        return self.done - self.served + self.broken

    def add(self, other: Totals) -> None:
        """Count another slice in."""
        self.done += other.done
        self.served += other.served
        self.broken += other.broken
        self.seconds += other.seconds


class SteadyLoad:
    """`rate` requests in a second for as long as the block runs; `totals` is whole after it."""

    def __init__(self, port: int, request: Request, rate: int) -> None:
        self.totals = Totals()
        self._command = ["h2load", "--h1", f"-c{CLIENTS}", "-t1", f"-D{SLICE_SECONDS}", f"--rps={rate / CLIENTS:g}"]
        self._command += ["-H", request.header] if request.header else []
        self._command.append(f"http://{LOOPBACK}:{port}{request.path}")
        self._over = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> SteadyLoad:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(SLICE_SECONDS + 10)
        if self._error is not None and error is None:
            raise BenchError(f"the load stopped: {self._error}") from self._error

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                done = subprocess.run(
                    self._command, capture_output=True, text=True, timeout=SLICE_SECONDS + 8, check=False
                )
                self.totals.add(parse(done.stdout))
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            # Raised where the block ends; a thread has nobody to tell.
            self._error = error


def parse(report: str) -> Totals:
    """Read h2load's report. Raises `BenchError` when it is not one."""
    requests = re.search(r"^requests: .*?(\d+) done, .*?(\d+) errored, (\d+) timeout", report, re.MULTILINE)
    statuses = re.search(r"^status codes: (\d+) 2xx", report, re.MULTILINE)
    if requests is None or statuses is None:
        raise BenchError(f"h2load did not report requests:\n{report[-1000:]}")
    broken = int(requests[2]) + int(requests[3])
    return Totals(int(requests[1]), int(statuses[1]), broken, SLICE_SECONDS)
