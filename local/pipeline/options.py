"""The command line of the pipeline."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulator.terminal import Parser
from producer.options import number, whole


@dataclass(frozen=True)
class Options:
    """What to run: events a second, for so many seconds, drawn by a seed.

    `keep`: leave all running at the end. `picture`, `latencies`: where to save the screen and all latencies.
    """

    duration: float
    rate: float
    seed: int
    policy: str
    shards: int
    bad_ratio: float
    keep: bool
    picture: Path | None
    latencies: Path | None


def _between(least: float, most: float) -> Callable[[str], float]:
    return number(f"a number from {least:g} to {most:g}", lambda given: least <= given <= most)


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected a file in a folder that is there, got {text!r}")
    return path


def read(arguments: list[str] | None = None) -> Options:
    """Read the command line; exits with status 2 and one line if it cannot be used."""
    parser = Parser(
        "pipeline",
        "make pipeline ARGS=…",
        "Run the whole system on this machine: the emulator of AWS, the streams, tables and functions from "
        "the templates, the job from its zip, and a shop that sends events; at the end, reconcile what was sent.",
    )
    add = parser.add_argument
    seed, shards = whole("a whole number, 0 or more", 0), whole("a whole number from 1 to 16", 1, 16)
    add("--duration", type=_between(1, 86_400), default=60.0, metavar="S", help="seconds to send (default: 60)")
    add("--rate", type=_between(0.1, 500), default=10.0, metavar="N", help="events a second (default: 10)")
    add("--seed", type=seed, default=7, metavar="N", help="the same seed sends the same events (default: 7)")
    add("--policy", choices=("every", "crossing"), default="every", help="the job's policy (default: every)")
    add("--shards", type=shards, default=2, metavar="N", help="of the stream of events (default: 2)")
    bad_ratio = "share of malformed records, 0 to 1 (default: 0.02)"
    add("--bad-ratio", type=_between(0, 1), default=0.02, metavar="P", help=bad_ratio)
    add("--keep", action="store_true", help="leave it running at the end, and say how to look inside")
    picture = "save the screen as an SVG, as it was last while events were sent"
    add("--picture", type=_file, metavar="FILE", help=picture)
    latencies = "save as JSON when each low event arrived, and how long later its message was published"
    add("--latencies", type=_file, metavar="FILE", help=latencies)
    return Options(**vars(parser.parse_args(arguments)))
