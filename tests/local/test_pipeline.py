"""The whole system, a short while, as `make pipeline` runs it."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.local.commands import left, start, stopped

PIPELINE = "local.pipeline"
pytestmark = pytest.mark.usefixtures("connector")


@pytest.mark.parametrize("policy", ["every", "crossing"])
def test_all_that_is_sent_arrives(tmp_path: Path, policy: str) -> None:
    folder, picture, waits = tmp_path / "tmp", tmp_path / "picture.svg", tmp_path / "latencies.json"
    arguments = ["--duration", "6", "--rate", "60", "--seed", "3", "--bad-ratio", "0.05", "--policy", policy]
    pipeline = start(PIPELINE, folder, *arguments, "--picture", str(picture), "--latencies", str(waits))
    status = pipeline.wait(timeout=240)
    said = (tmp_path / "said").read_text()
    assert status == 0, said
    found = re.search(
        r"reconciled: (\d+) events sent, (\d+) in the table, (\d+) rejected and 0 failed "
        r"\(in the bucket of failures\), "
        r"(\d+) alerts sent once, (\d+) dead letters?; no differences",
        said,
    )
    assert found, said
    sent, kept, refused, alerts, dead_letters = map(int, found.groups())
    assert sent == 360
    assert kept + refused == sent
    assert min(refused, alerts, dead_letters) > 0
    assert "from put_record to publish: median" in said
    assert said.count("Flink's web dashboard: http://127.0.0.1:") == 1
    assert "AlertsToSns" in picture.read_text()
    assert len(json.loads(waits.read_text())["milliseconds"]) == alerts
    assert left(folder) == []


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "starting the emulator"),
        (signal.SIGTERM, "stack low-inventory-system"),
        (signal.SIGHUP, "running: sent"),
    ],
)
def test_stopped(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    status, last, behind = stopped(PIPELINE, tmp_path / "tmp", moment, number, "--duration", "600")
    assert status == 130
    assert last.endswith("stopped; nothing is left behind")
    assert behind == []


def test_a_job_that_cannot_run(tmp_path: Path) -> None:
    status = start(PIPELINE, tmp_path / "tmp", JAVA_HOME=str(tmp_path)).wait(timeout=240)
    said = (tmp_path / "said").read_text()
    assert status == 1, said
    assert "pipeline: the job ended: " in said.splitlines()[-1]
    assert f"low_inventory: JAVA_HOME={tmp_path}: expected a Java" in said
    assert ": sent 0" not in said
    assert left(tmp_path / "tmp") == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--rate", "0"], "--rate: expected a number from 0.1 to 500, not '0'"),
        (["--shards", "1.5"], "--shards: expected a whole number from 1 to 16, not '1.5'"),
        (["--seed", "x"], "--seed: expected a whole number, 0 or more, not 'x'"),
        (["--picture", "/nowhere/x.svg"], "--picture: expected a file in a folder that is there"),
        (["--bad-ratio", "nan"], "--bad-ratio: expected a number from 0 to 1, not 'nan'"),
        (["--policy", "sometimes"], "--policy: invalid choice"),
    ],
)
def test_bad_option(tmp_path: Path, arguments: list[str], expected: str) -> None:
    assert start(PIPELINE, tmp_path / "tmp", *arguments).wait(timeout=60) == 2
    said = (tmp_path / "said").read_text()
    assert expected in said
    assert said.count("\n") == 1
