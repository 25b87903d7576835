"""Alert when a product's inventory falls below its threshold: from the settings to a submitted Flink job.

    python jobs/low_inventory.py                       reads files (by default the bundled sample) and ends
    python jobs/low_inventory.py --properties FILE     reads and writes Kinesis streams until it is stopped

Amazon Managed Service for Apache Flink, like any cluster, runs this file with `flink run`. What the job does with a
record is SQL: `reading.sql` turns a record into fields or a dead letter, `low_inventory.sql` is the rule for alerts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alerting import jvm, options, run, sql, terminal
from alerting.settings import AlertSettings, Tables

if TYPE_CHECKING:
    from pyflink.table import TableResult


def submit(alerts: AlertSettings, tables: Tables, config: Mapping[str, str]) -> "TableResult":
    """Create the table that is read, the views of the SQL and the tables that they fill, and submit the job.

    Args:
        alerts: the rule's settings, put into the SQL as literals.
        tables: the connector options of the tables `events`, `alerts` and `dead_letters`.
        config: Flink's configuration, besides what the SQL relies on.
    """
    # This imports PyFlink, which takes seconds; a mistake in the settings has been reported before.
    from alerting import plan

    with jvm.one_java_thread():
        t_env = plan.environment(alerts, config)
        plan.create_source(t_env, tables)
        plan.create_views(t_env, sql.views(alerts, tables))
        return plan.statements(t_env, tables, alerts.policy).execute()


def main(arguments: list[str]) -> None:
    """Run the job as the command line and the property file say."""
    given = options.read(arguments)
    if given.streams and given.connector:
        run.on_streams(given, given.streams, given.connector, submit)
    else:
        run.on_files(given, submit)


if __name__ == "__main__":
    terminal.run(main)
