"""The systems that are Flink SQL: `tables every` and `crossing` are the job, the others what it is measured against."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.systems import serving
from jobs.alerting import files, jvm, sql
from jobs.alerting.settings import POLICIES, AlertSettings, Tables

if TYPE_CHECKING:
    from pyflink.table import TableResult

_NOWHERE = {"connector": "blackhole"}
_CONFIG = {"parallelism.default": "1"}
_JSON = {"format": "json", "json.ignore-parse-errors": "true"}
_FIELDS = "type STRING, product_id STRING, inventory INT, `timestamp` STRING, seen_at AS PROCTIME()"
_SELECT = "SELECT product_id, inventory, `timestamp`, 'LOW_STOCK' FROM"
_ALERT = "product_id STRING, inventory INT, ts STRING, reason STRING"
# A name → the columns of the table `events`, its format, the query, and the columns of what it gives.
_PLAIN = {
    "bytes": ("record BYTES", {"format": "raw"}, "SELECT record FROM events", "record BYTES"),
    "plain": (_FIELDS, _JSON, f"{_SELECT} events WHERE type = 'inventory' AND inventory < 10", _ALERT),
    "lag": (
        _FIELDS,
        _JSON,
        f"{_SELECT} (SELECT *, LAG(inventory < 10) OVER (PARTITION BY product_id ORDER BY seen_at) AS was_low "
        "FROM events WHERE type = 'inventory') WHERE inventory < 10 AND was_low IS NOT TRUE",
        _ALERT,
    ),
}


def plain(name: str, path: str) -> "TableResult":
    """The statement of the legacy application over a table that drops what it cannot read, with LAG, or bytes alone."""
    from pyflink.table import EnvironmentSettings, TableEnvironment

    columns, form, query, written = _PLAIN[name]
    t_env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in _CONFIG.items():
        t_env.get_config().set(key, value)
    options = {"connector": "filesystem", "path": path, **form}
    texts = ", ".join(f"{sql.literal(key)} = {sql.literal(value)}" for key, value in options.items())
    t_env.execute_sql(f"CREATE TEMPORARY TABLE events ({columns}) WITH ({texts})")
    t_env.execute_sql(f"CREATE TEMPORARY TABLE nowhere ({written}) WITH ('connector' = 'blackhole')")
    return t_env.execute_sql(f"INSERT INTO nowhere {query}")


def job(policy: str, path: str) -> "TableResult":
    """The job as it is, into sinks that cost nothing."""
    from jobs.alerting import plan

    alerts = AlertSettings(policy=policy)
    tables = Tables(files.source_options(Path(path)), _NOWHERE, _NOWHERE, None, payload_bytes=900_000)
    t_env = plan.environment(alerts, _CONFIG)
    plan.create_source(t_env, tables)
    plan.create_views(t_env, sql.views(alerts, tables))
    return plan.statements(t_env, tables, policy).execute()


def main() -> None:
    """Read files with the system that the command line names."""
    name = sys.argv[1]
    # py4j logs every object whose JVM is gone.
    logging.disable(logging.CRITICAL)
    with jvm.jvm({}):
        serving.serve(lambda path: (job if name in POLICIES else plain)(name, path).wait())


if __name__ == "__main__":
    main()
