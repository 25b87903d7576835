"""Events as records: keys, numbers, seeds, and the share of malformed ones."""

import json
import re
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from producer import records as event_records
from producer.keyed_queue import Record
from producer.malformed import KINDS


def first(count: int, seed: int, bad_ratio: float = 0.0) -> list[Record]:
    return list(islice(event_records.records(seed, bad_ratio), count))


def but_for_time(records: list[Record]) -> list[Record]:
    return [record._replace(data=re.sub(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z", b"", record.data)) for record in records]


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 1.0]))
def test_same_seed_same_records(seed: int, bad_ratio: float) -> None:
    assert but_for_time(first(50, seed, bad_ratio)) == but_for_time(first(50, seed, bad_ratio))


def test_good_records() -> None:
    records = first(300, 1)
    assert [record.number for record in records] == list(range(1, 301))
    for record in records:
        assert record.kind is None
        assert record.key == f"path#{json.loads(record.data)['path']}"


def test_the_ratio_changes_no_other_record() -> None:
    good, mixed = but_for_time(first(2000, 4)), but_for_time(first(2000, 4, 0.1))
    bad = [record for record in mixed if record.kind]
    assert {record.kind for record in bad} == set(KINDS)
    assert 150 < len(bad) < 250
    for one, other in zip(good, mixed, strict=True):
        assert one.key == other.key
        assert other.kind or one == other


def test_all_malformed() -> None:
    assert all(record.kind for record in first(100, 2, 1.0))
