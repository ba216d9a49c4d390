"""The gate before the real llama-server: what is booked is what the server says, however a call ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import time
import unittest
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import requests
from harness import Gate, scratch, tollgate
from llama_server import MODEL, Between, Hold, LlamaServer, events_of

ADMIN_KEY = "the-bootstrap-key-of-this-run"
# Tokens of an answer that is left; each of them may be the last one that the caller takes.
MOST = 12
TOKENS = ("tokens_in", "tokens_out", "tokens_cached")
SETTLE_SECONDS = 20.0
POLICIES = ("delivered", "generated", "none")
CHAT = [{"role": "user", "content": "Name three colours and say why you like them."}]
# Of each interface: its path, what is asked, and what bounds the answer.
DIALECTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat": ("/v1/chat/completions", {"messages": CHAT}, "max_tokens"),
    "completions": ("/v1/completions", {"prompt": "The three colours of the flag are"}, "max_tokens"),
    "responses": ("/v1/responses", {"input": "Name three colours of the rainbow."}, "max_output_tokens"),
    "messages": ("/v1/messages", {"messages": CHAT}, "max_tokens"),
}


def config(server: str) -> str:
    """One route for each policy."""
    routes = "".join(
        f"""
  {policy}:
    match: {{ path: /{policy}/**, methods: [POST] }}
    rewrite: "/**"
    upstream: llama
    accept: [public]
    model: {{ body: /model }}
    meters: [tokens]
    on_hangup: {policy}"""
        for policy in POLICIES
    )
    return f"""listen: 127.0.0.1:0
admin: {{ listen: 127.0.0.1:0 }}
upstreams: {{ llama: {{ targets: ["http://{server}"] }} }}
routes:{routes}
"""


class Call:
    """A call whose answer is read as it comes, or left."""

    def __init__(self, address: str, path: str, body: dict[str, Any]) -> None:
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        self.answer = self.connection.getresponse()
        self.id = self.answer.headers.get("X-Request-ID", "")

    def read(self) -> bytes:
        """The whole answer."""
        with contextlib.closing(self.connection):
            return self.answer.read()

    def leave(self) -> None:
        """Go without the rest; the gate learns of it at once, whatever it writes next."""
        if self.connection.sock is not None:
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.answer.close()
        self.connection.close()


class Llama(unittest.TestCase):
    server: LlamaServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = LlamaServer()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self) -> None:
        self.between = Between(self.server.address)
        self.addCleanup(self.between.stop)
        self.gate = Gate(scratch(), config(self.between.address), env={"TOLLGATE_ADMIN_KEY": ADMIN_KEY})
        self.addCleanup(self.gate.stop)
        self.admin = f"http://{self.gate.wait_for('admin listener')[0]['address']}"

    def test_whole_answers_are_booked_as_the_server_reports_them(self) -> None:
        before, expected = self.server.counters(), dict[str, dict[str, int]]()
        for dialect in DIALECTS:
            for stream in (False, True):
                call = self.ask("delivered", dialect, stream=stream)
                self.assertEqual(call.answer.status, 200)
                text = call.read()
                asked, said = self.between.said[-1]
                with self.subTest(dialect, stream=stream):
                    added = stream and dialect in ("chat", "completions")
                    self.assertEqual(b'"include_usage"' in asked, added)
                    self.assertEqual(text, without_usage_event(said) if added else said)
                expected[call.id] = usage_of(said)
        self.check_booked(expected)
        self.check_drift(before, (0, 0))
        # What goes around the gate is found.
        path, body, bound = DIALECTS["chat"]
        past = Call(self.server.address, path, {"model": MODEL, bound: MOST, **body})
        usage = usage_of(past.read())
        self.check_drift(before, (usage["tokens_cached"] - usage["tokens_in"], -usage["tokens_out"]))

    def test_who_asks_for_the_usage_gets_it(self) -> None:
        expected = dict[str, dict[str, int]]()
        for dialect in ("chat", "completions"):
            for wanted in (True, False):
                call = self.ask("delivered", dialect, stream=True, stream_options={"include_usage": wanted})
                text = call.read()
                asked, said = self.between.said[-1]
                with self.subTest(dialect, wanted=wanted):
                    self.assertEqual(text, said if wanted else without_usage_event(said))
                    self.assertIs(json.loads(asked)["stream_options"]["include_usage"], True)
                expected[call.id] = usage_of(said)
        self.check_booked(expected)

    def test_a_stream_that_is_cut_anywhere_is_booked_once(self) -> None:
        for dialect in DIALECTS:
            whole = self.ask("none", dialect, stream=True)
            events = len(list(events_of(whole.answer)))
            whole.read()
            for policy in POLICIES:
                with self.subTest(dialect, policy=policy):
                    self.cut_everywhere(dialect, policy, events)

    def cut_everywhere(self, dialect: str, policy: str, events: int) -> None:
        """Leave one answer after each of its events in turn, and compare what is booked."""
        before, cuts, holds = self.server.counters(), dict[str, tuple[int, int]](), list[Hold]()
        for taken in range(events):
            self.between.hold = hold = Hold(taken)
            call = self.ask(policy, dialect, stream=True)
            stream = events_of(call.answer)
            cuts[call.id] = (taken, sum(has_text(next(stream)) for _ in range(taken)))
            call.leave()
            holds.append(hold)
            if policy == "generated":
                hold.over.set()
        booked = self.booked(set(cuts))
        for hold in holds:
            hold.over.set()
        self.between.hold = None
        for id, (taken, texts) in cuts.items():
            event = booked[id]
            tokens_in, tokens_out = (event["measures"][name] for name in ("tokens_in", "tokens_out"))
            self.assertEqual((event["outcome"], event["measures"]["requests"]), ("cancelled", 1), event)
            if policy == "generated":
                self.assertEqual((tokens_out, event["quality"]), (MOST, "reported"), event)
            else:
                self.assertEqual(tokens_out, texts if policy == "delivered" else 0, event)
                self.assertEqual(tokens_in > 0, policy == "delivered" and taken > 0, event)
        if policy == "generated":
            sums = {name: sum(event["measures"].get(name, 0) for event in booked.values()) for name in TOKENS}
            of_server = tuple(now - then for now, then in zip(self.server.counters(), before, strict=True))
            self.assertEqual((sums["tokens_in"] - sums["tokens_cached"], sums["tokens_out"]), of_server)

    def check_drift(self, before: tuple[int, int], drift: tuple[int, int]) -> None:
        """Reconcile as if it had run at the last full hour, too, when these were the server's counters."""
        hour = int(time.time()) // 3600 * 3600
        sample = {"at": hour, "model": MODEL, "tokens_in": before[0], "tokens_out": before[1], "without_cached": True}
        samples = scratch() / "samples"
        samples.write_text(json.dumps(sample) + "\n")
        told = tollgate(
            *("ledger", "reconcile", "--json", "--url", self.admin, "--metrics", self.server.metrics),
            *("--model", MODEL, "--samples", str(samples)),
            env={"TOLLGATE_ADMIN_KEY": ADMIN_KEY},
        )
        self.assertEqual(told.returncode, int(any(drift)), told.stdout + told.stderr)
        (row,) = json.loads(told.stdout)["items"]
        began = datetime.fromtimestamp(hour, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual((row["model"], row["from"]), (MODEL, began))
        self.assertEqual((row["drift"]["tokens_in"], row["drift"]["tokens_out"]), drift, told.stdout)

    def ask(self, policy: str, dialect: str, **more: Any) -> Call:
        """Begin a call; its answer is read by whoever asks."""
        path, body, bound = DIALECTS[dialect]
        body = {"model": MODEL, "temperature": 0, bound: MOST, **body, **more}
        return Call(self.gate.addresses[0], f"/{policy}{path}", body)

    def check_booked(self, expected: dict[str, dict[str, int]]) -> None:
        """Each of these calls has one event, with these tokens, as reported."""
        for id, event in self.booked(set(expected)).items():
            measures = event["measures"]
            tokens = {name: measures.get(name, 0) for name in TOKENS}
            self.assertEqual(tokens, expected[id], event)
            self.assertEqual((event["outcome"], event["quality"]), ("served", "reported"))

    def booked(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """The events of these calls, one each, once all are booked."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            events = [event for event in self.events() if event["id"] in ids]
            if {event["id"] for event in events} == ids:
                break
            self.assertLess(time.monotonic(), deadline, f"{len(events)} of {len(ids)} calls are booked")
            time.sleep(0.2)
        self.assertEqual(len(events), len(ids))
        return {event["id"]: event for event in events}

    def events(self) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            parameters = {"limit": 500, **({"cursor": cursor} if cursor else {})}
            headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
            page = requests.get(f"{self.admin}/api/v1/usage/events", parameters, headers=headers, timeout=10)
            self.assertEqual(page.status_code, 200, page.text)
            yield from page.json()["items"]
            cursor = page.json()["next"]
            if cursor is None:
                return


def values(text: bytes) -> Iterator[dict[str, Any]]:
    """The JSON of an answer: its own, or that of each event of a stream."""
    if text.startswith(b"{"):
        yield json.loads(text)
        return
    for line in text.splitlines():
        if line.startswith(b"data: {"):
            yield json.loads(line.removeprefix(b"data: "))


def usage_of(text: bytes) -> dict[str, int]:
    """What the server says that an answer used, in the words of the ledger."""
    told = dict[str, Any]()
    for value in values(text):
        for holder in (value, value.get("response", {}), value.get("message", {})):
            told.update(holder.get("usage") or {})
    details = told.get("prompt_tokens_details") or told.get("input_tokens_details") or {}
    # Anthropic's interface tells the cached part of a prompt beside the rest.
    beside = told.get("cache_read_input_tokens", 0)
    return {
        "tokens_in": told.get("prompt_tokens", told.get("input_tokens")) + beside,
        "tokens_out": told.get("completion_tokens", told.get("output_tokens")),
        "tokens_cached": details.get("cached_tokens", beside),
    }


def without_usage_event(text: bytes) -> bytes:
    """A stream less the one event that brings nothing but usage."""
    events = text.split(b"\n\n")
    return b"\n\n".join(event for event in events if b'"choices":[],' not in event)


def has_text(event: bytes) -> bool:
    """Whether it brings a piece of the answer."""
    value = next(values(event), {})
    choice = next(iter(value.get("choices", [])), {})
    deltas = (choice.get("text"), choice.get("delta", {}).get("content"), value.get("delta"))
    return any(bool(delta.get("text") if isinstance(delta, dict) else delta) for delta in deltas)
