"""The configurations of the systems that came before, taken over; their own clients see no difference."""

from __future__ import annotations

import json
import re
import time
import unittest
from pathlib import Path
from typing import Any

import jwt
import mohawk
import requests
from harness import PAIRS, ROOT, Gate, demo, expected, scratch, tollgate

BEFORE = ROOT / "crates/tollgate/tests/cli/import"
BODY = {"text": "test input"}


def imported(kind: str, file: str, folder: Path) -> Gate:
    """A gate from a file of `kind`, its models those of the demonstration, its keys made by `keygen all`."""
    text = (BEFORE / file).read_text()

    def real(match: re.Match[str]) -> str:
        host, port = demo().models[match[1]].split(":")
        return f"host: {host}{match[2]}port: {port}"

    source = folder / file
    source.write_text(re.sub(r"host: (\w+)(,? +|\s+)port: 8000", real, text))
    made = tollgate("keygen", "all", "--out", str(folder / "keys"))
    assert made.returncode == 0, made.stderr
    config = tollgate("import", kind, str(source))
    assert config.returncode == 0, config.stderr
    anywhere = re.sub(r"^listen: .*$", "listen: 127.0.0.1:0", config.stdout, flags=re.MULTILINE)
    return Gate(folder, anywhere, env_file=folder / "keys/.env")


class Apisix(unittest.TestCase):
    folder: Path
    gate: Gate

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = scratch()
        cls.gate = imported("apisix", "apisix-demo.yaml", cls.folder)
        cls.addClassCleanup(cls.gate.stop)

    def token(self, consumer: str, signed_as: str | None = None, **changes: Any) -> str:
        private = self.folder / f"keys/{signed_as or consumer}-private.pem"
        now = int(time.time())
        claims = {"key": f"iss_{consumer}", "sub": consumer, "nbf": now, "exp": now + 3600, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, private.read_text(), algorithm="RS256")

    def ask(self, authorization: str | None, model: str = "sentiment") -> requests.Response:
        headers = {} if authorization is None else {"Authorization": authorization}
        return requests.post(f"{self.gate.url}/predict/{model}", headers=headers, json=BODY, timeout=5)

    def test_the_smoke_client(self) -> None:
        for consumer, model in PAIRS:
            with self.subTest(consumer=consumer, model=model):
                self.assertEqual(self.ask(self.token(consumer), model).status_code, expected(consumer, model))

    def test_any_method_passes_as_it_did(self) -> None:
        url, headers = f"{self.gate.url}/predict/sentiment", {"Authorization": self.token("service_a")}
        # The model's own answer to a method that it does not have.
        self.assertEqual(requests.get(url, headers=headers, timeout=5).status_code, 405)

    def test_refusals_say_what_they_said(self) -> None:
        past = int(time.time()) - 10
        for authorization, model, status, message in [
            (None, "sentiment", 401, "Missing JWT token in request"),
            ("abc", "sentiment", 401, "JWT token invalid"),
            (self.token("service_a", key=None), "sentiment", 401, "missing user key in JWT token"),
            (self.token("service_a", key="iss_nobody"), "sentiment", 401, "Invalid user key in JWT token"),
            (self.token("service_a", signed_as="service_b"), "sentiment", 401, "failed to verify jwt"),
            (self.token("service_a", exp=past), "sentiment", 401, "failed to verify jwt"),
            (self.token("service_b"), "sentiment", 403, "The consumer_name is forbidden."),
        ]:
            with self.subTest(message):
                answer = self.ask(authorization, model)
                self.assertEqual((answer.status_code, answer.json()), (status, {"message": message}))

    def test_an_unknown_path_says_what_it_said(self) -> None:
        answer = requests.get(f"{self.gate.url}/nowhere", timeout=5)
        self.assertEqual((answer.status_code, answer.json()), (404, {"error_msg": "404 Route Not Found"}))


class Hawk(unittest.TestCase):
    folder: Path
    gate: Gate

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = scratch()
        cls.gate = imported("hawk", "hawk-demo.yaml", cls.folder)
        cls.addClassCleanup(cls.gate.stop)

    def ask(self, consumer: str, path: str, signed_url: str) -> requests.Response:
        found = re.search(rf'^{consumer.upper()}_HAWK_KEY="(\w{{64}})"$', self.env(), re.MULTILINE)
        assert found is not None, "keygen writes a Hawk key of 64 digits"
        credentials = {"id": f"{consumer}_id", "key": found[1], "algorithm": "sha256"}
        content = json.dumps(BODY)
        signed = mohawk.Sender(credentials, signed_url, "POST", content=content, content_type="application/json")
        headers = {"Authorization": signed.request_header, "Content-Type": "application/json"}
        return requests.post(f"{self.gate.url}{path}", data=content, headers=headers, timeout=5)

    def env(self) -> str:
        return (self.folder / "keys/.env").read_text()

    def test_the_smoke_client_signs_the_bare_path(self) -> None:
        for consumer, model in PAIRS:
            with self.subTest(consumer=consumer, model=model):
                path = f"/predict/{model}"
                self.assertEqual(self.ask(consumer, path, path).status_code, expected(consumer, model))

    def test_another_bare_path_is_refused(self) -> None:
        answer = self.ask("service_a", "/predict/sentiment", "/predict/regression")
        self.assertEqual(answer.status_code, 401)

    def test_only_stated_methods_match(self) -> None:
        self.assertEqual(requests.get(f"{self.gate.url}/predict/sentiment", timeout=5).status_code, 405)
