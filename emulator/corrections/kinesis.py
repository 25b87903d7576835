"""Where moto's Kinesis is not what AWS's is, corrected in the process that serves it.

Tried with moto 5.2.5. Each correction is one function below; its docstring says what moto does and what AWS does.
"""

import functools
import math
import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.kinesis.models import KinesisBackend, Record, Shard, Stream
from moto.kinesis.responses import KinesisResponse
from moto.kinesis.utils import decompose_shard_iterator

# One for all shards: what it guards takes microseconds.
_LOCK = threading.RLock()
# Of 56 digits, as far as a shard is ever counted.
_FIRST_NUMBER = 49 * 10**54 + 1


@functools.cache
def apply(limit_reads: bool = False) -> None:
    """Correct the moto of this process; call it before the server starts. A second call changes nothing.

    Args:
        limit_reads: whether to allow five reads a second of a shard, as AWS does; without it there is no limit.
    """
    _write_one_record_at_a_time()
    _write_to_open_shards()
    _keep_records_where_they_are()
    _filter_shards()
    _end_closed_shards()
    _keep_no_metrics()
    if limit_reads:
        _allow_five_reads_a_second()


def _write_one_record_at_a_time() -> None:
    """Moto numbers a record, then stores it: of two writers at once, one record replaces the other.

    It also copies all numbers of the shard to find the last one, and walks all its records to find the new ones. It
    begins with 1 in each shard; in AWS the sequence numbers of a partition key always grow, in a child shard too:
    https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html (Sequence number). There they have 56 digits, all
    of them, and so sort as text too.
    """

    def put_record(self: Any, partition_key: str, data: str, explicit_hash_key: str) -> str:
        with _LOCK:
            number = self.get_max_sequence_number() + 1
            self.records[number] = Record(partition_key, data, number, explicit_hash_key)
            return str(number)

    def get_min_sequence_number(self: Any) -> int:
        return int(self.first_number)

    def get_max_sequence_number(self: Any) -> int:
        with _LOCK:
            return int(next(reversed(self.records), self.first_number - 1))

    def get_records(self: Any, last_sequence_id: str, limit: int | None) -> tuple[list[Any], int, int]:
        with _LOCK:
            # Numbers count up without a gap.
            first, last = max(int(last_sequence_id) + 1, self.first_number), self.get_max_sequence_number()
            end = last if limit is None else min(last, first + limit - 1)
            found = [self.records[number] for number in range(first, end + 1)]
            behind = self.records[last].created_at - found[-1].created_at if found else 0.0
            return found, max(end, first - 1), int(behind * 1000)

    def get_sequence_number_at(self: Any, at_timestamp: float) -> int:
        # AWS's SDK 1 for Java sends milliseconds in JSON, which it speaks only to emulators; to AWS it speaks CBOR.
        seconds = at_timestamp / 1000 if at_timestamp > 1e11 else at_timestamp
        with _LOCK:
            return sequence_number_at(self, seconds)

    sequence_number_at: Callable[..., int] = Shard.get_sequence_number_at
    Shard.first_number = _FIRST_NUMBER
    Shard.put_record = put_record
    Shard.get_sequence_number_at = get_sequence_number_at
    Shard.get_min_sequence_number = get_min_sequence_number
    Shard.get_max_sequence_number = get_max_sequence_number
    Shard.get_records = get_records


def _write_to_open_shards() -> None:
    """Moto writes to the first shard with the key's hash, a closed parent included; AWS writes to open shards.

    It also may choose a shard, and write to it after a split has closed it.
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    put: Callable[..., Any] = Stream.put_record
    shard_for_key: Callable[..., Any] = Stream.get_shard_for_key

    def put_record(self: Any, partition_key: str, explicit_hash_key: str, data: str) -> Any:
        with _LOCK:
            return put(self, partition_key, explicit_hash_key, data)

    def get_shard_for_key(self: Any, partition_key: str, explicit_hash_key: str) -> Any:
        with _LOCK:
            shards = self.shards
            self.shards = {name: shard for name, shard in shards.items() if shard.is_open}
            try:
                return shard_for_key(self, partition_key, explicit_hash_key)
            finally:
                self.shards = shards

    Stream.put_record = put_record
    Stream.get_shard_for_key = get_shard_for_key


def _keep_records_where_they_are() -> None:
    """Moto moves or copies a parent's records on a split or merge; in AWS they stay in the parent.

    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    split: Callable[..., None] = Stream.split_shard
    merge: Callable[..., None] = Stream.merge_shards

    def split_shard(self: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
        with _LOCK, _resharding(self, shard_to_split):
            split(self, shard_to_split, new_starting_hash_key)

    def merge_shards(self: Any, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        with _LOCK, _resharding(self, shard_to_merge, adjacent_shard_to_merge):
            merge(self, shard_to_merge, adjacent_shard_to_merge)

    # Seconds since 1970; 0 for a shard of the beginning, infinity for an open one.
    Shard.opened_at, Shard.closed_at = 0.0, math.inf
    Stream.split_shard = split_shard
    Stream.merge_shards = merge_shards


@contextmanager
def _resharding(stream: Any, *names: str) -> Iterator[None]:
    """Hide the records of parents meanwhile; then note when they were closed, and where their children begin."""
    before, parents = set(stream.shards), [stream.shards[name] for name in names]
    kept = [shard.records for shard in parents]
    for shard in parents:
        shard.records = OrderedDict()
    try:
        yield
    finally:
        for shard, records in zip(parents, kept, strict=True):
            shard.records = records
    now = time.time()
    for shard in parents:
        shard.closed_at = now
    for name in stream.shards.keys() - before:
        stream.shards[name].opened_at = now
        stream.shards[name].first_number = 1 + max(shard.get_max_sequence_number() for shard in parents)


def _filter_shards() -> None:
    """Moto ignores the ShardFilter of ListShards, so that a reader finds closed parents again for ever.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html. Here no record expires, so that
    TRIM_HORIZON is the beginning of the stream.
    """
    list_shards: Callable[..., Any] = KinesisResponse.list_shards

    def filtered(self: Any) -> Any:
        answer, wanted = list_shards(self), self._get_param("ShardFilter")
        if not wanted:
            return answer
        stream = self.kinesis_backend.describe_stream(self._get_param("StreamARN"), self._get_param("StreamName"))
        shown = [one for one in answer.result["Shards"] if _shown(stream.shards[one["ShardId"]], wanted)]
        return ActionResult(answer.result | {"Shards": shown})

    KinesisResponse.list_shards = filtered


def _shown(shard: Any, wanted: dict[str, Any]) -> bool:
    """Whether a filter lets a shard through."""
    moment = wanted.get("Timestamp", 0.0)
    at = moment.timestamp() if isinstance(moment, datetime) else float(moment)
    shown = {
        "AFTER_SHARD_ID": shard.shard_id > wanted.get("ShardId", ""),
        "AT_TRIM_HORIZON": shard.opened_at == 0.0,
        "FROM_TRIM_HORIZON": True,
        "AT_LATEST": shard.is_open,
        "AT_TIMESTAMP": shard.opened_at <= at <= shard.closed_at,
        "FROM_TIMESTAMP": shard.closed_at >= at,
    }
    return bool(shown[wanted["Type"]])


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


def _keep_no_metrics() -> None:
    """Moto keeps two samples of CloudWatch metrics for each write, for ever; AWS aggregates them by the minute.

    https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html. Nothing here reads them.
    """
    KinesisBackend._send_stream_metrics = lambda *_, **__: None


def _allow_five_reads_a_second() -> None:
    """Moto answers any number of reads; AWS allows five GetRecords a second of a shard, for all readers together.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html (ProvisionedThroughputExceededException)
    """
    get: Callable[..., Any] = KinesisBackend.get_records
    reads: dict[tuple[str, str, str], deque[float]] = defaultdict(lambda: deque([0.0] * 5, maxlen=5))

    def get_records(self: Any, stream_arn: str | None, shard_iterator: str, limit: int | None) -> Any:
        stream, shard_id, _ = decompose_shard_iterator(shard_iterator)
        now = time.monotonic()
        with _LOCK:
            last = reads[self.region_name, stream, shard_id]
            if now < last[0] + 1:
                raise JsonRESTError(
                    "ProvisionedThroughputExceededException",
                    f"Rate exceeded for shard {shard_id} in stream {stream} under account {self.account_id}.",
                )
            last.append(now)
        return get(self, stream_arn, shard_iterator, limit)

    KinesisBackend.get_records = get_records
