"""Runs the job over files to their end, or over Kinesis streams until it is stopped."""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from . import files, jvm
from .kinesis import lines, table_options
from .kinesis.connector import Connector
from .options import SAMPLE, Options
from .settings import AlertSettings, SettingsError, Streams, Tables
from .terminal import Clock, counted, say

if TYPE_CHECKING:
    from pyflink.table import TableResult

# Records from which on the JVM's optimizing compiler is worth the time that it takes.
_MANY = 1_000_000

Submit = Callable[[AlertSettings, Tables, Mapping[str, str]], "TableResult"]
"""`submit(alerts, tables, config)` submits the job to Flink."""

# For a run without a cluster; on a cluster these are the cluster's. The job ends after three failures in five minutes,
# since a failure that always comes back (a stream that does not exist) would otherwise never be seen.
_OWN_CONFIG = {
    "execution.checkpointing.interval": "10 s",
    "restart-strategy.type": "failure-rate",
    "restart-strategy.failure-rate.failure-rate-interval": "5 min",
    "restart-strategy.failure-rate.delay": "1 s",
}


def on_files(options: Options, submit: Submit) -> None:
    """Print the alerts of files to stdout when all is read, and write the dead letters to a file."""
    path, named = options.input or SAMPLE, options.dead_letters or Path("dead-letters.jsonl")
    what = "standard input" if path == files.STDIN else str(path)
    piped = files.is_pipe(path)
    found = () if piped else files.find(path)
    with (
        files.Target(named, found, f"--dead-letters {named}") as target,
        tempfile.TemporaryDirectory(prefix="low-inventory-") as folder,
        Clock() as clock,
    ):
        clock.doing(f"reading {what}")
        if piped:
            say(f"{what} is copied to a temporary file first, because Flink reads only files")
            found = (Path(folder, "events"),)
            files.spool(path, found[0])
        events = files.scan(found, what, piped)
        alerts = dead_letters = 0
        if events.records:
            alerts, dead_letters = _detect(options, submit, events, target, clock)
        else:
            clock.done(f"{what}: empty, nothing to do")
            target.fill(None)
        clock.done(f"dead letters are in {named}")
        counts = [(events.records, "record"), (alerts, "alert"), (dead_letters, "dead letter")]
        records, *others = (counted(number, noun) for number, noun in counts)
        clock.done(", ".join([f"{records} read", *others, f"{clock.seconds():.1f} s"]))


def _detect(
    options: Options, submit: Submit, events: files.Input, target: files.Target, clock: Clock
) -> tuple[int, int]:
    """Run the job over files, write what it found, and return the numbers of alerts and dead letters."""
    clock.doing("starting Flink")
    with jvm.jvm({}, options.verbose, quick=events.records < _MANY) as folder:
        tables, written = files.tables(folder, events, in_order=options.alerts.policy == "crossing")
        config = {"parallelism.default": str(options.parallelism), **jvm.web_config(options.ui)}
        result = submit(options.alerts, tables, config)
        _name_dashboard(options, result)
        clock.doing(f"reading {counted(events.records, 'record')}")
        _wait(result)
        dead_letters = target.fill(written.dead_letters)
        alerts = 0
        with files.naming("stdout"):
            for line in files.lines(written.alerts):
                sys.stdout.buffer.write(line)
                alerts += 1
            sys.stdout.flush()
    return alerts, dead_letters


def on_streams(options: Options, streams: Streams, connector: Connector, submit: Submit) -> None:
    """Run on streams: on a cluster return once the job is submitted, otherwise run it here until it is stopped."""
    if jvm.on_cluster():
        submit(options.alerts, table_options.tables(streams), {})
        return
    if not connector.jar.exists():
        build = f"./build.sh --line {connector.line}"
        raise SettingsError(f"{connector.jar}: the Kinesis connector is missing; expected it from {build}")
    with Clock() as clock:
        names = f"{streams.source.name} → {streams.alerts.name}, {streams.dead_letters.name}"
        clock.doing(f"starting Flink on {names}")
        with jvm.jvm(table_options.jvm_environment(), options.verbose, quick=True):
            result = submit(
                options.alerts, table_options.tables(streams), own_config(connector, options.parallelism, options.ui)
            )
            _name_dashboard(options, result)
            clock.done("running; Ctrl-C stops it")
            _wait(result)


def own_config(connector: Connector, parallelism: int, ui: bool = False) -> dict[str, str]:
    """Flink's configuration for a run on streams without a cluster; `ui`: its dashboard is shown."""
    common = {
        "pipeline.jars": connector.jar.as_uri(),
        "parallelism.default": str(parallelism),
        # The later lines take no shard back from a single reader, so that a failure fails the whole job once more.
        "restart-strategy.failure-rate.max-failures-per-interval": "2" if connector.line == lines.FIRST else "4",
    }
    return {**common, **_OWN_CONFIG, **jvm.web_config(ui)}


def _name_dashboard(options: Options, result: "TableResult") -> None:
    if options.ui and (address := jvm.dashboard(result.get_job_client())):
        say(f"Flink's web dashboard: {address}")


def _wait(result: "TableResult") -> None:
    """Wait for the job's end, so that a signal can interrupt it. Raises the job's own error if it fails."""
    client = result.get_job_client()
    if client is None:
        raise RuntimeError("the job was not submitted")
    done = client.get_job_execution_result()
    while not done.done():
        time.sleep(0.1)
    result.wait()
