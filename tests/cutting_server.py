"""A TCP server that answers every request as a test says, and can cut an answer at any byte, by FIN or by RST."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

# Linger for 0 seconds: close() sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)


class CuttingServer:
    """`answer` is given a request's number, from 1, and returns what is sent; the connection is closed after it."""

    def __init__(self) -> None:
        self.answer: Callable[[int], bytes] = lambda _: b""
        self.reset = False
        self.requests = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, contextlib.suppress(OSError):
                    self._handle(connection)

    def _handle(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            length = 0
            while (line := file.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b": ")
                if name.lower() == b"content-length":
                    length = int(value)
                if name.lower() == b"expect":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            file.read(length)
            self.requests += 1
            connection.sendall(self.answer(self.requests))
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


@contextlib.contextmanager
def cutting_server() -> Iterator[CuttingServer]:
    """A server for as long as it is entered."""
    server = CuttingServer()
    try:
        yield server
    finally:
        server.close()


def http(body: str, kind: str = "application/x-amz-json-1.0") -> bytes:
    """A good answer. It says that the connection is closed, so that no client sends its next request into it."""
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return (head + "x-amzn-RequestId: 1\r\n\r\n" + body).encode()


def chunked(body: str, kind: str = "application/x-amz-json-1.0") -> bytes:
    """A good answer in chunks."""
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    half = len(body) // 2
    chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (body[:half], body[half:], ""))
    return (head + chunks).encode()


ANSWERS = {
    "dynamodb": ('{"UnprocessedItems":{}}', "application/x-amz-json-1.0"),
    "sns": (
        '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId>'
        "</PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>",
        "text/xml",
    ),
    "s3": ("", "application/xml"),
}
"""A service → a good answer of it: of BatchWriteItem, Publish and PutObject."""


def cuts(answer: bytes, body: str) -> range:
    """Where an answer can be cut so that it says less than all; the status of one without a body says all."""
    return range(len(answer) if body else answer.index(b"Content-Length: 0") + len(b"Content-Length: 0"))
