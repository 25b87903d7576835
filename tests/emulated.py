"""The streams of the system on the emulator, and what a test does with them."""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

REGION = "eu-west-1"
SOURCE, ALERTS, DEAD_LETTERS = "http-requests", "alerts-low-inventory", "http-requests-dead-letters"


class Emulator:
    """An emulator at an endpoint, with the three streams once `create_streams` was called."""

    def __init__(self, endpoint: str, region: str = REGION, make_client: Callable[..., Any] = boto3.client) -> None:
        self.endpoint, self.region = endpoint, region
        self._make_client = make_client
        self.kinesis = self.client("kinesis")

    def client(self, service: str) -> Any:
        """A client of a service."""
        return self._make_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def reset(self) -> None:
        """Forget everything; the emulator's state outlives its server."""
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")).close()

    def create_streams(self, shards: int = 2) -> None:
        """Make the three streams, each with so many shards."""
        for name in (SOURCE, ALERTS, DEAD_LETTERS):
            self.kinesis.create_stream(StreamName=name, ShardCount=shards)

    def put(self, records: list[bytes], key: Callable[[bytes], str]) -> None:
        """Write records to the source stream, in order, each with its partition key."""
        for record in records:
            self.kinesis.put_record(StreamName=SOURCE, Data=record, PartitionKey=key(record))

    def read(self, stream: str) -> list[dict[str, Any]]:
        """All records of a stream as Kinesis gives them, shard by shard."""
        records: list[dict[str, Any]] = []
        for shard in self.kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = self.kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while True:
                answer = self.kinesis.get_records(ShardIterator=iterator)
                records += answer["Records"]
                if not answer["Records"]:
                    break
                iterator = answer["NextShardIterator"]
        return records

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """All records of a stream as JSON."""
        return [json.loads(record["Data"]) for record in self.read(stream)]

    def properties(self, path: Path, **alerts: str) -> Path:
        """A property file for the three streams, read from their start."""
        arn = f"arn:aws:kinesis:{REGION}:123456789012:stream/"
        groups = {
            "InputStream0": {"stream.arn": arn + SOURCE, "source.init.position": "TRIM_HORIZON"},
            "OutputStream0": {"stream.arn": arn + ALERTS},
            "DeadLetterStream0": {"stream.arn": arn + DEAD_LETTERS},
            "Alerts": alerts,
        }
        content = [{"PropertyGroupId": name, "PropertyMap": pairs} for name, pairs in groups.items()]
        path.write_text(json.dumps(content))
        return path


def eventually(condition: Callable[[], bool], what: str, seconds: float = 300) -> None:
    """Ask until a condition holds; fail with what was awaited when the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
