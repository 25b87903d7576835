"""Serves the Flink service at the address of the emulator, in place of moto's, which has no states."""

import json
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from werkzeug.wrappers import Request, Response

from emulator.flink.service import FlinkService
from emulator.flink.state import RefusedError

_TARGET = "KinesisAnalytics_20180523."
_REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")

_DASHBOARD = "/flinkdashboard"

_Application = Callable[..., Iterable[bytes]]
_make: Callable[[str], FlinkService] | None = None
_services: dict[str, FlinkService] = {}
_lock = threading.Lock()
_moto: _Application = DomainDispatcherApplication.__call__


def serve(make: Callable[[str], FlinkService]) -> None:
    """Serve the service that `make` makes for each region that is asked for, until the process ends."""
    global _make
    _make = make
    _services.clear()
    DomainDispatcherApplication.__call__ = _dispatch


def service(region: str) -> FlinkService:
    """The service of a region."""
    with _lock:
        if region not in _services:
            assert _make is not None, "nothing serves the Flink service"
            _services[region] = _make(region)
        return _services[region]


def _dispatch(self: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = str(environ.get("PATH_INFO", ""))
    if path.startswith(_DASHBOARD):
        return _rest(Request(environ), path.removeprefix(_DASHBOARD))(environ, start_response)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if not target.startswith(_TARGET):
        return _moto(self, environ, start_response)
    return _answer(Request(environ), target.removeprefix(_TARGET))(environ, start_response)


def _answer(request: Request, operation: str) -> Response:
    """AWS JSON 1.1, as https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html has it."""
    found = _REGION.search(request.headers.get("Authorization", ""))
    try:
        if not found:
            raise RefusedError("MissingAuthenticationTokenException", "the request is not signed")
        status, content = 200, service(found[1]).handle(operation, json.loads(request.get_data()))
        if "AuthorizedUrl" in content:
            content["AuthorizedUrl"] = request.host_url.rstrip("/") + content["AuthorizedUrl"]
    except RefusedError as refused:
        status, content = 400, {"__type": refused.kind, "message": str(refused)}
    return Response(json.dumps(content), status, content_type="application/x-amz-json-1.1")


def _rest(request: Request, path: str) -> Response:
    """Flink's REST API behind the dashboard's presigned address."""
    region, _, name = request.args.get("authToken", "").partition("/")
    content = service(region).dashboard(name, path) if name else None
    return Response(json.dumps(content), 200 if content is not None else 404, content_type="application/json")
