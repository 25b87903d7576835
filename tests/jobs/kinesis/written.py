"""Records of the stream of events, and what the job must write for them."""

import json

from tests.emulated import ALERTS, DEAD_LETTERS, Emulator


def event(product: str, inventory: int) -> bytes:
    """An inventory event."""
    ts = f"2026-01-05T09:00:{inventory % 60:02}.000Z"
    return json.dumps({"type": "inventory", "product_id": product, "inventory": inventory, "timestamp": ts}).encode()


RECORDS = [
    event("A", 3),
    event("A", 30),
    event("it's", 9),
    b'{"type": "request", "path": "/"}',
    b"\xff inventory",
    event("B", 5)[:-1],
    event("B", 5),
    b"x" * 1000,
    b'{"inventory": "' + b"\x01" * 900_000,
]
LOW = {("A", 3), ("it's", 9), ("B", 5)}
REASONS = ["not_a_json_object", "not_a_json_object", "not_utf8"]


def product(record: bytes) -> str:
    """A partition key for each record; the long ones share one."""
    return "p" if len(record) > 500 else record.decode("latin-1")


def arrived(emulator: Emulator) -> bool:
    """Whether as many alerts and dead letters are written as `RECORDS` must give."""
    return len(emulator.rows(ALERTS)) >= len(LOW) and len(emulator.rows(DEAD_LETTERS)) >= len(REASONS)


def check(emulator: Emulator) -> None:
    """Check that the streams hold what `RECORDS` must give, and nothing else."""
    alerts = emulator.read(ALERTS)
    rows = [json.loads(alert["Data"]) for alert in alerts]
    assert sorted((row["product_id"], row["inventory"]) for row in rows) == sorted(LOW)
    assert all(set(row) == {"product_id", "inventory", "ts", "reason"} for row in rows)
    assert [alert["PartitionKey"] for alert in alerts] == [row["product_id"] for row in rows]
    assert sorted(row["reason"] for row in emulator.rows(DEAD_LETTERS)) == REASONS
