"""Read a stream of the emulator whole, shard by shard."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Record:
    """One record of a stream, with what Kinesis says of it."""

    shard: str
    sequence_number: int
    partition_key: str
    data: bytes
    arrived: datetime


@dataclass
class Reader:
    """Reads on from where it was; `kinesis` is a boto3 client."""

    kinesis: Any
    stream: str
    _iterators: dict[str, str] = field(default_factory=dict)

    def read(self) -> Iterator[Record]:
        """The records that came since the last call, those of a shard in their order."""
        for shard in self._shards():
            while True:
                answer = self.kinesis.get_records(ShardIterator=self._iterators[shard])
                self._iterators[shard] = answer.get("NextShardIterator", "")
                for record in answer["Records"]:
                    yield Record(
                        shard,
                        int(record["SequenceNumber"]),
                        record["PartitionKey"],
                        record["Data"],
                        record["ApproximateArrivalTimestamp"],
                    )
                if not answer["Records"] or not self._iterators[shard]:
                    break

    def _shards(self) -> list[str]:
        for page in self.kinesis.get_paginator("list_shards").paginate(StreamName=self.stream):
            for shard in page["Shards"]:
                if shard["ShardId"] not in self._iterators:
                    start = self.kinesis.get_shard_iterator(
                        StreamName=self.stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                    )
                    self._iterators[shard["ShardId"]] = start["ShardIterator"]
        return [shard for shard, iterator in self._iterators.items() if iterator]
