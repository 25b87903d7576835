"""A reconciliation that closes, and each thing that can be missing or too much in it."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from local.pipeline import reconcile
from local.pipeline.phone import Message
from local.pipeline.reconcile import Evidence, Policy, Record

ARRIVED = datetime(2026, 1, 5, 9, tzinfo=UTC)
TS = "2026-01-05T09:00:00.000Z"


def event(**fields: Any) -> bytes:
    return json.dumps(
        {"type": "inventory", "path": "/inventory/A", "timestamp": TS, "product_id": "A"} | fields
    ).encode()


DATA = [event(inventory=30, price=1.5), event(inventory=3), b"{} inventory", event(inventory=2)]
SOURCE = [Record("shard-0", number, "key", data, ARRIVED) for number, data in enumerate(DATA, 1)]


def complete() -> Evidence:
    items = [reconcile.item(record) for record in SOURCE]
    return Evidence(
        sent=[(record.shard, record.sequence_number, record.data) for record in SOURCE],
        given_up=0,
        source=list(SOURCE),
        items={(item["pk"], item["sk"]): item for item in items if item},
        failed={("shard-0", 3)},
        messages=[
            Message(f"ALERTA: A bajo inventario ({stock})", "A", stock, TS, 1767603600000 + stock * 100)
            for stock in (3, 2)
        ],
        dead_letters=[("not_a_json_object", "{} inventory")],
        lost_alerts=0,
    )


def test_it_closes() -> None:
    result = reconcile.reconcile(complete(), Policy(10, "every", 0))
    assert result.differences == []
    assert (result.kept, result.refused, result.failed, result.alerts, result.dead_letters) == (3, 1, 0, 2, 1)
    assert [wait for _, wait in result.latencies] == [300, 200]
    assert result.latency(50) == 0.25


def test_latency_after_the_start() -> None:
    result = reconcile.Result(latencies=[(1_000, 3_000), (10_999, 2_000), (11_000, 500), (30_000, 700)])
    assert result.latency(50, after=10) == 0.6
    assert result.latency(100 - 1) > 2.9
    assert reconcile.Result().latency(99, after=10) == 0


def test_an_item_is_the_event() -> None:
    assert reconcile.item(SOURCE[0]) == {
        "type": "inventory",
        "path": "/inventory/A",
        "timestamp": TS,
        "product_id": "A",
        "inventory": Decimal(30),
        "price": Decimal("1.5"),
        "pk": "path#/inventory/A",
        "sk": f"{TS}#1",
    }


def test_crossing_wants_one_alert() -> None:
    evidence = complete()
    evidence.messages.pop()
    assert reconcile.reconcile(evidence, Policy(10, "crossing", 0)).differences == []
    differences = reconcile.reconcile(complete(), Policy(10, "crossing", 0)).differences
    assert differences == [f"alert: ('A', 2, '{TS}'): a message, and no event for it"]


def drop_item(evidence: Evidence) -> None:
    evidence.items.popitem()


def change_item(evidence: Evidence) -> None:
    next(iter(evidence.items.values()))["price"] = Decimal(2)


def add_item(evidence: Evidence) -> None:
    evidence.items["path#/", "x"] = {"pk": "path#/", "sk": "x"}


def lose_event(evidence: Evidence) -> None:
    evidence.sent.append(("shard-0", 9, b"{}"))


def send_other_bytes(evidence: Evidence) -> None:
    evidence.sent[0] = ("shard-0", 1, b"{}")


def send_twice(evidence: Evidence) -> None:
    evidence.sent.append(evidence.sent[0])


def text_another(evidence: Evidence) -> None:
    evidence.messages[0] = dataclasses.replace(evidence.messages[0], text="ALERTA: B bajo inventario (9)")


def find_event(evidence: Evidence) -> None:
    del evidence.sent[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop_item, "event: shard-0 4 (key 'key'): not in the table, nor in the bucket of failures"),
        (change_item, "event: shard-0 1 (key 'key'): its item differs from it"),
        (add_item, "item: path#/ x: in the table, and of no event"),
        (lose_event, "event: shard-0 9: sent, and not in the stream"),
        (send_other_bytes, "event: shard-0 1: the stream holds other bytes than were sent"),
        (send_twice, "event: shard-0 1: sent, and not in the stream"),
        (
            text_another,
            f"alert: ('A', 3, '{TS}'): the text is 'ALERTA: B bajo inventario (9)', "
            "expected 'ALERTA: A bajo inventario (3)'",
        ),
        (lambda e: setattr(e, "given_up", 2), "events: 2 given up: the stream did not take them"),
        (find_event, "event: shard-0 1: in the stream, and not sent"),
        (lambda e: e.failed.clear(), "event: shard-0 3 (key 'key'): not in the table, nor in the bucket of failures"),
        (lambda e: e.messages.pop(), f"alert: ('A', 2, '{TS}'): no message"),
        (lambda e: e.messages.append(e.messages[0]), f"alert: ('A', 3, '{TS}'): 2 messages"),
        (
            lambda e: e.messages.append(
                dataclasses.replace(e.messages[0], inventory=7, text="ALERTA: A bajo inventario (7)")
            ),
            f"alert: ('A', 7, '{TS}'): a message, and no event for it",
        ),
        (lambda e: e.dead_letters.clear(), "dead letter: not_a_json_object '{} inventory': 1 missing"),
        (lambda e: e.dead_letters.append(("not_utf8", "x")), "dead letter: not_utf8 'x': of no record"),
        (lambda e: setattr(e, "lost_alerts", 2), "alerts: 2 in the bucket of failures"),
    ],
)
def test_difference(change: Callable[[Evidence], None], expected: str) -> None:
    evidence = complete()
    change(evidence)
    assert reconcile.reconcile(evidence, Policy(10, "every", 0)).differences == [expected]


def test_events_that_failed_are_told_from_records_that_are_none() -> None:
    evidence = complete()
    evidence.items.clear()
    evidence.failed = {("shard-0", number) for number in range(1, 5)}
    result = reconcile.reconcile(evidence, Policy(10, "every", 0))
    assert (result.kept, result.refused, result.failed, result.differences) == (0, 1, 3, [])


def test_a_second_dead_letter_of_a_record_is_none() -> None:
    evidence = complete()
    evidence.dead_letters *= 2
    assert reconcile.reconcile(evidence, Policy(10, "every", 0)).differences == []
