"""Start, stop, signals, and a file that cannot be used."""

from __future__ import annotations

import signal
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from harness import BINARY, Demo, Gate, Program, answers, scratch, tollgate

IN_FLIGHT = 20
REFUSED = "the configuration was refused"
LOADED = "the configuration was loaded"


class SlowModel(ThreadingHTTPServer):
    """A model that answers once it is let."""

    daemon_threads = True
    request_queue_size = IN_FLIGHT

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.may_answer = threading.Event()
        super().__init__(("127.0.0.1", 0), _SlowAnswer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _SlowAnswer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, SlowModel)
        self.server.arrived.release()
        self.server.may_answer.wait(30)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing: the test run has one voice."""


def public(upstream: str, path: str = "/**") -> str:
    return f"""listen: 127.0.0.1:0
admin: {{ listen: 127.0.0.1:0 }}
upstreams: {{ model: {{ targets: ["{upstream}"] }} }}
routes: {{ all: {{ match: {{ path: {path} }}, upstream: model, accept: [public], meters: off }} }}
"""


class Stopping(unittest.TestCase):
    def test_a_terminated_gate_answers_what_it_took(self) -> None:
        model = SlowModel()
        self.addCleanup(model.server_close)
        self.addCleanup(model.shutdown)
        gate = Gate(scratch(), public(model.url))
        self.addCleanup(gate.stop)
        with ThreadPoolExecutor(IN_FLIGHT) as callers:
            asked = [callers.submit(requests.get, gate.url, timeout=20) for _ in range(IN_FLIGHT)]
            for _ in range(IN_FLIGHT):
                self.assertTrue(model.arrived.acquire(timeout=10))
            gate.send(signal.SIGTERM)
            gate.wait_for("stopping")
            model.may_answer.set()
            self.assertEqual([call.result().status_code for call in asked], [200] * IN_FLIGHT)
        self.assertEqual(gate.stop(seconds=10), 0)

    def test_a_gate_terminated_under_load_fails_no_answer(self) -> None:
        model = SlowModel()
        model.may_answer.set()
        self.addCleanup(model.server_close)
        self.addCleanup(model.shutdown)
        gate = Gate(scratch(), public(model.url))
        self.addCleanup(gate.stop)
        with ThreadPoolExecutor(8) as callers:
            loads = [callers.submit(self.load, gate) for _ in range(8)]
            for _ in range(200):
                self.assertTrue(model.arrived.acquire(timeout=10))
            self.assertEqual(gate.stop(seconds=10), 0)
            statuses = [status for load in loads for status in load.result()]
        self.assertGreaterEqual(len(statuses), 200)
        self.assertEqual(set(statuses), {200})

    def load(self, gate: Gate) -> list[int]:
        """The statuses of calls on a kept connection, until nobody listens any more."""
        statuses = []
        with requests.Session() as session:
            while True:
                try:
                    statuses.append(session.get(gate.url, timeout=10).status_code)
                except requests.ConnectionError:
                    return statuses

    def test_an_interrupted_demo_removes_its_keys(self) -> None:
        demo = Demo(scratch())
        folder = demo.config.parent
        self.assertTrue(any(folder.glob("*-private.pem")))
        self.assertEqual(demo.stop(signal.SIGINT), 0)
        self.assertFalse(folder.exists())

    def test_a_hangup_leaves_the_demo_as_it_is(self) -> None:
        demo = Demo(scratch())
        self.addCleanup(demo.stop)
        demo.send(signal.SIGHUP)
        demo.wait_for("SIGHUP is ignored", seconds=3)
        self.assertTrue(answers(f"{demo.admin}/ready"))
        self.assertEqual(demo.lines(LOADED), [])
        self.assertEqual(demo.stop(), 0)

    def test_a_demo_interrupted_while_it_starts_removes_its_keys(self) -> None:
        folder, temporary = scratch(), scratch()
        command = [str(BINARY), "demo", "--port", "0", "--admin-port", "0"]
        demo = Program(command, folder, {"TMPDIR": str(temporary)})
        deadline = time.monotonic() + 10
        while not any(temporary.iterdir()):
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(demo.stop(signal.SIGINT), 0)
        self.assertEqual(list(temporary.iterdir()), [])


class Starting(unittest.TestCase):
    def test_it_is_ready_in_half_a_second(self) -> None:
        # The best of five: another process may have the processor for a while, and not five times.
        model = SlowModel()
        self.addCleanup(model.server_close)
        self.addCleanup(model.shutdown)
        took = []
        for _ in range(5):
            began = time.monotonic()
            gate = Gate(scratch(), public(model.url))
            admin = gate.wait_for("admin listener")[0]["address"]
            while not answers(f"http://{admin}/ready"):
                self.assertLess(time.monotonic() - began, 10)
            took.append(time.monotonic() - began)
            self.assertEqual(gate.stop(), 0)
        self.assertLessEqual(min(took), 0.5, took)

    def test_a_file_that_cannot_be_used_is_refused_with_its_places(self) -> None:
        folder = scratch()
        config = folder / "tollgate.yaml"
        config.write_text(public("http://127.0.0.1:1").replace("upstream: model", "upstream: modell"))
        for command in ["serve", "check"]:
            with self.subTest(command):
                done = tollgate(command, "-c", str(config))
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stdout + done.stderr, r"tollgate\.yaml:4:\d+")
                self.assertIn("modell", done.stdout + done.stderr)

    def test_a_port_that_is_taken_is_named(self) -> None:
        first = Gate(scratch(), public("http://127.0.0.1:1"))
        self.addCleanup(first.stop)
        folder = scratch()
        config = folder / "tollgate.yaml"
        config.write_text(public("http://127.0.0.1:1").replace("127.0.0.1:0", first.addresses[0], 1))
        second = Program([str(BINARY), "serve", "-c", str(config)], folder)
        self.assertEqual(second.process.wait(10), 1)
        self.assertIn(first.addresses[0], second.log.read_text())
        second.stop()


class Reloading(unittest.TestCase):
    gate: Gate
    text: str

    def setUp(self) -> None:
        model = SlowModel()
        model.may_answer.set()
        self.addCleanup(model.server_close)
        self.addCleanup(model.shutdown)
        self.text = public(model.url, "/before")
        self.gate = Gate(scratch(), self.text)
        self.addCleanup(self.gate.stop)

    def test_a_file_that_cannot_be_used_changes_nothing(self) -> None:
        self.gate.config.write_text(self.text.replace("routes:", "rutes:"))
        refused = self.gate.wait_for(REFUSED, seconds=3)
        self.assertRegex(refused[0]["message"], r"tollgate\.yaml:4:\d+")
        self.assertTrue(answers(f"{self.gate.url}/before"))
        self.replace(self.text.replace("/before", "/after"))
        self.gate.wait_for(LOADED, seconds=3)
        self.assertTrue(answers(f"{self.gate.url}/after"))
        self.assertFalse(answers(f"{self.gate.url}/before"))

    def test_a_hangup_loads_the_file_at_once(self) -> None:
        # Nothing changed, so that nothing but the signal can be the reason.
        self.gate.send(signal.SIGHUP)
        self.gate.wait_for(LOADED, seconds=3)
        self.assertTrue(answers(f"{self.gate.url}/before"))

    def replace(self, text: str) -> None:
        beside: Path = self.gate.config.with_suffix(".next")
        beside.write_text(text)
        beside.replace(self.gate.config)
