"""The shards of a stream: where each is read from, in which order after resharding, and how it is read."""

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from emulator.mappings.batches import Record
from emulator.mappings.settings import EventSourceMapping

RECORDS_LIMIT = 10_000
"""The most records of one GetRecords: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html."""


@dataclass(frozen=True)
class Position:
    """Where reading a shard goes on.

    Args:
        kind: a ShardIteratorType.
        sequence_number: for AFTER_SEQUENCE_NUMBER.
        timestamp: seconds since 1970, for AT_TIMESTAMP.
        ended: whether all of a closed shard is done.
    """

    kind: str
    sequence_number: str | None = None
    timestamp: float | None = None
    ended: bool = False

    def after(self, sequence_number: str) -> "Position":
        """The position after a record."""
        return Position("AFTER_SEQUENCE_NUMBER", sequence_number)

    def end(self) -> "Position":
        """The position of a shard that is done."""
        return replace(self, ended=True)


@dataclass(frozen=True)
class Shard:
    """A shard as ListShards describes it: the parents it came from, and whether it is closed for writing."""

    shard_id: str
    parents: tuple[str, ...]
    closed: bool


@dataclass(frozen=True)
class Reading:
    """What one GetRecords gave: `ended` means that a closed shard has no more, `behind` is in milliseconds."""

    records: tuple[Record, ...]
    ended: bool
    behind: int


def list_shards(client: Any, stream_arn: str) -> list[Shard]:
    """All shards of a stream, closed ones included. Raises botocore's errors."""
    found: list[Shard] = []
    for page in client.get_paginator("list_shards").paginate(StreamARN=stream_arn):
        for shard in page["Shards"]:
            parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
            closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
            found.append(Shard(shard["ShardId"], tuple(parent for parent in parents if parent), closed))
    return found


def readable(shards: Collection[Shard], ended: Collection[str]) -> list[str]:
    """The shards that may be read: those that have not ended, once all their parents have.

    A parent that is not listed has expired, so nothing of it is left to read. That a parent comes before its children
    keeps the order of a partition key's records:
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    listed = {shard.shard_id for shard in shards}
    return [
        shard.shard_id
        for shard in shards
        if shard.shard_id not in ended and all(parent in ended or parent not in listed for parent in shard.parents)
    ]


def start(mapping: EventSourceMapping, shard: Shard, at_first: bool, now: float) -> Position:
    """Where reading a shard begins.

    Args:
        mapping: its starting position is for the shards that were there when it began.
        shard: the shard.
        at_first: whether it was there; a later one is read from its first record, so that no record is skipped.
        now: the time, in seconds since 1970. LATEST means this time, also if the mapping stops before it has read.
    """
    if not at_first or mapping.starting_position == "TRIM_HORIZON":
        return Position("TRIM_HORIZON")
    if mapping.starting_position == "AT_TIMESTAMP":
        return Position("AT_TIMESTAMP", timestamp=mapping.starting_timestamp)
    return Position("AT_TIMESTAMP", timestamp=now, ended=shard.closed)


def event_record(record: Mapping[str, Any], shard_id: str, stream_arn: str, role_arn: str) -> dict[str, Any]:
    """One of the `Records` of a function's event.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (Example event); `record` is as GetRecords gives it,
    `role_arn` is the function's.
    """
    number = record["SequenceNumber"]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": number,
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": round(record["ApproximateArrivalTimestamp"].timestamp(), 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": stream_arn.split(":")[3],
        "eventSourceARN": stream_arn,
    }


class ShardReader:
    """Reads a shard of a mapping's stream on from a position; each record of an event names the function's role."""

    def __init__(
        self, client: Any, mapping: EventSourceMapping, shard_id: str, position: Position, role_arn: str
    ) -> None:
        self._client = client
        self._mapping = mapping
        self._shard_id = shard_id
        self._position = position
        self._role_arn = role_arn
        self._iterator: str | None = None
        self._limit = min(RECORDS_LIMIT, max(1000, mapping.batch_size))

    def read(self) -> Reading:
        """The next records. Raises botocore's errors; a later call begins after the last record that was read."""
        if self._iterator is None:
            self._iterator = self._new_iterator()
        answer = self._client.get_records(
            StreamARN=self._mapping.stream_arn, ShardIterator=self._iterator, Limit=self._limit
        )
        records = tuple(self._record(record) for record in answer["Records"])
        self._iterator = answer.get("NextShardIterator")
        return Reading(records, self._iterator is None, int(answer.get("MillisBehindLatest", 0)))

    def _new_iterator(self) -> str:
        options: dict[str, Any] = {"ShardIteratorType": self._position.kind}
        if self._position.sequence_number is not None:
            options["StartingSequenceNumber"] = self._position.sequence_number
        if self._position.timestamp is not None:
            options["Timestamp"] = self._position.timestamp
        answer = self._client.get_shard_iterator(StreamARN=self._mapping.stream_arn, ShardId=self._shard_id, **options)
        return str(answer["ShardIterator"])

    def _record(self, record: Mapping[str, Any]) -> Record:
        event = event_record(record, self._shard_id, self._mapping.stream_arn, self._role_arn)
        arrived = event["kinesis"]["approximateArrivalTimestamp"]
        return Record(record["SequenceNumber"], arrived, json.dumps(event).encode(), record["PartitionKey"])
