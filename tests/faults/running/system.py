"""The two functions as they are deployed, from their zips and the templates, with a proxy between them and AWS."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import boto3

from emulator.mappings.mappings import EventSourceMappings
from emulator.mappings.worker import Pace
from emulator.server import REGION
from local.pipeline import phone
from tests.faults.judging.outcome import Written
from tests.faults.judging.sent import Alert
from tests.faults.running import stacks
from tests.faults.running.proxy import Proxy
from tests.faults.running.streams import Streams


class System:
    """The stack on the emulator, its mappings at work, and the phone's messages.

    Args:
        endpoint: the emulator.
        seed: draws the proxy's faults.
    """

    def __init__(self, endpoint: str, seed: int) -> None:
        self.endpoint = endpoint
        self.proxy = Proxy(endpoint, seed)
        self._clients: dict[str, Any] = {}
        self._outputs = stacks.create(2)
        self._phone_queue = phone.subscribe(self._outputs["AlertsTopicArn"])
        self._messages: list[Written] = []
        self._items: Counter[tuple[str, str]] = Counter()
        self._scan_again = 0.0
        self.streams = Streams(*(self._outputs[f"{which}StreamName"] for which in ("Source", "Alerts", "DeadLetter")))
        for name in ("KinesisToDynamo", "AlertsToSns"):
            self._behind_proxy(self._outputs[f"{name}Name"])
        # Retries are paced as AWS paces them; a shard is only looked at oftener.
        self.mappings = EventSourceMappings(endpoint, REGION, lambda _: None, Pace(poll=0.2))

    def client(self, service: str) -> Any:
        """A boto3 client that reaches the emulator itself."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service)
        return self._clients[service]

    def _behind_proxy(self, function: str) -> None:
        client = self.client("lambda")
        variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = self.proxy.endpoint
        client.update_function_configuration(FunctionName=function, Environment={"Variables": variables})

    def messages(self) -> list[Written]:
        """The messages of the phone so far."""
        sqs, queue = self.client("sqs"), self._phone_queue
        while True:
            answer = sqs.receive_message(
                QueueUrl=queue,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                AttributeNames=["SentTimestamp"],
            )
            if not answer.get("Messages"):
                return list(self._messages)
            for message in answer["Messages"]:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
                alert = (values["product_id"], int(values["inventory"]), values["ts"])
                self._messages.append(Written(alert, int(message["Attributes"]["SentTimestamp"]) / 1000))

    def items(self) -> Counter[tuple[str, str]]:
        """The path and the time of each event in the table.

        They may be some seconds old: reading all of it again and again would slow down what is measured.
        """
        if (began := time.monotonic()) >= self._scan_again:
            self._items.clear()
            for page in self.client("dynamodb").get_paginator("scan").paginate(TableName=self._outputs["TableName"]):
                self._items.update((item["path"]["S"], item["timestamp"]["S"]) for item in page["Items"])
            now = time.monotonic()
            self._scan_again = now + 5 * (now - began)
        return self._items

    def left_to_redrive(self) -> int:
        """How many objects are in the failures' store."""
        bucket = self._outputs["FailuresBucket"]
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return sum(len(page.get("Contents", [])) for page in pages)

    def put_alerts(self, alerts: Sequence[Alert]) -> None:
        """Write alerts to their stream, as the job does."""
        for product, inventory, ts in alerts:
            content = {"product_id": product, "inventory": inventory, "ts": ts, "reason": "LOW_STOCK"}
            self.client("kinesis").put_record(
                StreamName=self.streams.alerts, Data=json.dumps(content).encode(), PartitionKey=product
            )


@contextlib.contextmanager
def system(endpoint: str, seed: int) -> Iterator[System]:
    """Run the system until the end of the block."""
    made = System(endpoint, seed)
    try:
        with made.mappings:
            yield made
    finally:
        made.proxy.close()
