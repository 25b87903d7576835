"""Malformed records: what the job and KinesisToDynamo make of each kind."""

import json

import pytest

from local.pipeline import oracle
from producer.malformed import _MAKERS, KINDS, Spoiler
from producer.response_pool import Event

TIME = "2026-01-05T09:00:00.000Z"
INVENTORY: Event = {
    "type": "inventory",
    "path": "/inventory/SKU-0001",
    "timestamp": TIME,
    "product_id": "SKU-0001",
    "inventory": 3,
}
REQUEST: Event = {"type": "request", "path": "/carts/C-0001", "timestamp": TIME, "method": "GET", "status": 200}

# kind → the reason of the job's dead letter when made from an inventory event, and whether the table can keep it
CONTRACT = {
    "not_utf8": ("not_utf8", False),
    "not_a_json_object": ("not_a_json_object", False),
    "bad_product_id": ("bad_product_id", True),
    "bad_inventory": ("bad_inventory", True),
    "bad_timestamp": ("bad_timestamp", True),
    "no_path": (None, False),
    "no_timestamp": ("bad_timestamp", False),
}


def reason(data: bytes) -> str | None:
    _, dead_letters = oracle.judge([data], 10, {}, "every", 0)
    return dead_letters[0][0] if dead_letters else None


def can_be_kept(data: bytes) -> bool:
    try:
        event = json.loads(data.decode())
    except ValueError:
        return False
    return isinstance(event, dict) and all(isinstance(event.get(name), str) for name in ("path", "timestamp"))


def test_contract_has_every_kind() -> None:
    assert set(KINDS) == set(CONTRACT)


@pytest.mark.parametrize("kind", KINDS)
def test_made_from_an_inventory_event(kind: str) -> None:
    before = dict(INVENTORY)
    for make in _MAKERS[kind]:
        data = make(INVENTORY)
        assert (reason(data), can_be_kept(data)) == CONTRACT[kind], data
    assert before == INVENTORY


@pytest.mark.parametrize("kind", ["not_utf8", "not_a_json_object", "no_path", "no_timestamp"])
def test_made_from_a_request_event(kind: str) -> None:
    for make in _MAKERS[kind]:
        data = make(REQUEST)
        assert (reason(data), can_be_kept(data)) == (None, False), data


def test_each_kind_comes_in_turn() -> None:
    spoiler = Spoiler(1)
    assert {spoiler.spoil(INVENTORY)[0] for _ in KINDS} == set(KINDS)
    requests = Spoiler(1)
    assert len({requests.spoil(REQUEST)[0] for _ in range(4)}) == 4
    # What did not suit the requests was used longest ago.
    assert {requests.spoil(INVENTORY)[0] for _ in range(3)} == {"bad_product_id", "bad_inventory", "bad_timestamp"}


def test_same_seed_same_records() -> None:
    first, second = Spoiler(5), Spoiler(5)
    assert [first.spoil(INVENTORY) for _ in range(50)] == [second.spoil(INVENTORY) for _ in range(50)]
