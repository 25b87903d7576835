"""The command line of the job."""

import argparse
import dataclasses
from pathlib import Path

from . import settings
from .settings import AlertSettings, SettingsError, Streams

SAMPLE = Path(__file__).parents[1] / "sample" / "events.jsonl"


def parser() -> argparse.ArgumentParser:
    """The options; those that are left out are None."""
    result = argparse.ArgumentParser(
        prog="low_inventory.py",
        description="Tell when a product's stock falls below its threshold. Alerts go to stdout as JSON lines, "
        "everything else to stderr.",
        epilog="With --properties it reads and writes Kinesis streams until stopped; without, it reads files and ends.",
    )
    add = result.add_argument
    add(
        "--input",
        type=Path,
        metavar="PATH",
        help="file of JSON lines, or folder of them, also .gz (default: the bundled sample)",
    )
    add(
        "--dead-letters",
        type=Path,
        metavar="PATH",
        help="where dead letters go, replaced by each run (default: dead-letters.jsonl)",
    )
    add(
        "--properties",
        type=Path,
        metavar="FILE",
        help="run on the Kinesis streams that this property file names (default: run on files)",
    )
    add("--threshold", metavar="N", help="stock below this is low (default: 10)")
    add(
        "--thresholds",
        type=Path,
        metavar="FILE",
        help="JSON object of products with a threshold of their own (default: none)",
    )
    add(
        "--policy",
        choices=settings.POLICIES,
        help="alert at every event below, or when a product crosses (default: every)",
    )
    add("--rearm-margin", metavar="N", help="crossing: how far above the threshold arms the next alert (default: 0)")
    add("--parallelism", metavar="N", help="parallel readers (default: 1)")
    add("--verbose", action="store_true", help="show what Flink logs")
    return result


def alert_settings(options: argparse.Namespace, base: AlertSettings) -> AlertSettings:
    """The alert settings of a property file, with what the command line says instead. Raises SettingsError."""
    changes: dict[str, object] = {}
    if options.threshold is not None:
        changes["threshold"] = settings.whole_number(options.threshold, "--threshold")
    if options.rearm_margin is not None:
        changes["rearm_margin"] = settings.whole_number(options.rearm_margin, "--rearm-margin", 0)
    if options.policy is not None:
        changes["policy"] = options.policy
    if options.thresholds is not None:
        content = settings.read_json(options.thresholds)
        changes["thresholds"] = settings.product_thresholds(content, f"--thresholds {options.thresholds}")
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def read(options: argparse.Namespace) -> tuple[Streams | None, AlertSettings]:
    """What to run on (None: files) and how, from the command line and the property file. Raises SettingsError."""
    path = options.properties
    if path is None and settings.MANAGED_PROPERTIES.exists():
        path = settings.MANAGED_PROPERTIES
    if path is None:
        return None, alert_settings(options, AlertSettings())
    for name in ("input", "dead_letters"):
        if getattr(options, name) is not None:
            raise SettingsError(
                f"--{name.replace('_', '-')}: expected without a property file, which names the streams ({path})"
            )
    streams, base = settings.read_properties(path)
    return streams, alert_settings(options, base)
