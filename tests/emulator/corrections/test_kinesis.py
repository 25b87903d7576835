"""The emulator does what AWS does, where moto alone does not."""

import sys
import threading
import time
from typing import Any

from tests.emulated import SOURCE, Emulator
from tests.emulator.mappings.lambda_account import LambdaAccount

MIDDLE = str(2**127)


def read(emulator: Emulator, shard_id: str) -> tuple[list[bytes], bool]:
    """All that a shard has, and whether it has ended."""
    iterator = emulator.kinesis.get_shard_iterator(
        StreamName=SOURCE, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )
    answer = emulator.kinesis.get_records(ShardIterator=iterator["ShardIterator"])
    return [record["Data"] for record in answer["Records"]], answer.get("NextShardIterator") is None


def shard_ids(emulator: Emulator) -> list[str]:
    return [shard["ShardId"] for shard in emulator.kinesis.list_shards(StreamName=SOURCE)["Shards"]]


def put(emulator: Emulator, data: bytes) -> str:
    answer: dict[str, Any] = emulator.kinesis.put_record(StreamName=SOURCE, Data=data, PartitionKey="k")
    return str(answer["ShardId"])


def test_split(emulator: Emulator) -> None:
    """The parent keeps its records and ends; new ones go to its children."""
    emulator.create_streams(shards=1)
    put(emulator, b"old")
    (parent,) = shard_ids(emulator)
    assert read(emulator, parent) == ([b"old"], False)
    emulator.kinesis.split_shard(StreamName=SOURCE, ShardToSplit=parent, NewStartingHashKey=MIDDLE)
    child = put(emulator, b"new")
    assert child in shard_ids(emulator)[1:]
    assert read(emulator, parent) == ([b"old"], True)
    assert read(emulator, child) == ([b"new"], False)


def test_merge(emulator: Emulator) -> None:
    emulator.create_streams(shards=2)
    parents = shard_ids(emulator)
    old = put(emulator, b"old")
    emulator.kinesis.merge_shards(StreamName=SOURCE, ShardToMerge=parents[0], AdjacentShardToMerge=parents[1])
    child = put(emulator, b"new")
    assert child == shard_ids(emulator)[2]
    assert read(emulator, child) == ([b"new"], False)
    assert {shard: read(emulator, shard) for shard in parents} == {
        shard: ([b"old"] if shard == old else [], True) for shard in parents
    }


def test_writers_at_once(emulator: Emulator) -> None:
    """No record replaces another, however often threads take turns."""
    emulator.create_streams(shards=1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def write() -> None:
        for _ in range(20):
            emulator.kinesis.put_records(StreamName=SOURCE, Records=[{"Data": b"x", "PartitionKey": "k"}] * 20)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    sys.setswitchinterval(before)
    assert len(emulator.read(SOURCE)) == 4 * 20 * 20


def test_no_mapping_runs_by_itself(account: LambdaAccount) -> None:
    """A record is written, and nothing is invoked, or logged, for it."""
    account.create_function()
    account.create_mapping()
    account.put("a")
    assert account.logs.describe_log_groups()["logGroups"] == []


def test_starting_timestamp(account: LambdaAccount) -> None:
    account.create_function()
    moment = int(time.time())
    account.create_mapping(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    (mapping,) = account.lambda_.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["StartingPositionTimestamp"].timestamp() == moment
