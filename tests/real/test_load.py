"""HTTP/2 with and without TLS, driven by h2load; HTTP/1 and HTTP/2 over TLS, asked for by curl."""

from __future__ import annotations

import re
import subprocess
import unittest
from pathlib import Path

from harness import Gate, demo, scratch

REQUESTS = 2000


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True, timeout=30)
    return cert, key


class ManyRequests(unittest.TestCase):
    folder: Path
    plain: str
    secure: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = scratch()
        cert, key = certificate(cls.folder)
        (cls.folder / "key").write_text("k" * 40)
        gate = Gate(
            cls.folder,
            f"""listen:
  - {{ address: 127.0.0.1:0 }}
  - {{ address: 127.0.0.1:0, tls: {{ cert: {cert}, key: {key} }} }}
upstreams:
  sentiment: {{ targets: ["http://{demo().models["sentiment"]}"] }}
routes:
  sentiment: {{ match: {{ path: /predict, methods: [POST] }}, upstream: sentiment, accept: [api_key] }}
consumers:
  caller: {{ credentials: [{{ api_key: {{ file: key }} }}] }}
""",
        )
        cls.addClassCleanup(gate.stop)
        cls.plain, cls.secure = (f"{scheme}://{at}/predict" for scheme, at in zip(("http", "https"), gate.addresses))

    def test_cleartext_http2(self) -> None:
        self.assert_all_served("--no-tls-proto=h2c", self.plain)

    def test_http2_over_tls(self) -> None:
        report = self.assert_all_served(self.secure)
        self.assertIn("Application protocol: h2", report)

    def test_http1_over_tls(self) -> None:
        report = self.assert_all_served("--h1", self.secure)
        self.assertIn("Application protocol: http/1.1", report)

    def test_curl_trusts_the_certificate(self) -> None:
        for version in ["--http1.1", "--http2"]:
            command = ["curl", "-sS", "--fail", version, "--cacert", str(self.folder / "cert.pem"), self.secure]
            command += ["-H", f"X-API-Key: {self.key()}", "-d", '{"text":"good"}', "-w", "%{http_version}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.endswith({"--http1.1": "}1.1", "--http2": "}2"}[version]), done.stdout)

    def assert_all_served(self, *options: str) -> str:
        body = self.folder / "body"
        body.write_text('{"text":"What a wonderful day"}')
        command = ["h2load", f"-n{REQUESTS}", "-c8", "-m10", "-d", str(body), "-H", f"X-API-Key: {self.key()}"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120, check=False)
        served = re.search(r"^status codes: (\d+) 2xx", done.stdout, re.MULTILINE)
        self.assertEqual(served and int(served[1]), REQUESTS, done.stdout + done.stderr)
        return done.stdout

    def key(self) -> str:
        return (self.folder / "key").read_text()
