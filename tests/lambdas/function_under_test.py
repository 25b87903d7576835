"""What Lambda does around a function: it loads it in its environment, and invokes it with an event."""

import importlib
import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from emulator.mappings.shards import event_record
from tests.emulated import Emulator
from tests.lambdas.invocation import ACCOUNT, REGION, Context

LAMBDAS = Path(__file__).parents[2] / "lambdas"
FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898
FUNCTION, BUCKET = "TheFunction", "failures"
_services = (f"service-{number}" for number in itertools.count())


def module(folder: str, name: str) -> ModuleType:
    """A module of a function, loaded anew, with its siblings."""
    for file in LAMBDAS.glob("*/*.py"):
        sys.modules.pop(file.stem, None)
    sys.path.insert(0, str(LAMBDAS / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(LAMBDAS / folder))


def load(monkeypatch: pytest.MonkeyPatch, folder: str, **environment: str) -> ModuleType:
    """A function, loaded in its environment."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
    monkeypatch.setenv("FAILURES_BUCKET", BUCKET)
    # Powertools keeps a logger by this name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", next(_services))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return module(folder, "lambda_function")


def numbers(count: int) -> list[str]:
    """The sequence numbers of the first records of an event."""
    return [str(FIRST_SEQUENCE_NUMBER + index) for index in range(count)]


def event(records: list[bytes], sequence_numbers: list[str] | None = None) -> dict[str, Any]:
    """An event with these records."""
    arrived = datetime.fromtimestamp(1767603600.5, UTC)
    stream, role = (
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/http-requests",
        f"arn:aws:iam::{ACCOUNT}:role/lambda-role",
    )
    got = [
        {"Data": data, "PartitionKey": "1", "SequenceNumber": number, "ApproximateArrivalTimestamp": arrived}
        for data, number in zip(records, sequence_numbers or numbers(len(records)), strict=True)
    ]
    return {"Records": [event_record(one, "shardId-000000000006", stream, role) for one in got]}


def invoke(
    function: ModuleType, records: list[bytes], sequence_numbers: list[str] | None = None, seconds: float = 60
) -> list[str]:
    """Invoke a function with these records; the sequence numbers that it reports as failed."""
    # pytest gives each phase of a test a stdout of its own.
    function.logger.registered_handler.setStream(sys.stdout)
    answer = function.lambda_handler(event(records, sequence_numbers), Context(seconds))
    return failed(answer)


def failed(answer: dict[str, Any]) -> list[str]:
    """The sequence numbers that an answer reports."""
    assert list(answer) == ["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


class Failures:
    """The bucket of failures on an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._client = emulator.client("s3")
        self._client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def rejected(self) -> dict[str, dict[str, Any]]:
        """The objects by their keys, as JSON."""
        keys = [one["Key"] for one in self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return {key: json.loads(self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys}

    def numbers(self) -> list[str]:
        """The sequence numbers of the records in it."""
        return [content["record"]["kinesis"]["sequenceNumber"] for content in self.rejected().values()]


def metrics(output: str) -> dict[str, float]:
    """The sums of the metrics that a function printed, in the embedded metric format."""
    sums: dict[str, float] = {}
    for line in map(json.loads, output.splitlines()):
        if "_aws" in line:
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                values = line[metric["Name"]]
                sums[metric["Name"]] = sums.get(metric["Name"], 0) + sum(values)
    return sums


def logs(output: str) -> list[dict[str, Any]]:
    """What a function logged."""
    return [line for line in map(json.loads, output.splitlines()) if "level" in line]
