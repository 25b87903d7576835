"""The job's tables and views in Flink: `events` in, `alerts` and `dead_letters` out.

Tables are made from descriptors and not from SQL text, so that no setting can become SQL.
"""

from collections.abc import Mapping, Sequence

from pyflink.table import DataTypes, EnvironmentSettings, Schema, StatementSet, TableDescriptor, TableEnvironment

from .settings import AlertSettings, Tables

_TEXT = DataTypes.STRING()
_ALERT = {"product_id": _TEXT, "inventory": DataTypes.INT(), "ts": _TEXT, "reason": _TEXT}
_DEAD_LETTER = {"reason": _TEXT, "payload": _TEXT, "failed_at": _TEXT}


def environment(alerts: AlertSettings, config: Mapping[str, str]) -> TableEnvironment:
    """A table environment in streaming mode, configured as given and with what the SQL relies on."""
    t_env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    needed = {
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": alerts.state_ttl,
        # Both sinks read one view; with this it is planned, and so computed, once.
        "table.optimizer.reuse-optimize-block-with-digest-enabled": "true",
        # No operator here keeps or changes a row that it was given, so Flink need not copy each row between them.
        "pipeline.object-reuse": "true",
    }
    for key, value in {**config, **needed}.items():
        t_env.get_config().set(key, value)
    return t_env


def create_tables(t_env: TableEnvironment, tables: Tables) -> None:
    """Create the tables `events`, `alerts` and `dead_letters`."""
    events = _schema({"record": _TEXT}).column_by_expression("seen_at", "PROCTIME()")
    _create(t_env, "events", tables.events, events)
    _create(t_env, "alerts", tables.alerts, _schema(_ALERT), tables.alerts_key)
    _create(t_env, "dead_letters", tables.dead_letters, _schema(_DEAD_LETTER))


def statements(t_env: TableEnvironment, views: Mapping[str, str], inserts: Sequence[str]) -> StatementSet:
    """Create the views from their queries, in order, and return the INSERT statements as one job, ready to execute."""
    for name, query in views.items():
        # CREATE VIEW would have the statement of each sink translate the query anew, and nothing would be shared.
        t_env.create_temporary_view(name, t_env.sql_query(query))
    job = t_env.create_statement_set()
    for insert in inserts:
        job.add_insert_sql(insert)
    return job


def _schema(columns: Mapping[str, object]) -> Schema.Builder:
    builder = Schema.new_builder()
    for name, kind in columns.items():
        builder = builder.column(name, kind)
    return builder


def _create(
    t_env: TableEnvironment, name: str, options: Mapping[str, str], schema: Schema.Builder, key: str | None = None
) -> None:
    descriptor = TableDescriptor.for_connector(options["connector"]).schema(schema.build())
    if key is not None:
        descriptor = descriptor.partitioned_by(key)
    for option, value in options.items():
        if option != "connector":
            descriptor = descriptor.option(option, value)
    t_env.create_temporary_table(name, descriptor.build())
