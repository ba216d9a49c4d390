"""The admin API as a program reads it: calls made from its own document never break it."""

from __future__ import annotations

import subprocess
import sys
import unittest

import requests
from harness import Gate, scratch

ADMIN_KEY = "the bootstrap key of this run"
# Of each operation; with the seed the same ones in every run.
EXAMPLES = 25
SEED = 20261122
CONFIG = """listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
upstreams: { model: { targets: ["http://127.0.0.1:1"] } }
tiers: { free: { limits: [100 requests/h], scopes: [model:read] } }
routes: { predict: { match: { path: /predict }, upstream: model, accept: [api_key] } }
"""


class AdminApi(unittest.TestCase):
    def setUp(self) -> None:
        self.gate = Gate(scratch(), CONFIG, env={"TOLLGATE_ADMIN_KEY": ADMIN_KEY})
        self.addCleanup(self.gate.stop)
        self.url = f"http://{self.gate.wait_for('admin listener')[0]['address']}"
        self.headers = {"Authorization": f"Bearer {ADMIN_KEY}"}

    def test_no_call_of_the_document_breaks_it(self) -> None:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{self.url}/openapi.json"),
                *("--header", f"Authorization: {self.headers['Authorization']}"),
                *("--checks", "not_a_server_error"),
                *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-color"),
            ],
            cwd=scratch(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stdout[-5000:] + run.stderr[-2000:])
        self.assertEqual(requests.get(f"{self.url}/health", timeout=5).status_code, 200)
        self.assertEqual(self.gate.lines("the store is"), [])

    def test_a_key_that_is_made_here_is_served_and_revoked_at_once(self) -> None:
        made = requests.post(
            f"{self.url}/api/v1/keys", json={"name": "shop"}, headers=self.headers, timeout=5
        )
        self.assertEqual(made.status_code, 201, made.text)
        own = {"X-API-Key": made.json()["api_key"]}
        # There is no model behind the route: who passes meets 502.
        self.assertEqual(requests.get(f"{self.gate.url}/predict", headers=own, timeout=5).status_code, 502)
        path = f"{self.url}/api/v1/keys/{made.json()['key_id']}"
        self.assertEqual(requests.delete(path, headers=self.headers, timeout=5).status_code, 204)
        self.assertEqual(requests.get(f"{self.gate.url}/predict", headers=own, timeout=5).status_code, 401)

    def test_its_page_needs_nothing_from_elsewhere(self) -> None:
        page = requests.get(f"{self.url}/docs", timeout=5)
        self.assertEqual(page.status_code, 200)
        self.assertNotIn("//", page.text.replace("<!doctype html>", "").replace("</", ""))
        wrong = requests.get(f"{self.url}/docs", headers={"Host": "rebound.example"}, timeout=5)
        self.assertEqual(wrong.status_code, 421)


if __name__ == "__main__":
    unittest.main()
