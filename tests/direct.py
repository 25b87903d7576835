"""Clients of boto3 whose requests reach an emulator in this process without a connection.

A request and its answer then take half of the processor time. What depends on the connection itself (an answer that is
cut, a server that is away) is tested with real ones.
"""

import functools
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders


class Direct:
    """A session whose requests to an endpoint are answered by a WSGI application; `client` makes each client once."""

    def __init__(self, endpoint: str, application: Any) -> None:
        self.endpoint, self._application = endpoint, application
        self.session = boto3.session.Session()
        self.session.events.register("before-send", self._answer)
        self.client = functools.cache(self.session.client)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if not request.url.startswith(self.endpoint):
            return None
        started: list[Any] = []
        pieces = self._application(_environ(request), lambda *answer: started.extend(answer))
        body = b"".join(pieces)
        return AWSResponse(request.url, int(started[0].split()[0]), HTTPHeaders.from_pairs(started[1]), _Raw(body))


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _environ(request: AWSPreparedRequest) -> dict[str, Any]:
    """A request as a server gives it to an application: https://peps.python.org/pep-3333/#environ-variables."""
    url, body = urlsplit(request.url), request.body or b""
    content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "RAW_URI": request.url,
        "REQUEST_URI": request.url,
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        environ["HTTP_" + name.upper().replace("-", "_")] = text
    environ["CONTENT_TYPE"] = environ.get("HTTP_CONTENT_TYPE", "")
    return environ
