"""Count the user-mode instructions of a request under callgrind: steady on any machine, however busy."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tollbench.connections import Connections
from tollbench.processes import BenchError
from tollbench.site import Launch, Site
from tollbench.targets import Running

WARM_UP_REQUESTS = 200
COUNTED_REQUESTS = 400
DUMP = "callgrind"


def under(folder: Path, launch: Launch) -> Launch:
    """The same launch under callgrind, not counting yet: what the start costs is nobody's concern."""
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", _pipes(folder)]
    valgrind.append(f"--callgrind-out-file={folder}/{DUMP}.%p")
    # callgrind takes no orders for a forked worker, so nginx serves from its one process here.
    single = ["-g", "master_process off;"] if launch.command[0] == "nginx" else []
    return Launch([*valgrind, *launch.command, *single], launch.env, launch.config)


def per_request(site: Site, running: Running) -> float:
    """User instructions for each request, over requests on one kept-alive connection after a warm-up.

    The whole process is counted, its background threads too. Raises `BenchError` when a request is not
    answered with 200 or callgrind does not answer.
    """
    pid = running.child.process.pid
    with Connections(running.port, running.target.request(site)) as connection:
        connection.open(1)
        _ask(connection, WARM_UP_REQUESTS)
        _control(site.folder, "--instr=on", pid)
        _control(site.folder, "--zero", pid)
        _ask(connection, COUNTED_REQUESTS)
        _control(site.folder, "--dump", pid)
    return total(site.folder / f"{DUMP}.{pid}.1") / COUNTED_REQUESTS


def total(dump: Path) -> int:
    """The instructions in a dump. Raises `BenchError` when there are none."""
    text = dump.read_text(errors="replace") if dump.exists() else ""
    found = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
    if found is None or int(found[1]) == 0:
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
