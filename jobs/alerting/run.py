"""Runs the job over files to their end, or over Kinesis streams until it is stopped."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from . import files, jvm, kinesis
from .options import SAMPLE, Options
from .settings import AlertSettings, SettingsError, Streams, Tables
from .terminal import say

if TYPE_CHECKING:
    from pyflink.table import TableResult

CONNECTOR = Path(__file__).resolve().parents[2] / "lib" / "pyflink-dependencies.jar"

Submit = Callable[[AlertSettings, Tables, Mapping[str, str]], "TableResult"]
"""`submit(alerts, tables, config)` submits the job to Flink."""

# For a run without a cluster; on a cluster these are the cluster's. The job ends after three failures in five minutes,
# since a failure that always comes back (a stream that does not exist) would otherwise never be seen.
_OWN_CONFIG = {
    "execution.checkpointing.interval": "10 s",
    "restart-strategy.type": "failure-rate",
    "restart-strategy.failure-rate.max-failures-per-interval": "2",
    "restart-strategy.failure-rate.failure-rate-interval": "5 min",
    "restart-strategy.failure-rate.delay": "1 s",
}


def on_files(options: Options, submit: Submit) -> None:
    """Print the alerts of files to stdout when all is read, and write the dead letters to a file."""
    path = options.input or SAMPLE
    named = options.dead_letters or Path("dead-letters.jsonl")
    say(f"reading {path}")
    began = time.monotonic()
    events = files.scan(path)
    target = files.Target(named, events, f"--dead-letters {named}")
    found = failed = 0
    try:
        if events.records:
            with jvm.jvm({}, options.verbose) as folder:
                tables, written = files.tables(folder, events, in_order=options.alerts.policy == "crossing")
                _wait(submit(options.alerts, tables, _parallelism(options)), "reading")
                failed = target.fill(written.dead_letters)
                for line in files.lines(written.alerts):
                    sys.stdout.buffer.write(line)
                    found += 1
                sys.stdout.flush()
        else:
            say(f"{path}: empty, nothing to do")
            target.fill(None)
    finally:
        target.discard()
    say(f"dead letters are in {named}")
    took = time.monotonic() - began
    say(f"{events.records} records read, {found} alerts, {failed} dead letters, {took:.1f} s")


def on_streams(options: Options, streams: Streams, submit: Submit) -> None:
    """Run on streams: on a cluster return once the job is submitted, otherwise run it here until it is stopped."""
    if jvm.on_cluster():
        submit(options.alerts, kinesis.tables(streams), {})
        return
    if not CONNECTOR.exists():
        raise SettingsError(f"{CONNECTOR}: the Kinesis connector is missing; expected it from ./build.sh")
    say(f"starting on {streams.source.name} → {streams.alerts.name}, {streams.dead_letters.name}")
    with jvm.jvm(kinesis.jvm_environment(), options.verbose):
        result = submit(options.alerts, kinesis.tables(streams), own_config(options.parallelism))
        say("running; Ctrl-C stops it")
        _wait(result, None)


def own_config(parallelism: int) -> dict[str, str]:
    """Flink's configuration for a run on streams without a cluster."""
    return {"pipeline.jars": CONNECTOR.as_uri(), "parallelism.default": str(parallelism), **_OWN_CONFIG}


def _parallelism(options: Options) -> dict[str, str]:
    return {"parallelism.default": str(options.parallelism)}


def _wait(result: "TableResult", doing: str | None) -> None:
    """Wait for the job's end and print what it is doing every two seconds. Raises the job's own error if it fails."""
    client = result.get_job_client()
    if client is None:
        raise RuntimeError("the job was not submitted")
    began = said = time.monotonic()
    done = client.get_job_execution_result()
    while not done.done():
        time.sleep(0.1)
        if doing and time.monotonic() - said >= 2:
            said = time.monotonic()
            say(f"{doing} … {said - began:.0f} s")
    result.wait()
