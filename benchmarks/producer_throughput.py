"""How fast the producer is beside plain loops over boto3, on a fresh emulator.

Each round measures all systems one after the other, and each figure is the median of its rounds; ratios are taken
within a round, so that other work on the machine counts for both sides. The steady state is the difference between a
long and a short run, which removes the start. CPU time is that of the producer's process, without the emulator's.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from emulator.server import emulator, work_on
from emulator.terminal import Parser
from producer import records
from producer.keyed_queue import MAX_REQUEST_RECORDS, Record

SHARDS = 4
OUTPUT = Path(__file__).resolve().parent.parent / "build" / "benchmarks" / "producer_throughput.json"


class Taken(NamedTuple):
    """What a run took, in seconds."""

    wall: float
    cpu: float


class Round(NamedTuple):
    """The figures of one round; rates are events a second."""

    put_record: float
    put_records: float
    producer_with_start: float
    producer_steady: float
    cpu_us: float
    """Of the producer for one event, in the steady state."""


def run_producer(stream: str, events: int) -> Taken:
    """Run the producer's command to its end. Raises CalledProcessError if not every event is stored."""
    command = [sys.executable, "-m", "producer", "--rate", "0", "--count", str(events), "--seed", "1"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--stream", stream], stderr=subprocess.DEVNULL)
    # Of this process alone, which getrusage(RUSAGE_CHILDREN) would add to others.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Taken(time.perf_counter() - began, usage.ru_utime + usage.ru_stime)


def by_put_record(client: Any, stream: str, events: list[Record]) -> None:
    """The simplest loop: a request an event, which keeps the order."""
    for event in events:
        client.put_record(StreamName=stream, Data=event.data, PartitionKey=event.key)


def by_put_records(client: Any, stream: str, events: list[Record]) -> None:
    """A bare loop of full requests: no retries, and no order within a key when an entry fails."""
    entries = [{"Data": event.data, "PartitionKey": event.key} for event in events]
    for start in range(0, len(entries), MAX_REQUEST_RECORDS):
        client.put_records(StreamName=stream, Records=entries[start : start + MAX_REQUEST_RECORDS])


def rate_of(send: Callable[[Any, str, list[Record]], None], client: Any, stream: str, events: list[Record]) -> float:
    """Events a second of a loop in this process."""
    began = time.perf_counter()
    send(client, stream, events)
    return len(events) / (time.perf_counter() - began)


def measure(client: Any, name: str, events: list[Record], short: int) -> Round:
    """One round, each run on a stream of its own."""

    def stream(purpose: str) -> str:
        client.create_stream(StreamName=f"{name}-{purpose}", ShardCount=SHARDS)
        return f"{name}-{purpose}"

    brief = run_producer(stream("short"), short)
    put_record = rate_of(by_put_record, client, stream("put-record"), events[:short])
    put_records = rate_of(by_put_records, client, stream("put-records"), events)
    whole = run_producer(stream("long"), len(events))
    more = len(events) - short
    return Round(
        put_record,
        put_records,
        len(events) / whole.wall,
        more / (whole.wall - brief.wall),
        (whole.cpu - brief.cpu) / more * 1e6,
    )


def summary(rounds: list[Round]) -> dict[str, float]:
    """The median of each figure and of each ratio."""
    result = {field: statistics.median(getattr(one, field) for one in rounds) for field in Round._fields}
    result["times_put_record"] = statistics.median(one.producer_with_start / one.put_record for one in rounds)
    result["times_put_records"] = statistics.median(one.producer_steady / one.put_records for one in rounds)
    return result


def main() -> None:
    """Measure, print a table and write it as JSON."""
    options = Parser("producer_throughput", "python -m benchmarks.producer_throughput", __doc__)
    options.add_argument("--events", type=int, default=20_000, help="of a long run (default: 20000)")
    options.add_argument("--short", type=int, default=2_000, help="of a short run and of put_record (default: 2000)")
    options.add_argument("--rounds", type=int, default=5, help="default: 5")
    options.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="default: build/benchmarks/")
    given = options.parse_args()
    events = list(islice(records.records(seed=1), given.events))
    rounds = []
    with emulator() as endpoint, work_on(endpoint):
        client = boto3.client("kinesis")
        for number in range(given.rounds):
            rounds.append(measure(client, f"round-{number}", events, given.short))
            print(f"round {number + 1} of {given.rounds}: {rounds[-1]}", file=sys.stderr, flush=True)
    result = summary(rounds)
    print(
        f"put_record, one by one           {result['put_record']:8.0f} events/s\n"
        f"put_records, {MAX_REQUEST_RECORDS} in a request    {result['put_records']:8.0f} events/s\n"
        f"producer, with its start         {result['producer_with_start']:8.0f} events/s, "
        f"{result['times_put_record']:.1f} times put_record\n"
        f"producer, steady state           {result['producer_steady']:8.0f} events/s, "
        f"{result['times_put_records']:.2f} times put_records\n"
        f"producer, its own CPU time       {result['cpu_us']:8.1f} µs an event"
    )
    given.output.parent.mkdir(parents=True, exist_ok=True)
    settings = {"events": given.events, "short": given.short, "rounds": given.rounds, "shards": SHARDS}
    given.output.write_text(json.dumps({"settings": settings, "results": result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
