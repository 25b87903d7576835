"""The options of `up`."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy import packages


def add(parser: argparse.ArgumentParser) -> None:
    """Add them; one left out keeps the value that the deployment has."""
    positive = whole_number(1)
    parser.add_argument("--role-arn", metavar="ARN", help="one role for everything, where none can be made (LabRole)")
    parser.add_argument(
        "--phone", action="append", metavar="+NUMBER", help="a phone that gets the alerts; repeatable; `none` for none"
    )
    parser.add_argument("--email", metavar="ADDRESS", help="where alarms go")
    parser.add_argument("--threshold", type=whole_number(-(2**31)), metavar="N", help="stock below this is low (10)")
    parser.add_argument("--thresholds", type=Path, metavar="FILE", help="JSON object: product → its own; {} for none")
    parser.add_argument(
        "--policy", choices=["every", "crossing"], help="an alert at every event below, or once (every)"
    )
    parser.add_argument("--rearm-margin", type=whole_number(0), metavar="N", help="for crossing (0)")
    parser.add_argument("--shards", type=positive, metavar="N", help="of the stream of events (1)")
    parser.add_argument("--parallelism", type=positive, metavar="N", help="of the application (1)")
    parser.add_argument("--runtime", choices=packages.RUNTIMES, help="of the application (FLINK-1_20)")
    parser.add_argument("--starting-position", choices=["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
    parser.add_argument("--starting-timestamp", type=timestamp, metavar="ISO8601", help="for AT_TIMESTAMP")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=pair,
        metavar="NAME=VALUE",
        help="any other parameter of the templates, such as OutputShards=2; repeatable",
    )
    parser.add_argument("--reset-state", action="store_true", help="make changes that lose what the job remembers")
    parser.add_argument("--plan", action="store_true", help="show what would change, and change nothing")


def whole_number(least: int) -> Any:
    """An argparse type: a whole number from `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number < 2**31:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least}, got {text!r}")
        return number

    return read


def timestamp(text: str) -> str:
    """An argparse type: an ISO-8601 time with an offset or Z."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"expected ISO-8601 with an offset or Z, got {text!r}")
    return text


def pair(text: str) -> tuple[str, str]:
    """An argparse type: a name and a value, which may be empty."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value
