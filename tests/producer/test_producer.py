"""The producer as a user starts it: stdout, stderr, exit status, and what the stream then holds."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from producer import __main__ as producer
from producer.output import printed
from tests.emulated import REGION, SOURCE, Emulator, eventually
from tests.producer.servers.refusing_kinesis import RefusingKinesis

COMMAND = [sys.executable, "-m", "producer"]
START = re.compile(
    r"sending (\S+ events/s|events as fast as the stream accepts them) to http-requests \(.*\), seed \d+; Ctrl-C stops"
)
END = re.compile(
    r"sent (\d+), retried (\d+), given up (\d+)(?: \(\d+ may have been stored\))?, in [\d.]+ s \([\d.]+ events/s\)"
)


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("AWS_REGION", "AWS_DEFAULT_REGION")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nowhere | {"AWS_REGION": REGION} | changes


def start(*arguments: str, **changes: str) -> "subprocess.Popen[str]":
    command = [*COMMAND, *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment(**changes), **streams)  # type: ignore[call-overload, no-any-return]


def run(*arguments: str, **changes: str) -> tuple[int, list[str], list[str]]:
    """Exit status, and the lines of stdout and stderr."""
    process = start(*arguments, **changes)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.splitlines(), err.splitlines()


def totals(err: list[str]) -> tuple[int, ...]:
    found = END.fullmatch(err[-1])
    assert found, err
    return tuple(map(int, found.groups()))


def test_few_events_are_printed_as_they_were_sent(refusing: RefusingKinesis, emulator: Emulator) -> None:
    status, out, err = run("--count", "12", "--rate", "20", "--bad-ratio", "0.5", "--seed", "3")
    assert status == 0
    assert START.fullmatch(err[0])
    assert totals(err) == (12, 0, 0)
    assert len(err) == 2
    assert Counter(out) == Counter(printed(record["Data"]) for record in emulator.read(SOURCE))
    assert all(isinstance(json.loads(line), dict | str) for line in out)


def test_many_events_are_not_printed(refusing: RefusingKinesis, emulator: Emulator) -> None:
    status, out, err = run("--count", "300", "--rate", "0")
    assert (status, out, totals(err)) == (0, [], (300, 0, 0))
    assert len(emulator.read(SOURCE)) == 300


def test_stream_and_region_come_from_options_or_the_environment(emulator: Emulator) -> None:
    emulator.kinesis.create_stream(StreamName="other", ShardCount=1)
    assert run("--count", "1", KDS_STREAM="other")[0] == 0
    assert (
        run("--count", "1", "--stream", "other", "--region", REGION, KDS_STREAM="nope", AWS_REGION="us-east-1")[0] == 0
    )
    assert run("--count", "1", AWS_REGION="", AWS_DEFAULT_REGION=REGION, KDS_STREAM="other")[0] == 0
    assert len(emulator.read("other")) == 3


def test_duration_ends_it(refusing: RefusingKinesis, emulator: Emulator) -> None:
    status, _, err = run("--duration", "0.5", "--rate", "20")
    # Due at 0, 50, … 450 ms; on a machine that is busy the last ones are late.
    assert status == 0
    assert 1 <= totals(err)[0] == len(emulator.read(SOURCE)) <= 10


@pytest.mark.parametrize(("number", "rate"), [(signal.SIGINT, "10"), (signal.SIGTERM, "2000")])
def test_a_signal_flushes_and_reports(
    refusing: RefusingKinesis, emulator: Emulator, number: signal.Signals, rate: str
) -> None:
    process = start("--rate", rate)
    eventually(lambda: bool(refusing.requests), "events are sent")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    stored = len(emulator.read(SOURCE))
    assert totals(err.splitlines()) == (stored, 0, 0)
    assert len(out.splitlines()) == (stored if rate == "10" else 0)


def test_a_second_signal_gives_up_what_is_waiting(refusing: RefusingKinesis) -> None:
    refusing.gate.clear()
    process = start("--rate", "100")
    eventually(lambda: bool(refusing.requests), "events are sent")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    lines = [process.stderr.readline().rstrip() for _ in range(2)]
    assert re.fullmatch(r"waiting for \d+ events? to be stored; Ctrl-C gives up", lines[1])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    sent, _, given_up = totals(err.splitlines())
    assert sent == 0
    assert given_up > 0
    assert re.fullmatch(r"stopped while waiting for \d+ events? to be stored: given up", err.splitlines()[0])
    assert f"given up {given_up} (1 may have been stored)" in err


def test_what_was_given_up_is_named(refusing: RefusingKinesis, emulator: Emulator) -> None:
    refusing.refuse = lambda entry: "SomethingElse" if len(refusing.requests) == 2 else None
    status, out, err = run("--count", "4", "--rate", "20", "--seed", "1")
    assert status == 1
    assert re.fullmatch(r"event \d+ \(path#/\S+\) given up: SomethingElse, tries: 1", err[1])
    sent, _, given_up = totals(err)
    assert (sent, sent + given_up) == (len(out), 4)
    assert given_up >= 1


def test_a_reader_that_has_enough(refusing: RefusingKinesis) -> None:
    process = start("--rate", "20")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read().splitlines()
    assert process.wait(60) == 141
    assert len(err) == 2
    assert totals(err)[2] == 0


def test_a_full_disk_names_stdout(refusing: RefusingKinesis) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*COMMAND, "--rate", "20"], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    err = result.stderr.splitlines()
    assert result.returncode == 2
    assert err[1] == "producer: stdout: No space left on device; expected to write each event there"
    assert totals(err)[0] >= 1
    assert len(err) == 3


@pytest.mark.parametrize(
    ("arguments", "changes", "line"),
    [
        (("--rate", "-1"), {}, "producer: --rate: expected a number of events a second, 0 or more, not '-1'"),
        (("--rate", "nan"), {}, "producer: --rate: expected a number of events a second, 0 or more, not 'nan'"),
        (("--count", "0"), {}, "producer: --count: expected a whole number above 0, not '0'"),
        (("--duration", "0"), {}, "producer: --duration: expected a number of seconds above 0, not '0'"),
        (("--seed", "x"), {}, "producer: --seed: expected a whole number, 0 or more, not 'x'"),
        (("--bad-ratio", "1.1"), {}, "producer: --bad-ratio: expected a number from 0 to 1, not '1.1'"),
        (("--stream", "a b"), {}, "producer: --stream: expected a stream's name"),
        (
            (),
            {"KDS_STREAM": "a/b"},
            "producer: --stream: expected a stream's name (letters, digits, _ . -), here or in K",
        ),
        (("--fast",), {}, "producer: unrecognized arguments: --fast"),
        (("a\nb",), {}, "producer: unrecognized arguments: a b"),
        (("--region", "the moon"), {}, "producer: region 'the moon': expected a name such as eu-west-1"),
        ((), {"AWS_REGION": ""}, "producer: no region; expected --region, AWS_REGION or one in the AWS configuration"),
        ((), {"AWS_PROFILE": "nobody"}, "producer: AWS configuration: The config profile (nobody) could not be found"),
        ((), {"AWS_ENDPOINT_URL": "nonsense"}, "producer: AWS configuration: Invalid endpoint: nonsense"),
    ],
)
def test_options_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    changes: dict[str, str],
    line: str,
) -> None:
    for name in os.environ.keys() | {"AWS_REGION"}:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(**changes).items():
        monkeypatch.setenv(name, value)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        status = producer.main(list(arguments))
    except SystemExit as end:
        status = int(str(end.code))
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
            signal.signal(number, handler)
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_a_stream_that_is_not_there(emulator: Emulator) -> None:
    status, out, err = run("--stream", "nope")
    assert (status, out, len(err)) == (2, [], 2)
    assert err[1] == "producer: stream nope: not there in eu-west-1; expected an active stream (--stream or KDS_STREAM)"


def test_no_way_to_the_stream() -> None:
    status, _, err = run(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert (status, len(err)) == (2, 2)
    assert err[1].startswith("producer: http://127.0.0.1:1: cannot be reached; expected Kinesis")


def test_no_credentials() -> None:
    """It does not say first that it sends."""
    status, _, err = run(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="true")
    assert status == 2
    assert err == ["producer: no AWS credentials; expected them in the environment, a profile or a role"]


def test_credentials_that_expire_later(refusing: RefusingKinesis) -> None:
    refusing.fail = lambda entries: (400, "ExpiredTokenException") if len(refusing.requests) > 1 else None
    # Held, so that the first answer and the failure come at once: what was stored is printed nevertheless.
    refusing.gate.clear()
    process = start("--rate", "20")
    eventually(lambda: bool(refusing.requests), "an event is sent")
    refusing.gate.set()
    out, err = process.communicate(timeout=60)
    lines = err.splitlines()
    assert process.returncode == 2
    assert lines[1].startswith("producer: AWS credentials: ExpiredTokenException")
    sent, _, given_up = totals(lines)
    assert sent == len(out.splitlines()) == 1
    assert given_up > 0


def test_progress_on_a_terminal(refusing: RefusingKinesis) -> None:
    main, terminal = pty.openpty()
    command = [*COMMAND, "--rate", "0", "--count", "400"]
    process = subprocess.Popen(command, env=environment(TERM="xterm", COLUMNS="100"), stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(main, 4096):
            shown += part
    except OSError:
        pass  # So Linux tells that the other end was closed.
    finally:
        os.close(main)
    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert re.search(r"\[#{30}\] [\d,]+ events/s, 400 sent, 0 retried", text)
    assert text.rstrip().splitlines()[-1].startswith("sent 400, retried 0, given up 0")


@pytest.mark.parametrize("answer", [b"<html>welcome</html>", b"{}"])
@pytest.mark.parametrize("status", [200, 501])
def test_something_that_is_not_kinesis(status: int, answer: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        code, _, err = run(AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert (code, len(err)) == (2, 2)
    assert "its answer is not that of Kinesis; expected Kinesis there" in err[1]


def test_help_says_what_the_exit_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        producer.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for option in ("--rate", "--count", "--duration", "--seed", "--bad-ratio", "--stream", "--region", "Exit status"):
        assert option in text
