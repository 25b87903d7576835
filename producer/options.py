"""The command line of the producer."""

import argparse
import math
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

_EPILOG = """\
Up to 20 events a second, each event is printed on stdout when the stream has stored it, one JSON value a line: a JSON
object is printed as it is, any other record as a JSON string of its text (if it is not UTF-8, one character a byte).
At a higher rate the progress is shown on stderr. All other messages are on stderr.

Credentials, AWS_ENDPOINT_URL and AWS_PROFILE are read as by the AWS CLI. The permission kinesis:PutRecords is enough;
with kinesis:ListShards too, several shards are written at the same time.

Events of one path are stored in order. Ctrl-C or SIGTERM stops the run, sends the events that are waiting and prints
the totals; a second one gives up the events that are still waiting. Exit status: 0 all events are stored, also after
Ctrl-C; 1 events were given up; 2 an option is invalid, or the stream or stdout cannot be written; 141 the reader of
stdout ended first.
"""


@dataclass(frozen=True)
class Options:
    """What to send, and where."""

    stream: str
    region: str | None
    rate: float
    """Events a second; 0: as fast as the stream accepts them."""
    count: int | None
    duration: float
    """Seconds; infinite: no limit."""
    seed: int
    bad_ratio: float


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with one line; argparse would print the usage before it."""
        self.exit(2, f"producer: {' '.join(message.split()).removeprefix('argument ')} (--help explains the options)\n")


def number(expected: str, holds: Callable[[float], bool]) -> Callable[[str], float]:
    """An argparse type: a finite number that holds; `expected` is for the message."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and holds(value)):
            raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")
        return value

    return read


def whole(expected: str, least: int, most: int = 10**18) -> Callable[[str], int]:
    """An argparse type: a whole number within bounds; `expected` is for the message."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")
        return int(text)

    return read


def _stream(text: str) -> str:
    """A stream's name: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html"""
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", text):
        expected = "expected a stream's name (letters, digits, _ . -), here or in KDS_STREAM"
        raise argparse.ArgumentTypeError(f"{expected}, not {text!r}")
    return text


def read(arguments: list[str] | None = None) -> Options:
    """The options, from the command line and the environment. Exits with status 2 if one is invalid."""
    parser = _Parser(
        prog="python -m producer",
        description="Send the events of a shop, requests and changes of stock, to a Kinesis stream.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    rate = number("a number of events a second, 0 or more", lambda given: given >= 0)
    duration = number("a number of seconds above 0", lambda given: given > 0)
    ratio = number("a number from 0 to 1", lambda given: 0 <= given <= 1)
    count, seed = whole("a whole number above 0", 1), whole("a whole number, 0 or more", 0)
    add("--rate", type=rate, default=10.0, metavar="N", help="events a second; 0: no limit (default: 10)")
    add("--count", type=count, metavar="N", help="stop after N events (default: no limit)")
    add("--duration", type=duration, default=math.inf, metavar="S", help="stop after S seconds (default: no limit)")
    add("--seed", type=seed, metavar="N", help="the same seed gives the same events, except for timestamps")
    add("--bad-ratio", type=ratio, default=0.0, metavar="P", help="share of malformed records, 0 to 1 (default: 0)")
    stream = os.environ.get("KDS_STREAM") or "http-requests"
    add("--stream", type=_stream, default=stream, metavar="NAME", help="default: KDS_STREAM, else http-requests")
    add("--region", metavar="NAME", help="default: AWS_REGION, else that of the AWS configuration")
    given = parser.parse_args(arguments)
    drawn = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    region = given.region or os.environ.get("AWS_REGION") or None
    return Options(given.stream, region, given.rate, given.count, given.duration, drawn, given.bad_ratio)
