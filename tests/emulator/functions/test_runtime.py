"""A function in its process: what it finds there, and whatever it may do to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator.functions import description
from emulator.functions.description import Function
from emulator.functions.runtime import ExecutionEnvironment, Host
from tests.emulated import eventually

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"
Make = Callable[..., ExecutionEnvironment]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime") / "packages"
    description.link_runtime(folder)
    return folder


def function(**settings: Any) -> Function:
    values: dict[str, Any] = {
        "name": "f",
        "arn": ARN,
        "version": "$LATEST",
        "role_arn": "arn:aws:iam::123456789012:role/r",
        "runtime": "python3.11",
        "handler": "lambda_function.lambda_handler",
        "timeout": 20,
        "memory": 256,
        "environment": {},
        "code": Path(),
    }
    return Function(**values | settings)


class Log:
    """What was logged, as text; each event must be of the function's group and of a stream."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.streams: list[str] = []

    def __call__(self, group: str, stream: str, text: str) -> None:
        assert group == "/aws/lambda/f"
        self.lines.append(text)
        if stream not in self.streams:
            self.streams.append(stream)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def make(runtime: Path, tmp_path: Path, log: Log) -> Iterator[Make]:
    """`make(source, **settings)`: an execution environment of a function with this source."""
    made: list[ExecutionEnvironment] = []

    def environment(source: str, **settings: Any) -> ExecutionEnvironment:
        code = tmp_path / "code"
        code.mkdir()
        (tmp_path / "runtime").symlink_to(runtime)
        (code / "lambda_function.py").write_text(source)
        host = Host(tmp_path, "http://127.0.0.1:1", log)
        made.append(ExecutionEnvironment(function(code=code, **settings), host))
        return made[-1]

    yield environment
    for environment_ in made:
        environment_.close()


def handler(body: str, before: str = "import os, signal, sys, time") -> str:
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{before}\ndef lambda_handler(event, context):\n{indented}"


def invoke(environment: ExecutionEnvironment, event: object = None) -> tuple[str | None, Any]:
    """The function error, and what the payload says."""
    invocation = environment.invoke(json.dumps(event).encode())
    return invocation.function_error, json.loads(invocation.payload)


def test_event_and_context(make: Make, log: Log) -> None:
    body = """
return [event, context.aws_request_id, context.invoked_function_arn, context.function_name, context.function_version,
        context.memory_limit_in_mb, context.log_group_name, context.log_stream_name,
        0 < context.get_remaining_time_in_millis() <= 20_000]"""
    environment = make(handler(body))
    invocation = environment.invoke(b'{\n"Records": [1]\n}')
    assert json.loads(invocation.payload) == [
        {"Records": [1]},
        invocation.request_id,
        ARN,
        "f",
        "$LATEST",
        "256",
        "/aws/lambda/f",
        log.streams[0],
        True,
    ]


def test_environment(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own variables and Lambda's, whatever the parent has."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environment = make(handler("return [dict(os.environ), os.getcwd(), sys.argv[1:]]"), environment={"TABLE": "t"})
    _, (variables, folder, arguments) = invoke(environment)
    variables.pop("LC_CTYPE", None)
    stream = variables.pop("AWS_LAMBDA_LOG_STREAM_NAME")
    assert variables == {
        "TABLE": "t",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "LAMBDA_TASK_ROOT": str(tmp_path / "code"),
        "LAMBDA_RUNTIME_DIR": str(tmp_path / "runtime"),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TMPDIR": str(tmp_path / "tmp"),
        "TZ": ":UTC",
        "_HANDLER": "lambda_function.lambda_handler",
    }
    assert "/[$LATEST]" in stream
    assert (folder, arguments) == (str(tmp_path / "code"), [])


def test_own_variables_and_reserved_ones(make: Make) -> None:
    own = {"AWS_ENDPOINT_URL": "http://127.0.0.1:2", "TZ": "Europe/Madrid", "AWS_REGION": "mars-north-1"}
    environment = make(
        handler('return [os.environ[n] for n in ("AWS_ENDPOINT_URL", "TZ", "AWS_REGION")]'), environment=own
    )
    assert invoke(environment) == (None, ["http://127.0.0.1:2", "Europe/Madrid", "eu-west-1"])


def test_what_can_be_imported(make: Make, tmp_path: Path) -> None:
    """The zip's modules first, then what Lambda's runtime has, and nothing else that is installed or of ours."""
    body = """
import importlib.util
import boto3, botocore, beside
others = ("moto", "pytest", "psutil", "emulator", "runtime", "process", "pip")
return [sys.path[0], beside.__file__, [n for n in others if importlib.util.find_spec(n)]]"""
    environment = make(handler(body))
    beside = tmp_path / "code" / "beside.py"
    beside.touch()
    assert invoke(environment) == (None, [str(tmp_path / "code"), str(beside), []])


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("raise KeyError('x')", "KeyError", "'x'"),
        ("return {1, 2}", "TypeError", "Object of type set is not JSON serializable"),
        ("sys.exit(3)", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ("exit()", "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        ("os._exit(0)", "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime.ExitError", "exited with error: signal: segmentation fault"),
        ("x = b'x' * (600 << 20)\ntime.sleep(60)", "Runtime.ExitError", "Runtime exited with error: signal: killed"),
    ],
    ids=lambda value: value[:40],
)
def test_failures(make: Make, body: str, kind: str, message: str) -> None:
    environment = make(handler(f'if event == "well": return "done"\n{body}'))
    error, answer = invoke(environment)
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert message in answer["errorMessage"]
    assert invoke(environment, "well") == (None, "done")


def test_exception(make: Make, log: Log) -> None:
    """As Lambda tells it, and as one log event."""
    environment = make(handler("raise ValueError('no stock')"))
    _, answer = invoke(environment)
    (frame,) = answer.pop("stackTrace")
    assert "lambda_function.py" in frame
    assert "raise ValueError('no stock')" in frame
    assert answer == {"errorType": "ValueError", "errorMessage": "no stock", "requestId": answer["requestId"]}
    (event,) = [line for line in log.lines if line.startswith("[ERROR] ValueError: no stock\nTraceback")]
    assert frame.rstrip() in event


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("None", None),
        ("[7, 7.5]", [7, 7.5]),
        ("'ñ ☃'", "ñ ☃"),
    ],
)
def test_results(make: Make, returned: str, expected: object) -> None:
    assert invoke(make(handler(f"return {returned}"))) == (None, expected)


def test_timeout(make: Make, log: Log) -> None:
    """What hangs is killed with what it has started, and the next invocation has a process of its own."""
    body = """
import subprocess
if event == "well": return os.getpid()
print("started", subprocess.Popen(["sleep", "60"]).pid, os.getpid(), end="")
while True: pass"""
    environment = make(handler(body), timeout=1)
    error, answer = invoke(environment)
    request_id = answer["errorMessage"].split()[1]
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"] == f"RequestId: {request_id} Error: Task timed out after 1.00 seconds"
    started = next(line.split() for line in log.lines if line.startswith("started"))
    eventually(lambda: not any(map(runs, map(int, started[1:]))), "the end of what it started", 10)
    assert any(line.endswith(f"Z {request_id} Task timed out after 1.00 seconds") for line in log.lines)
    assert log.lines[-1].endswith("\tStatus: timeout")
    assert invoke(environment, "well") == (None, invoke(environment, "well")[1])
    assert len(log.streams) == 2


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_process_is_used_again(make: Make, log: Log) -> None:
    environment = make(handler("seen.append(1)\nreturn [os.getpid(), len(seen)]", "import os\nseen = []"))
    (_, first), (_, second) = invoke(environment), invoke(environment)
    assert [first[1], second[1]] == [1, 2]
    assert first[0] == second[0]
    assert ["Init Duration" in line for line in log.lines if line.startswith("REPORT")] == [True, False]


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="this system has no waitid")
def test_process_that_died_meanwhile(make: Make) -> None:
    """Lambda puts another in its place; the invocation knows nothing of it."""
    environment = make(handler("return os.getpid()"))
    _, first = invoke(environment)
    os.kill(first, signal.SIGKILL)
    # Waits for the end, and leaves it to the environment to notice.
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    error, second = invoke(environment)
    assert error is None
    assert second != first


def test_initialised_early(make: Make, log: Log) -> None:
    environment = make(handler("return 1", "print('loaded')"))
    environment.initialise()
    assert log.lines == ["loaded"]
    assert invoke(environment) == (None, 1)
    assert log.lines.count("loaded") == 1
    assert "Init Duration" in log.lines[-1]


@pytest.mark.parametrize(
    ("source", "settings", "kind", "message"),
    [
        ("import nothing_of_that_name", {}, "ModuleNotFoundError", "No module named 'nothing_of_that_name'"),
        ("def lambda_handler(:", {}, "SyntaxError", "lambda_function.py, line 1"),
        ("x = 1", {}, "AttributeError", "module 'lambda_function' has no attribute 'lambda_handler'"),
        ("1 / 0", {}, "ZeroDivisionError", "division by zero"),
        ("import sys; sys.exit(4)", {}, "Runtime.ExitError", "Runtime exited with error: exit status 4"),
    ],
)
def test_code_that_cannot_be_loaded(make: Make, source: str, settings: Any, kind: str, message: str) -> None:
    environment = make(source, **settings)
    environment.initialise()
    for _ in range(2):
        error, answer = invoke(environment)
        assert (error, answer["errorType"]) == ("Unhandled", kind)
        assert message in answer["errorMessage"]


def test_slow_import(make: Make) -> None:
    """What is outside the handler has time of its own."""
    assert invoke(make(handler("return 1", "import time\ntime.sleep(1.3)"), timeout=1)) == (None, 1)


def test_large_event_and_result(make: Make) -> None:
    text = "x" * (5 << 20)
    assert invoke(make(handler("return event")), text) == (None, text)


def test_log(make: Make, log: Log) -> None:
    """Lambda's lines around the function's own, in their order."""
    body = """
import logging
print("printed")
print("to stderr", file=sys.stderr)
logging.warning("%s", "logged")
print("without an end", end="")
"""
    invocation = make(handler(body)).invoke(b"{}")
    assert log.lines[:3] == [f"START RequestId: {invocation.request_id} Version: $LATEST", "printed", "to stderr"]
    assert log.lines[3:6] == ["WARNING:root:logged", "without an end", f"END RequestId: {invocation.request_id}"]
    fields = dict(part.split(": ") for part in log.lines[6].split("\t"))
    assert list(fields)[1:4] == ["Duration", "Billed Duration", "Memory Size"]
    assert fields["REPORT RequestId"] == invocation.request_id
    assert fields["Memory Size"] == "256 MB"
    assert 0 < int(fields["Max Memory Used"].split()[0]) < 256


def test_long_line(make: Make, log: Log) -> None:
    """It is passed on in pieces."""
    assert invoke(make(handler("print('x' * 1_000_000)"))) == (None, None)
    pieces = [line for line in log.lines if set(line) == {"x"}]
    assert sum(map(len, pieces)) == 1_000_000
    assert 2 <= len(pieces) <= 5


_PARENT = """
import sys, threading
from pathlib import Path
from emulator.functions.runtime import ExecutionEnvironment, Host
from emulator.functions.description import Function
home = Path(sys.argv[1])
function = Function("f", "arn:aws:lambda:eu-west-1:123456789012:function:f", "$LATEST", "r", "python3.11",
                    "lambda_function.lambda_handler", 60, 256, {}, home / "code")
host = Host(home, "http://127.0.0.1:1", lambda *line: print(line[2], flush=True))
ExecutionEnvironment(function, host).invoke(b"{}")
"""


def test_parent_is_killed(tmp_path: Path) -> None:
    """Then the function's process ends, though it hangs, with all it started, and takes the folder with it."""
    home = tmp_path / "home"
    (home / "code").mkdir(parents=True)
    source = handler(
        'print("pid", os.getpid(), subprocess.Popen(["sleep", "60"]).pid)\nwhile True: pass', "import os, subprocess"
    )
    (home / "code" / "lambda_function.py").write_text(source)
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(home)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = next(line for line in parent.stdout if line.startswith("pid")).split()[1:]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not any(map(runs, map(int, pids))) and not home.exists(), "the end of both", 20)
