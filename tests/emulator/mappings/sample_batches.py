"""Records, batches and mappings to try rules on."""

from emulator.mappings.batches import Batch, Record
from emulator.mappings.settings import EventSourceMapping

ARN = "arn:aws:{}:us-east-2:123456789012:{}"
MAPPING = {
    "uuid": "u",
    "function_arn": ARN.format("lambda", "function:my-function"),
    "stream_arn": ARN.format("kinesis", "stream/lambda-stream"),
}


def mapping(**settings: object) -> EventSourceMapping:
    """A mapping with these settings."""
    return EventSourceMapping(**(MAPPING | settings))  # type: ignore[arg-type]


def record(number: int, size: int = 2) -> Record:
    """A record that arrived at the second of its number, of so many bytes as JSON."""
    return Record(str(number), float(number), b'"' + b"x" * (size - 2) + b'"')


def batch(*numbers: int, invocations: int = 0) -> Batch:
    """A batch of such records."""
    return Batch(tuple(record(number) for number in numbers), invocations)
