"""Streams of the emulator: their names, their shards, and all that is in them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Streams:
    """The names of the three streams of a scenario."""

    events: str
    alerts: str
    dead_letters: str


def shards(kinesis: Any, stream: str) -> list[dict[str, Any]]:
    """All shards of a stream."""
    return [
        shard for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream) for shard in page["Shards"]
    ]


def is_open(shard: dict[str, Any]) -> bool:
    """Whether a shard is written to."""
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


class Reader:
    """Reads a stream from its start, and on from where it was; a stream that is resharded needs a new one."""

    def __init__(self, kinesis: Any, stream: str) -> None:
        self._kinesis = kinesis
        self._iterators: list[str | None] = [
            kinesis.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
                "ShardIterator"
            ]
            for shard in shards(kinesis, stream)
        ]

    def read(self) -> list[dict[str, Any]]:
        """The records that came since the last call, shard by shard."""
        found: list[dict[str, Any]] = []
        for place, iterator in enumerate(self._iterators):
            while iterator:
                answer = self._kinesis.get_records(ShardIterator=iterator)
                found += answer["Records"]
                iterator = self._iterators[place] = answer.get("NextShardIterator")
                if not answer["Records"]:
                    break
        return found


def read(kinesis: Any, stream: str) -> list[dict[str, Any]]:
    """All records of a stream, shard by shard."""
    return Reader(kinesis, stream).read()
