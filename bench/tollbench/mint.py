"""Sign tokens in bulk; run by the interpreter of the virtual environment, the only one that has `cryptography`.

Usage: mint.py PRIVATE_KEY.pem COUNT=PATH…
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

LIFETIME_SECONDS = 3600
BACKDATED_SECONDS = 60


def mint(key_file: str, count: int, path: str) -> None:
    """Write `count` distinct RS256 tokens of the bench's one consumer to `path`, one a line."""
    key = serialization.load_pem_private_key(Path(key_file).read_bytes(), password=None)
    header = _part({"alg": "RS256", "typ": "JWT"})
    now = int(time.time())
    with Path(path).open("w", encoding="ascii") as output:
        for _ in range(count):
            claims = {
                "key": "iss_bench",
                "sub": "bench",
                "nbf": now - BACKDATED_SECONDS,
                "exp": now + LIFETIME_SECONDS,
                "jti": secrets.token_hex(16),
            }
            signed = f"{header}.{_part(claims)}"
            signature = key.sign(signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
            output.write(f"{signed}.{_base64url(signature)}\n")


def main(arguments: list[str]) -> None:
    """Spread the files over the CPUs; signing is all that this costs."""
    key_file, *orders = arguments
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(mint, key_file, int(count), path) for count, path in (o.split("=", 1) for o in orders)]
        for job in jobs:
            job.result()


def _part(value: dict[str, object]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
