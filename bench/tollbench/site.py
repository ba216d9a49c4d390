"""What every configuration is written from: where the upstream listens, which binaries run, who may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tollbench.credentials import Credentials


@dataclass(frozen=True)
class Site:
    """The surroundings of one run."""

    folder: Path
    upstream_port: int
    credentials: Credentials
    gate: Path
    envoy: Path | None
    # Limit of open files; tables that a peer sizes at its start follow from it.
    open_files: int

    def with_upstream(self, port: int) -> Site:
        """The same surroundings with another upstream."""
        return replace(self, upstream_port=port)

    def scratch(self, name: str) -> Path:
        """A new folder for the files of one process; empty even if that process ran before."""
        for number in range(1000):
            folder = self.folder / f"{name}-{number}"
            if not folder.exists():
                folder.mkdir()
                return folder
        raise FileExistsError(name)


@dataclass(frozen=True)
class Launch:
    """How to start one process that was just given its configuration."""

    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    # The file that a reload rewrites, where there is one.
    config: Path | None = None
    # What must be done before it starts.
    before: Callable[[], None] | None = None
