"""The credentials that a run presents: API keys, an RSA pair, one repeated token, files of fresh tokens."""

from __future__ import annotations

import random
import string
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tollbench.processes import BenchError

KEY_COUNT = 10_000
ISSUER_KEY = "iss_bench"
# The key that the load presents lies in the middle of the table, so that no search gets it for nothing.
PRESENTED = KEY_COUNT // 2


@dataclass
class Credentials:
    """What callers of one run hold; everything lives in the run's own folder."""

    api_keys: list[str]
    public_key: Path
    private_key: Path
    token: str = ""
    # Each file is used for one run against each target, so that no target sees a token twice.
    fresh: dict[str, Path] = field(default_factory=dict)

    @property
    def api_key(self) -> str:
        """The API key that the load presents."""
        return self.api_keys[PRESENTED]


def make(folder: Path) -> Credentials:
    """API keys and an RSA pair of 2048 bits. The keys come from a fixed seed: they guard nothing but a bench."""
    source = random.Random(2048)
    letters = string.ascii_letters + string.digits
    api_keys = ["hk_live_" + "".join(source.choices(letters, k=40)) for _ in range(KEY_COUNT)]
    private_key, public_key = folder / "private.pem", folder / "public.pem"
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(private_key))
    _openssl("pkey", "-in", str(private_key), "-pubout", "-out", str(public_key))
    return Credentials(api_keys, public_key, private_key)


def mint_tokens(credentials: Credentials, python: Path, folder: Path, orders: dict[str, int]) -> None:
    """Sign the repeated token, and one file of distinct tokens for each order (name to number of tokens)."""
    files = {name: folder / f"tokens-{name}" for name in ["repeated", *orders]}
    counts = {"repeated": 1, **orders}
    command = [str(python), str(Path(__file__).with_name("mint.py")), str(credentials.private_key)]
    done = subprocess.run(
        [*command, *(f"{counts[name]}={path}" for name, path in files.items())],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"signing tokens failed:\n{done.stderr[-2000:]}")
    credentials.token = files.pop("repeated").read_text().strip()
    credentials.fresh = files


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise BenchError(f"openssl {arguments[0]} failed:\n{done.stderr}")
