"""`python -m emulator` as its user runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.config import Config

from emulator.__main__ import main
from tests.emulated import SOURCE, Emulator, eventually
from tests.emulator.mappings.lambda_account import LambdaAccount

REGION = "us-east-1"


@pytest.mark.parametrize(("number", "text"), [(signal.SIGINT, "k/1"), (signal.SIGHUP, "k/hang")])
def test_one_port_for_all_of_it(tmp_path: Path, number: signal.Signals, text: str) -> None:
    """A client that takes the printed line works there, a mapping runs its function, and nothing is left behind.

    That is so although the function may hang: it is not waited for until its time-out.
    """
    folder = tmp_path / "tmp"
    folder.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {"TMPDIR": str(folder)}
    command = [sys.executable, "-m", "emulator"]
    process = subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        printed = re.fullmatch(r"export AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+) AWS_REGION=us-east-1 (.*)\n", line)
        assert printed, line
        assert "AWS_DEFAULT_REGION=us-east-1" in printed[2].split()
        account = LambdaAccount(Emulator(printed[1], REGION), tmp_path)
        account.emulator.create_streams(1)
        account.create_function(Timeout=900)
        account.create_mapping()
        account.put(text)
        eventually(lambda: account.seen() == [text] or process.poll() is not None, "the record")
        children = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, account.seen()) == (130, [text])
    assert errors.splitlines()[-1] == "stopped; nothing is left behind"
    assert f"mapping {SOURCE} → recorder" in errors
    # The server, and the function.
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
    assert list(folder.iterdir()) == []


def test_it_is_killed(tmp_path: Path) -> None:
    """What it runs ends with it. (Only its temporary folder stays.)"""
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"export ")
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.communicate()
    eventually(lambda: not any(child.is_running() for child in children), "the end of the server")


def test_limited_reads() -> None:
    """More than five a second of a shard are refused; it ends at SIGTERM as at Ctrl-C."""
    command = [sys.executable, "-m", "emulator", "--limit-reads"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        endpoint = process.stdout.readline().split()[1].partition("=")[2]
        no_retries = Config(retries={"total_max_attempts": 1})
        kinesis = boto3.client(
            "kinesis",
            REGION,
            endpoint_url=endpoint,
            config=no_retries,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        kinesis.create_stream(StreamName=SOURCE, ShardCount=1)
        iterator = kinesis.get_shard_iterator(
            StreamName=SOURCE, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        with pytest.raises(kinesis.exceptions.ProvisionedThroughputExceededException):
            for _ in range(500):
                kinesis.get_records(ShardIterator=iterator)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.splitlines()[-1]) == (130, "stopped; nothing is left behind")


@pytest.mark.parametrize("arguments", [["--port", "http"], ["--port", "99999"], ["--port", "-1"], ["here"]])
def test_bad_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    out, err = capsys.readouterr()
    assert (exit.value.code, out) == (2, "")
    assert re.fullmatch(r"emulator: .*\(--help explains the options\)\n", err)


def test_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "emulator", "--port", str(taken.getsockname()[1])]
        process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.splitlines()[-1].startswith("emulator: the emulator (moto) did not start")
