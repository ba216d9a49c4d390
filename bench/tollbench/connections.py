"""Hold many kept-alive connections against one target, from many loopback addresses."""

from __future__ import annotations

import math
import socket
from types import TracebackType

from tollbench.load import Request
from tollbench.processes import LOOPBACK, BenchError

# What a gate allows one address by default.
CAP = 256
# Below that: the request that shows a fresh process at work has a connection too.
PER_ADDRESS = 250
TIMEOUT_SECONDS = 10.0


class Connections:
    """Open connections, each of which has made one request; leaving the block closes them."""

    def __init__(self, port: int, request: Request) -> None:
        self._port = port
        self._request = wire_form(request)
        self._open: list[socket.socket] = []

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._open:
            connection.close()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, count: int, per_address: int = PER_ADDRESS) -> None:
        """Open `count` connections, `per_address` from each of 127.0.0.2, 127.0.0.3, …; one request on each.

        Raises `BenchError` at the first connection that fails or is not answered with 200.
        """
        for number in range(count):
            # A port is left to `connect`, which may use one port towards several targets.
            source = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._open.append(source)
            source.settimeout(TIMEOUT_SECONDS)
            try:
                source.bind((address(number // per_address), 0))
                source.connect((LOOPBACK, self._port))
                status = ask(source, self._request)
            except OSError as error:
                raise BenchError(f"connection {number + 1} of {count}: {error}") from error
            if status != 200:
                raise BenchError(f"connection {number + 1} of {count} was answered with {status}")

    def ask_all(self) -> int:
        """One more request on every connection; how many were answered with 200."""
        answered = 0
        for connection in self._open:
            try:
                answered += ask(connection, self._request) == 200
            except OSError:
                continue  # A connection that the target closed is what is being counted.
        return answered


def per_address(count: int, addresses: int) -> int:
    """How many of `count` connections each of `addresses` opens.

    Raises `BenchError` where a gate would not take that many from one address, as it ships.
    """
    if count < 1 or addresses < 1:
        raise BenchError("there must be a connection and an address that it comes from")
    each = math.ceil(count / addresses)
    if each > CAP:
        fewest = math.ceil(count / PER_ADDRESS)
        raise BenchError(
            f"{each:,} connections from one address are more than the {CAP} that a gate takes: "
            f"give `--addresses {fewest}` or more"
        )
    return each


def statuses(port: int, request: Request, count: int) -> list[int]:
    """Send a request `count` times over one connection; the statuses of the answers."""
    with socket.create_connection((LOOPBACK, port), TIMEOUT_SECONDS) as connection:
        return [ask(connection, wire_form(request)) for _ in range(count)]


def ask(connection: socket.socket, request: bytes) -> int:
    """Send a request, read the whole answer, return its status. Raises `OSError` when the connection ends."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _receive(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    missing = _content_length(head) - len(body)
    while missing > 0:
        missing -= len(_receive(connection))
    return int(head.split(b" ", 2)[1])


def wire_form(request: Request) -> bytes:
    """The bytes of a request."""
    header = f"{request.header}\r\n" if request.header else ""
    return f"GET {request.path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{header}\r\n".encode("ascii")


def address(index: int) -> str:
    """The loopback address number `index`, from 127.0.0.2 on."""
    block, host = divmod(index, 250)
    return f"127.0.{block}.{host + 2}"


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise ConnectionError("the connection was closed before the answer was whole")
    return received


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise ConnectionError("the answer has no Content-Length")
