"""The settings of an event source mapping, from Lambda's API, checked before anything runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator import shapes

UNLIMITED = -1
"""`maximum_retry_attempts` and `maximum_record_age` without a limit."""

_STREAM = re.compile(r"arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/[a-zA-Z0-9_.-]+")
_BUCKET = re.compile(r"arn:aws[a-z-]*:s3:::[a-z0-9.-]+")
_RUNNING = {"Creating", "Enabling", "Enabled", "Updating"}

# What is supported, and what is not a setting or makes no difference to what the function is sent.
_KNOWN = re.compile(
    "FunctionArn|EventSourceArn|StartingPosition|StartingPositionTimestamp|BatchSize|MaximumBatchingWindowInSeconds|"
    "ParallelizationFactor|BisectBatchOnFunctionError|MaximumRetryAttempts|MaximumRecordAgeInSeconds|"
    "FunctionResponseTypes|DestinationConfig|UUID|EventSourceMappingArn|LastModified|LastProcessingResult|State|"
    "StateTransitionReason|MetricsConfig|Tags"
)
# Values that are the same as not set.
_NEUTRAL = {"TumblingWindowInSeconds": 0, "FilterCriteria": {"Filters": []}}


class MappingError(ValueError):
    """A mapping that cannot be run; the message is one line that names it and says what was expected."""


@dataclass(frozen=True)
class EventSourceMapping:
    """An event source mapping from a Kinesis stream to a function.

    The defaults are Lambda's: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html

    Args:
        uuid: what Lambda calls it.
        function_arn: the function, with a qualifier if the mapping has one.
        stream_arn: the stream.
        starting_position: `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.
        starting_timestamp: seconds since 1970, for `AT_TIMESTAMP`.
        batch_size: the most records of a batch.
        batching_window: how long records are gathered, in seconds.
        parallelization: how many batches of a shard are delivered at once.
        bisect: split a batch in two when the function fails.
        maximum_retry_attempts: how often a failing batch is sent again, or `UNLIMITED`.
        maximum_record_age: the oldest record that the function gets, in seconds, or `UNLIMITED`.
        report_batch_item_failures: whether the function says which records failed.
        on_failure_arn: the bucket that discarded records are sent to; empty for none.
    """

    uuid: str
    function_arn: str
    stream_arn: str
    starting_position: str = "LATEST"
    starting_timestamp: float | None = None
    batch_size: int = 100
    batching_window: int = 0
    parallelization: int = 1
    bisect: bool = False
    maximum_retry_attempts: int = UNLIMITED
    maximum_record_age: int = UNLIMITED
    report_batch_item_failures: bool = False
    on_failure_arn: str = ""

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.stream_arn.rpartition("/")[2]

    @property
    def function(self) -> str:
        """The function's name."""
        return self.function_arn.split(":")[6]

    @property
    def bucket(self) -> str:
        """The name of the bucket that discarded records are sent to; empty for none."""
        return self.on_failure_arn.rpartition(":")[2]

    def __str__(self) -> str:
        return f"mapping {self.stream} → {self.function} ({self.uuid})"


def enabled(configuration: Mapping[str, Any]) -> bool:
    """Whether an entry of ListEventSourceMappings is of a mapping that runs."""
    return configuration.get("State", "Enabled") in _RUNNING


def parse(configuration: Mapping[str, Any]) -> EventSourceMapping:
    """Read one entry of ListEventSourceMappings.

    Numbers and booleans may be text, since moto keeps those that come from a template's parameters as they are. Moto
    accepts what AWS refuses when a mapping is created; here such a mapping is refused when it is to run.

    Raises:
        MappingError: if it has a setting that is wrong, or one that is not supported here.
    """
    try:
        return _read(configuration)
    except ValueError as error:
        name = f"{configuration['EventSourceArn']} → {configuration['FunctionArn']} ({configuration['UUID']})"
        raise MappingError(f"mapping {name}: {error}") from None


def _read(configuration: Mapping[str, Any]) -> EventSourceMapping:
    shape = shapes.model("lambda").shape_for("EventSourceMappingConfiguration")
    given = shapes.typed(shape, {key: value for key, value in configuration.items() if value not in (None, "", {}, [])})
    shapes.check(shape, given)
    for key, value in given.items():
        if not _KNOWN.fullmatch(key) and value != _NEUTRAL.get(key):
            raise ValueError(f"{key}: is not supported by the emulator; expected a mapping without it")
    destination = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    for key, arn, pattern, expected in (
        ("EventSourceArn", given["EventSourceArn"], _STREAM, "a Kinesis stream"),
        ("DestinationConfig.OnFailure", destination, _BUCKET, "an S3 bucket"),
    ):
        if arn and not pattern.fullmatch(arn):
            raise ValueError(f"{key}: expected the ARN of {expected}, got {arn!r}")
    moment = given.get("StartingPositionTimestamp")
    return EventSourceMapping(
        uuid=given["UUID"],
        function_arn=given["FunctionArn"],
        stream_arn=given["EventSourceArn"],
        starting_position=given["StartingPosition"],
        starting_timestamp=moment and moment.timestamp(),
        batch_size=given.get("BatchSize", 100),
        batching_window=given.get("MaximumBatchingWindowInSeconds", 0),
        parallelization=given.get("ParallelizationFactor", 1),
        bisect=given.get("BisectBatchOnFunctionError", False),
        maximum_retry_attempts=given.get("MaximumRetryAttempts", UNLIMITED),
        maximum_record_age=given.get("MaximumRecordAgeInSeconds", UNLIMITED),
        report_batch_item_failures=bool(given.get("FunctionResponseTypes")),
        on_failure_arn=destination,
    )
