"""The records of a stream of the emulator."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.aws.stream_reader import StreamReader

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
_LIMIT = 10_000


@dataclass(frozen=True)
class Record:
    """One record of a stream, with what Kinesis says of it."""

    shard: str
    sequence_number: int
    partition_key: str
    data: bytes
    arrived: datetime


class Reader:
    """Reads a stream from its start, and on from where it was; `kinesis` is a boto3 client."""

    def __init__(self, kinesis: Any, stream: str) -> None:
        self._reader = StreamReader(kinesis, stream, "TRIM_HORIZON")

    def read(self) -> Iterator[Record]:
        """The records that came since the last call, those of a shard in their order."""
        while records := self._reader.poll(_LIMIT):
            for record in records:
                yield Record(
                    record["ShardId"],
                    int(record["SequenceNumber"]),
                    record["PartitionKey"],
                    record["Data"],
                    record["ApproximateArrivalTimestamp"],
                )
