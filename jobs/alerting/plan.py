"""The job in Flink: the table `events`, the views of the SQL, and the tables `alerts` and `dead_letters`.

Tables are made from descriptors and not from SQL text, so that no setting can become SQL.
"""

from collections.abc import Mapping

from pyflink.table import DataTypes, EnvironmentSettings, Schema, StatementSet, TableDescriptor, TableEnvironment
from pyflink.table.types import CharType

from .settings import AlertSettings, Tables


def environment(alerts: AlertSettings, config: Mapping[str, str]) -> TableEnvironment:
    """A table environment in streaming mode, configured as given and with what the SQL relies on, and a job's name."""
    t_env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    needed = {
        "pipeline.name": "low_inventory",
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


def create_source(t_env: TableEnvironment, tables: Tables) -> None:
    """Create the table `events`."""
    schema = Schema.new_builder().column("record", DataTypes.STRING()).column_by_expression("seen_at", "PROCTIME()")
    if tables.sequence_numbers:
        schema = schema.column_by_metadata("sequence_number", DataTypes.STRING(), "sequence-number", True)
    else:
        schema = schema.column_by_expression("sequence_number", "CAST(NULL AS STRING)")
    _create(t_env, "events", tables.events, schema)


def create_views(t_env: TableEnvironment, views: Mapping[str, str]) -> None:
    """Create views from their queries, in order.

    `CREATE VIEW` would have the statement of each sink translate the query anew, and nothing would be shared.
    """
    for name, query in views.items():
        t_env.create_temporary_view(name, t_env.sql_query(query))


def statements(t_env: TableEnvironment, tables: Tables, policy: str) -> StatementSet:
    """Create the tables `alerts` and `dead_letters`, with the columns of the views that fill them, and return the two
    INSERT statements as one job, ready to execute."""
    job = t_env.create_statement_set()
    for name, options, view in (
        ("alerts", tables.alerts, f"alerts_{policy}"),
        ("dead_letters", tables.dead_letters, "refused"),
    ):
        columns, schema = t_env.from_path(view).get_schema(), Schema.new_builder()
        for column, kind in zip(columns.get_field_names(), columns.get_field_data_types(), strict=True):
            # A literal in the SQL is a CHAR of its own length.
            schema = schema.column(column, DataTypes.STRING() if isinstance(kind, CharType) else kind.nullable())
        _create(t_env, name, options, schema, tables.alerts_key if name == "alerts" else None)
        job.add_insert_sql(f"INSERT INTO {name} SELECT * FROM {view}")
    return job


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
