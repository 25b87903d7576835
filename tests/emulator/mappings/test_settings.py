"""What a mapping may be set to, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.mappings import settings
from emulator.mappings.settings import UNLIMITED, EventSourceMapping, MappingError

STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:my-function"
QUEUE = "arn:aws:sqs:us-east-2:123456789012:dlq"
BUCKET = "arn:aws:s3:::low-inventory.failures"
# https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html, the example's answer and starting position
DOCUMENTED: dict[str, Any] = {
    "UUID": "2b733gdc-8ac3-cdf5-af3a-1827b3b11284",
    "BatchSize": 500,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "EventSourceArn": STREAM,
    "FunctionArn": FUNCTION,
    "LastModified": 1541139209.351,
    "LastProcessingResult": "No records processed",
    "State": "Enabled",
    "StateTransitionReason": "User action",
    "DestinationConfig": {},
    "MaximumRecordAgeInSeconds": 604800,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": 10000,
    "StartingPosition": "TRIM_HORIZON",
    "FunctionResponseTypes": [],
    "TumblingWindowInSeconds": 0,
}
LEAST: dict[str, Any] = {key: DOCUMENTED[key] for key in ("UUID", "EventSourceArn", "FunctionArn", "StartingPosition")}


def test_documented() -> None:
    mapping = settings.parse(DOCUMENTED)
    assert mapping == EventSourceMapping(
        uuid="2b733gdc-8ac3-cdf5-af3a-1827b3b11284",
        function_arn=FUNCTION,
        stream_arn=STREAM,
        starting_position="TRIM_HORIZON",
        batch_size=500,
        maximum_record_age=604800,
        maximum_retry_attempts=10000,
    )
    assert (mapping.stream, mapping.function) == ("lambda-stream", "my-function")


def test_defaults() -> None:
    mapping = settings.parse(LEAST)
    assert (mapping.batch_size, mapping.batching_window, mapping.bisect) == (100, 0, False)
    assert (mapping.maximum_retry_attempts, mapping.maximum_record_age) == (UNLIMITED, UNLIMITED)
    assert (mapping.report_batch_item_failures, mapping.on_failure_arn) == (False, "")


@pytest.mark.parametrize(
    ("key", "value", "attribute", "expected"),
    [
        ("BatchSize", "250", "batch_size", 250),
        ("BisectBatchOnFunctionError", "true", "bisect", True),
        ("BisectBatchOnFunctionError", True, "bisect", True),
        ("MaximumBatchingWindowInSeconds", 300, "batching_window", 300),
        ("MaximumRetryAttempts", 0, "maximum_retry_attempts", 0),
        ("MaximumRecordAgeInSeconds", 60, "maximum_record_age", 60),
        ("FunctionResponseTypes", ["ReportBatchItemFailures"], "report_batch_item_failures", True),
        ("DestinationConfig", {"OnFailure": {"Destination": BUCKET}}, "on_failure_arn", BUCKET),
        ("DestinationConfig", {"OnFailure": {}}, "on_failure_arn", ""),
        ("FilterCriteria", {"Filters": []}, "batch_size", 100),
        ("ParallelizationFactor", None, "parallelization", 1),
        ("ParallelizationFactor", "10", "parallelization", 10),
    ],
)
def test_settings(key: str, value: object, attribute: str, expected: object) -> None:
    assert getattr(settings.parse(LEAST | {key: value}), attribute) == expected


@pytest.mark.parametrize(("arn", "expected"), [(BUCKET, "low-inventory.failures"), ("", "")])
def test_destination(arn: str, expected: str) -> None:
    assert settings.parse(LEAST | {"DestinationConfig": {"OnFailure": {"Destination": arn}}}).bucket == expected


def test_timestamp() -> None:
    moment = datetime(2018, 11, 2, 6, 11, 49, tzinfo=UTC)
    mapping = settings.parse(LEAST | {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": moment})
    assert (mapping.starting_position, mapping.starting_timestamp) == ("AT_TIMESTAMP", 1541139109)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria: is not supported by the emulator"),
        ({"TumblingWindowInSeconds": 60}, "TumblingWindowInSeconds: is not supported"),
        ({"ParallelizationFactor": 11}, "ParallelizationFactor: expected 1 to 10, got 11"),
        ({"KMSKeyArn": "arn"}, "KMSKeyArn: is not supported"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, "ScalingConfig: is not supported"),
        ({"BatchSize": 0}, "BatchSize: expected 1 to 10000, got 0"),
        ({"BatchSize": "10001"}, "BatchSize: expected 1 to 10000, got 10001"),
        ({"FunctionResponseTypes": ["Other"]}, "FunctionResponseTypes: expected one of ReportBatchItemFailures"),
        (
            {"StartingPosition": "NOW"},
            "StartingPosition: expected one of TRIM_HORIZON, LATEST, AT_TIMESTAMP, got",
        ),
        ({"EventSourceArn": QUEUE}, "EventSourceArn: expected the ARN of a Kinesis stream"),
        ({"EventSourceArn": f"{STREAM}/consumer/c:1"}, "EventSourceArn: expected the ARN of a Kinesis stream"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}},
            "DestinationConfig.OnFailure: expected the ARN of an S3 bucket",
        ),
    ],
)
def test_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(MappingError) as error:
        settings.parse(LEAST | changes)
    message = str(error.value)
    assert message.startswith("mapping arn:aws:")
    assert LEAST["UUID"] in message
    assert FUNCTION in message
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("state", "expected"), [("Enabled", True), ("Creating", True), ("Disabled", False), ("Deleting", False)]
)
def test_enabled(state: str, expected: bool) -> None:
    assert settings.enabled(LEAST | {"State": state}) is expected
