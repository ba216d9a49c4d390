"""Everything a command needs before it starts a target: programs, credentials, the upstream's port."""

from __future__ import annotations

import sys
from pathlib import Path

from tollbench import credentials, install
from tollbench.processes import BenchError, free_ports, raise_open_files
from tollbench.site import Site
from tollbench.targets import Target

ROOT = Path(__file__).resolve().parents[2]
GATE = ROOT / "target/release/tollgate"

# What a command may be told about the machine it runs on.
GATE_HELP = "the gate's binary (target/release/tollgate)"
NO_INSTALL_HELP = "fail where a program is missing, install nothing"


def site(
    folder: Path,
    targets: list[Target],
    *,
    gate: Path,
    tools: list[str],
    install_missing: bool,
    fresh_tokens: dict[str, int] | None = None,
) -> Site:
    """Install what the targets and `tools` need, and make the credentials that the targets ask for.

    Raises `BenchError` when something is missing and cannot be installed, the gate among it.
    """
    if any(target.is_gate for target in targets) and not gate.is_file():
        raise BenchError(f"no gate at {gate}: build it with `cargo build --release`, or name it with --gate")
    peers = [name for name in ("haproxy",) if any(target.name.startswith(name) for target in targets)]
    install.programs(["nginx", "openssl", "taskset", *tools, *peers], install=install_missing)

    callers = credentials.make(folder)
    tokens = any(target.presents in ("token", "fresh") for target in targets)
    envoy = None
    if tokens or any(target.is_envoy for target in targets):
        environment = install.environment(install=install_missing)
        envoy = environment.envoy
        if tokens:
            orders = fresh_tokens if fresh_tokens and any(target.fresh for target in targets) else {}
            say(f"signing {sum(orders.values()) + 1:,} tokens")
            credentials.mint_tokens(callers, environment.python, folder, orders)
    return Site(folder, free_ports(1)[0], callers, gate.resolve(), envoy, raise_open_files())


def say(message: str) -> None:
    """Tell the person who waits what is being done; results go to standard output, this does not."""
    print(message, file=sys.stderr, flush=True)
