"""A server before the emulator that refuses what a test chooses, as Kinesis does when a shard is busy."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Entry = dict[str, str]
CLOSE = 0
"""Instead of an HTTP status: the emulator gets the request, and the client no answer."""


class RefusingKinesis:
    """Passes requests on, one at a time, as moto loses records that are written at once.

    `refuse` gives an entry's error code, or None to store it. `fail` gives (status, code) for a whole PutRecords
    request, or None. Both are called with one request at a time.
    """

    def __init__(self, emulator: str) -> None:
        self.refuse: Callable[[Entry], str | None] = lambda entry: None
        self.fail: Callable[[list[Entry]], tuple[int, str] | None] = lambda entries: None
        self.requests: list[list[Entry]] = []
        """The entries of each PutRecords request that came."""
        self.refused = 0
        self.doubled: list[str] = []
        """Keys of which two records were under way at once, which would break their order."""
        self.gate = threading.Event()
        """While it is clear, PutRecords requests are held."""
        self.gate.set()
        self._emulator = emulator
        self._lock = threading.Lock()
        self._under_way: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Let go of what is held and end."""
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet; apart, the second waits 40 ms for the first to be acknowledged.
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                target = self.headers["X-Amz-Target"]
                status, answer = outer._answer(target, body)
                if status == CLOSE:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        if not target.endswith(".PutRecords"):
            with self._lock:
                return self._pass_on(target, body)
        request = json.loads(body)
        keys = [entry["PartitionKey"] for entry in request["Records"]]
        with self._lock:
            self.requests.append(request["Records"])
            self.doubled += [key for key in keys if keys.count(key) > 1 or key in self._under_way]
            self._under_way += keys
        self.gate.wait()
        with self._lock:
            answer = self._put(target, request)
            for key in keys:
                self._under_way.remove(key)
            return answer

    def _put(self, target: str, request: dict[str, Any]) -> tuple[int, bytes]:
        failure = self.fail(request["Records"])
        if failure is not None and failure[0] != CLOSE:
            return failure[0], json.dumps({"__type": failure[1], "message": "refused by the test"}).encode()
        codes = [self.refuse(entry) for entry in request["Records"]]
        self.refused += len([code for code in codes if code])
        stored: list[dict[str, str]] = []
        passed = [entry for entry, code in zip(request["Records"], codes, strict=True) if not code]
        if passed:
            status, answer = self._pass_on(target, json.dumps(request | {"Records": passed}).encode())
            if status != 200:
                return status, answer
            stored = json.loads(answer)["Records"]
        if failure is not None:
            return failure[0], b""
        results = [{"ErrorCode": code, "ErrorMessage": "refused"} if code else stored.pop(0) for code in codes]
        return 200, json.dumps({"FailedRecordCount": len(codes) - len(passed), "Records": results}).encode()

    def _pass_on(self, target: str, body: bytes) -> tuple[int, bytes]:
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        # moto takes the region from the credential's scope.
        headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/kinesis/aws4_request"
        try:
            with urllib.request.urlopen(urllib.request.Request(self._emulator, body, headers)) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
