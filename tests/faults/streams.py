"""Streams of the emulator: their names, their shards, and all that is in them."""

from collections.abc import Sequence
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


def read(kinesis: Any, stream: str) -> Sequence[dict[str, Any]]:
    """All records of a stream, shard by shard."""
    records: list[dict[str, Any]] = []
    for shard in shards(kinesis, stream):
        iterator: str | None = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
    return records
