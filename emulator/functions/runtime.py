"""Run a function as Lambda does: in a process of its own, with its environment, timeout and memory."""

import contextlib
import json
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.functions.description import Function
from emulator.functions.process import ExitedError, Process, TimedOutError

_INIT_SECONDS = 10.0

Log = Callable[[str, str, str], None]
"""Takes the log group, the log stream and a text that a function printed."""


@dataclass(frozen=True)
class Invocation:
    """What came of one invocation.

    Args:
        request_id: Lambda's identifier of it.
        payload: what the handler returned, as JSON; of a failure, `errorType`, `errorMessage` and so on.
        function_error: `Unhandled` if it failed.
        seconds: how long it took, without the start of the process.
    """

    request_id: str
    payload: bytes
    function_error: str | None
    seconds: float


@dataclass(frozen=True)
class Host:
    """What all functions of an emulator run on.

    Args:
        home: a temporary folder, which the process of a function removes if its parent was killed. Its folder
            `runtime` has the packages that Lambda's runtime brings (`description.link_runtime`).
        endpoint_url: the emulator.
        log: takes what functions print, and the lines that Lambda adds.
    """

    home: Path
    endpoint_url: str
    log: Log


class _InitError(Exception):
    """The handler could not be loaded; `error` is what the runtime says of it."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["errorMessage"])
        self.error = error


def environment(function: Function, host: Host, log_stream: str) -> dict[str, str]:
    """All environment variables of a function's process: its own, and what Lambda sets.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. The credentials are fake: an emulator
    accepts any.
    """
    region = function.arn.split(":")[3]
    temporary = host.home / "tmp"
    temporary.mkdir(exist_ok=True)
    defaults = {
        "AWS_ENDPOINT_URL": host.endpoint_url,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TMPDIR": str(temporary),
        "TZ": ":UTC",
    }
    reserved = {
        "_HANDLER": function.handler,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "LAMBDA_RUNTIME_DIR": str(host.home / "runtime"),
        "LAMBDA_TASK_ROOT": str(function.code),
    }
    return defaults | dict(function.environment) | reserved


class ExecutionEnvironment:
    """A process that runs a function, started when first needed and used again until it dies.

    One thread at a time may use it. The memory limit is on what the process has in RAM. (A limit of its address space
    would count what libraries and threads reserve and never use, and would have Python raise MemoryError where Lambda
    kills the process.)
    """

    def __init__(self, function: Function, host: Host) -> None:
        self.function = function
        self._host = host
        self._process: Process | None = None
        self._init_seconds: float | None = None
        self._stream = ""

    def initialise(self) -> None:
        """Start the process ahead of the first invocation, as Lambda does at times; errors show when it is invoked."""
        with contextlib.suppress(TimedOutError, ExitedError, _InitError):
            self._initialise()

    def invoke(self, event: bytes) -> Invocation:
        """Invoke the function with an event of JSON, and wait; what comes of it is returned, failures included."""
        request_id = str(uuid.uuid4())
        began, status = time.monotonic(), ""
        answer: dict[str, Any] = {}
        try:
            if self._process and not self._process.alive:
                self.close()
            if not self._process:
                self._initialise()
            began = time.monotonic()
            self._say(f"START RequestId: {request_id} Version: {self.function.version}")
            answer = self._exchange(request_id, event, began + self.function.timeout)
        except _InitError as failed:
            answer["error"] = failed.error
        except TimedOutError:
            status = "timeout"
            reason = f"Task timed out after {self.function.timeout:.2f} seconds"
            answer["error"] = self._died("Sandbox.Timedout", request_id, reason)
        except ExitedError as exited:
            status = "error\tError Type: Runtime.ExitError"
            answer["error"] = self._died("Runtime.ExitError", request_id, str(exited))
        seconds, error = time.monotonic() - began, answer.get("error")
        self._end(request_id, seconds, error, status)
        payload = json.dumps(error) if error else str(answer["result"])
        return Invocation(request_id, payload.encode(), "Unhandled" if error else None, seconds)

    def kill(self) -> None:
        """Kill the process, so that an invocation under way fails at once. For any thread."""
        process = self._process
        if process:
            process.kill()

    def close(self) -> None:
        """End the process; the next invocation starts another."""
        if self._process:
            self._process.close()
            self._process = None

    def _start(self) -> Process:
        moment = datetime.now(UTC)
        self._stream = f"{moment:%Y/%m/%d}/[{self.function.version}]{uuid.uuid4().hex}"
        variables = environment(self.function, self._host, self._stream)
        function = self.function
        self._process = Process(function.code, self._host.home, variables, function.memory, self._say)
        return self._process

    def _initialise(self) -> None:
        """Start the process and wait until its handler is loaded. Raises TimedOutError, ExitedError, _InitError.

        Lambda gives the code outside the handler ten seconds, and runs it again as part of an invocation, with the
        timeout of that, if it takes longer. Here it has the longer of the two, once.
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (Init phase)
        """
        began = time.monotonic()
        seconds = max(_INIT_SECONDS, self.function.timeout)
        try:
            message = self._start().exchange(b"", began + seconds)
        except (TimedOutError, ExitedError):
            self.close()
            raise
        if "error" in message:
            self._say(_text(message["error"]))
            self.close()
            raise _InitError(message["error"])
        self._init_seconds = time.monotonic() - began

    def _exchange(self, request_id: str, event: bytes, deadline: float) -> dict[str, Any]:
        head = {
            "request_id": request_id,
            "function_arn": self.function.arn,
            "deadline": time.time() + deadline - time.monotonic(),
        }
        # A line end in JSON is white space, and here it ends the message.
        line = json.dumps(head)[:-1].encode() + b', "event": ' + event.replace(b"\n", b" ") + b"}\n"
        assert self._process is not None
        return self._process.exchange(line, deadline)

    def _died(self, kind: str, request_id: str, reason: str) -> dict[str, Any]:
        """End the process, and log, after what it still printed, why it did not answer; return the error."""
        if self._process:
            self._process.close()
        self._say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {request_id} {reason}")
        return {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {reason}"}

    def _end(self, request_id: str, seconds: float, error: dict[str, Any] | None, status: str) -> None:
        """Log the error that the handler raised, and the lines that Lambda ends an invocation with."""
        if error and not status and self._process:
            self._say(_text(error))
        memory = self._process.memory if self._process else 0
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms\t"
            f"Billed Duration: {math.ceil(seconds * 1000)} ms\t"
            f"Memory Size: {self.function.memory} MB\tMax Memory Used: {memory} MB"
        )
        if self._init_seconds is not None:
            report += f"\tInit Duration: {self._init_seconds * 1000:.2f} ms"
            self._init_seconds = None
        self._say(f"END RequestId: {request_id}")
        self._say(report + (f"\tStatus: {status}" if status else ""))
        if status:
            self.close()

    def _say(self, text: str) -> None:
        self._host.log(self.function.log_group, self._stream, text)


def _text(error: dict[str, Any]) -> str:
    """An error as Lambda logs it."""
    trace = "".join(error.get("stackTrace") or ()).rstrip()
    text = f"[ERROR] {error['errorType']}: {error['errorMessage']}"
    return f"{text}\nTraceback (most recent call last):\n{trace}" if trace else text
