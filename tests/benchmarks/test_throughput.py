"""What the benchmark makes of its measurements, and that the rule as one would write it in Python is the rule."""

import json

import pytest

from benchmarks import throughput
from benchmarks.systems import handwritten
from benchmarks.throughput import Cost
from tests.contract_cases import event


def test_ratio_is_taken_within_a_round() -> None:
    base, own = throughput.SYSTEMS[0], throughput.SYSTEMS[2]
    rounds = {base.name: [Cost(1, 2), Cost(10, 20), Cost(2, 4)], own.name: [Cost(3, 4), Cost(10, 5), Cost(4, 8)]}
    _, row = throughput.results(rounds, [base, own])
    assert row["baseline"] == base.name
    assert (row["ratio_least"], row["ratio"], row["ratio_most"]) == (1, 2, 3)
    assert (row["cpu_us_per_event"], row["events_per_second"]) == (4, 200_000)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (event(inventory=9), "LOW_STOCK"),
        (event(inventory=10), None),
        (event(type="request"), None),
        (event(inventory="x"), "bad_field"),
        (event()[:-1], "not_a_json_object"),
    ],
)
def test_handwritten_rule(line: bytes, reason: str | None) -> None:
    results = [json.loads(result)["reason"] for result in handwritten.judged([line], json.loads, json.dumps)]
    assert results == ([reason] if reason else [])
