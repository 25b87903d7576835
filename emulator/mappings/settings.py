"""The settings of an event source mapping, from Lambda's API, checked before anything runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

UNLIMITED = -1
"""`maximum_retry_attempts` and `maximum_record_age` without a limit."""

_STREAM = re.compile(r"arn:aws[a-z-]*:kinesis:([a-z0-9-]+):\d{12}:stream/([a-zA-Z0-9_.-]{1,128})")
_BUCKET = re.compile(r"arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")
_POSITIONS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
_RUNNING = {"Creating", "Enabling", "Enabled", "Updating"}

# What is supported, and what is not a setting or makes no difference to what the function is sent.
_KNOWN = re.compile(
    "FunctionArn|EventSourceArn|StartingPosition|StartingPositionTimestamp|BatchSize|MaximumBatchingWindowInSeconds|"
    "BisectBatchOnFunctionError|MaximumRetryAttempts|MaximumRecordAgeInSeconds|FunctionResponseTypes|DestinationConfig|"
    "UUID|EventSourceMappingArn|LastModified|LastProcessingResult|State|StateTransitionReason|MetricsConfig|Tags"
)
# Values that are the same as not set.
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "ParallelizationFactor": (1, "1"),
    "TumblingWindowInSeconds": (0, "0"),
    "FilterCriteria": ({}, {"Filters": []}),
}


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
        batch_size: the most records of a batch, 1 to 10,000.
        batching_window: how long records are gathered, in seconds, 0 to 300.
        bisect: split a batch in two when the function fails.
        maximum_retry_attempts: how often a failing batch is sent again, 0 to 10,000, or `UNLIMITED`.
        maximum_record_age: the oldest record that the function gets, in seconds, 60 to 604,800, or `UNLIMITED`.
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

    Numbers and booleans may be text, since moto keeps those that come from a template's parameters as they are.

    Raises:
        MappingError: if it has a setting that is wrong, or one that is not supported here.
    """
    arns = [str(configuration.get(key) or "?") for key in ("EventSourceArn", "FunctionArn")]
    name = f"mapping {arns[0]} → {arns[1]} ({configuration.get('UUID', '?')})"
    try:
        _refuse_others(configuration)
        position, timestamp = _starting_position(configuration)
        return EventSourceMapping(
            uuid=str(configuration["UUID"]),
            function_arn=arns[1],
            stream_arn=_matching(_STREAM, "EventSourceArn", arns[0], "the ARN of a Kinesis stream"),
            starting_position=position,
            starting_timestamp=timestamp,
            batch_size=_whole(configuration, "BatchSize", 100, range(1, 10_001)),
            batching_window=_whole(configuration, "MaximumBatchingWindowInSeconds", 0, range(301)),
            bisect=_boolean(configuration, "BisectBatchOnFunctionError"),
            maximum_retry_attempts=_whole(configuration, "MaximumRetryAttempts", UNLIMITED, range(-1, 10_001)),
            maximum_record_age=_record_age(configuration),
            report_batch_item_failures=_reports(configuration),
            on_failure_arn=_destination(configuration),
        )
    except MappingError as error:
        raise MappingError(f"{name}: {error}") from None


def _refuse_others(configuration: Mapping[str, Any]) -> None:
    for key, value in configuration.items():
        if not _KNOWN.fullmatch(key) and value not in (None, *_NEUTRAL.get(key, ({}, [], ""))):
            raise MappingError(f"{key}: is not supported by the emulator; expected a mapping without it")


def _matching(pattern: re.Pattern[str], key: str, value: object, expected: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MappingError(f"{key}: expected {expected}, got {value!r}")
    return value


def _whole(configuration: Mapping[str, Any], key: str, default: int, allowed: range) -> int:
    value = configuration.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,9}", str(value)) or int(value) not in allowed:
        raise MappingError(f"{key}: expected a whole number from {allowed[0]} to {allowed[-1]}, got {value!r}")
    return int(value)


def _boolean(configuration: Mapping[str, Any], key: str) -> bool:
    value = str(configuration.get(key) or "false").lower()
    if value not in ("true", "false"):
        raise MappingError(f"{key}: expected true or false, got {configuration[key]!r}")
    return value == "true"


def _record_age(configuration: Mapping[str, Any]) -> int:
    key = "MaximumRecordAgeInSeconds"
    age = _whole(configuration, key, UNLIMITED, range(-1, 604_801))
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html: -1, or 60 and more.
    if UNLIMITED < age < 60:
        raise MappingError(f"{key}: expected -1, or a whole number from 60 to 604800, got {age}")
    return age


def _reports(configuration: Mapping[str, Any]) -> bool:
    types = configuration.get("FunctionResponseTypes") or []
    if types not in ([], ["ReportBatchItemFailures"]):
        raise MappingError(f"FunctionResponseTypes: expected none, or ReportBatchItemFailures, got {types!r}")
    return bool(types)


def _destination(configuration: Mapping[str, Any]) -> str:
    destinations: dict[str, dict[str, str]] = configuration.get("DestinationConfig") or {}
    if destinations.get("OnSuccess"):
        raise MappingError("DestinationConfig.OnSuccess: a stream has none; expected OnFailure alone")
    arn = (destinations.get("OnFailure") or {}).get("Destination") or ""
    return arn and _matching(_BUCKET, "DestinationConfig.OnFailure", arn, "the ARN of an S3 bucket")


def _starting_position(configuration: Mapping[str, Any]) -> tuple[str, float | None]:
    position = str(configuration.get("StartingPosition"))
    if position not in _POSITIONS:
        raise MappingError(f"StartingPosition: expected one of {', '.join(_POSITIONS)}, got {position}")
    if position != "AT_TIMESTAMP":
        return position, None
    moment = configuration.get("StartingPositionTimestamp")
    if isinstance(moment, datetime):
        return position, moment.timestamp()
    try:
        return position, float(moment)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise MappingError(
            f"StartingPositionTimestamp: expected seconds since 1970, as AT_TIMESTAMP needs, got {moment!r}"
        ) from None
