"""Where moto's Kinesis and Lambda are not what AWS is, put right in the process that serves it.

Tried with moto 5.2.5. Each correction is one function below; its docstring says what moto does and what AWS does.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.kinesis.models import KinesisBackend, Shard, Stream
from moto.kinesis.utils import decompose_shard_iterator

# One for all shards: what it guards takes microseconds.
_LOCK = threading.RLock()
_applied = False


def apply() -> None:
    """Correct the moto of this process; call it before the server starts. A second call changes nothing."""
    global _applied
    if not _applied:
        _applied = True
        _run_no_mapping()
        _tell_starting_timestamps()
        _write_one_record_at_a_time()
        _write_to_open_shards()
        _keep_records_where_they_are()
        _end_closed_shards()


def _run_no_mapping() -> None:
    """Moto invokes a mapped function in Docker inside each PutRecord, without batches, retries or a destination.

    Without Docker each record takes 0.1 s longer and leaves an error in the function's log group.
    """
    LambdaBackend.send_kinesis_message = lambda *_, **__: None


def _tell_starting_timestamps() -> None:
    """Moto keeps StartingPositionTimestamp and does not return it; AWS does.

    https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    """
    configuration: Callable[..., dict[str, Any]] = EventSourceMapping.get_configuration

    def with_timestamp(self: Any) -> dict[str, Any]:
        result = configuration(self)
        if self.starting_position_timestamp is not None:
            result["StartingPositionTimestamp"] = self.starting_position_timestamp
        return result

    EventSourceMapping.get_configuration = with_timestamp


def _write_one_record_at_a_time() -> None:
    """Moto numbers a record, then stores it: of two writers at once, one record replaces the other.

    It also copies all numbers of the shard to find the last one, and walks all its records to find the new ones.
    """
    put: Callable[..., str] = Shard.put_record

    def put_record(self: Any, *arguments: Any) -> str:
        with _LOCK:
            return put(self, *arguments)

    def get_max_sequence_number(self: Any) -> int:
        with _LOCK:
            return next(reversed(self.records), 0)

    def get_records(self: Any, last_sequence_id: str, limit: int | None) -> tuple[list[Any], int, int]:
        with _LOCK:
            # Numbers count up from 1 without a gap.
            first, last = int(last_sequence_id) + 1, next(reversed(self.records), 0)
            end = last if limit is None else min(last, first + limit - 1)
            found = [self.records[number] for number in range(first, end + 1)]
            behind = self.records[last].created_at - found[-1].created_at if found else 0.0
            return found, max(end, first - 1), int(behind * 1000)

    Shard.put_record = put_record
    Shard.get_max_sequence_number = get_max_sequence_number
    Shard.get_records = get_records


def _write_to_open_shards() -> None:
    """Moto writes to the first shard with the key's hash, a closed parent included; AWS writes to open shards.

    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    shard_for_key: Callable[..., Any] = Stream.get_shard_for_key

    def get_shard_for_key(self: Any, partition_key: str, explicit_hash_key: str) -> Any:
        with _LOCK:
            shards = self.shards
            self.shards = {name: shard for name, shard in shards.items() if shard.is_open}
            try:
                return shard_for_key(self, partition_key, explicit_hash_key)
            finally:
                self.shards = shards

    Stream.get_shard_for_key = get_shard_for_key


@contextmanager
def _set_aside(shards: list[Any]) -> Iterator[None]:
    kept = [shard.records for shard in shards]
    for shard in shards:
        shard.records = OrderedDict()
    try:
        yield
    finally:
        for shard, records in zip(shards, kept, strict=True):
            shard.records = records


def _keep_records_where_they_are() -> None:
    """Moto moves or copies a parent's records on a split or merge; in AWS they stay in the parent.

    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    split: Callable[..., None] = Stream.split_shard
    merge: Callable[..., None] = Stream.merge_shards

    def split_shard(self: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
        with _LOCK, _set_aside([self.shards[shard_to_split]]):
            split(self, shard_to_split, new_starting_hash_key)

    def merge_shards(self: Any, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        with _LOCK, _set_aside([self.shards[shard_to_merge], self.shards[adjacent_shard_to_merge]]):
            merge(self, shard_to_merge, adjacent_shard_to_merge)

    Stream.split_shard = split_shard
    Stream.merge_shards = merge_shards


def _end_closed_shards() -> None:
    """Moto gives an iterator for ever; in AWS there is none after the last record of a closed shard.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html (NextShardIterator)
    """
    get: Callable[..., tuple[str, list[Any], int]] = KinesisBackend.get_records

    def get_records(
        self: Any, stream_arn: str | None, shard_iterator: str, limit: int | None
    ) -> tuple[str | None, list[Any], int]:
        with _LOCK:
            following, records, behind = get(self, stream_arn, shard_iterator, limit)
            stream, shard_id, last = decompose_shard_iterator(following)
            shard = self.describe_stream(stream_arn=stream_arn, stream_name=stream).get_shard(shard_id)
            ended = not shard.is_open and int(last) >= shard.get_max_sequence_number()
            return None if ended else following, records, behind

    KinesisBackend.get_records = get_records
