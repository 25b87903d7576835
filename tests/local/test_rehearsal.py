"""The life of a deployment on the emulator, as `make rehearsal` goes through it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import packages as artifacts
from local.deploy_command import LINE
from tests.emulated import eventually
from tests.local.commands import left, start, stopped

REHEARSAL = "local.rehearsal"


@pytest.fixture
def packages(connector: Path) -> None:
    """What `./build.sh` makes; Maven or pip may not have been able to get what it needs."""
    for package in (artifacts.job(LINE), *(artifacts.BUILD / name for name in artifacts.FUNCTIONS.values())):
        if not package.is_file():
            pytest.skip(f"{package} is missing; ./build.sh makes it")


def commands(said: str) -> dict[str, str]:
    """What each command of `deploy` said, by its command line; there are not two of the same."""
    parts = said.split("\n$ python -m deploy ")[1:]
    return {line: rest for line, _, rest in (part.partition("\n") for part in parts)}


@pytest.mark.usefixtures("packages")
def test_the_whole_life(tmp_path: Path) -> None:
    status = start(REHEARSAL, tmp_path / "tmp").wait(timeout=400)
    said = (tmp_path / "said").read_text()
    assert status == 0, said
    assert said.startswith("nothing of this reaches AWS")
    shown = commands(said)
    assert list(shown) == [
        f"up --yes --line {LINE} --phone +99900000000",
        "up --yes",
        "status",
        "verify",
        "stop",
        "start",
        "down --yes",
    ]
    assert (
        "changed: low-inventory-storage, low-inventory-table, low-inventory-system, "
        in shown[f"up --yes --line {LINE} --phone +99900000000"]
    )
    assert "no change\n" in shown["up --yes"]
    assert "low-inventory-application: RUNNING" in shown["status"]
    assert "job: up for" in shown["status"]
    assert "alarms, 0 of them on" in shown["status"]
    assert "phones: 1, mailboxes: 0; each gets one message" in shown["verify"]
    assert shown["verify"].count(" s  the ") == 6
    assert "missing" not in shown["verify"]
    assert "low-inventory-application is stopped" in shown["stop"]
    assert "runs, and so does its job" in shown["start"]
    assert "the table HttpRequests is deleted, with 0 items\n" in shown["down --yes"]
    assert "\nnothing is left\n" in shown["down --yes"]
    assert said.splitlines()[-1].startswith("rehearsed: ")
    assert left(tmp_path / "tmp") == []


@pytest.mark.usefixtures("packages")
def test_kept_for_its_user(tmp_path: Path) -> None:
    """The lines that it prints are all that another terminal needs."""
    rehearsal = start(REHEARSAL, tmp_path / "tmp", "--keep")
    try:
        eventually(lambda: "export AWS_ENDPOINT_URL=" in (tmp_path / "said").read_text(), "the lines to export")
        said = (tmp_path / "said").read_text()
        export = next(line for line in said.splitlines() if line.startswith("  export "))
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = dict(pair.split("=", 1) for pair in export.split()[1:])
        status = subprocess.run([sys.executable, "-m", "deploy", "status"], env=own | variables, stdout=subprocess.PIPE)
        assert b"job: up for" in status.stdout
    finally:
        rehearsal.send_signal(signal.SIGINT)
        rehearsal.send_signal(signal.SIGINT)
        ended = rehearsal.wait(timeout=120)
    assert ended == 0
    assert (tmp_path / "said").read_text().splitlines()[-1] == "stopping; nothing is left behind"
    assert left(tmp_path / "tmp") == []


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("number", "moment"), [(signal.SIGINT, "stack low-inventory-storage"), (signal.SIGTERM, "account 123456789012")]
)
def test_stopped(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    status, last, behind = stopped(REHEARSAL, tmp_path / "tmp", moment, number)
    assert status == 130
    assert last == "stopped; nothing is left behind"
    assert behind == []


@pytest.mark.usefixtures("packages")
def test_ends_with_the_first_command_that_fails(tmp_path: Path) -> None:
    """A job that cannot run leaves its application RUNNING, and `up` tells."""
    status = start(REHEARSAL, tmp_path / "tmp", JAVA_HOME=str(tmp_path)).wait(timeout=240)
    said = (tmp_path / "said").read_text()
    assert status == 1, said
    assert list(commands(said)) == [f"up --yes --line {LINE} --phone +99900000000"]
    assert f"low_inventory: JAVA_HOME={tmp_path}: expected a Java" in said
    assert "Python process exits with code: 2" in said
    assert said.splitlines()[-1] == "rehearsal: `deploy up` failed with exit status 1"
    assert left(tmp_path / "tmp") == []


@pytest.mark.parametrize("argument", ["--duration", "x"])
def test_bad_option(tmp_path: Path, argument: str) -> None:
    assert start(REHEARSAL, tmp_path / "tmp", argument).wait(timeout=60) == 2
    said = (tmp_path / "said").read_text()
    assert said == f"rehearsal: unrecognized arguments: {argument} (--help explains the options)\n"
