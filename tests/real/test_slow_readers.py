"""Callers who take a large answer slowly: one who reads on gets it, one who stops is let go of."""

from __future__ import annotations

import socket
import threading
import time
import unittest

from harness import Gate, scratch

# Short, so that the test is: one second here is half a minute by default, and this pace is 4 KiB a second there.
STALL = 1.0
PAUSE = 0.05
STEP = 8 * 1024
BODY = 64 * 1024 * 1024


class Model(threading.Thread):
    """Answers its one caller with more than anybody takes, and tells when that caller is gone."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.gone = threading.Event()
        self.start()

    def run(self) -> None:
        caller, _ = self.socket.accept()
        with caller, self.socket:
            caller.recv(64 * 1024)
            try:
                caller.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n".encode())
                caller.sendall(bytes(BODY))
            except OSError:
                self.gone.set()


class SlowReaders(unittest.TestCase):
    def setUp(self) -> None:
        self.model = Model()
        self.gate = Gate(
            scratch(),
            f"""listen: 127.0.0.1:0
bounds: {{ write_stall: {int(STALL * 1000)}ms }}
upstreams: {{ model: {{ targets: ["http://{self.model.address}"] }} }}
routes: {{ all: {{ match: {{ path: /large }}, upstream: model, accept: [public] }} }}
""",
        )
        self.addCleanup(self.gate.stop)

    def test_a_steady_reader_stays_and_one_who_stops_does_not(self) -> None:
        with socket.socket() as caller:
            # Little room, so that it is the caller's pace that counts and not what kernels hold.
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.settimeout(STALL)
            host, port = self.gate.addresses[0].split(":")
            caller.connect((host, int(port)))
            caller.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            begun = time.monotonic()
            taken = 0
            while time.monotonic() < begun + 2.5 * STALL:
                time.sleep(PAUSE)
                part = caller.recv(STEP)
                self.assertTrue(part, f"cut after {taken} bytes and {time.monotonic() - begun:.1f} s")
                taken += len(part)
            self.assertFalse(self.model.gone.is_set(), f"cut after {taken} bytes")
            self.assertTrue(self.model.gone.wait(2 * STALL), "a caller who takes nothing holds the model")


if __name__ == "__main__":
    unittest.main()
