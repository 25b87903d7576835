"""What runs inside a function's process: load the handler, then answer one invocation after the other.

Started by process.py as `python -u -S -P bootstrap.py REQUESTS RESPONSES HOME MARK`: two open pipes, a line of JSON for
each message, the temporary folder to remove if the parent is killed, and what to print before each response. It imports
the standard library alone, so that a function can import only what Lambda would have given it. Lambda's own runtime
client (https://pypi.org/project/awslambdaric/) needs a compiler outside of Lambda's containers.
"""

import contextlib
import importlib
import json
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
from typing import Any, BinaryIO

Handler = Callable[[Any, "Context"], Any]


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
        self._deadline: float = request["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return max(0, int((self._deadline - time.time()) * 1000))


def load(handler: str) -> Handler:
    """Import a handler by its name, such as `lambda_function.lambda_handler`. Raises whatever its module raises."""
    module_name, _, function_name = handler.rpartition(".")
    found: Handler = getattr(importlib.import_module(module_name.replace("/", ".")), function_name)
    return found


def _error(error: Exception) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": traceback.format_list(own)}


def answer(handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
    """Run the handler on a request; what it returned as `result`, or what it raised as `error`."""
    try:
        return {"result": json.dumps(handler(request["event"], Context(request)))}
    except Exception as error:
        return {"error": _error(error) | {"requestId": request["request_id"]}}


def _receive(requests: BinaryIO, received: "queue.SimpleQueue[bytes]", home: str) -> None:
    """Pass the requests on; when the parent has ended, however it did, end all processes and remove the folder."""
    for line in requests:
        received.put(line)
    shutil.rmtree(home, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


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
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        say({"error": _error(error)})
        raise SystemExit(1) from None
    say({"ready": True})
    while True:
        say(answer(handler, json.loads(received.get())))


if __name__ == "__main__":
    main()
