"""When a batch is sent, what a response means, and what follows from it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.mappings.batches import (
    PAYLOAD_LIMIT,
    Batch,
    Gathering,
    Record,
    Step,
    after,
    first_failure,
    without_expired,
)
from emulator.mappings.settings import UNLIMITED
from tests.emulator.mappings.sample_batches import batch, mapping, record

# The three pictures of https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html: a window of
# 40 seconds from t = 7, a batch size of 10.


def test_window_is_over() -> None:
    gathering = Gathering(batch_size=10, window=40, began=7)
    gathering.add(record(number) for number in range(5))
    assert gathering.due_at(46.9) == 47
    assert [r.sequence_number for r in gathering.take().records] == ["0", "1", "2", "3", "4"]


def test_batch_size_is_met() -> None:
    gathering = Gathering(batch_size=10, window=40, began=7)
    gathering.add(record(number) for number in range(9))
    assert gathering.due_at(20) == 47
    gathering.add([record(9), record(10)])
    assert gathering.due_at(20) == 20
    assert len(gathering.take().records) == 10
    assert gathering.due_at(20) == 47


def test_payload_is_reached() -> None:
    gathering = Gathering(batch_size=10, window=40, began=7)
    gathering.add(record(number, 2 << 20) for number in range(2))
    assert gathering.due_at(20) == 47
    gathering.add([record(2, 2 << 20)])
    assert gathering.due_at(20) == 20
    assert [len(gathering.take().records), len(gathering)] == [2, 1]


@pytest.mark.parametrize(("over", "taken"), [(0, 2), (1, 1)])
def test_payload_limit_is_exact(over: int, taken: int) -> None:
    rest = PAYLOAD_LIMIT - len(Batch((record(1),)).payload()) - 1
    gathering = Gathering(batch_size=10, window=40, began=0)
    gathering.add([record(1), record(2, rest + over)])
    assert gathering.due_at(1) == (1 if over else 40)
    assert len(gathering.take().records) == taken


def test_next_window() -> None:
    """It begins when the invocation has completed; one without a record is followed by the next."""
    gathering = Gathering(batch_size=10, window=40, began=0)
    gathering.restart(50)
    assert gathering.due_at(60) is None
    assert gathering.due_at(140) is None
    gathering.add([record(1)])
    assert gathering.due_at(140) == 170


def test_no_window() -> None:
    gathering = Gathering(batch_size=10, window=0, began=0)
    assert gathering.due_at(5) is None
    gathering.add([record(1)])
    due_at = gathering.due_at(5)
    assert due_at is not None
    assert due_at <= 5


def test_record_larger_than_a_payload() -> None:
    gathering = Gathering(batch_size=10, window=0, began=0)
    gathering.add([record(1, PAYLOAD_LIMIT + 1), record(2)])
    assert [len(gathering.take().records), len(gathering.take().records)] == [1, 1]


@settings(deadline=None, max_examples=20)
@given(
    sizes=st.lists(
        st.one_of(st.integers(2, 50), st.sampled_from([1 << 20, 3 << 20, 4 << 20])), min_size=1, max_size=20
    ),
    batch_size=st.integers(1, 12),
)
def test_batches_have_all_records_in_order(sizes: list[int], batch_size: int) -> None:
    gathering = Gathering(batch_size, window=0, began=0)
    records = [record(number, size) for number, size in enumerate(sizes)]
    gathering.add(records)
    taken: list[Record] = []
    while gathering:
        before = len(gathering)
        found = gathering.take()
        taken += found.records
        assert 1 <= len(found.records) <= batch_size
        assert len(found.payload()) <= PAYLOAD_LIMIT
        assert len(json.loads(found.payload())["Records"]) == len(found.records)
        # No smaller than it must be.
        if len(found.records) < min(batch_size, before):
            assert len(Batch((*found.records, records[len(taken)])).payload()) > PAYLOAD_LIMIT
    assert taken == records


# https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html (conditions)
@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("null", None),
        ("{}", None),
        ('""', None),
        ("[]", None),
        ("", None),
        ('{"batchItemFailures": []}', None),
        ('{"batchItemFailures": null}', None),
        ('{"statusCode": 200}', None),
        ('{"batchItemFailures": [{"itemIdentifier": "12"}]}', 2),
        ('{"batchItemFailures": [{"itemIdentifier": "13"}, {"itemIdentifier": "11"}]}', 1),
        ('{"batchItemFailures": [{"itemIdentifier": "10"}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": 12}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": "99"}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": "13"}, {"itemIdentifier": "99"}]}', 0),
        ('{"batchItemFailures": [{"foo": "12"}]}', 0),
        ('{"batchItemFailures": ["12"]}', 0),
        ('{"batchItemFailures": "12"}', 0),
        ('{"batchItemFailures": {"itemIdentifier": "12"}}', 0),
        ('"done"', 0),
        ("[1]", 0),
        ("7", 0),
        ("NaN", 0),
        ("{", 0),
    ],
)
def test_response(response: str, expected: int | None) -> None:
    sent = batch(10, 11, 12, 13)
    assert first_failure(sent, response.encode(), reports=True) == expected
    assert first_failure(sent, response.encode(), reports=False) is None


def test_sequence_numbers_are_compared_by_place() -> None:
    """As text `9` is more than `10`."""
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": "10"}, {"itemIdentifier": "9"}]}).encode()
    assert first_failure(batch(8, 9, 10), answer, reports=True) == 1


@pytest.mark.parametrize(
    ("sent", "failed", "settings", "expected"),
    [
        (batch(1, 2, 3), None, {}, Step(3)),
        (batch(1, 2, 3), 1, {}, Step(1, (batch(2, 3),))),
        (batch(1, 2, 3, invocations=5), 1, {"maximum_retry_attempts": 5}, Step(1, (batch(2, 3),))),
        (batch(1, 2, 3), 1, {"bisect": True}, Step(1, (batch(2, 3),))),
        (batch(1, 2, 3), 0, {}, Step(0, (batch(1, 2, 3, invocations=1),))),
        (batch(1, 2, 3, invocations=9), 0, {}, Step(0, (batch(1, 2, 3, invocations=10),))),
        (batch(1, 2), 0, {"maximum_retry_attempts": 0}, Step(0, discarded=True)),
        (batch(1), 0, {"maximum_retry_attempts": 1}, Step(0, (batch(1, invocations=1),))),
        (batch(1, invocations=1), 0, {"maximum_retry_attempts": 1}, Step(0, discarded=True)),
        (batch(1, 2, 3, 4), 0, {"bisect": True}, Step(0, (batch(1, 2), batch(3, 4)))),
        (batch(1, 2), 0, {"bisect": True, "maximum_retry_attempts": 0}, Step(0, (batch(1), batch(2)))),
        (batch(1), 0, {"bisect": True, "maximum_retry_attempts": 0}, Step(0, discarded=True)),
    ],
)
def test_after(sent: Batch, failed: int | None, settings: dict[str, object], expected: Step) -> None:
    assert after(sent, failed, mapping(**settings)) == expected


@pytest.mark.parametrize(
    ("now", "age", "expired", "fresh"),
    [
        (1000, UNLIMITED, (), (10, 20, 30)),
        (70, 60, (), (10, 20, 30)),
        (70.5, 60, (10,), (20, 30)),
        (85, 60, (10, 20), (30,)),
        (100, 60, (10, 20, 30), ()),
    ],
)
def test_too_old(now: float, age: int, expired: tuple[int, ...], fresh: tuple[int, ...]) -> None:
    assert without_expired(batch(10, 20, 30), now, age) == (
        batch(*expired) if expired else None,
        batch(*fresh) if fresh else None,
    )
