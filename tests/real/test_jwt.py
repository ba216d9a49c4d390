"""Tokens made by PyJWT, in the form of the first clients: raw, with the claims `key`, `sub`, `nbf` and `exp`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import unittest
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import PAIRS, Keys, demo, expected

BODY = {"text": "test input"}


def claims(keys: Keys, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"key": keys.jwt_key, "sub": keys.consumer, "nbf": now, "exp": now + 3600, **changes}


def token(keys: Keys, **changes: Any) -> str:
    return jwt.encode(claims(keys, **changes), keys.private_key.read_text(), algorithm="RS256")


def status(authorization: str, model: str = "sentiment") -> int:
    headers = {"Authorization": authorization}
    return requests.post(demo().url(model), headers=headers, json=BODY, timeout=5).status_code


class Tokens(unittest.TestCase):
    def test_the_matrix(self) -> None:
        for consumer, model in PAIRS:
            with self.subTest(consumer=consumer, model=model):
                raw = token(demo().keys[consumer])
                self.assertEqual(status(raw, model), expected(consumer, model))
                self.assertEqual(status(f"Bearer {raw}", model), expected(consumer, model))

    def test_query_and_cookie(self) -> None:
        raw, url = token(demo().keys["service_a"]), demo().url("sentiment")
        self.assertEqual(requests.post(url, params={"jwt": raw}, json=BODY, timeout=5).status_code, 200)
        self.assertEqual(requests.post(url, cookies={"jwt": raw}, json=BODY, timeout=5).status_code, 200)

    def test_other_tokens_are_refused(self) -> None:
        keys = demo().keys["service_a"]
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = int(time.time())
        good = token(keys)
        head, body, signature = good.split(".")
        for name, bad in {
            "expired": token(keys, exp=now - 1, nbf=now - 3600),
            "not yet valid": token(keys, nbf=now + 600),
            "wrong key": jwt.encode(claims(keys), other, algorithm="RS256"),
            "another consumer's key": token(keys, key=demo().keys["service_b"].jwt_key),
            "unknown key claim": token(keys, key="iss_nobody"),
            "no key claim": jwt.encode({"sub": keys.consumer, "exp": now + 60}, keys.private_key.read_text(), "RS256"),
            "alg none": jwt.encode(claims(keys), "", algorithm="none"),
            "alg none with the old signature": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{body}.{signature}",
            "HS256 with the public key": confused(keys),
            "tampered claims": f"{head}.{encoded(claims(keys, sub='root'))}.{signature}",
            "tampered signature": f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
            "no signature": f"{head}.{body}.",
            "no token": "abc",
        }.items():
            with self.subTest(name):
                self.assertEqual(status(bad), 401)
        self.assertEqual(status(good), 200)


def confused(keys: Keys) -> str:
    """A token whose shared secret is the text of the public key; PyJWT refuses to make one."""
    public = keys.private_key.with_name(f"{keys.consumer}-public.pem").read_bytes()
    signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims(keys))}"
    return f"{signed}.{base64url(hmac.digest(public, signed.encode(), hashlib.sha256))}"


def encoded(value: dict[str, Any]) -> str:
    return base64url(json.dumps(value).encode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
