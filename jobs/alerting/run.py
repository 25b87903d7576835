"""Tell when a product's stock falls below its threshold: the entry point, here and on a cluster."""

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import files, jvm, kinesis, settings, sql
from . import options as cli
from .settings import AlertSettings, SettingsError, Streams

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment, TableResult

CONNECTOR = Path(__file__).resolve().parents[2] / "lib" / "pyflink-dependencies.jar"
# The least that Flink gives a job as its maximum, so any run with fewer can be started from its savepoint:
# https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/production_ready/
_MOST_PARALLELISM = 128

# Of our own runs; on a cluster all this is the cluster's. A failure that comes back ends the run, which else would
# hide it for ever (a stream that is not there).
_OWN = {
    "execution.checkpointing.interval": "10 s",
    "restart-strategy.type": "failure-rate",
    "restart-strategy.failure-rate.max-failures-per-interval": "2",
    "restart-strategy.failure-rate.failure-rate-interval": "5 min",
    "restart-strategy.failure-rate.delay": "1 s",
}


def say(text: str) -> None:
    """Tell the person at the terminal; stdout is for alerts alone."""
    print(text, file=sys.stderr, flush=True)


def _environment() -> "TableEnvironment":
    from pyflink.table import EnvironmentSettings, TableEnvironment

    return TableEnvironment.create(EnvironmentSettings.in_streaming_mode())


def _wait(result: "TableResult", what: str | None) -> None:
    """Wait for the job's end, saying `what` goes on every two seconds. Raises the job's own error if it fails."""
    client = result.get_job_client()
    if client is None:
        raise RuntimeError("the job was not submitted")
    began = said = time.monotonic()
    done = client.get_job_execution_result()
    while not done.done():
        time.sleep(0.1)
        if what and time.monotonic() - said >= 2:
            said = time.monotonic()
            say(f"{what} … {said - began:.0f} s")
    result.wait()


def run_on_streams(
    streams: Streams, alerts: AlertSettings, parallelism: int | None, savepoint: str | None = None
) -> "TableResult":
    """Plan the job over Kinesis streams and submit it; `savepoint` is a path to start from."""
    from .plan import plan

    t_env = _environment()
    config = t_env.get_config()
    if not jvm.on_cluster():
        config.set("pipeline.jars", CONNECTOR.as_uri())
        config.set("parallelism.default", str(parallelism or 1))
        for key, value in _OWN.items():
            config.set(key, value)
        if savepoint is not None:
            config.set("execution.savepoint.path", savepoint)
    return plan(
        t_env,
        alerts,
        kinesis.source_options(streams),
        kinesis.sink_options(streams.alerts),
        kinesis.sink_options(streams.dead_letters),
        sql.KINESIS_PAYLOAD_BYTES,
    ).execute()


def run_on_files(events: files.Input, alerts: AlertSettings, parallelism: int, folder: Path) -> tuple[Path, Path]:
    """Run the job over files to its end; give the folders that hold alerts and dead letters."""
    from .plan import plan

    places = [folder / name for name in ("events", "alerts", "dead-letters")]
    for place in places:
        place.mkdir()
    files.stage(events, places[0], in_order=alerts.policy == "crossing")
    t_env = _environment()
    t_env.get_config().set("parallelism.default", str(parallelism))
    job = plan(
        t_env,
        alerts,
        files.source_options(places[0]),
        files.sink_options(places[1]),
        files.sink_options(places[2]),
        sql.UNLIMITED_PAYLOAD_BYTES,
    )
    _wait(job.execute(), "reading")
    return places[1], places[2]


def _files(options: argparse.Namespace, alerts: AlertSettings, parallelism: int) -> None:
    path = options.input or cli.SAMPLE
    named = options.dead_letters or Path("dead-letters.jsonl")
    say(f"reading {path}")
    began = time.monotonic()
    events = files.scan(path)
    target = files.Target(named, events, f"--dead-letters {named}")
    found = failed = 0
    try:
        if events.records:
            with jvm.jvm({}, options.verbose) as folder:
                alerts_folder, dead_letters_folder = run_on_files(events, alerts, parallelism, folder)
                failed = target.fill(dead_letters_folder)
                for line in files.written(alerts_folder):
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


def _streams(options: argparse.Namespace, streams: Streams, alerts: AlertSettings, parallelism: int | None) -> None:
    if jvm.on_cluster():
        run_on_streams(streams, alerts, parallelism)
        return
    if not CONNECTOR.exists():
        raise SettingsError(f"{CONNECTOR}: the Kinesis connector is missing; expected it from ./build.sh")
    say(f"starting on {streams.source.name} → {streams.alerts.name}, {streams.dead_letters.name}")
    with jvm.jvm(kinesis.jvm_environment(), options.verbose):
        result = run_on_streams(streams, alerts, parallelism)
        say("running; Ctrl-C stops it")
        _wait(result, None)


class _Stop:
    """Ends the run at the first Ctrl-C or SIGTERM; a second one must not break off the clearing up."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def _end(self, *_: object) -> NoReturn:
        self.asked = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt


def _run(options: argparse.Namespace) -> None:
    streams, alerts = cli.read(options)
    given = options.parallelism
    parallelism = None if given is None else settings.whole_number(given, "--parallelism", 1, _MOST_PARALLELISM)
    if streams is None:
        _files(options, alerts, parallelism or 1)
    else:
        _streams(options, streams, alerts, parallelism)


def _give_up_stdout() -> None:
    """What is still to be written has no place to go; Python would complain once more when it flushes it at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _outcome(options: argparse.Namespace) -> int:
    """Run, tell what went wrong, and give the exit status."""
    try:
        _run(options)
    except SettingsError as error:
        say(f"low_inventory: {error}")
        return 2
    except jvm.JobError as error:
        say(f"low_inventory: the job failed: {error} (--verbose shows more)")
        return 1
    except BrokenPipeError:
        # What read our alerts has had enough.
        _give_up_stdout()
        return 141
    except OSError as error:
        say(f"low_inventory: {error.filename or 'writing'}: {error.strerror}")
        _give_up_stdout()
        return 1
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the job as the command line says; return the exit status (2: a setting or an input cannot be used)."""
    options = cli.parser().parse_args(arguments)
    if jvm.on_cluster():
        return _outcome(options)
    if sys.stdout is None:
        say("low_inventory: stdout is closed; expected a place for alerts")
        return 2
    stop = _Stop()
    # py4j logs every object whose JVM is gone; what matters reaches us as an exception.
    logging.disable(logging.CRITICAL)
    try:
        return _outcome(options)
    except BaseException:
        # An import that is broken off turns our KeyboardInterrupt into an ImportError.
        if not stop.asked:
            raise
        say("stopped")
        return 130
