"""What the job costs for an event, beside what one would use in its place.

Each system is a process of its own that stays warm, and all read the same files, one after the other, in every round.
The cost is CPU time (of all processes of the system) of a large file less that of a small one, divided by the events
that the large one has more: without start and planning. Ratios are taken within a round, so that a busy machine counts
for both sides. Every system has one worker (parallelism 1).
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil

from benchmarks import make_events
from emulator.terminal import Parser

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "benchmarks" / "throughput.json"
# `make bench` makes the environment of the systems that need packages of their own.
OTHERS = ROOT / ".venv" / "baselines" / "bin" / "python"
WHOLE_CONTRACT = "nothing"
FROM_JSON = "dead letters, integers as texts apart from other texts, all checks of products and times"
FROM_PYTHON = "checks of times and of numbers as texts, exact payloads and reasons"


class System(NamedTuple):
    """A system that is measured.

    Attributes:
        name: how it is called in tables and plots.
        module: what is run, with an argument or none, in `benchmarks/systems`.
        leaves_out: what of the job's contract it does not do.
        baseline: the name of the system that its cost is divided by.
        slowness: it reads files with this part of the events, as it takes so much longer.
        others: whether it runs in the environment of other packages.
    """

    name: str
    module: str
    leaves_out: str
    baseline: str = "plain json table"
    slowness: int = 1
    others: bool = False


SYSTEMS = (
    System("plain json table", "tables plain", FROM_JSON),
    System("plain json table with LAG", "tables lag", f"{FROM_JSON}, the margin, the order of the stream"),
    System("job, every", "tables every", WHOLE_CONTRACT),
    System("job, crossing", "tables crossing", WHOLE_CONTRACT, "plain json table with LAG"),
    System("bytes alone", "tables bytes", "everything: the records are read and thrown away"),
    System("loop of Python, orjson", "loop", f"{FROM_PYTHON}, checkpoints, streams", others=True),
    System("bytewax, orjson", "dataflow", FROM_PYTHON, others=True),
    System("PyFlink DataStream in Python", "datastream", FROM_PYTHON, slowness=10),
)


class Cost(NamedTuple):
    """What an event costs in the steady state, in microseconds."""

    cpu: float
    wall: float


class Running:
    """A system's process, which waits for files to read."""

    def __init__(self, system: System) -> None:
        python, (module, *arguments) = OTHERS if system.others else sys.executable, system.module.split()
        self._command = [str(python), "-m", f"benchmarks.systems.{module}", *arguments]
        # The managed service gives a task some 3 GB; a heap without bounds would also crowd out the other systems.
        environment = os.environ | {"JDK_JAVA_OPTIONS": f"-Xmx1g {os.environ.get('JDK_JAVA_OPTIONS', '')}"}
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, path: Path) -> Cost:
        """Read a file, and return what the whole of it cost. Raises RuntimeError if the system fails."""
        assert self._process.stdin and self._process.stdout
        before, began = self._cpu(), time.perf_counter()
        print(path, file=self._process.stdin, flush=True)
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError(f"{' '.join(self._command)} ended without reading {path}")
        return Cost((self._cpu() - before) * 1e6, (time.perf_counter() - began) * 1e6)

    def _cpu(self) -> float:
        """Seconds of this process, its children, and those of them that have ended."""
        process = psutil.Process(self._process.pid)
        return sum(sum(one.cpu_times()[:4]) for one in [process, *process.children(recursive=True)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


class Files(NamedTuple):
    """A small file of events, and a large one that repeats it."""

    small: Path
    large: Path
    more: int
    """How many events the large one has more."""


@contextlib.contextmanager
def files(events: int, times: int) -> Iterator[dict[int, Files]]:
    """Write files of events, and yield them by how slow the systems are that read them."""
    with tempfile.TemporaryDirectory() as folder:
        lines = make_events.events(events)
        made = {}
        for slowness in {system.slowness for system in SYSTEMS}:
            fewer = lines[: events // slowness]
            one = Files(Path(folder, f"small-{slowness}"), Path(folder, f"large-{slowness}"), len(fewer) * (times - 1))
            one.small.write_bytes(b"\n".join([*fewer, b""]))
            with one.large.open("wb") as out:
                for _ in range(times):
                    out.write(one.small.read_bytes())
            made[slowness] = one
        yield made


def cost(running: Running, given: Files) -> Cost:
    """What an event costs in the steady state."""
    small, large = running.read(given.small), running.read(given.large)
    return Cost((large.cpu - small.cpu) / given.more, (large.wall - small.wall) / given.more)


def results(rounds: dict[str, list[Cost]], systems: list[System]) -> list[dict[str, Any]]:
    """For each system the medians of its rounds, and its ratio to its baseline with the least and the most."""
    made: list[dict[str, Any]] = []
    for system in systems:
        pairs = zip(rounds[system.name], rounds[system.baseline], strict=True)
        ratios = sorted(own.cpu / base.cpu for own, base in pairs)
        made.append(
            {
                "system": system.name,
                "cpu_us_per_event": statistics.median(one.cpu for one in rounds[system.name]),
                "events_per_second": 1e6 / statistics.median(one.wall for one in rounds[system.name]),
                "baseline": system.baseline,
                "ratio": statistics.median(ratios),
                "ratio_least": ratios[0],
                "ratio_most": ratios[-1],
                "leaves_out": system.leaves_out,
            }
        )
    return made


def main() -> None:
    """Measure, print a table and write it as JSON."""
    options = Parser("throughput", "python -m benchmarks.throughput", __doc__)
    options.add_argument("--events", type=int, default=1_000_000, help="in the small file (default: 1000000)")
    options.add_argument("--times", type=int, default=6, help="how often the large file repeats them (default: 6)")
    options.add_argument("--rounds", type=int, default=5, help="default: 5, after one that warms up")
    options.add_argument("--only", default="", metavar="REGEX", help="the systems to measure, and their baselines")
    options.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="default: build/benchmarks/")
    given = options.parse_args()
    wanted = {one.name for one in SYSTEMS if re.search(given.only, one.name)}
    while more := {one.baseline for one in SYSTEMS if one.name in wanted} - wanted:
        wanted |= more
    systems = [one for one in SYSTEMS if one.name in wanted]
    if not OTHERS.exists() and any(one.others for one in systems):
        options.error(f"{OTHERS} is missing, which `make bench` makes; or leave out bytewax and the loop with --only")
    rounds: dict[str, list[Cost]] = {system.name: [] for system in systems}
    with files(given.events, given.times) as made, contextlib.ExitStack() as stack:
        running = {system.name: stack.enter_context(Running(system)) for system in systems}
        for system in systems:
            running[system.name].read(made[system.slowness].large)
        for number in range(given.rounds):
            for system in systems:
                rounds[system.name].append(cost(running[system.name], made[system.slowness]))
                cpu, wall = rounds[system.name][-1]
                message = f"round {number + 1}: {system.name}: {cpu:.2f} µs CPU, {wall:.2f} µs"
                print(message, file=sys.stderr, flush=True)
    table = results(rounds, systems)
    for row in table:
        print(
            "{system:30} {cpu_us_per_event:6.2f} µs CPU an event, {events_per_second:9.0f} events/s, "
            "{ratio:.2f} ({ratio_least:.2f} to {ratio_most:.2f}) of {baseline}".format(**row)
        )
    given.output.parent.mkdir(parents=True, exist_ok=True)
    settings = {"events": given.events, "times": given.times, "rounds": given.rounds}
    given.output.write_text(json.dumps({"settings": settings, "results": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
