"""Which shards may be read, where each begins, and what reading gives."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.mappings import shards
from emulator.mappings.settings import EventSourceMapping
from emulator.mappings.shards import Position, Shard, ShardReader
from tests.emulated import REGION, SOURCE, Emulator
from tests.emulator.mappings.sample_batches import mapping

ROLE = "arn:aws:iam::123456789012:role/lambda-role"


@pytest.mark.parametrize(
    ("listed", "ended", "expected"),
    [
        ({"a": (), "b": ()}, (), ["a", "b"]),
        ({"a": (), "b": ("a",), "c": ("a",)}, (), ["a"]),
        ({"a": (), "b": ("a",), "c": ("a",)}, ("a",), ["b", "c"]),
        ({"a": (), "b": (), "c": ("a", "b")}, ("a",), ["b"]),
        ({"a": (), "b": (), "c": ("a", "b")}, ("a", "b"), ["c"]),
        ({"b": ("a",), "c": ("a",)}, (), ["b", "c"]),
        ({"a": (), "b": ("a",), "c": ("b",)}, ("a",), ["b"]),
    ],
)
def test_parents_before_children(
    listed: dict[str, tuple[str, ...]], ended: tuple[str, ...], expected: list[str]
) -> None:
    assert shards.readable([Shard(name, parents, False) for name, parents in listed.items()], ended) == expected


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=12), st.randoms())
def test_any_resharding(changes: list[tuple[bool, int]], random: Any) -> None:
    """Whatever was split and merged, each shard is read once, after its parents."""
    stream, leaves = {"s0": Shard("s0", (), False)}, ["s0"]
    for is_split, place in changes:
        count = 1 if is_split or len(leaves) == 1 else 2
        first = place % (len(leaves) - count + 1)
        parents = tuple(leaves[first : first + count])
        children = [f"s{len(stream) + number}" for number in range(3 - count)]
        stream |= {child: Shard(child, parents, False) for child in children}
        leaves[first : first + count] = children
    ended: list[str] = []
    while ready := shards.readable(stream.values(), ended):
        shard = random.choice(ready)
        assert set(stream[shard].parents) <= set(ended)
        ended.append(shard)
    assert sorted(ended) == sorted(stream)


@pytest.mark.parametrize(
    ("settings", "closed", "at_first", "expected"),
    [
        ({"starting_position": "TRIM_HORIZON"}, False, True, Position("TRIM_HORIZON")),
        ({"starting_position": "TRIM_HORIZON"}, True, True, Position("TRIM_HORIZON")),
        ({"starting_position": "LATEST"}, False, True, Position("AT_TIMESTAMP", timestamp=50)),
        ({"starting_position": "LATEST"}, True, True, Position("AT_TIMESTAMP", timestamp=50, ended=True)),
        ({"starting_position": "LATEST"}, False, False, Position("TRIM_HORIZON")),
        (
            {"starting_position": "AT_TIMESTAMP", "starting_timestamp": 7.0},
            True,
            True,
            Position("AT_TIMESTAMP", timestamp=7),
        ),
        ({"starting_position": "AT_TIMESTAMP", "starting_timestamp": 7.0}, False, False, Position("TRIM_HORIZON")),
    ],
)
def test_start(settings: dict[str, Any], closed: bool, at_first: bool, expected: Position) -> None:
    assert shards.start(mapping(**settings), Shard("s", (), closed), at_first, 50) == expected


@pytest.fixture
def source(emulator: Emulator) -> EventSourceMapping:
    emulator.create_streams(shards=1)
    return mapping(stream_arn=f"arn:aws:kinesis:{REGION}:123456789012:stream/{SOURCE}", batch_size=2)


def reader(emulator: Emulator, source: EventSourceMapping, position: Position) -> ShardReader:
    shard = shards.list_shards(emulator.kinesis, source.stream_arn)[0]
    return ShardReader(emulator.kinesis, source, shard.shard_id, position, ROLE)


def texts(reading: shards.Reading) -> list[str]:
    return [json.loads(record.event)["kinesis"]["data"] for record in reading.records]


def test_event(emulator: Emulator, source: EventSourceMapping) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (Example event)"""
    emulator.put([b"Hello, this is a test."], lambda _: "1")
    (record,) = reader(emulator, source, Position("TRIM_HORIZON")).read().records
    event = json.loads(record.event)
    arrived = event["kinesis"].pop("approximateArrivalTimestamp")
    assert arrived == record.arrived == pytest.approx(time.time(), abs=60)
    number = record.sequence_number
    assert event == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": number,
            "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": ROLE,
        "awsRegion": REGION,
        "eventSourceARN": source.stream_arn,
    }


def test_reading_goes_on(emulator: Emulator, source: EventSourceMapping) -> None:
    shard = reader(emulator, source, Position("TRIM_HORIZON"))
    assert (texts(shard.read()), shard.read().ended) == ([], False)
    emulator.put([b"a", b"b"], lambda _: "k")
    assert texts(shard.read()) == ["YQ==", "Yg=="]
    emulator.put([b"c"], lambda _: "k")
    assert texts(shard.read()) == ["Yw=="]


def test_positions(emulator: Emulator, source: EventSourceMapping) -> None:
    emulator.put([b"a"], lambda _: "k")
    (first,) = reader(emulator, source, Position("TRIM_HORIZON")).read().records
    after = Position("TRIM_HORIZON").after(first.sequence_number)
    later = Position("AT_TIMESTAMP", timestamp=first.arrived + 0.001)
    emulator.put([b"b"], lambda _: "k")
    assert texts(reader(emulator, source, after).read()) == ["Yg=="]
    assert texts(reader(emulator, source, later).read()) == ["Yg=="]
    assert texts(reader(emulator, source, Position("AT_TIMESTAMP", timestamp=first.arrived)).read()) == ["YQ==", "Yg=="]


def test_more_than_a_reading(emulator: Emulator, source: EventSourceMapping) -> None:
    """A reading has at most 1000 records and says that it is behind."""
    for _ in range(3):
        records = [{"Data": b"x", "PartitionKey": "k"}] * 500
        emulator.kinesis.put_records(StreamName=SOURCE, Records=records)
    shard = reader(emulator, source, Position("TRIM_HORIZON"))
    first, second = shard.read(), shard.read()
    assert (len(first.records), len(second.records)) == (1000, 500)
    assert second.behind == 0
