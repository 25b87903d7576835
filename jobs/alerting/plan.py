"""The job's tables: `events` in, `alerts` and `dead_letters` out. Descriptors, so no setting becomes SQL text."""

from collections.abc import Mapping

from pyflink.table import DataTypes, Schema, StatementSet, TableDescriptor, TableEnvironment

from . import sql
from .settings import AlertSettings


def _create(
    t_env: TableEnvironment, name: str, options: Mapping[str, str], schema: Schema, key: str | None = None
) -> None:
    descriptor = TableDescriptor.for_connector(options["connector"]).schema(schema)
    if key is not None:
        descriptor = descriptor.partitioned_by(key)
    for option, value in options.items():
        if option != "connector":
            descriptor = descriptor.option(option, value)
    t_env.create_temporary_table(name, descriptor.build())


def _schema(columns: Mapping[str, object]) -> Schema.Builder:
    builder = Schema.new_builder()
    for name, kind in columns.items():
        builder = builder.column(name, kind)
    return builder


def plan(
    t_env: TableEnvironment,
    alerts: AlertSettings,
    source: Mapping[str, str],
    alerts_sink: Mapping[str, str],
    dead_letters_sink: Mapping[str, str],
    payload_bytes: int,
) -> StatementSet:
    """Create the tables and views, and return the job, ready to execute.

    Args:
        t_env: a table environment in streaming mode; its configuration gets what the SQL relies on.
        alerts: thresholds and policy.
        source: connector options of `events`, format `raw`.
        alerts_sink: connector options of `alerts`; on Kinesis the product is the partition key.
        dead_letters_sink: connector options of `dead_letters`.
        payload_bytes: the most bytes that the JSON text of a dead letter's payload may have.
    """
    config = t_env.get_config()
    config.set("table.local-time-zone", "UTC")
    config.set("table.exec.state.ttl", alerts.state_ttl)
    # Both sinks read one view; this has it planned, and so computed, once.
    config.set("table.optimizer.reuse-optimize-block-with-digest-enabled", "true")
    # No operator here keeps or changes a row it was handed, so Flink need not copy each one between them.
    config.set("pipeline.object-reuse", "true")
    text = DataTypes.STRING()
    events = _schema({"record": text}).column_by_expression("seen_at", "PROCTIME()").build()
    _create(t_env, "events", source, events)
    key = "product_id" if alerts_sink["connector"] == "kinesis" else None
    alert = {"product_id": text, "inventory": DataTypes.INT(), "ts": text, "reason": text}
    _create(t_env, "alerts", alerts_sink, _schema(alert).build(), key)
    dead_letter = {"reason": text, "payload": text, "failed_at": text}
    _create(t_env, "dead_letters", dead_letters_sink, _schema(dead_letter).build())
    for name, query in sql.views(alerts, payload_bytes).items():
        # CREATE VIEW would have each sink's statement translate the query anew, and nothing be shared.
        t_env.create_temporary_view(name, t_env.sql_query(query))
    job = t_env.create_statement_set()
    for insert in sql.inserts(alerts.policy):
        job.add_insert_sql(insert)
    return job
