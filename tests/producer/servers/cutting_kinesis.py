"""A Kinesis of one shard in memory whose answers a test replaces or cuts at any byte, in a plain TCP server."""

import base64
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable

# Linger for 0 seconds: close() sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)


def http(status: str, body: bytes, framed: bool = True) -> bytes:
    """An HTTP answer; without `framed` its length is not given, and its end is that of the connection.

    It says that the connection is closed: else a client may send its next request into a connection that is about
    to be closed, and that request counts as a try without ever being seen here.
    """
    length = f"Content-Length: {len(body)}\r\n" if framed else ""
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n{length}\r\n"
    return head.encode() + body


class CuttingKinesis:
    """Stores what PutRecords brings, in order. `answer` is given a request's number, from 1, and the good answer, and
    returns what is sent. The connection is closed after each answer, by RST if `reset`."""

    def __init__(self) -> None:
        self.answer: Callable[[int, bytes], bytes] = lambda _, good: good
        self.reset = False
        self.stored: list[tuple[str, bytes]] = []
        self.requests = 0
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def by_key(self) -> dict[str, list[bytes]]:
        """What is stored of each key, without what repeats the record before it."""
        result: dict[str, list[bytes]] = {}
        for key, data in self.stored:
            values = result.setdefault(key, [])
            if values[-1:] != [data]:
                values.append(data)
        return result

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as file:
            length, target = 0, b""
            while (line := file.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b": ")
                length = int(value) if name.lower() == b"content-length" else length
                target = value.strip() if name.lower() == b"x-amz-target" else target
            body = file.read(length)
            if target.endswith(b".PutRecords"):
                with self._lock:
                    connection.sendall(self._put(json.loads(body)["Records"]))
            else:
                connection.sendall(http("400 Bad Request", b'{"__type": "AccessDeniedException"}'))
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _put(self, entries: list[dict[str, str]]) -> bytes:
        self.requests += 1
        answers = []
        for entry in entries:
            self.stored.append((entry["PartitionKey"], base64.b64decode(entry["Data"])))
            answers.append({"ShardId": "shardId-000000000000", "SequenceNumber": str(len(self.stored))})
        good = http("200 OK", json.dumps({"FailedRecordCount": 0, "Records": answers}).encode())
        return self.answer(self.requests, good)
