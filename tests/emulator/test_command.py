"""`python -m emulator` as its user runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.emulated import SOURCE, Emulator, eventually
from tests.emulator.mappings.lambda_account import LambdaAccount

REGION = "us-east-1"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_port_for_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    """A client that takes the printed line works there, a mapping runs its function, and nothing is left behind."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {"TMPDIR": str(folder)}
    command = [sys.executable, "-m", "emulator"]
    process = subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        printed = re.fullmatch(r"export AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+) AWS_REGION=us-east-1 .*\n", line)
        assert printed, line
        account = LambdaAccount(Emulator(printed[1], REGION), tmp_path)
        account.emulator.create_streams(1)
        account.create_function()
        account.create_mapping()
        account.put("k/1")
        eventually(lambda: account.seen() == ["k/1"] or process.poll() is not None, "the record")
        children = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, account.seen()) == (130, ["k/1"])
    assert errors.splitlines()[-1] == "stopped; nothing is left behind"
    assert f"mapping {SOURCE} → recorder" in errors
    # The server, and the function.
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
    assert list(folder.iterdir()) == []


def test_it_is_killed(tmp_path: Path) -> None:
    """What it runs ends with it."""
    process = subprocess.Popen([sys.executable, "-m", "emulator"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"export ")
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.communicate()
    eventually(lambda: not any(child.is_running() for child in children), "the end of the server")


@pytest.mark.parametrize(("arguments", "status"), [(["--port", "http"], 2), (["--port", "99999"], 1), (["here"], 2)])
def test_what_cannot_be(arguments: list[str], status: int) -> None:
    command = [sys.executable, "-m", "emulator", *arguments]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (process.returncode, process.stdout) == (status, "")
    assert process.stderr.splitlines()[-1].startswith("emulator: ")
