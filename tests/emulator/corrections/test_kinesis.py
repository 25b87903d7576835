"""The emulator does what AWS does, where moto alone does not."""

import json
import sys
import threading
import urllib.request
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.kinesis.models import KinesisBackend, kinesis_backends

from emulator.corrections import kinesis
from emulator.server import ACCOUNT
from tests.emulated import SOURCE, Emulator

MIDDLE = str(2**127)
FIRST_ARRIVAL, DAY = 1_767_603_600.0, 86_400
CLOCK = "emulator.corrections.kinesis.time"


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


def test_numbers_grow_from_parents_to_children(emulator: Emulator) -> None:
    """So that of two records of one key the later one has the greater number, wherever it is."""
    emulator.create_streams(shards=1)
    numbers = []
    for _ in range(3):
        answer = emulator.kinesis.put_record(StreamName=SOURCE, Data=b"x", PartitionKey="k")
        numbers.append(int(answer["SequenceNumber"]))
        open_shard = answer["ShardId"]
        start, end = hash_range(emulator, open_shard)
        emulator.kinesis.split_shard(
            StreamName=SOURCE, ShardToSplit=open_shard, NewStartingHashKey=str((start + end) // 2)
        )
    assert numbers == sorted(set(numbers))
    assert {len(str(number)) for number in numbers} == {56}
    child = put(emulator, b"new")
    assert read(emulator, child) == ([b"new"], False)


def hash_range(emulator: Emulator, shard_id: str) -> tuple[int, int]:
    shards = emulator.kinesis.list_shards(StreamName=SOURCE)["Shards"]
    (found,) = [shard["HashKeyRange"] for shard in shards if shard["ShardId"] == shard_id]
    return int(found["StartingHashKey"]), int(found["EndingHashKey"])


@pytest.mark.parametrize("unit", [1, 1000], ids=["seconds", "milliseconds"])
@pytest.mark.parametrize(
    ("moment", "expected"),
    [(-90 * DAY, ["first", "second"]), (0, ["first", "second"]), (0.5, ["second"]), (1, ["second"]), (1.5, [])],
)
def test_at_timestamp(emulator: Emulator, unit: int, moment: float, expected: list[str]) -> None:
    """What arrived at that time and later; of a time older than the oldest record, the oldest record and on.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html (Timestamp). AWS's SDK 1 for Java
    sends milliseconds.
    """
    emulator.create_streams(shards=1)
    for data in ("first", "second"):
        put(emulator, data.encode())
    stream = kinesis_backends[ACCOUNT][emulator.region].describe_stream(None, SOURCE)
    for number, record in enumerate(stream.get_shard("shardId-000000000000").records.values()):
        record.created_at = FIRST_ARRIVAL + number
    request = {
        "StreamName": SOURCE,
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": (FIRST_ARRIVAL + moment) * unit,
    }
    iterator = call(emulator, "GetShardIterator", request)["ShardIterator"]
    found = emulator.kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"].decode() for record in found] == expected


def call(emulator: Emulator, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call Kinesis with numbers that boto3 would not send."""
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{emulator.region}/kinesis/aws4_request",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
    }
    data = json.dumps(request).encode()
    with urllib.request.urlopen(urllib.request.Request(emulator.endpoint, data, headers)) as answer:
        return dict(json.load(answer))


# Shard 0 was split into 1 and 2, then 1 and 2 were merged to 3; before, between and after are times.
@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("AFTER_SHARD_ID", {"ShardId": "shardId-000000000001"}, [2, 3]),
        ("AFTER_SHARD_ID", {"ShardId": "shardId-000000000003"}, []),
        ("AT_TRIM_HORIZON", {}, [0]),
        ("FROM_TRIM_HORIZON", {}, [0, 1, 2, 3]),
        ("AT_LATEST", {}, [3]),
        ("AT_TIMESTAMP", {"Timestamp": "before"}, [0]),
        ("AT_TIMESTAMP", {"Timestamp": "between"}, [1, 2]),
        ("AT_TIMESTAMP", {"Timestamp": "after"}, [3]),
        ("FROM_TIMESTAMP", {"Timestamp": "before"}, [0, 1, 2, 3]),
        ("FROM_TIMESTAMP", {"Timestamp": "between"}, [1, 2, 3]),
        ("FROM_TIMESTAMP", {"Timestamp": "after"}, [3]),
    ],
)
def test_shard_filter(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, kind: str, more: dict[str, str], expected: list[int]
) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html"""
    times = {"before": 1_000.0, "split": 2_000.0, "between": 3_000.0, "merge": 4_000.0, "after": 5_000.0}
    emulator.create_streams(shards=1)
    (parent,) = shard_ids(emulator)
    monkeypatch.setattr(CLOCK, SimpleNamespace(time=lambda: times["split"]))
    emulator.kinesis.split_shard(StreamName=SOURCE, ShardToSplit=parent, NewStartingHashKey=MIDDLE)
    monkeypatch.setattr(CLOCK, SimpleNamespace(time=lambda: times["merge"]))
    first, second = shard_ids(emulator)[1:]
    emulator.kinesis.merge_shards(StreamName=SOURCE, ShardToMerge=first, AdjacentShardToMerge=second)
    monkeypatch.undo()
    values: dict[str, Any] = {key: times.get(value, value) for key, value in more.items()}
    answer = emulator.kinesis.list_shards(StreamName=SOURCE, ShardFilter={"Type": kind} | values)
    assert [shard["ShardId"] for shard in answer["Shards"]] == [f"shardId-{number:012}" for number in expected]


def test_writes_while_a_stream_is_resharded(emulator: Emulator) -> None:
    """None is lost in a shard that was closed meanwhile."""
    emulator.create_streams(shards=1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    written: list[int] = []

    def write() -> None:
        for number in range(30):
            records = [{"Data": b"%d" % (number * 20 + n), "PartitionKey": str(n)} for n in range(20)]
            emulator.kinesis.put_records(StreamName=SOURCE, Records=records)
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    for count in (2, 4, 2, 4, 1):
        emulator.kinesis.update_shard_count(StreamName=SOURCE, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
    writer.join()
    sys.setswitchinterval(before)
    found = [read(emulator, shard_id) for shard_id in shard_ids(emulator)]
    assert sorted(int(data) for datas, _ in found for data in datas) == list(range(len(written) * 20))
    # Only the last shard is open.
    assert [ended for _, ended in found] == [True] * (len(found) - 1) + [False]


def test_five_reads_a_second(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each shard; in the next second there are five more."""
    now = [1_000.0]
    monkeypatch.setattr(KinesisBackend, "get_records", KinesisBackend.get_records)
    monkeypatch.setattr(CLOCK, SimpleNamespace(monotonic=lambda: now[0]))
    kinesis._allow_five_reads_a_second()
    emulator.create_streams(shards=2)
    client = boto3.client(
        "kinesis",
        region_name=emulator.region,
        endpoint_url=emulator.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    one, other = (
        client.get_shard_iterator(StreamName=SOURCE, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        for shard_id in shard_ids(emulator)
    )
    for _ in range(2):
        for _ in range(5):
            now[0] += 0.1
            client.get_records(ShardIterator=one)
        with pytest.raises(client.exceptions.ProvisionedThroughputExceededException, match="Rate exceeded for shard"):
            client.get_records(ShardIterator=one)
        client.get_records(ShardIterator=other)
        now[0] += 0.61


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
