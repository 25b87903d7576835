"""Read a Kinesis stream: all its shards, and the shards that they are split or merged into."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors

Record = dict[str, Any]


class StreamReader:
    """Reads a stream from a position on; a shard's records come in order, and a parent's before its children's.

    Args:
        kinesis: a boto3 client.
        stream: the stream's name.
        start: `TRIM_HORIZON`, `LATEST`, or a time.

    Raises:
        botocore.exceptions.ClientError: if the stream cannot be read.
    """

    def __init__(self, kinesis: Any, stream: str, start: str | datetime) -> None:
        self._kinesis, self._stream = kinesis, stream
        self._last: dict[str, str] = {}
        self._iterators: dict[str, str] = {}
        self._waiting: dict[str, set[str]] = {}
        self.milliseconds_behind = 0
        shards = [shard for page in self._pages() for shard in page["Shards"]]
        for shard in shards:
            if isinstance(start, str) and start == "LATEST" and "EndingSequenceNumber" in shard["SequenceNumberRange"]:
                continue
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")}
            self._waiting[shard["ShardId"]] = {str(parent) for parent in parents if parent in self._waiting}
        self._start = start
        self._open()

    def _pages(self) -> Iterator[Any]:
        yield from self._kinesis.get_paginator("list_shards").paginate(StreamName=self._stream)

    def _open(self) -> None:
        """Begin the shards whose parents are read to their ends."""
        for shard in [shard for shard, parents in self._waiting.items() if not parents]:
            del self._waiting[shard]
            self._iterators[shard] = self._iterator(shard)

    def _iterator(self, shard: str) -> str:
        position: dict[str, Any] = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._start}
        if shard in self._last:
            position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._last[shard]}
        elif isinstance(self._start, str):
            position = {"ShardIteratorType": self._start}
        answer = self._kinesis.get_shard_iterator(StreamName=self._stream, ShardId=shard, **position)
        return str(answer["ShardIterator"])

    def poll(self, limit: int = 1000) -> list[Record]:
        """One request to each open shard: the new records, each with its `ShardId` added."""
        records: list[Record] = []
        self.milliseconds_behind = 0
        for shard, iterator in list(self._iterators.items()):
            try:
                answer = self._kinesis.get_records(ShardIterator=iterator, Limit=limit)
            except ClientError as error:
                if errors.code(error) == "ExpiredIteratorException":
                    self._iterators[shard] = self._iterator(shard)
                elif errors.code(error) != "ProvisionedThroughputExceededException":
                    raise
                continue
            records += [{**record, "ShardId": shard} for record in answer["Records"]]
            if answer["Records"]:
                self._last[shard] = answer["Records"][-1]["SequenceNumber"]
            self.milliseconds_behind = max(self.milliseconds_behind, answer.get("MillisBehindLatest") or 0)
            self._move(shard, answer)
        return records

    def _move(self, shard: str, answer: dict[str, Any]) -> None:
        following = answer.get("NextShardIterator")
        if following:
            self._iterators[shard] = following
            return
        del self._iterators[shard]
        for child in answer.get("ChildShards", []):
            if child["ShardId"] not in self._iterators and child["ShardId"] not in self._last:
                open_parents = {parent for parent in child["ParentShards"] if parent in self._iterators}
                self._waiting.setdefault(child["ShardId"], open_parents)
        for parents in self._waiting.values():
            parents.discard(shard)
        # A child of a shard that was read from LATEST on is read from its beginning.
        self._start = "TRIM_HORIZON" if self._start == "LATEST" else self._start
        self._open()
