"""Which shard a key belongs to, and several shards written at the same time, by one request each."""

from collections.abc import Callable

import pytest

from producer.keyed_queue import MAX_REQUEST_RECORDS, Record
from producer.sender import Sender, kinesis_client
from producer.shards import shard_of_key
from tests.emulated import REGION, SOURCE, Emulator, eventually
from tests.producer.servers.refusing_kinesis import RefusingKinesis

KEYS = [f"path#/items/{number}" for number in range(200)] + ["é", "k" * 256]


def stored_in(emulator: Emulator, key: str) -> str:
    answer = emulator.kinesis.put_record(StreamName=SOURCE, Data=b"x", PartitionKey=key)
    return str(answer["ShardId"])


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_the_shard_of_a_key(emulator: Emulator, shards: int) -> None:
    emulator.create_streams(shards)
    shard = shard_of_key(emulator.kinesis, SOURCE)
    assert shard is not None
    for key in KEYS:
        assert shard(key) == stored_in(emulator, key)


def test_the_shard_of_a_key_after_a_split(emulator: Emulator) -> None:
    emulator.create_streams(2)
    parent = emulator.kinesis.list_shards(StreamName=SOURCE)["Shards"][0]
    middle = str(int(parent["HashKeyRange"]["EndingHashKey"]) // 2)
    emulator.kinesis.split_shard(StreamName=SOURCE, ShardToSplit=parent["ShardId"], NewStartingHashKey=middle)
    shard = shard_of_key(emulator.kinesis, SOURCE)
    assert shard is not None
    for key in KEYS:
        assert shard(key) == stored_in(emulator, key)
    assert parent["ShardId"] not in {shard(key) for key in KEYS}


def test_no_shards(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shard_of_key(emulator.kinesis, "nope") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert shard_of_key(kinesis_client(REGION), SOURCE) is None


@pytest.fixture
def shard(refusing: RefusingKinesis, emulator: Emulator) -> Callable[[str], str]:
    shard = shard_of_key(emulator.kinesis, SOURCE)
    assert shard is not None
    return shard


def test_shards_are_written_side_by_side(
    refusing: RefusingKinesis, emulator: Emulator, shard: Callable[[str], str]
) -> None:
    records = [Record(number, f"key-{number}", b"%d" % number) for number in range(1500)]
    sender = Sender(kinesis_client(REGION, 4), SOURCE, connections=4)
    # The first answer shows that there are shards, and all are asked for.
    sender.put(records[0])
    sender.flush()
    refusing.gate.clear()
    sender.put(*records[1:])
    eventually(lambda: len(refusing.requests) == 3, "two requests are under way")
    first, second = ({shard(entry["PartitionKey"]) for entry in request} for request in refusing.requests[1:])
    assert not first & second
    assert len(refusing.requests[1]) == MAX_REQUEST_RECORDS
    refusing.gate.set()
    sender.close()
    assert sender.counts.sent == len(records) == len(emulator.read(SOURCE))


@pytest.mark.parametrize("connections", [1, 4])
def test_few_records_make_one_request(refusing: RefusingKinesis, shard: Callable[[str], str], connections: int) -> None:
    sender = Sender(kinesis_client(REGION, connections), SOURCE, connections=connections)
    sender.put(Record(0, "a", b"0"))
    sender.flush()
    refusing.gate.clear()
    sender.put(*(Record(number, f"key-{number}", b"") for number in range(300)))
    eventually(lambda: len(refusing.requests) == 2, "a request is under way")
    sender.put(*(Record(number, f"other-{number}", b"") for number in range(300)))
    refusing.gate.set()
    sender.close()
    assert [len(request) for request in refusing.requests] == [1, 300, 300]
