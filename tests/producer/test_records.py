"""Events as records: keys, numbers, seeds, and the share of malformed ones."""

import json
import re
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer import records as event_records
from producer import response_pool
from producer.keyed_queue import Record


def first(count: int, seed: int, bad_ratio: float = 0.0) -> list[Record]:
    return list(islice(event_records.records(seed, bad_ratio), count))


def but_for_time(records: list[Record]) -> list[Record]:
    return [record._replace(data=re.sub(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z", b"", record.data)) for record in records]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 1.0]))
def test_same_seed_same_records(seed: int, bad_ratio: float) -> None:
    assert but_for_time(first(50, seed, bad_ratio)) == but_for_time(first(50, seed, bad_ratio))


def test_good_records() -> None:
    records = first(300, 1)
    assert [record.number for record in records] == list(range(1, 301))
    for record in records:
        assert record.key == f"path#{json.loads(record.data)['path']}"


def test_the_ratio_changes_no_other_record() -> None:
    good, mixed = but_for_time(first(2000, 4)), but_for_time(first(2000, 4, 0.1))
    bad = [one for one, other in zip(good, mixed, strict=True) if one != other]
    assert 150 < len(bad) < 250
    assert [record.key for record in good] == [record.key for record in mixed]


def test_all_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_pool, "now", lambda: "2026-01-05T09:00:00.000Z")
    assert all(one.data != other.data for one, other in zip(first(100, 2), first(100, 2, 1.0), strict=True))
