"""The stand-in for the Flink service with a job that is a process: what of it shows, and that it ends."""

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.aws import flink_job
from emulator.flink import endpoint, jobs
from emulator.flink.jobs import RealJobs
from emulator.flink.service import FlinkService
from tests.emulated import REGION, Emulator, eventually

GROUP, STREAM, NAME = "/aws/kinesis-analytics/shop", "stream", "shop"
ARN = f"arn:aws:logs:{REGION}:123456789012:log-group:{GROUP}:log-stream:{STREAM}"
RUNS = """
import os, sys, time
print("starting with", *sys.argv[1:], flush=True)
print("on", os.environ["AWS_ENDPOINT_URL"], flush=True)
print("running; Ctrl-C stops it", flush=True)
time.sleep(600)
"""
DIES = """
import sys
sys.exit("low_inventory: group Alerts: threshold: expected a whole number")
"""


class Shop:
    """An application on the emulator, whose job is a script."""

    def __init__(self, emulator: Emulator, jobs: RealJobs) -> None:
        self.service = FlinkService(REGION, jobs)
        endpoint.serve({REGION: self.service}.__getitem__)
        self._clients = {name: emulator.client(name) for name in ("s3", "logs", "kinesisanalyticsv2")}
        self._clients["s3"].create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
        self._clients["logs"].create_log_group(logGroupName=GROUP)
        self._clients["logs"].create_log_stream(logGroupName=GROUP, logStreamName=STREAM)

    def create(self, content: bytes, runtime: str = "FLINK-1_20") -> None:
        """Upload code, and create the application."""
        self._clients["s3"].put_object(Bucket="code", Key="job.zip", Body=content)
        groups = [
            {"PropertyGroupId": "kinesis.analytics.flink.run.options", "PropertyMap": {"python": "jobs/main.py"}},
            {"PropertyGroupId": "Alerts", "PropertyMap": {"threshold": "7"}},
        ]
        location = {"BucketARN": "arn:aws:s3:::code", "FileKey": "job.zip"}
        configuration = {
            "ApplicationCodeConfiguration": {
                "CodeContentType": "ZIPFILE",
                "CodeContent": {"S3ContentLocation": location},
            },
            "FlinkApplicationConfiguration": {
                "ParallelismConfiguration": {"ConfigurationType": "CUSTOM", "Parallelism": 2}
            },
            "EnvironmentProperties": {"PropertyGroups": groups},
        }
        self.call(
            "CreateApplication",
            RuntimeEnvironment=runtime,
            ServiceExecutionRole="arn:aws:iam::123456789012:role/shop",
            ApplicationConfiguration=configuration,
        )
        self.call("AddApplicationCloudWatchLoggingOption", CloudWatchLoggingOption={"LogStreamARN": ARN})

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call the service for the application."""
        return self.service.handle(operation, {"ApplicationName": NAME} | request)

    def reach(self, state: str) -> None:
        """Look until the application is in a state."""
        while self.call("DescribeApplication")["ApplicationDetail"]["ApplicationStatus"] != state:
            pass

    def start(self) -> None:
        """Start it, and look until it is RUNNING."""
        self.call("StartApplication")
        self.reach("RUNNING")

    def stop(self) -> None:
        """Stop it, and look until it is READY."""
        self.call("StopApplication")
        self.reach("READY")

    def said(self) -> list[str]:
        """The messages in the log stream."""
        answer = self._clients["logs"].get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)
        events = [json.loads(event["message"]) for event in answer["events"]]
        assert {event["logger"].rpartition(".")[2] for event in events} <= {"PythonDriver"}
        return [event["message"] for event in events]

    def shows(self) -> bool:
        """Whether Flink's REST API shows `deploy` a job that runs."""
        found = flink_job.job(self._clients["kinesisanalyticsv2"], NAME)
        return bool(found and found.runs)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the jobs have their temporary folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def shop(emulator: Emulator, folder: Path) -> Iterator[Shop]:
    real = RealJobs(emulator.endpoint)
    yield Shop(emulator, real)
    real.close()
    assert list(folder.iterdir()) == []


def package(script: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as code:
        code.writestr("jobs/main.py", script)
    return content.getvalue()


def test_a_job_that_runs(shop: Shop, emulator: Emulator, folder: Path) -> None:
    shop.create(package(RUNS))
    shop.start()
    eventually(shop.shows, "Flink shows the job")
    started, arguments, endpoint, runs = shop.said()
    assert "Python Process Started" in started
    assert runs == "running; Ctrl-C stops it"
    assert endpoint == f"on {emulator.endpoint}"
    words = arguments.split()
    assert words[-3:] == ["--parallelism", "2", "--ui"]
    properties = json.loads(Path(words[words.index("--properties") + 1]).read_text())
    assert {"PropertyGroupId": "Alerts", "PropertyMap": {"threshold": "7"}} in properties

    shop.stop()
    assert list(folder.iterdir()) == []
    # It has not died.
    assert len(shop.said()) == 4
    assert not shop.shows()

    shop.start()
    eventually(shop.shows, "Flink shows the next job")
    assert (shop.said()[4], shop.said()[-1]) == (started, runs)


def test_an_update_runs_another_job(shop: Shop, folder: Path) -> None:
    shop.create(package(RUNS))
    shop.start()
    eventually(lambda: len(shop.said()) == 4, "the first job")
    (first,) = folder.iterdir()
    run_options, _ = shop.service.applications[NAME].groups
    groups = [run_options, {"PropertyGroupId": "Alerts", "PropertyMap": {"threshold": "8"}}]
    shop.call(
        "UpdateApplication",
        CurrentApplicationVersionId=2,
        ApplicationConfigurationUpdate={"EnvironmentPropertyUpdates": {"PropertyGroups": groups}},
    )
    assert list(folder.iterdir()) == []
    shop.reach("RUNNING")
    eventually(lambda: len(shop.said()) == 8, "the job after the update")
    (second,) = folder.iterdir()
    assert second != first
    assert '"threshold": "8"' in (second / "application_properties.json").read_text()


def test_a_driver_that_dies(shop: Shop) -> None:
    shop.create(package(DIES))
    shop.start()
    eventually(lambda: len(shop.said()) == 3, "the last line of the driver")
    assert shop.said()[1:] == [
        "low_inventory: group Alerts: threshold: expected a whole number",
        "Python process exits with code: 1",
    ]
    assert not shop.shows()
    assert shop.call("DescribeApplication")["ApplicationDetail"]["ApplicationStatus"] == "RUNNING"
    shop.stop()


def test_code_that_is_no_zip(shop: Shop) -> None:
    shop.create(b"PK")
    shop.start()
    assert shop.said()[1:] == ["the code: File is not a zip file", "Python process exits with code: 1"]
    assert not shop.shows()
    shop.stop()


def test_a_flink_that_is_not_installed(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLINK-2_2 has an environment of its own, and no other Flink runs in its place."""
    monkeypatch.setattr(jobs, "_ROOT", tmp_path / "root")
    shop.create(package(RUNS), "FLINK-2_2")
    shop.start()
    python = tmp_path / "root" / ".venv-2.2" / "bin" / "python"
    assert shop.said()[1] == f"{python} is missing: `make .venv-2.2/run` installs Flink 2.2"
    shop.stop()


def test_none_starts_after_the_end(emulator: Emulator, folder: Path) -> None:
    real = RealJobs(emulator.endpoint)
    shop = Shop(emulator, real)
    shop.create(package(RUNS))
    real.close()
    shop.start()
    assert list(folder.iterdir()) == []
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if _is_mine(one, folder)]


def _is_mine(command: Path, folder: Path) -> bool:
    try:
        return os.fsencode(folder) in command.read_bytes()
    except OSError:
        return False
