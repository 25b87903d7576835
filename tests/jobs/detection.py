"""Runs the job's SQL inside the session's JVM, as `low_inventory.py` does."""

from collections.abc import Callable, Mapping
from typing import Any

from jobs.alerting import jvm, plan, sql
from jobs.alerting.settings import AlertSettings, Tables

Rows = list[dict[str, Any]]
Detect = Callable[..., tuple[Rows, Rows]]
"""`detect(records, **alert settings)` gives alerts and dead letters, in the order of their records."""


@jvm.one_java_thread()
def submit(alerts: AlertSettings, tables: Tables, config: Mapping[str, str]) -> Any:
    """Submit the job; the script itself cannot be imported, since it names its package as a script does."""
    t_env = plan.environment(alerts, config)
    plan.create_source(t_env, tables)
    plan.create_views(t_env, sql.views(alerts, tables))
    return plan.statements(t_env, tables, alerts.policy).execute()
