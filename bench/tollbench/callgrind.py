"""Count the user-mode instructions of a request under callgrind: steady on any machine, however busy."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tollbench.connections import Connections
from tollbench.processes import BenchError
from tollbench.site import Launch, Site
from tollbench.targets import Running

WARM_UP_REQUESTS = 200
COUNTED_REQUESTS = 400
DUMP = "callgrind"


@dataclass(frozen=True)
class Count:
    """User instructions for each request.

    What the data plane does for a request is the same whenever it comes. What is done beside it, such as the
    booking of events, is done once in a while: the slower requests come, the more of it falls on each.
    """

    data_plane: float
    whole: float


def under(folder: Path, launch: Launch) -> Launch:
    """The same launch under callgrind, not counting yet: what the start costs is nobody's concern."""
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes", _pipes(folder)]
    valgrind.append(f"--callgrind-out-file={folder}/{DUMP}.%p")
    # callgrind takes no orders for a forked worker, so nginx serves from its one process here.
    single = ["-g", "master_process off;"] if launch.command[0] == "nginx" else []
    return Launch([*valgrind, *launch.command, *single], launch.env, launch.config)


def per_request(site: Site, running: Running) -> Count:
    """What a request costs, over requests on one kept-alive connection after a warm-up.

    Raises `BenchError` when a request is not answered with 200 or callgrind does not answer.
    """
    pid = running.child.process.pid
    with Connections(running.port, running.target.request(site)) as connection:
        connection.open(1)
        _ask(connection, WARM_UP_REQUESTS)
        _control(site.folder, "--instr=on", pid)
        _control(site.folder, "--zero", pid)
        _ask(connection, COUNTED_REQUESTS)
        _control(site.folder, "--dump", pid)
    dumps = sorted(site.folder.glob(f"{DUMP}.{pid}.1-*"))
    totals = [total(dump) for dump in dumps]
    if sum(totals) == 0:
        raise BenchError("callgrind counted nothing")
    whole = sum(totals)
    # One thread serves the one connection, and does most of what is done. It is not told by its number: callgrind gives
    # those of threads that have ended to new ones.
    data_plane = max(totals) if running.target.is_gate else whole
    return Count(data_plane / COUNTED_REQUESTS, whole / COUNTED_REQUESTS)


def total(dump: Path) -> int:
    """The instructions in the dump of a thread. Raises `BenchError` when it does not say."""
    text = dump.read_text(errors="replace") if dump.exists() else ""
    found = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
    if found is None:
        raise BenchError(f"callgrind counted nothing in {dump.name}")
    return int(found[1])


def _ask(connection: Connections, times: int) -> None:
    for number in range(times):
        if connection.ask_all() != 1:
            raise BenchError(f"request {number + 1} of {times} was not answered with 200")


def _pipes(folder: Path) -> str:
    # In the run's own folder, because a process that dies hard leaves its pipes behind.
    return f"--vgdb-prefix={folder}/vgdb"


def _control(folder: Path, order: str, pid: int) -> None:
    command = ["callgrind_control", _pipes(folder), order, str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or "Error" in done.stdout + done.stderr:
        raise BenchError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
