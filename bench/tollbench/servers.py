"""A PostgreSQL or a Redis of the run's own, each by the script that the tests start theirs with."""

from __future__ import annotations

import os
import signal
import subprocess
import time
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


class Postgres(Server):
    """A PostgreSQL that can be stopped and started again on its data."""

    def __init__(self) -> None:
        super().__init__(POSTGRES)
        self._command: list[str] = []
        self._again: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return self.words[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._again is not None:
            self._stop(self._again.pid)
            self._again.wait(30)
        super().__exit__(kind, error, trace)

    def halt(self) -> None:
        """Stop it, whoever is connected."""
        assert self._process is not None
        if self._again is None:
            server = next(pid for pid in children_of(self._process.pid) if "-D" in arguments_of(pid))
            self._command = arguments_of(server)
            self._owner = Path(f"/proc/{server}").stat()
            self._stop(server)
        else:
            self._stop(self._again.pid)
            self._again.wait(30)

    def resume(self) -> None:
        """Start it again, and return when it answers."""
        folder = Path(self._command[self._command.index("-D") + 1])
        with (folder.parent / "again.log").open("ab") as log:
            self._again = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
                user=self._owner.st_uid if os.geteuid() == 0 else None,
                group=self._owner.st_gid if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
            )
        ask = ["psql", "--no-psqlrc", "--quiet", self.url, "--command", "SELECT 1"]
        deadline = time.monotonic() + 60
        while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise BenchError("PostgreSQL does not start again")
            time.sleep(0.05)

    def _stop(self, pid: int) -> None:
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + 30
        # Whoever started it takes it from the table of processes.
        while self._lives(pid):
            if time.monotonic() > deadline:
                raise BenchError("PostgreSQL does not stop")
            time.sleep(0.02)

    @staticmethod
    def _lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False


def children_of(pid: int) -> list[int]:
    """The processes that this one has started and that live."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def arguments_of(pid: int) -> list[str]:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def freeze(pid: int) -> None:
    """Stop a process as if its machine hung: its sockets stay open and nothing answers."""
    os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    """Let a frozen process go on."""
    os.kill(pid, signal.SIGCONT)
