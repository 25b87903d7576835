"""Batches against functions that fail: AWS's examples, and any pattern of records that cannot be processed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.functions.runtime import Invocation
from emulator.mappings.batches import Batch, Record
from emulator.mappings.delivery import deliver
from tests.emulator.mappings.sample_batches import batch, mapping

Function = Callable[[list[int]], list[int] | Exception]


@dataclass
class World:
    """A function, and what became of the records: `done` and `discarded` in their order, `sent` batch by batch."""

    function: Function
    clock: float = 0.0
    step: float = 0.0
    stop_after: int = 10_000
    sent: list[list[int]] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    discarded: list[tuple[list[int], str, int]] = field(default_factory=list)

    def now(self) -> float:
        return self.clock

    def wait(self, retries: int) -> None:
        self.waits.append(retries)

    def invoke(self, batch: Batch) -> Invocation | None:
        if len(self.sent) >= self.stop_after:
            return None
        self.sent.append(numbers(batch.records))
        self.clock += self.step
        failed = self.function(self.sent[-1])
        if isinstance(failed, Exception):
            return Invocation("r", b"{}", "Unhandled", 0)
        response = {"batchItemFailures": [{"itemIdentifier": str(number)} for number in failed]}
        return Invocation("r", json.dumps(response).encode(), None, 0)

    def done(self, records: tuple[Record, ...]) -> None:
        self.settled += numbers(records)

    def discard(self, batch: Batch, condition: str, invocation: Invocation | None) -> bool:
        self.settled += numbers(batch.records)
        self.discarded.append((numbers(batch.records), condition, batch.invocations + bool(invocation)))
        return True


def numbers(records: tuple[Record, ...]) -> list[int]:
    return [int(record.sequence_number) for record in records]


def run(function: Function, sent: Batch, world: dict[str, Any] | None = None, **settings: Any) -> World:
    result = World(function, **(world or {}))
    deliver(sent, mapping(**settings), result)
    return result


def reporting(*bad: int) -> Function:
    """A function that goes through all records and reports those that fail, as Powertools' batch processing."""
    return lambda records: [number for number in records if number in bad]


def raising(*bad: int) -> Function:
    """A function that knows no partial failure."""
    return lambda records: ValueError() if set(records) & set(bad) else []


EXHAUSTED = "RetryAttemptsExhausted"


def test_checkpoint() -> None:
    """https://aws.amazon.com/blogs/compute/optimizing-batch-processing-with-custom-checkpoints-in-aws-lambda/: of nine
    records the fifth fails, and the batch is retried from there."""
    failed_once = iter([[5]])
    world = run(lambda _: next(failed_once, []), batch(*range(1, 10)), report_batch_item_failures=True)
    assert world.sent == [list(range(1, 10)), [5, 6, 7, 8, 9]]
    assert world.settled == list(range(1, 10))


def test_retries_count_for_the_same_batch() -> None:
    """As recorded from AWS: the last of six records fails; with three retries it is sent alone four times."""
    world = run(reporting(6), batch(1, 2, 3, 4, 5, 6), report_batch_item_failures=True, maximum_retry_attempts=3)
    assert world.sent == [[1, 2, 3, 4, 5, 6], [6], [6], [6], [6]]
    assert world.waits == [1, 2, 3]
    assert world.discarded == [([6], EXHAUSTED, 4)]


def test_without_bisecting_the_neighbours_go_too() -> None:
    world = run(reporting(2), batch(1, 2, 3), report_batch_item_failures=True, maximum_retry_attempts=1)
    assert world.sent == [[1, 2, 3], [2, 3], [2, 3]]
    assert world.discarded == [([2, 3], EXHAUSTED, 2)]


def test_bisecting_and_reporting() -> None:
    """The batch is bisected at the returned number; where that is the first, in two halves, and 2 goes alone."""
    settings: dict[str, Any] = {"report_batch_item_failures": True, "maximum_retry_attempts": 1, "bisect": True}
    world = run(reporting(2), batch(1, 2, 3), **settings)
    assert world.sent == [[1, 2, 3], [2, 3], [2], [2], [3]]
    assert world.discarded == [([2], EXHAUSTED, 2)]


def test_bisecting() -> None:
    """Splitting consumes no retry, so it goes on to single records also without any."""
    world = run(raising(3), batch(1, 2, 3, 4), bisect=True, maximum_retry_attempts=0)
    assert world.waits == []
    assert world.sent == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]
    assert world.discarded == [([3], EXHAUSTED, 1)]


def test_errors_bisect_whatever_is_reported() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html (Bisecting a batch)."""
    settings: dict[str, Any] = {"report_batch_item_failures": True, "maximum_retry_attempts": 0, "bisect": True}
    assert run(raising(4), batch(1, 2, 3, 4), **settings).sent == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]


def test_whole_batch_is_retried() -> None:
    world = run(raising(2), batch(1, 2, 3), maximum_retry_attempts=2)
    assert world.sent == [[1, 2, 3]] * 3
    assert world.discarded == [([1, 2, 3], EXHAUSTED, 3)]


def test_retried_for_ever() -> None:
    world = run(raising(1), batch(1, 2), world={"stop_after": 50})
    assert world.sent == [[1, 2]] * 50
    assert world.settled == []


def test_too_old_before_it_is_sent() -> None:
    """What is young enough is sent; records arrive at the second of their number."""
    world = run(reporting(), batch(1, 2, 100), world={"clock": 120}, maximum_record_age=60)
    assert world.sent == [[100]]
    assert world.discarded == [([1, 2], "RecordAgeExceeded", 0)]
    assert world.settled == [1, 2, 100]


def test_too_old_while_retrying() -> None:
    world = run(raising(10, 30), batch(10, 30), world={"clock": 40, "step": 15}, maximum_record_age=60)
    assert world.sent == [[10, 30], [10, 30], [10, 30], [30]]
    assert world.discarded == [([10], "RecordAgeExceeded", 3), ([30], "RecordAgeExceeded", 1)]


def test_stopped() -> None:
    """What was neither done nor discarded is to be read again."""
    world = run(reporting(3), batch(1, 2, 3, 4), world={"stop_after": 2}, report_batch_item_failures=True)
    assert world.sent == [[1, 2, 3, 4], [3, 4]]
    assert world.settled == [1, 2]


@dataclass
class Shop:
    """A function of one of four kinds, which notes each record when it processes it.

    Args:
        poison: the records that never work.
        reports: whether it reports failures, or raises.
        stops: whether it stops at the first failure.
    """

    poison: set[int]
    reports: bool
    stops: bool
    processed: list[int] = field(default_factory=list)

    def __call__(self, records: list[int]) -> list[int] | Exception:
        failed: list[int] = []
        for number in records:
            if number not in self.poison:
                self.processed.append(number)
                continue
            failed.append(number)
            if self.stops:
                break
        return ValueError() if failed and not self.reports else failed


@given(
    size=st.integers(1, 40),
    poison=st.sets(st.integers(0, 39)),
    reports=st.booleans(),
    stops=st.booleans(),
    retries=st.integers(0, 3),
)
def test_any_poison(size: int, poison: set[int], reports: bool, stops: bool, retries: int) -> None:
    """With bisecting each good record is processed, in order, each bad one discarded alone, and nothing blocks."""
    shop = Shop(poison, reports, stops)
    settings: dict[str, Any] = {
        "bisect": True,
        "maximum_retry_attempts": retries,
        "report_batch_item_failures": reports,
    }
    world = run(shop, batch(*range(size)), **settings)
    assert world.settled == list(range(size))
    bad = sorted(poison & set(range(size)))
    assert [records for records, _, _ in world.discarded] == [[number] for number in bad]
    assert {times for _, _, times in world.discarded} <= {retries + 1}
    first_times = list(dict.fromkeys(shop.processed))
    assert sorted(first_times) == [number for number in range(size) if number not in bad]
    if stops or not bad:
        assert first_times == sorted(first_times)
    # A bad record costs at most two splits for each halving, its tries, and one checkpoint.
    assert len(world.sent) <= 1 + len(bad) * (2 * size.bit_length() + retries + 2)


@given(size=st.integers(1, 40), poison=st.sets(st.integers(0, 39)), stops=st.booleans(), retries=st.integers(0, 3))
def test_any_poison_without_bisecting(size: int, poison: set[int], stops: bool, retries: int) -> None:
    """Each record is settled once and in order, and each bad one is in one discarded range."""
    settings: dict[str, Any] = {"maximum_retry_attempts": retries, "report_batch_item_failures": True}
    world = run(Shop(poison, True, stops), batch(*range(size)), **settings)
    assert world.settled == list(range(size))
    ranges = [number for records, _, _ in world.discarded for number in records]
    assert len(ranges) == len(set(ranges))
    assert poison & set(range(size)) <= set(ranges)
    assert all(records == list(range(records[0], records[-1] + 1)) for records, _, _ in world.discarded)


@given(size=st.integers(1, 40), tries=st.dictionaries(st.integers(0, 39), st.integers(0, 3)), reports=st.booleans())
def test_what_works_in_time_is_not_discarded(size: int, tries: dict[int, int], reports: bool) -> None:
    """A record that fails no more often than it may be retried, is not lost."""
    left = dict(tries)

    def flaky(records: list[int]) -> list[int] | Exception:
        failed = [number for number in records if left.get(number, 0) > 0]
        left.update({number: left[number] - 1 for number in failed})
        return failed if reports or not failed else ValueError()

    settings: dict[str, Any] = {"bisect": True, "maximum_retry_attempts": 3, "report_batch_item_failures": reports}
    world = run(flaky, batch(*range(size)), **settings)
    assert world.discarded == []
    assert world.settled == list(range(size))


@pytest.mark.parametrize("stop_after", range(1, 12))
def test_stopped_anywhere(stop_after: int) -> None:
    """What is settled is always the beginning, so that the position after it is where to go on."""
    settings: dict[str, Any] = {"bisect": True, "maximum_retry_attempts": 2, "report_batch_item_failures": True}
    world = run(reporting(1, 3), batch(*range(5)), world={"stop_after": stop_after}, **settings)
    assert world.settled == list(range(len(world.settled)))
