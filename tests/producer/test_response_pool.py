"""The shop: what its events look like, how often they come, and how stock moves."""

import json
import random
import re
from collections import Counter
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.pipeline import oracle
from producer import response_pool

Events = list[dict[str, Any]]


def events(seed: int, count: int) -> Events:
    return list(islice(response_pool.draw(response_pool.get_pool(seed), seed), count))


def but_for_time(some: Events) -> Events:
    return [{name: value for name, value in event.items() if name != "timestamp"} for event in some]


@pytest.fixture(scope="module")
def many() -> Events:
    return events(1, 40_000)


@pytest.mark.parametrize("place", range(len(response_pool.get_pool())))
def test_each_option_gives_events(place: int) -> None:
    option = response_pool.get_pool(1)[place]
    event = option.to_dict()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
    assert event["path"].startswith("/")
    fields = {"type", "path", "timestamp"}
    if event["type"] == "inventory":
        assert event.keys() == fields | {"product_id", "inventory", "cause", "change"}
        assert event["path"] == f"/inventory/{event['product_id']}"
    else:
        assert event["type"] == "request"
        assert event.keys() == fields | {"method", "status", "latency_ms"}
        assert 200 <= event["status"] < 600
        assert event["latency_ms"] >= 1


def test_weights_are_thousandths() -> None:
    assert sum(option.weight for option in response_pool.get_pool()) == 1000


def test_same_seed_same_events() -> None:
    assert but_for_time(events(7, 500)) == but_for_time(events(7, 500))
    assert but_for_time(events(7, 500)) != but_for_time(events(8, 500))


def test_options_come_by_weight(many: Events) -> None:
    assert 0.29 < sum(event["type"] == "inventory" for event in many) / len(many) < 0.31
    assert 0.08 < sum(event["path"].startswith("/search/") for event in many) / len(many) < 0.10


def test_no_path_is_busy(many: Events) -> None:
    _, most = Counter(event["path"] for event in many).most_common(1)[0]
    assert most / len(many) < 0.0045


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_stock_moves_by_what_is_said(seed: int) -> None:
    option = response_pool.InventoryOption(random.Random(seed))
    last: dict[str, int] = {}
    for _ in range(2000):
        event = option.to_dict()
        product, stock, change = event["product_id"], event["inventory"], event["change"]
        assert stock == last.get(product, stock - change) + change
        assert 0 <= stock <= 80
        assert (change < 0) == (event["cause"] == "sale")
        assert change != 0
        last[product] = stock


def test_products_cross_the_threshold_both_ways(many: Events) -> None:
    stocks: dict[str, list[int]] = {}
    for event in many:
        if event["type"] == "inventory":
            stocks.setdefault(event["product_id"], []).append(event["inventory"])
    assert stocks.keys() == set(response_pool.PRODUCTS)
    for product, seen in stocks.items():
        steps = Counter((before < 10, after < 10) for before, after in pairwise(seen))
        assert steps[False, True] >= 2, product
        assert steps[True, False] >= 2, product
    # A margin matters when stock goes just above the threshold and falls again.
    assert any(9 in seen and b in (10, 11) for seen in stocks.values() for a, b in pairwise(seen) if a == 9)


def test_the_job_takes_every_event(many: Events) -> None:
    lines = [json.dumps(event).encode() for event in many]
    every, dead_letters = oracle.judge(lines, 10, {}, "every", 0)
    crossing, _ = oracle.judge(lines, 10, {}, "crossing", 0)
    with_margin, _ = oracle.judge(lines, 10, {}, "crossing", 5)
    assert dead_letters == []
    assert len(every) > len(crossing) > len(with_margin) > len(response_pool.PRODUCTS)
