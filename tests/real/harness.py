"""Start the program as its users do, and end it by its own id, whatever happens."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TOLLGATE_BINARY", ROOT / "target/release/tollgate"))

MODELS = ("sentiment", "regression", "classification")
# Who may call what, as the first table of the project's guide says it.
MATRIX = {
    "service_a": {"sentiment", "regression"},
    "service_b": {"classification"},
    "service_c": {"sentiment", "classification"},
}
PAIRS = [(consumer, model) for consumer in MATRIX for model in MODELS]

START_SECONDS = 15.0


def expected(consumer: str, model: str) -> int:
    """The status that the matrix promises this pair."""
    return 200 if model in MATRIX[consumer] else 403


@dataclass(frozen=True)
class Keys:
    """What one consumer can present."""

    consumer: str
    api_key: str
    jwt_key: str
    private_key: Path
    hawk_id: str
    hawk_key: str


class Program:
    """A running `tollgate`; its standard error is read from a file."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "TOLLGATE_LOG": "json:info", **(env or {})},
                start_new_session=True,
            )
        _RUNNING.append(self)

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The lines of the log, so far, with this text in their message."""
        whole = self.log.read_text().splitlines()
        return [line for line in map(_parsed, whole) if message in str(line.get("message", ""))]

    def wait_for(self, message: str, *, count: int = 1, seconds: float = START_SECONDS) -> list[dict[str, Any]]:
        """Return these lines of the log once there are `count`; `seconds` in all."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.lines(message)
            if len(found) >= count:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {message!r} in the log within {seconds} s:\n{self.log.read_text()}")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = START_SECONDS) -> int:
        """Ask it to end, and return its exit code."""
        if self.process.poll() is None:
            self.send(number)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            if self in _RUNNING:
                _RUNNING.remove(self)


class Demo(Program):
    """`tollgate demo --json`, ready."""

    def __init__(self, folder: Path) -> None:
        super().__init__([str(BINARY), "demo", "--json", "--port", "0", "--admin-port", "0"], folder)
        self.screen = self._screen()
        self.gate: str = self.screen["gate"]
        self.admin: str = self.screen["admin"]
        self.config = Path(self.screen["config"])
        self.keys = {keys["consumer"]: _keys(keys) for keys in self.screen["keys"]}
        # Where the models listen: what an upstream of another configuration can be.
        # The model service comes after them.
        targets = re.findall(r"targets: \[http://(127\.0\.0\.1:\d+)\]", self.config.read_text())
        self.models = dict(zip(MODELS, targets[:-1], strict=True))

    def url(self, model: str) -> str:
        return f"{self.gate}/predict/{model}"

    def _screen(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        text = b""
        for line in self.process.stdout:
            text += line
            # The object is printed with its last bracket alone on a line.
            if line == b"}\n":
                screen: dict[str, Any] = json.loads(text)
                return screen
        raise AssertionError(f"the demo ended:\n{text.decode()}{self.log.read_text()}")


class Gate(Program):
    """`tollgate serve` with a configuration of the test's own, listening."""

    def __init__(
        self, folder: Path, config: str, *, env_file: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        self.config = folder / "tollgate.yaml"
        self.config.write_text(config)
        serve = [str(BINARY), "serve", "-c", str(self.config)]
        if env_file is not None:
            # As an operator's unit or container entry does it.
            serve = ["sh", "-c", 'set -a; . "$0"; exec "$@"', str(env_file), *serve]
        super().__init__(serve, folder, env)
        count = config.count("127.0.0.1:0") - config.count("admin: { listen: 127.0.0.1:0 }")
        self.addresses: list[str] = [line["address"] for line in self.wait_for("serving", count=count)]

    @property
    def url(self) -> str:
        return f"http://{self.addresses[0]}"


def tollgate(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the program that ends by itself."""
    return subprocess.run(
        [str(BINARY), *arguments],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def scratch() -> Path:
    """A new folder, removed at the end of the run."""
    folder = Path(tempfile.mkdtemp(prefix="tollgate-real-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def demo() -> Demo:
    """The demonstration that all tests share."""
    return Demo(scratch())


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _keys(keys: dict[str, Any]) -> Keys:
    jwt, hawk = keys["jwt"], keys["hawk"]
    return Keys(
        keys["consumer"], keys["api_key"], jwt["key"], Path(jwt["private_key"]), hawk["id"], hawk["key"]
    )


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        # The last line may be half written, and what stands before the log's start is text.
        return {"message": line}
    return value if isinstance(value, dict) else {"message": line}


_RUNNING: list[Program] = []


@atexit.register
def _end_all() -> None:
    while _RUNNING:
        # One that does not end in time was killed, which is all that is wanted here.
        try:
            _RUNNING[-1].stop()
        except subprocess.TimeoutExpired:
            continue


# A run that is told to end leaves through `atexit`, as Ctrl-C does.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
