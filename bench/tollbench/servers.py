"""A PostgreSQL or a Redis of the run's own, each by the script that the tests start theirs with."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tollbench.prepare import ROOT
from tollbench.processes import BenchError

POSTGRES = ROOT / "crates/store/tests/postgres-server"
REDIS = ROOT / "crates/tollgate/tests/redis-server"


@dataclass
class Server:
    """A server that ends with the block; `words` are what its script printed when it answered."""

    script: Path
    words: tuple[str, ...] = ()
    _process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Server:
        # The script ends with its standard input, so however this process ends.
        self._process = subprocess.Popen(
            [str(self.script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self.words = tuple(self._process.stdout.readline().split())
        if not self.words:
            raise BenchError(f"{self.script.name} did not start a server")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(30)


def freeze(pid: int) -> None:
    """Stop a process as if its machine hung: its sockets stay open and nothing answers."""
    os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    """Let a frozen process go on."""
    os.kill(pid, signal.SIGCONT)
