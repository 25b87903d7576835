"""How fast the job reads, as a ratio to the plain `json` table that the legacy statement would become.

Both read the same files in the same JVM, in turn; the first round warms up and does not count. A time is Flink's own
for the job, from submission to end: planning, some tenths of a second, is left out on both sides.
"""

import argparse
import logging
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import make_events
from jobs.alerting import files, jvm, sql
from jobs.alerting.settings import AlertSettings, Tables

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment, TableResult

BASELINE = "plain json table"


def _environment(parallelism: int) -> "TableEnvironment":
    from pyflink.table import EnvironmentSettings, TableEnvironment

    t_env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    t_env.get_config().set("parallelism.default", str(parallelism))
    return t_env


def _seconds(result: "TableResult") -> float:
    return float(result.get_job_client().get_job_execution_result().result().get_net_runtime()) / 1000


def plain(folder: Path, parallelism: int, object_reuse: bool) -> float:
    """The legacy statement over a `json` table that drops what it cannot read."""
    t_env = _environment(parallelism)
    t_env.get_config().set("pipeline.object-reuse", str(object_reuse).lower())
    t_env.execute_sql(
        "CREATE TEMPORARY TABLE events (type STRING, product_id STRING, inventory INT, `timestamp` STRING) WITH "
        f"('connector' = 'filesystem', 'path' = '{folder}', 'format' = 'json', 'json.ignore-parse-errors' = 'true')"
    )
    t_env.execute_sql(
        "CREATE TEMPORARY TABLE alerts (product_id STRING, inventory INT, ts STRING, reason STRING) WITH "
        "('connector' = 'blackhole')"
    )
    result = t_env.execute_sql(
        "INSERT INTO alerts SELECT product_id, inventory, `timestamp`, 'LOW_STOCK' FROM events "
        "WHERE type = 'inventory' AND inventory < 10"
    )
    return _seconds(result)


def job(folder: Path, parallelism: int, policy: str) -> float:
    """The job as it is, into sinks that cost nothing."""
    from jobs.alerting import plan

    alerts, nowhere = AlertSettings(policy=policy), {"connector": "blackhole"}
    tables = Tables(files.source_options(folder), nowhere, nowhere, None, payload_bytes=900_000)
    t_env = plan.environment(alerts, {"parallelism.default": str(parallelism)})
    plan.create_source(t_env, tables)
    plan.create_views(t_env, sql.views(alerts, tables))
    result = plan.statements(t_env, tables, policy).execute()
    return _seconds(result)


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=2_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--parallelism", type=int, default=2)
    given = options.parse_args()
    # py4j logs every object whose JVM is gone.
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, jvm.jvm({}):
        place = Path(folder)
        print(f"writing {given.events} events, 30 % of them inventory", flush=True)
        lines = make_events.events(given.events)
        for part in range(4):
            place.joinpath(str(part)).write_bytes(b"".join(line + b"\n" for line in lines[part::4]))
        del lines
        runs: dict[str, Callable[[], float]] = {
            BASELINE: lambda: plain(place, given.parallelism, False),
            "plain json table, object reuse": lambda: plain(place, given.parallelism, True),
            "job, policy every": lambda: job(place, given.parallelism, "every"),
            "job, policy crossing": lambda: job(place, given.parallelism, "crossing"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(given.rounds + 1):
            for name, run in runs.items():
                seconds[name].append(run())
                print(f"round {number}: {name}: {seconds[name][-1]:.2f} s", flush=True)
    base = seconds[BASELINE][1:]
    for name, took in seconds.items():
        ratio = statistics.median(b / t for b, t in zip(base, took[1:], strict=True))
        speed = given.events / statistics.median(took[1:]) / 1000
        print(f"{name:32} {speed:6.0f} k events/s, {ratio:.2f} of the baseline (median of {given.rounds})")


if __name__ == "__main__":
    main()
