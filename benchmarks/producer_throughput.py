"""How fast the producer's sender is beside a loop of PutRecord, on moto_server in a process of its own.

All send the same events to streams of their own, by turns, since the emulator takes longer for a record the more its
shard holds. The events are made beforehand, so that sending alone is measured. Few partition keys show what order
costs: a request holds one record of a key.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from producer import records as event_records
from producer.keyed_queue import Record
from producer.sender import Sender, kinesis_client

BASELINE = "put_record, one by one"
SHARDS = 4


@contextlib.contextmanager
def emulator() -> Iterator[str]:
    """Run moto_server on a free port while this is open; its URL."""
    with tempfile.NamedTemporaryFile("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", "0"], stdout=log, stderr=log)
        try:
            while not (found := re.search(r"Running on (http://\S+)", Path(log.name).read_text())):
                if server.poll() is not None:
                    sys.exit(f"producer_throughput: moto_server ended with {server.returncode}; expected it to serve")
                time.sleep(0.05)
            yield found[1]
        finally:
            server.terminate()
            server.wait()


def one_by_one(client: Any, stream: str, records: list[Record]) -> None:
    """The baseline."""
    for record in records:
        client.put_record(StreamName=stream, Data=record.data, PartitionKey=record.key)


def by_sender(client: Any, stream: str, records: list[Record]) -> None:
    """The producer's way."""
    with Sender(client, stream) as sender:
        for record in records:
            sender.put(record)
        sender.flush()
        assert sender.counts.sent == len(records), sender.counts


def with_keys(records: list[Record], keys: int) -> list[Record]:
    """The same data under so many partition keys."""
    return [record._replace(key=f"key-{record.number % keys}") for record in records]


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=3000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    records = list(islice(event_records.records(seed=1), given.events))
    runs: dict[str, tuple[Callable[[Any, str, list[Record]], None], list[Record]]] = {
        BASELINE: (one_by_one, records),
        f"sender, {len({record.key for record in records})} keys": (by_sender, records),
        "sender, 20 keys": (by_sender, with_keys(records, 20)),
        "sender, 1 key": (by_sender, with_keys(records, 1)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with emulator() as url:
        os.environ["AWS_ENDPOINT_URL"] = url
        client = kinesis_client("eu-west-1")
        for number in range(given.rounds + 1):
            for place, (name, (run, what)) in enumerate(runs.items()):
                stream = f"round-{number}-{place}"
                client.create_stream(StreamName=stream, ShardCount=SHARDS)
                began = time.perf_counter()
                run(client, stream, what)
                seconds[name].append(time.perf_counter() - began)
                client.delete_stream(StreamName=stream)
                print(f"round {number}: {name}: {seconds[name][-1]:.2f} s", flush=True)
    # Round 0 warms up.
    base = seconds[BASELINE][1:]
    for name, took in seconds.items():
        ratio = statistics.median(b / t for b, t in zip(base, took[1:], strict=True))
        speed = given.events / statistics.median(took[1:])
        print(f"{name:28} {speed:7.0f} events/s, {ratio:5.1f} times the loop (median of {given.rounds})")


if __name__ == "__main__":
    main()
