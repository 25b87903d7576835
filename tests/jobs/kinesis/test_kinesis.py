"""The job on streams, with the real connector, without a cluster: on its own, and over a restart."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.alerting import run, settings
from jobs.alerting.kinesis import table_options
from jobs.alerting.kinesis.connector import Connector
from jobs.alerting.settings import AlertSettings, Streams
from tests.emulated import ALERTS, Emulator, eventually
from tests.faults.running.cluster import PYTHON
from tests.jobs.detection import submit
from tests.jobs.kinesis.written import RECORDS, arrived, check, event, product

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "jobs" / "low_inventory.py"


@pytest.mark.usefixtures("connector")
def test_on_its_own(emulator: Emulator, tmp_path: Path) -> None:
    emulator.create_streams()
    emulator.put(RECORDS, product)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    job = subprocess.Popen(
        [str(PYTHON), str(SCRIPT), "--properties", str(emulator.properties(tmp_path / "p.json"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        eventually(lambda: arrived(emulator) or job.poll() is not None, "alerts and dead letters")
        assert job.poll() is None, job.communicate()
        check(emulator)
    finally:
        job.send_signal(signal.SIGINT)
        output, errors = job.communicate(timeout=60)
    assert (job.returncode, output) == (130, b"")
    assert errors.decode().splitlines()[-2:] == ["running; Ctrl-C stops it", "stopped"]
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("connector")
def test_stream_that_is_not_there(emulator: Emulator, tmp_path: Path) -> None:
    properties = emulator.properties(tmp_path / "p.json")
    job = subprocess.run([str(PYTHON), str(SCRIPT), "--properties", str(properties)], capture_output=True, timeout=300)
    assert job.returncode == 1
    assert b"http-requests" in job.stderr.splitlines()[-1]
    assert b"Traceback" not in job.stderr


def test_connector_that_is_not_there(emulator: Emulator, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    properties = emulator.properties(tmp_path / "p.json")
    job = subprocess.run(
        [sys.executable, "jobs/low_inventory.py", "--properties", str(properties)],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert job.returncode == 2
    assert job.stderr.decode().count("\n") == 1
    assert "the Kinesis connector is missing; expected it from ./build.sh --line connector-" in job.stderr.decode()


def start(own: Connector, streams: Streams, alerts: AlertSettings, **config: str) -> Any:
    """Run the job in the session's JVM; return its client."""
    return submit(alerts, table_options.tables(streams), run.own_config(own, 1) | config).get_job_client()


@pytest.mark.usefixtures("jvm")
def test_state_survives_a_restart(emulator: Emulator, own_connector: Connector, tmp_path: Path) -> None:
    """Stopped with a savepoint and started from it, `crossing` sends no second alert for a product still below."""
    emulator.create_streams(shards=1)
    properties = emulator.properties(tmp_path / "p.json", policy="crossing", rearm_margin="5")
    streams, alerts = settings.read_properties(properties, own_connector.line)
    emulator.put([event("A", 3), event("B", 30)], lambda _: "k")
    first = start(own_connector, streams, alerts)
    eventually(lambda: len(emulator.rows(ALERTS)) == 1, "the first alert")
    savepoint = first.stop_with_savepoint(False, str(tmp_path)).result()
    emulator.put([event("A", 2), event("A", 14), event("B", 4), event("A", 1)], lambda _: "k")
    second = start(own_connector, streams, alerts, **{"execution.savepoint.path": savepoint})
    try:
        eventually(lambda: len(emulator.rows(ALERTS)) == 2, "the alert of another product")
        emulator.put([event("A", 15), event("A", 6)], lambda _: "k")
        eventually(lambda: len(emulator.rows(ALERTS)) == 3, "the alert of a product that was full again")
    finally:
        second.cancel().result()
    assert [(row["product_id"], row["inventory"]) for row in emulator.rows(ALERTS)] == [("A", 3), ("B", 4), ("A", 6)]


def key_of(shard: int) -> str:
    """A partition key of the first or the second of two shards."""
    return next(
        key
        for key in "abcdefgh"
        if int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16) >> 127 == shard
    )


@pytest.mark.usefixtures("jvm")
@pytest.mark.parametrize("from_savepoint", [True, False])
def test_started_again_where_a_shard_was_not_read(
    emulator: Emulator, own_connector: Connector, tmp_path: Path, from_savepoint: bool
) -> None:
    """At LATEST, nothing that comes after the first start is lost, also in a shard from which nothing was read.

    A savepoint keeps what was read; for the other shard, and without a savepoint, the time of the first start counts,
    which `deploy` writes into the properties.
    """
    emulator.create_streams(shards=2)
    streams, alerts = settings.read_properties(emulator.properties(tmp_path / "p.json"), own_connector.line)
    emulator.put([event("before", 1)], lambda _: key_of(1))
    # The first millisecond after that event.
    began = datetime.now(UTC) + timedelta(milliseconds=1)
    eventually(lambda: datetime.now(UTC) > began, "that millisecond")
    first = start(own_connector, replace(streams, position="LATEST"), alerts)

    def read_one_shard() -> bool:
        # What is written before the job is submitted is not read.
        emulator.put([event("read", 2)], lambda _: key_of(0))
        return bool(emulator.rows(ALERTS))

    eventually(read_one_shard, "an alert of the first shard")
    config = {}
    if from_savepoint:
        config["execution.savepoint.path"] = first.stop_with_savepoint(False, str(tmp_path)).result()
    else:
        first.cancel().result()
    emulator.put([event("away", 3)], lambda _: key_of(0))
    emulator.put([event("unread", 4)], lambda _: key_of(1))
    streams = replace(streams, position="AT_TIMESTAMP", timestamp=began.isoformat())
    again = start(own_connector, streams, alerts, **config)
    try:
        eventually(
            lambda: {"away", "unread"} <= {row["product_id"] for row in emulator.rows(ALERTS)},
            "the alerts of what came while the job was away",
        )
    finally:
        again.cancel().result()
    assert {row["product_id"] for row in emulator.rows(ALERTS)} == {"read", "away", "unread"}
