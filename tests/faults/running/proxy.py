"""A proxy in front of the emulator that does to its callers what a network and a busy service do; drawn by a seed."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil

_JSON = "application/x-amz-json-1.1"
# AlertsToSns waits three seconds for an answer; this machine may be so busy that one comes later.
_PATIENCE = 2.5
_THROTTLED = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "kinesis": "ProvisionedThroughputExceededException",
    "sns": "Throttling",
}


@dataclass(frozen=True)
class Faults:
    """How likely each fault is for a request (0 to 1); at most one strikes it.

    Args:
        throttle: refused, as too much.
        entries: some entries of PutRecords or BatchWriteItem are refused, the others done.
        error: status 500; half the time all the same done.
        cut_fin: done, and the answer ends early, at any byte, with a clean close.
        cut_rst: the same with a reset.
        delay: done, up to a second later.
        away: operations that get no answer but a 503, a reset or silence, and are not done.
    """

    throttle: float = 0.0
    entries: float = 0.0
    error: float = 0.0
    cut_fin: float = 0.0
    cut_rst: float = 0.0
    delay: float = 0.0
    away: frozenset[str] = field(default_factory=frozenset)


@dataclass
class Strike:
    """A caller to be killed at its next call of an operation: before that is done, or when it is, unanswered."""

    operation: str
    done: bool
    struck: threading.Event = field(default_factory=threading.Event)


@dataclass
class Exchange:
    """A request that was kept: the answer if it was done, whether its caller got that whole and in time, or died."""

    operation: str
    request: bytes
    answer: bytes | None = None
    told: bool = False
    killed: bool = False
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def bytes(self) -> bytes:
        reason = http.client.responses.get(self.status, "")
        head = f"HTTP/1.1 {self.status} {reason}\r\n" + "".join(f"{name}: {text}\r\n" for name, text in self.headers)
        return head.encode("latin-1") + b"\r\n" + self.body


class Proxy:
    """Passes requests on, one connection after the other, as `faults` has it; `counts` is what was done to whom.

    Args:
        endpoint: the emulator.
        seed: draws the faults.
        whole_heads: cut answers in their bodies alone. AWS's SDK 1 for Java, which the job has, takes one that ends in
            its head with a clean close for an empty one, and the connector an open shard for one that was closed: it
            reads no more of it. Over TLS the head of an answer is in one record, so it is there or not.
    """

    def __init__(self, endpoint: str, seed: int, whole_heads: bool = False) -> None:
        self._target = urlsplit(endpoint)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._light = threading.Event()
        self._light.set()
        self._strikes: list[Strike] = []
        self.faults, self.whole_heads = Faults(), whole_heads
        self.counts: Counter[str] = Counter()
        self.exchanges: list[Exchange] = []
        """The calls of Publish and UpdateItem."""
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End; nothing answers any more."""
        self._light.set()
        self._server.shutdown()
        self._server.server_close()

    @contextlib.contextmanager
    def black(self) -> Iterator[None]:
        """Until the end of the block every request is swallowed, and then reset."""
        self.count("black-out")
        self._light.clear()
        try:
            yield
        finally:
            self._light.set()

    @contextlib.contextmanager
    def doing(self, faults: Faults) -> Iterator[None]:
        """Until the end of the block, these faults."""
        before, self.faults = self.faults, faults
        try:
            yield
        finally:
            self.faults = before

    def strike(self, operation: str, done: bool) -> Strike:
        """Kill the process that calls an operation next: before that is done, or when it is, unanswered."""
        strike = Strike(operation, done)
        with self._lock:
            self._strikes.append(strike)
        return strike

    def count(self, fault: str) -> None:
        """Note that a fault has struck."""
        with self._lock:
            self.counts[fault] += 1

    def exchange(self, operation: str, request: bytes) -> Exchange:
        """Begin an exchange, which is kept if it tells of messages."""
        exchange = Exchange(operation, request)
        if operation in ("Publish", "UpdateItem"):
            self.exchanges.append(exchange)
        return exchange

    def injected(self) -> str:
        """What has struck, in words."""
        return ", ".join(f"{number} {fault}" for fault, number in sorted(self.counts.items())) or "nothing"

    def due(self, operation: str, done: bool) -> Strike | None:
        """The strike that is due at this moment of a call."""
        with self._lock:
            for strike in self._strikes:
                if (strike.operation, strike.done) == (operation, done):
                    self._strikes.remove(strike)
                    self.counts[f"killed {'after' if done else 'before'} {operation}"] += 1
                    return strike
        return None

    def draw(self) -> tuple[str, float]:
        """A fault or an empty text, and a number from 0 to 1 that shapes it."""
        faults = self.faults
        chances = {
            "throttled": faults.throttle,
            "entries refused": faults.entries,
            "500": faults.error,
            "cut by FIN": faults.cut_fin,
            "cut by RST": faults.cut_rst,
            "delayed": faults.delay,
        }
        with self._lock:
            drawn, shape = self._random.random(), self._random.random()
        for fault, chance in chances.items():
            if drawn < chance:
                return fault, shape
            drawn -= chance
        return "", shape

    def wait_for_light(self) -> bool:
        """Wait while all is black; whether it was."""
        if self._light.is_set():
            return False
        self._light.wait()
        return True

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        """Have the emulator do it. Raises OSError or HTTPException if it does not answer."""
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = [
                (name, text)
                for name, text in answer.getheaders()
                if name.lower() not in ("connection", "content-length", "transfer-encoding")
            ]
            return _Answer(answer.status, [*kept, ("Content-Length", str(len(content)))], content)
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a caller."""

    owner: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Serve; what a caller breaks off is its own affair."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            super().handle()

    def _serve(self) -> None:
        proxy = self.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service, operation = _operation(self.headers, body)
        exchange = proxy.exchange(operation, body)
        if proxy.wait_for_light():
            proxy.count("swallowed")
            return self._reset()
        if operation in proxy.faults.away:
            return self._away(service)
        if strike := proxy.due(operation, done=False):
            exchange.killed = True
            return self._kill(strike)
        fault, shape = proxy.draw()
        if fault == "throttled":
            proxy.count(fault)
            return self._send(_refusal(service, 400, _THROTTLED.get(service, "ThrottlingException")))
        if fault == "500" and shape < 0.5:
            proxy.count(fault)
            return self._send(_refusal(service, 500, "InternalFailure"))
        if fault == "delayed":
            proxy.count(fault)
            time.sleep(shape)
        answer = self._in_part(operation, body, shape) if fault == "entries refused" else self._forward(body)
        exchange.answer = answer.body if answer.status < 300 else None
        if fault == "500":
            proxy.count(fault)
            return self._send(_refusal(service, 500, "InternalFailure"))
        if fault.startswith("cut"):
            proxy.count(fault)
            whole = answer.bytes()
            head = len(whole) - len(answer.body) if proxy.whole_heads else 0
            self.wfile.write(whole[: head + int((len(whole) - head) * shape)])
            return self._reset() if fault == "cut by RST" else self._finish()
        if strike := proxy.due(operation, done=True):
            return self._kill(strike)
        exchange.told = time.monotonic() - exchange.began < _PATIENCE
        return self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _forward(self, body: bytes) -> _Answer:
        headers = {name: text for name, text in self.headers.items() if name.lower() not in ("connection", "expect")}
        return self.owner.forward(self.command, self.path, headers, body)

    def _in_part(self, operation: str, body: bytes, shape: float) -> _Answer:
        """Have some entries done, and refuse the others."""
        if operation not in ("PutRecords", "BatchWriteItem"):
            return self._forward(body)
        request = json.loads(body)
        chosen = random.Random(shape)
        if operation == "PutRecords":
            entries = request["Records"]
            taken = [entry for entry in entries if chosen.random() < 0.5]
            kept = {id(entry) for entry in taken}
            results = iter(self._done(request | {"Records": taken})["Records"] if taken else [])
            refused = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}
            records = [next(results) if id(entry) in kept else refused for entry in entries]
            count = len(entries) - len(taken)
            content: dict[str, Any] = {"FailedRecordCount": count, "Records": records}
        else:
            ((table, entries),) = request["RequestItems"].items()
            taken = [entry for entry in entries if chosen.random() < 0.5]
            left = [entry for entry in entries if entry not in taken]
            if taken:
                self._done(request | {"RequestItems": {table: taken}})
            count = len(left)
            content = {"UnprocessedItems": {table: left} if left else {}}
        if count:
            self.owner.count("entries refused")
        return _json(200, content)

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(request).encode()
        headers = {
            name: text
            for name, text in self.headers.items()
            if name.lower() not in ("connection", "expect", "content-length", "accept-encoding")
        }
        return dict(json.loads(self.owner.forward(self.command, self.path, headers, body).body))

    def _away(self, service: str) -> None:
        """A 503, a reset, or silence until the caller has had enough."""
        proxy = self.owner
        proxy.count("not answered")
        _, shape = proxy.draw()
        if shape < 0.4:
            self._send(_refusal(service, 503, "ServiceUnavailable"))
        elif shape < 0.7:
            self._reset()
        else:
            self.connection.settimeout(60)
            with contextlib.suppress(OSError):
                self.connection.recv(1)
            self._finish()

    def _send(self, answer: _Answer) -> None:
        self.wfile.write(answer.bytes())

    def _finish(self) -> None:
        self.close_connection = True

    def _reset(self) -> None:
        """Close so that the caller gets a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # `close` would wait for the files that Python has made of the connection.
        os.close(self.connection.detach())
        self.close_connection = True

    def _kill(self, strike: Strike) -> None:
        """Kill the process at the other end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(_caller(self.client_address), signal.SIGKILL)
        strike.struck.set()
        self._finish()


def _caller(address: tuple[str, int]) -> int:
    """The process that has a connection of this machine."""
    for connection in psutil.net_connections("tcp"):
        if connection.laddr == address and connection.pid:
            return connection.pid
    raise ProcessLookupError(f"no process has {address}")


def _operation(headers: Any, body: bytes) -> tuple[str, str]:
    """The service and the operation of a request, as https://smithy.io/2.0/aws/protocols/ has them."""
    target = str(headers.get("X-Amz-Target", ""))
    if target:
        name, _, operation = target.partition(".")
        return name.partition("_")[0].lower().replace("dynamodbstreams", "dynamodb"), operation
    action = parse_qs(body.decode("latin-1")).get("Action", [""])[0] if body.startswith((b"Action=", b"T")) else ""
    return ("sns" if action == "Publish" else "", action)


def _json(status: int, content: dict[str, Any]) -> _Answer:
    body = json.dumps(content).encode()
    return _Answer(status, [("Content-Type", _JSON), ("Content-Length", str(len(body)))], body)


def _refusal(service: str, status: int, code: str) -> _Answer:
    if service != "sns":
        return _json(status, {"__type": code, "message": "injected"})
    kind = "Sender" if status == 400 else "Receiver"
    error = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>injected</Message></Error>"
    text = f"<ErrorResponse>{error}</ErrorResponse>"
    body = text.encode()
    return _Answer(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))], body)
