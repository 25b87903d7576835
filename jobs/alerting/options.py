"""The command line of the job."""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from . import settings
from .kinesis import connector
from .kinesis.connector import Connector
from .settings import AlertSettings, SettingsError, Streams

SAMPLE = Path(__file__).parents[1] / "sample" / "events.jsonl"


# The smallest maximum parallelism that Flink gives a job, so that any run can be started from its savepoint:
# https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/production_ready/
_MOST_PARALLELISM = 128


@dataclass(frozen=True)
class Options:
    """How to run the job.

    Attributes:
        alerts: the settings of the rule.
        streams: the streams to run on (None: files).
        connector: what reads and writes them.
        input: a file of events or a folder of them, a named pipe, or `-` for standard input (None: the sample).
        dead_letters: the file of dead letters (None: the default).
        parallelism: parallel readers; on a cluster the cluster's is used.
        ui: whether to name the address of Flink's web dashboard; on a cluster the cluster has its own.
        verbose: whether to show what Flink logs.
    """

    alerts: AlertSettings
    streams: Streams | None
    connector: Connector | None
    input: Path | None
    dead_letters: Path | None
    parallelism: int
    ui: bool
    verbose: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line; argparse would print the usage before it."""
        line = " ".join(message.split()).removeprefix("argument ")
        self.exit(2, f"low_inventory: {line} (--help explains the options)\n")


def _path(text: str) -> Path:
    """A path. An empty one, as an unset variable of a shell leaves it, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got an empty one")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    result = _Parser(
        prog="low_inventory.py",
        description="Alert when a product's inventory falls below its threshold. Alerts go to stdout as JSON lines, "
        "everything else to stderr.",
        epilog="With --properties it reads and writes Kinesis streams until stopped; without, it reads files and ends.",
    )
    add = result.add_argument
    add(
        "--input",
        type=_path,
        metavar="PATH",
        help="file of JSON lines or folder of them, plain or gzip, or - for standard input (default: a sample)",
    )
    add(
        "--dead-letters",
        type=_path,
        metavar="PATH",
        help="where dead letters go, replaced by each run (default: dead-letters.jsonl)",
    )
    add(
        "--properties",
        type=_path,
        metavar="FILE",
        help="run on the Kinesis streams that this property file names (default: run on files)",
    )
    add("--threshold", metavar="N", help="stock below this is low (default: 10)")
    add(
        "--thresholds",
        type=_path,
        metavar="FILE",
        help="JSON object of products with a threshold of their own (default: none)",
    )
    add(
        "--policy",
        choices=settings.POLICIES,
        help="alert at every event below, or when a product crosses (default: every)",
    )
    add("--rearm-margin", metavar="N", help="crossing: how far above the threshold arms the next alert (default: 0)")
    add("--parallelism", metavar="N", default=1, help="parallel readers (default: 1)")
    add(
        "--no-prefilter",
        action="store_true",
        help="parse every inventory event, also those whose text shows that they are not low (slower; for experiments)",
    )
    add(
        "--ui",
        action="store_true",
        help="print the address of Flink's web dashboard, served while the job runs",
    )
    add("--verbose", action="store_true", help="show what Flink logs")
    return result


def _alert_settings(options: argparse.Namespace, base: AlertSettings) -> AlertSettings:
    """The alert settings of a property file, with what the command line says instead. Raises SettingsError."""
    changes: dict[str, object] = {}
    if options.threshold is not None:
        changes["threshold"] = settings.whole_number(options.threshold, "--threshold", 0)
    if options.rearm_margin is not None:
        changes["rearm_margin"] = settings.whole_number(options.rearm_margin, "--rearm-margin", 0)
    if options.no_prefilter:
        changes["prefilter"] = False
    if options.policy is not None:
        changes["policy"] = options.policy
    if options.thresholds is not None:
        content = settings.read_json(options.thresholds)
        changes["thresholds"] = settings.product_thresholds(content, f"--thresholds {options.thresholds}")
    result = dataclasses.replace(base, **changes)  # type: ignore[arg-type]
    if options.rearm_margin is not None and result.policy != "crossing":
        raise SettingsError(f"--rearm-margin: expected with --policy crossing only, not {result.policy}")
    return result


def read(arguments: list[str]) -> Options:
    """Read the command line and the property file that it names or, on the managed service, the service's.

    Raises:
        SettingsError: if one of them holds something that cannot be used.
        SystemExit: for `--help`, and for options that do not exist.
    """
    given = _parser().parse_args(arguments)
    path = given.properties
    if path is None and settings.MANAGED_PROPERTIES.exists():
        path = settings.MANAGED_PROPERTIES
    if path is not None:
        for name in ("input", "dead_letters"):
            if getattr(given, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise SettingsError(f"{option}: expected without a property file, which names the streams ({path})")
    used, streams, base = None, None, AlertSettings()
    if path is not None:
        used = connector.find()
        streams, base = settings.read_properties(path, used.line)
    return Options(
        _alert_settings(given, base),
        streams,
        used,
        given.input,
        given.dead_letters,
        settings.whole_number(given.parallelism, "--parallelism", 1, _MOST_PARALLELISM),
        given.ui,
        given.verbose,
    )
