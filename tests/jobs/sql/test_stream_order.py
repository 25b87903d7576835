"""Policy `crossing` where events are read out of the stream's order, as connector 4.x reads them around a reshard."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.alerting import files, plan, sql
from jobs.alerting.settings import AlertSettings

ALERTS = AlertSettings(policy="crossing", rearm_margin=5)
# Numbers of different lengths, as long as AWS's: compared as text alone, 9… would be above 10….
PLACES = [int("9" * 55) - 4 + step for step in range(12)]

Seen = list[tuple[int, int]]
"""The events of a product as they are read: the place in the stream, from 0, and the inventory."""


def alerts_of(seen: dict[str, Seen], folder: Path) -> dict[str, list[int]]:
    """The inventories that the job alerts on, by product, with sequence numbers from the events themselves."""
    lines = []
    for product, events in seen.items():
        for place, inventory in events:
            event = {"type": "inventory", "product_id": product, "inventory": inventory, "n": str(PLACES[place])}
            lines.append(json.dumps(event | {"timestamp": "2026-01-05T09:00:00.000Z"}).encode() + b"\n")
    source = folder / "records"
    source.write_bytes(b"".join(lines))
    tables, written = files.tables(folder, files.scan([source], "records"), in_order=True)
    t_env = plan.environment(ALERTS, {"parallelism.default": "1"})
    options = ", ".join(f"'{key}' = '{value}'" for key, value in tables.events.items())
    t_env.execute_sql(
        "CREATE TEMPORARY TABLE events (record STRING, seen_at AS PROCTIME(), "
        f"sequence_number AS JSON_VALUE(record, '$.n')) WITH ({options})"
    )
    plan.create_views(t_env, sql.views(ALERTS, replace(tables, sequence_numbers=True)))
    plan.statements(t_env, tables, ALERTS.policy).execute().wait()
    rows = [json.loads(line) for line in files.lines(written.alerts)]
    return {product: [row["inventory"] for row in rows if row["product_id"] == product] for product in seen}


def expected(events: Seen) -> list[int]:
    """What the policy says of the events that are not older than the newest one seen."""
    newest, low, alerts = -1, False, []
    for place, inventory in events:
        if place < newest:
            continue
        newest = place
        if inventory < ALERTS.threshold:
            alerts += [] if low else [inventory]
            low = True
        elif inventory >= ALERTS.threshold + ALERTS.rearm_margin:
            low = False
    return alerts


CASES: dict[str, tuple[Seen, list[int]]] = {
    "in order": ([(0, 20), (1, 9), (2, 8), (3, 15), (4, 7)], [9, 7]),
    "an older one does not raise": ([(0, 20), (3, 30), (1, 9), (2, 8), (4, 30)], []),
    "an older one does not rearm": ([(2, 9), (0, 20), (1, 15), (3, 8)], [9]),
    "between the lines, and newest": ([(0, 20), (2, 12), (1, 9)], []),
    "the newest is below": ([(0, 9), (5, 20), (1, 8), (6, 9)], [9, 9]),
    "longer numbers are larger": ([(3, 20), (4, 20), (5, 9), (4, 20), (6, 8)], [9]),
}


@pytest.mark.usefixtures("jvm")
def test_cases(tmp_path: Path) -> None:
    assert {name: expected(seen) for name, (seen, _) in CASES.items()} == {
        name: told for name, (_, told) in CASES.items()
    }
    seen = {name: seen for name, (seen, _) in CASES.items()}
    assert alerts_of(seen, tmp_path) == {name: alerts for name, (_, alerts) in CASES.items()}


events = st.lists(st.tuples(st.integers(0, 11), st.integers(5, 18)), unique_by=lambda event: event[0])


@pytest.mark.usefixtures("jvm")
@hypothesis_settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), events, min_size=40, max_size=80))
def test_any_order(tmp_path_factory: pytest.TempPathFactory, seen: dict[str, Seen]) -> None:
    result = alerts_of(seen, tmp_path_factory.mktemp("order"))
    assert result == {product: expected(events) for product, events in seen.items()}
    for product, events in seen.items():
        if events and max(events, key=lambda event: event[0])[1] < ALERTS.threshold:
            assert result[product], "the newest event is below, and there was no alert"
