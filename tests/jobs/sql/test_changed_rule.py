"""What docs/changing-the-rule.md promises to whoever changes low_inventory.sql."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.alerting import settings, sql
from tests.jobs.detection import Detect

FIELDS: dict[str, Any] = {
    "warehouse": "north \u00e9",
    "price": 7.5,
    "is_new": True,
    "nothing": None,
    "nested": {"warehouse": "south"},
    "many": [1, 2],
}
EXPECTED = {"warehouse": "north \u00e9", "price": "7.5", "is_new": "true"}


def events(ascii_only: bool) -> list[bytes]:
    """An event in each form that reading.sql tells apart: plain, flat and, with what is nested or not ASCII, JSON."""
    event = {"type": "inventory", "product_id": "A", "inventory": 3, "timestamp": "2026-01-05T09:00:00.000Z"}
    scalars = {name: value for name, value in FIELDS.items() if not isinstance(value, dict | list)}
    fields = {**scalars, "warehouse": "north"} if ascii_only else FIELDS
    return [json.dumps({**event, "product_id": product, **fields}).encode() for product in ("A", 7)]


@pytest.mark.parametrize("policy", settings.POLICIES)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_field_more_in_the_alert(
    detect: Detect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: str, ascii_only: bool
) -> None:
    rule = tmp_path / sql.RULE.name
    columns = ", ".join(f"{{{{field({name})}}}} AS {name}" for name in [*FIELDS, "missing"])
    rule.write_text(sql.RULE.read_text().replace("'LOW_STOCK' AS reason", f"'LOW_STOCK' AS reason, {columns}"))
    monkeypatch.setattr(sql, "RULE", rule)
    alerts, dead_letters = detect(events(ascii_only), policy=policy)
    expected = EXPECTED | ({"warehouse": "north"} if ascii_only else {})
    assert [
        {name: value for name, value in alert.items() if name in [*FIELDS, "missing"] and value is not None}
        for alert in alerts
    ] == [expected, expected]
    assert dead_letters == []
