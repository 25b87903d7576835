"""The prefilter drops no record that matters: with it and without it, the job says the same.

It drops records by their text, before the rule in low_inventory.sql sees them, so a changed rule may need another line
`-- certainly not low`. The records here are around every threshold, and fall and rise by little and by much.
"""

import json
import random
from collections import Counter
from typing import Any

import pytest

from jobs.alerting import settings, sql
from jobs.alerting.settings import AlertSettings, SettingsError, Tables
from tests.jobs.detection import Detect

THRESHOLDS = {"A": 25, "B": 3}
DEFAULT = 10


def event(number: int, product: str, inventory: int) -> bytes:
    """An event with `type` first or last, and with a few fields more that a rule might use."""
    fields = {
        "path": f"/inventory/{product}",
        "product_id": product,
        "inventory": inventory,
        "last_inventory": inventory * 3,
        "warehouse": "north",
        "timestamp": f"2026-01-05T09:{number // 60 % 60:02}:{number % 60:02}.000Z",
    }
    ordered: dict[str, Any] = {"type": "inventory"} | fields if number % 2 else fields | {"type": "inventory"}
    return json.dumps(ordered, separators=(",", ":") if number % 3 == 0 else None).encode()


def records() -> list[bytes]:
    """Each threshold and its neighbours twice, then 300 steps of three products."""
    chance = random.Random(1)
    around = [(product, THRESHOLDS.get(product, DEFAULT) + step) for product in "ABC" for step in range(-2, 3)]
    steps = [(chance.choice("ABC"), chance.choice([chance.randint(0, 40), chance.randint(0, 400)])) for _ in range(300)]
    both_orders = [pair for pair in around for _ in range(2)]
    return [event(number, product, inventory) for number, (product, inventory) in enumerate(both_orders + steps)]


@pytest.mark.parametrize("policy", settings.POLICIES)
def test_same_with_and_without(detect: Detect, policy: str) -> None:
    batch = records()
    common: dict[str, Any] = {"threshold": DEFAULT, "thresholds": THRESHOLDS, "policy": policy, "rearm_margin": 5}
    without, _ = detect(batch, prefilter=False, **common)
    with_it, dead_letters = detect(batch, **common)
    # A rule of several parts gives them in any order.
    lost = Counter(map(json.dumps, without)) - Counter(map(json.dumps, with_it))
    same = Counter(map(json.dumps, with_it)) == Counter(map(json.dumps, without))
    assert same, (
        f"the prefilter loses {lost.total()} of {len(without)} alerts of the policy {policy}, such as "
        f"{list(lost)[:1]}: "
        f"in jobs/low_inventory.sql, change the line `-- certainly not low` of alerts_{policy} to what the rule now "
        "never alerts on, or to none (docs/changing-the-rule.md)"
    )
    assert dead_letters == []
    assert len(without) > 20


def test_every_policy_says_what_is_certainly_not_low(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    rule = tmp_path / sql.RULE.name
    rule.write_text(sql.RULE.read_text().replace("inventory >= threshold\nCREATE", "inventory >= 10\nCREATE"))
    monkeypatch.setattr(sql, "RULE", rule)
    with pytest.raises(SettingsError, match=r"low_inventory.sql: alerts_every: expected `-- certainly not low: `"):
        sql.views(AlertSettings(), Tables({}, {}, {}, None, 100))
