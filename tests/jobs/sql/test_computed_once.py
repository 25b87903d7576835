"""Flink's plan computes once what reading.sql says is computed once; twice would be right too, but slow."""

import re
from pathlib import Path

import pytest

from jobs.alerting import files, settings, sql
from jobs.alerting.settings import AlertSettings, Tables


@pytest.mark.parametrize("policy", settings.POLICIES)
def test_no_guarded_column_is_copied(jvm: Path, policy: str) -> None:
    from jobs.alerting import plan

    alerts, nowhere = AlertSettings(policy=policy), {"connector": "blackhole"}
    tables = Tables(files.source_options(jvm), nowhere, nowhere, None, payload_bytes=100)
    t_env = plan.environment(alerts, {})
    plan.create_source(t_env, tables)
    views = sql.views(alerts, tables)
    plan.create_views(t_env, views)
    _, executed = plan.statements(t_env, tables, policy).explain().split("== Optimized Execution Plan ==")
    guarded = sum(query.count("RAND()") for query in views.values())
    assert guarded == 4
    assert executed.count("RAND()") == guarded
    # What Flink copies for each of the two views below it.
    shared = next(line for line in executed.splitlines() if line.endswith("(reuse_id=[1])"))
    columns = "product_id, inventory, ts, null:VARCHAR(2147483647) AS sequence_number, seen_at, is_inventory"
    assert shared.startswith(f"Calc(select=[{columns}, null:VARCHAR(2147483647) AS event, CASE(")
    assert re.findall(r"\) AS (\w+)", shared) == ["sequence_number", "event", "record", "reason"]
