"""What runs inside a function's process: load the handler, then answer one invocation after the other.

Started by process.py as `python -u -S -P bootstrap.py REQUESTS RESPONSES HOME MARK`: two open pipes, a line of JSON for
each message, the temporary folder to remove if the parent is killed, and what to print before each response. It imports
the standard library alone, so that a function can import only what Lambda would have given it. Errors have the types
and texts of Lambda's own runtime client (https://pypi.org/project/awslambdaric/), which needs a compiler outside of
Lambda's containers.
"""

import contextlib
import importlib
import json
import logging
import os
import queue
import shutil
import signal
import site
import sys
import threading
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any, BinaryIO

Handler = Callable[[Any, "Context"], Any]


class FaultError(Exception):
    """An error that the runtime, not the function, names; `type` such as `Runtime.ImportModuleError`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.type = kind


class Identity:
    """The caller's Cognito identity; a mapping has none."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The handler's second argument: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id = request["request_id"]
        self.invoked_function_arn = request["function_arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = None
        self._deadline: float = request["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return max(0, int((self._deadline - time.time()) * 1000))


def load(handler: str) -> Handler:
    """Import a handler by its name, such as `lambda_function.lambda_handler`. Raises FaultError."""
    module_name, _, function_name = handler.rpartition(".")
    if not module_name:
        raise FaultError("Runtime.MalformedHandlerName", f"Bad handler '{handler}': expected module.function")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise FaultError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        raise FaultError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from None
    try:
        found: Handler = getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise FaultError("Runtime.HandlerNotFound", message) from None
    return found


def _error(error: Exception) -> dict[str, Any]:
    kind = error.type if isinstance(error, FaultError) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    trace = [] if isinstance(error, FaultError) else traceback.format_list(own)
    return {"errorMessage": str(error), "errorType": kind, "stackTrace": trace}


def _number(value: object) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _result(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    try:
        return json.dumps(value, default=_number)
    except (TypeError, ValueError, RecursionError) as error:
        raise FaultError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def answer(handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
    """Run the handler on a request; what it returned as `result`, or what it raised as `error`."""
    try:
        return {"result": _result(handler(request["event"], Context(request)))}
    except Exception as error:
        failure = _error(error) | {"requestId": request["request_id"]}
        return {"error": failure}


def _receive(requests: BinaryIO, received: "queue.SimpleQueue[bytes]", home: str) -> None:
    """Pass the requests on; when the parent has ended, however it did, end all processes and remove the folder."""
    for line in requests:
        received.put(line)
    shutil.rmtree(home, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class _RequestId(logging.Filter):
    current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.current
        return True


def _logging() -> _RequestId:
    """Log as in Lambda: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html."""
    request_id = _RequestId()
    handler = logging.StreamHandler(sys.stdout)
    text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = logging.Formatter(text, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(request_id)
    logging.getLogger().addHandler(handler)
    return request_id


def main() -> None:
    """Serve until the parent ends; a handler that cannot be loaded ends it with status 1."""
    requests_fd, responses_fd, home = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    mark = f"\0{sys.argv[4]}\n".encode()
    for descriptor in (requests_fd, responses_fd):
        os.set_inheritable(descriptor, False)
    received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    arguments = (os.fdopen(requests_fd, "rb"), received, home)
    threading.Thread(target=_receive, args=arguments, daemon=True).start()

    def say(message: dict[str, Any]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            os.write(1, mark)
        with os.fdopen(os.dup(responses_fd), "wb") as responses:
            responses.write(json.dumps(message).encode() + b"\n")

    del sys.argv[1:]
    site.setquit()
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    sys.path.append(os.environ["LAMBDA_RUNTIME_DIR"])
    request_id = _logging()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        say({"error": _error(error)})
        raise SystemExit(1) from None
    say({"ready": True})
    while True:
        request = json.loads(received.get())
        request_id.current = request["request_id"]
        say(answer(handler, request))


if __name__ == "__main__":
    main()
