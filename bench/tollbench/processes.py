"""Start, pin, read and end the processes of a run. Every one is ended by its own id, whatever happens."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something outside this program is not as it must be; the text says what, for the person who ran it."""


@dataclass
class Child:
    """A process that this run started, with everything it forked."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tree(self) -> list[int]:
        """Ids of the process and of its descendants, parents first."""
        pids = [self.process.pid]
        for pid in pids:
            for task in _tasks(pid):
                pids.extend(_numbers(Path(f"/proc/{pid}/task/{task}/children")))
        return pids

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree since it started, in seconds (resolution: one clock tick)."""
        return sum(_ticks(pid) for pid in self.tree()) / TICKS_PER_SECOND

    def rss_kib(self) -> int:
        """Resident memory of the whole tree in KiB; pages shared by two processes count twice."""
        return sum(_rss_kib(pid) for pid in self.tree())

    def pin(self, cpu: int) -> None:
        """Move every thread of the tree to one CPU."""
        for pid in self.tree():
            for task in _tasks(pid):
                try:
                    os.sched_setaffinity(task, {cpu})
                except ProcessLookupError:
                    continue  # A thread may end between being listed and being moved.

    def log_tail(self, lines: int = 8) -> str:
        """The last lines that the process wrote, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, patience: float = 3.0) -> None:
        """Ask the process to end, then make it; `patience` in seconds."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self._kill_group()
        self.process.wait()

    def _kill_group(self) -> None:
        # The child leads a group of its own, so that its workers die with it and nothing else does.
        # It may also have ended by itself in the meantime.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Children:
    """All processes of a run; leaving the block ends what still runs, newest first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._running):
            child.stop()

    def start(
        self, name: str, command: list[str], *, cpu: int | None = None, env: dict[str, str] | None = None
    ) -> Child:
        """Start a command in a session of its own, its output in a log file, on one CPU if `cpu` is given."""
        pinned = command if cpu is None else ["taskset", "-c", str(cpu), *command]
        log = self.log_of(name)
        with log.open("ab") as output:
            process = subprocess.Popen(
                pinned,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._running.append(child)
        return child

    def log_of(self, name: str) -> Path:
        """Where every child of this name writes."""
        return self._folder / f"{name}.log"

    def stop(self, child: Child) -> None:
        """End one child before the block does."""
        self._running.remove(child)
        child.stop()


def wait_until_listening(child: Child, port: int, patience: float = 30.0) -> None:
    """Return once `port` accepts connections; `patience` in seconds.

    Raises `BenchError` with the end of the child's log when it died or took too long.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            raise BenchError(f"{child.name} ended with {child.process.returncode}:\n{child.log_tail()}")
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise BenchError(f"{child.name} does not listen on port {port} after {patience:.0f} s:\n{child.log_tail()}")


def free_ports(count: int) -> list[int]:
    """Distinct ports that nothing listens on; all are held until the last is known."""
    held = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def raise_open_files() -> int:
    """Raise the limit of open files to what the system grants, for this process and its children; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def bound_in_time(seconds: int) -> None:
    """Make SIGTERM, and the end of `seconds`, leave through every cleanup as Ctrl-C does."""

    def leave(*_: object) -> None:
        raise SystemExit(143)

    def too_long(*_: object) -> None:
        raise BenchError(f"not done after {seconds} s; ask for fewer rounds, or raise `--limit`")

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)


def cpus() -> tuple[int, int]:
    """The CPU of the proxies and the CPU of the load; the same one where there is no second."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def _tasks(pid: int) -> list[int]:
    try:
        return sorted(int(task) for task in os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return []


def _numbers(path: Path) -> list[int]:
    try:
        return [int(word) for word in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # The command's name may hold spaces and brackets, so fields are counted after its closing bracket.
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _rss_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
