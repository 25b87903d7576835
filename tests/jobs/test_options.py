"""The job as a user starts it: what is on stdout, on stderr, in the dead-letter file, and the exit status."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.alerting import jvm, options

pytestmark = pytest.mark.jvm
JOB = Path(options.__file__).parents[1] / "low_inventory.py"
LOW = b'{"type": "inventory", "product_id": "A", "inventory": 3, "timestamp": "2026-01-05T09:00:00.000Z"}\n'
BAD = b'{"type": "inventory", "product_id": "caf\xe9"}\n'


def run(
    folder: Path, *arguments: str, content: bytes | None = None, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    result = subprocess.run(
        [sys.executable, str(JOB), *arguments],
        cwd=folder,
        input=content,
        capture_output=True,
        timeout=300,
        env={**os.environ, "TMPDIR": str(temporary), **environment},
    )
    assert list(temporary.iterdir()) == []
    return result


def test_sample(tmp_path: Path) -> None:
    """Also with Java behind a script, as version managers put one on the PATH, and a space in the temporary folder."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f'#!/bin/sh\nexec "{jvm.java_home()}/bin/java" "$@"\n')
    java.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp of mine").symlink_to("tmp")
    path = f"{java.parent}{os.pathsep}{os.environ['PATH']}"
    result = run(tmp_path, PATH=path, JAVA_HOME="", TMPDIR=str(tmp_path / "tmp of mine"))
    assert result.returncode == 0, result.stderr
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    dead_letters = [json.loads(line) for line in (tmp_path / "dead-letters.jsonl").read_text().splitlines()]
    records = len(options.SAMPLE.read_bytes().splitlines())
    lines = result.stderr.decode().splitlines()
    assert lines[0] == f"reading {options.SAMPLE}"
    assert lines[-2] == "dead letters are in dead-letters.jsonl"
    assert lines[-1].startswith(f"{records} records read, {len(alerts)} alerts, {len(dead_letters)} dead letters, ")
    assert len(alerts) > 0
    assert {letter["reason"] for letter in dead_letters} == {
        "not_utf8",
        "not_a_json_object",
        "bad_product_id",
        "bad_inventory",
        "bad_timestamp",
    }
    stages = [line for line in lines if " … " not in line]
    assert stages[1:-2] == ["starting Flink", f"reading {records} records"]
    # One clock: the times that are told go up from line to line, to the last one.
    times = [float(found[1]) for line in lines if (found := re.search(r"(?: … |, )([0-9.]+) s$", line))]
    assert times == sorted(times)


def test_folder_gz_and_options(tmp_path: Path) -> None:
    events = tmp_path / "my events"
    (events / "more").mkdir(parents=True)
    (events / "a.jsonl").write_bytes(LOW.rstrip(b"\n"))
    (events / "more" / "b.jsonl.gz").write_bytes(gzip.compress(LOW) + gzip.compress(BAD))
    (events / "empty.jsonl").touch()
    (events / ".hidden").write_bytes(LOW)
    thresholds = tmp_path / "thresholds.json"
    thresholds.write_text('{"A": 4}')
    result = run(
        tmp_path,
        "--input",
        str(events),
        "--dead-letters",
        "bad.jsonl",
        "--threshold",
        "1",
        "--thresholds",
        str(thresholds),
        "--policy",
        "crossing",
        "--rearm-margin",
        "2",
        "--parallelism",
        "2",
        "--ui",
    )
    assert result.stdout.count(b"\n") == 1
    assert b"3 records read, 1 alert, 1 dead letter, " in result.stderr
    assert re.search(rb"^Flink's web dashboard: http://127.0.0.1:[0-9]+$", result.stderr, re.MULTILINE)
    letter = json.loads((tmp_path / "bad.jsonl").read_bytes())
    assert letter["payload"] == BAD.rstrip(b"\n").decode("latin-1")


def test_reader_that_has_enough(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, str(JOB)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 141
    assert b"Traceback" not in errors
    assert b"BrokenPipe" not in errors


def test_stopped(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(JOB), "--verbose"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"RUNNING" in line or b"Starting Flink Mini Cluster" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.rstrip().endswith(b"stopped")
    assert b"Traceback" not in errors
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_before_the_jvm(tmp_path: Path, number: signal.Signals) -> None:
    """While PyFlink is imported, which makes another error of it; a second signal changes nothing."""
    process = subprocess.Popen([sys.executable, str(JOB)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline() == f"reading {options.SAMPLE}\n".encode()
    process.send_signal(number)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    *before, last = errors.splitlines()
    assert last == b"stopped"
    # On a busy machine Flink is begun before the signal comes.
    assert all(line.startswith((b"reading ", b"starting Flink")) for line in before)
    assert list(tmp_path.iterdir()) == []


def test_standard_input_and_a_pipe(tmp_path: Path) -> None:
    """Events are compressed, with a mark; what is no regular file is written to, and not replaced.

    No java is on the PATH: the wheel's serves.
    """
    content = gzip.compress(b"\xef\xbb\xbf" + LOW + BAD)
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE)
    arguments = ["--input", "-", "--dead-letters", "pipe"]
    result = run(tmp_path, *arguments, content=content, PATH=str(tmp_path), JAVA_HOME="")
    received, _ = reader.communicate(timeout=60)
    assert (result.returncode, result.stdout.count(b"\n")) == (0, 1), result.stderr
    lines = result.stderr.decode().splitlines()
    assert lines[0] == "reading standard input"
    assert lines[1] == "standard input is copied to a temporary file first, because Flink reads only files"
    assert "2 records read, 1 alert, 1 dead letter, " in lines[-1]
    assert json.loads(received)["reason"] == "not_utf8"
    assert (tmp_path / "pipe").is_fifo()


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    (tmp_path / "dead-letters.jsonl").write_bytes(BAD)
    result = run(tmp_path, "--input", "none")
    assert (tmp_path / "dead-letters.jsonl").read_bytes() == b""
    assert (result.returncode, result.stdout) == (0, b"")
    assert b"none: empty, nothing to do" in result.stderr
    assert b"0 records read, 0 alerts, 0 dead letters" in result.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "events").write_bytes(LOW)
    (tmp_path / "link").symlink_to("events")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text('{"A": "few"}')
    (tmp_path / "properties.json").write_text("[]")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--input", "nowhere"], "nowhere: no such file or folder; expected"),
        (["--input", "folder"], "folder: expected files of JSON lines in this folder; there are none"),
        (["--input", "/dev/null"], "/dev/null: neither a regular file nor a folder nor a pipe"),
        (["--input", ""], "--input: expected a path, got an empty one"),
        (["events"], "low_inventory: unrecognized arguments: events"),
        (["--input"], "low_inventory: --input: expected one argument"),
        (["two\nlines"], "low_inventory: unrecognized arguments: two lines"),
        (["--rearm-margin", "2"], "--rearm-margin: expected with --policy crossing only, not every"),
        (["--rearm-margin", "0", "--policy", "every"], "--rearm-margin: expected with --policy crossing only"),
        (["--threshold", "-1"], "--threshold: expected a whole number from 0 to"),
        (["--input", "events", "--dead-letters", "nowhere/x"], "--dead-letters nowhere/x: expected a file in a folder"),
        (["--input", "events", "--dead-letters", "/proc/x"], "--dead-letters /proc/x: "),
        (
            ["--input", "events", "--dead-letters", "link"],
            "--dead-letters link: expected a file other than the ones that are read",
        ),
        (["--parallelism", "129"], "--parallelism: expected a whole number from 1 to 128"),
        (["--threshold", "few"], "--threshold: expected a whole number"),
        (["--rearm-margin", "-1"], "--rearm-margin: expected a whole number from 0"),
        (["--parallelism", "0"], "--parallelism: expected a whole number from 1"),
        (["--thresholds", "list.json"], "--thresholds list.json: expected an object"),
        (["--thresholds", "text.json"], "'A': expected a whole number"),
        (["--properties", "properties.json"], "group InputStream0: missing"),
        (["--properties", "nowhere.json"], "nowhere.json: No such file"),
        (["--properties", "properties.json", "--input", "events"], "--input: expected without a property file"),
        (["--policy", "sometimes"], "low_inventory: --policy: invalid choice"),
    ],
)
def test_bad_input(broken: Path, arguments: list[str], expected: str) -> None:
    result = run(broken, *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert expected in result.stderr.decode()
    assert len(result.stderr.splitlines()) == 1
    assert (broken / "events").read_bytes() == LOW
    assert list(broken.glob("*.partial")) == []


@pytest.mark.parametrize(
    ("redirection", "status", "expected"),
    [
        (">&-", 2, "stdout is closed; expected a place for alerts"),
        (">/dev/full", 1, "stdout: No space left on device"),
        ("--dead-letters /dev/full", 1, "--dead-letters /dev/full: No space left on device"),
    ],
)
def test_output_that_takes_nothing(tmp_path: Path, redirection: str, status: int, expected: str) -> None:
    (tmp_path / "events").write_bytes(LOW + BAD)
    command = f"exec {sys.executable} {JOB} --input events {redirection}"
    result = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=300)
    assert result.returncode == status
    assert result.stderr.decode().splitlines()[-1] == f"low_inventory: {expected}"
    assert b"Traceback" not in result.stderr


def test_java_home_wins(tmp_path: Path) -> None:
    result = run(tmp_path, JAVA_HOME=str(tmp_path))
    assert result.returncode == 2
    assert f"JAVA_HOME={tmp_path}: expected a Java 11 or 17" in result.stderr.decode()
