"""What an invocation of the functions uses: CPU time, requests and log, of the built zips on the local Lambda runtime.

CPU time is of the function's process alone, so that the emulator's speed does not count; a straight line through a
batch of one and a larger one gives the part of an invocation and the part of a record. It also tells what the
producer sends: the size of an event and of its item, and the share of events that become alerts. The figures are the
defaults of `deploy.costs.monthly`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

import boto3
import psutil

from emulator.functions import description
from emulator.functions.description import Function
from emulator.functions.runtime import ExecutionEnvironment, Host
from emulator.mappings.shards import event_record
from emulator.server import emulator
from emulator.terminal import Parser
from producer import records, response_pool

BUILD = Path(__file__).resolve().parent.parent / "build"
JOB = BUILD.parent / "jobs" / "low_inventory.py"
REGION = "us-east-1"
TABLE, IDEMPOTENCY_TABLE, TOPIC, FAILURES = "HttpRequests", "Idempotency", "alerts", "failures"
_numbers = count(1)


def settings(name: str, code: Path) -> Function:
    """A function as deploy/templates/system.yaml makes it."""
    environment = {
        "TABLE_NAME": TABLE,
        "TOPIC_ARN": f"arn:aws:sns:{REGION}:123456789012:{TOPIC}",
        "IDEMPOTENCY_TABLE": IDEMPOTENCY_TABLE,
        "FAILURES_BUCKET": FAILURES,
    }
    return Function(
        name=name,
        arn=f"arn:aws:lambda:{REGION}:123456789012:function:{name}",
        version="$LATEST",
        role_arn="arn:aws:iam::123456789012:role/function",
        runtime="python3.11",
        handler="lambda_function.lambda_handler",
        timeout=480,
        memory=256,
        environment=environment,
        code=code,
    )


def resources(url: str) -> None:
    """Make the tables, the topic and the bucket on the emulator."""
    dynamodb = boto3.client("dynamodb", region_name=REGION, endpoint_url=url)
    for table, keys in ((TABLE, {"pk": "HASH", "sk": "RANGE"}), (IDEMPOTENCY_TABLE, {"id": "HASH"})):
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        )
    boto3.client("sns", region_name=REGION, endpoint_url=url).create_topic(Name=TOPIC)
    boto3.client("s3", region_name=REGION, endpoint_url=url).create_bucket(Bucket=FAILURES)


def invocation(datas: list[bytes]) -> bytes:
    """What the mapping hands a function."""
    arrived = datetime(2026, 1, 5, 9, tzinfo=UTC)
    records = [
        {
            "Data": data,
            "PartitionKey": "path#/inventory/SKU-0001",
            "SequenceNumber": f"{next(_numbers):056}",
            "ApproximateArrivalTimestamp": arrived,
        }
        for data in datas
    ]
    stream = f"arn:aws:kinesis:{REGION}:123456789012:stream/http-requests"
    role = "arn:aws:iam::123456789012:role/function"
    shard = "shardId-000000000000"
    return json.dumps({"Records": [event_record(one, shard, stream, role) for one in records]}).encode()


def alerts() -> Iterator[bytes]:
    """Alerts without end, none like another."""
    for number in count():
        ts = f"2026-01-05T09:{number // 60000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}Z"
        alert = {"product_id": "SKU-0001", "inventory": number // 3600000, "ts": ts, "reason": "LOW_STOCK"}
        yield json.dumps(alert, separators=(",", ":")).encode()


def cpu_seconds() -> float:
    """CPU time of the function's process, a child of this one, up to now."""
    for child in psutil.Process().children():
        if any("bootstrap.py" in part for part in child.cmdline()):
            times = child.cpu_times()
            return float(times.user + times.system)
    sys.exit("function_usage: the function has no process; expected it to run")


def usage(name: str, package: str, datas: Iterator[bytes], large: int, home: Path, url: str, rounds: int) -> None:
    """Invoke a function with batches of one and of `large`, and print what an invocation and a record use."""
    logged: list[int] = []
    host = Host(home, url, lambda _group, _stream, text: logged.append(len(text) + 1))
    environment = ExecutionEnvironment(settings(name, home / package), host)
    cpu: dict[int, float] = {}
    log: dict[int, float] = {}
    wall: dict[int, float] = {}
    try:
        for size in (1, large, 1, large):
            events = [invocation(list(islice(datas, size))) for _ in range(rounds)]
            logged.clear()
            began = cpu_seconds() if cpu else 0.0
            took = []
            for event in events:
                done = environment.invoke(event)
                if done.function_error or json.loads(done.payload)["batchItemFailures"]:
                    sys.exit(f"function_usage: {name} failed: {done.payload.decode()}")
                took.append(done.seconds)
            # The first two sizes warm up: connections, caches, and the start of the process itself.
            cpu[size] = (cpu_seconds() - began) / rounds * 1000
            log[size] = sum(logged) / rounds
            wall[size] = statistics.median(took) * 1000
            print(f"{package}: batch of {size}: {cpu[size]:.2f} ms CPU, {wall[size]:.1f} ms here", flush=True)
    finally:
        environment.close()
    for what, unit, values in (("CPU", "ms", cpu), ("log", "bytes", log)):
        record = (values[large] - values[1]) / (large - 1)
        print(f"{package}: {what}: {values[1] - record:.3f} {unit} an invocation and {record:.3f} a record")


def functions(rounds: int) -> None:
    """Measure both functions."""
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    events = (record.data for record in records.records(seed=1))
    with emulator() as url, tempfile.TemporaryDirectory() as folder:
        resources(url)
        home = Path(folder)
        description.link_runtime(home / "runtime")
        for name, package, datas, large in (
            ("KinesisToDynamo", "kinesis-to-dynamo", events, 100),
            ("AlertsToSns", "alerts-to-sns", alerts(), 10),
        ):
            zipped = BUILD / f"{package}.zip"
            if not zipped.is_file():
                sys.exit(f"function_usage: {zipped} is missing; expected what ./build.sh makes")
            description.unpack(name, zipped.read_bytes(), home / package)
            usage(name, package, datas, large, home, url, rounds)


def item_bytes(event: dict[str, Any]) -> int:
    """The size of an event's item, names and values, without DynamoDB's own 100 bytes.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    keys = {"pk": f"path#{event['path']}", "sk": f"{event['timestamp']}#{0:056}"}
    return sum(
        len(name) + (len(value) if isinstance(value, str) else 1 + (len(str(abs(value))) + 1) // 2)
        for name, value in (event | keys).items()
    )


def events(number: int) -> None:
    """Print what the producer sends."""
    drawn = list(islice(response_pool.draw(response_pool.get_pool(1), 2), number))
    inventory = [event for event in drawn if event["type"] == "inventory"]
    below = sum(event["inventory"] < 10 for event in inventory)
    print(f"{number} events of seed 1: {statistics.mean(len(json.dumps(event)) for event in drawn):.0f} bytes an event")
    print(f"item: {statistics.mean(map(item_bytes, drawn)):.0f} bytes, at most {max(map(item_bytes, drawn))}")
    print(f"inventory: {len(inventory) / number:.3f}; below 10 (policy every): {below / number:.4f}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "events").write_text("".join(f"{json.dumps(event)}\n" for event in drawn), encoding="utf-8")
        for margin in (0, 5):
            print(f"alerts, policy crossing, margin {margin}: {crossings(Path(folder), margin) / number:.4f}")


def crossings(folder: Path, margin: int) -> int:
    """How many alerts the job makes of the file `events` in a folder, with the policy `crossing`."""
    options = ["--input", "events", "--policy", "crossing", "--rearm-margin", str(margin)]
    job = subprocess.run(
        [sys.executable, str(JOB), *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return job.stdout.count(b"\n")


def main() -> None:
    """Measure and print."""
    options = Parser("function_usage", "python -m benchmarks.function_usage", __doc__)
    options.add_argument("--rounds", type=int, default=50, help="invocations of each kind (%(default)s)")
    options.add_argument("--events", type=int, default=200_000, help="events drawn (%(default)s)")
    given = options.parse_args()
    events(given.events)
    functions(given.rounds)


if __name__ == "__main__":
    main()
