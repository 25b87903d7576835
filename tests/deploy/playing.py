"""The job and the two functions, played by a thread: what `verify` looks at, without a JVM and Lambda."""

import contextlib
import json
import threading
import time
from collections.abc import Collection
from types import TracebackType
from typing import Any

from deploy.aws.stream_reader import StreamReader
from tests.deploy.deployed import Account

PARTS = ("kinesis-to-dynamo", "job", "alerts-to-sns")


class Playing:
    """Plays parts of the system while it is entered.

    Args:
        account: a deployment.
        parts: of PARTS; a part that is not played is one that is broken.
        start: where the parts begin to read; a mapping that is at LATEST sees nothing from before its first poll.
    """

    def __init__(self, account: Account, parts: Collection[str] = PARTS, start: str = "TRIM_HORIZON") -> None:
        self._account, self._parts, self._start = account, parts, start
        self._clients = {name: account.client(name) for name in ("kinesis", "dynamodb", "logs", "sqs", "sns")}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self.published: list[str] = []

    def __enter__(self) -> "Playing":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _play(self) -> None:
        kinesis = self._clients["kinesis"]
        events = StreamReader(kinesis, "http-requests", self._start)
        alerts = StreamReader(kinesis, "alerts-low-inventory", "TRIM_HORIZON")
        while not self._ended.is_set():
            for record in events.poll():
                self._job(record)
                self._kinesis_to_dynamo(record)
            for record in alerts.poll():
                self._alerts_to_sns(record)
            time.sleep(0.01)

    def _job(self, record: dict[str, Any]) -> None:
        if "job" not in self._parts:
            return
        try:
            event = json.loads(record["Data"])
        except ValueError:
            letter = {"reason": "not_a_json_object", "payload": record["Data"].decode(), "failed_at": "now"}
            self._put("http-requests-dead-letters", letter)
            return
        if int(event["inventory"]) < 7:
            alert = {"product_id": event["product_id"], "inventory": event["inventory"], "ts": event["timestamp"]}
            self._put("alerts-low-inventory", alert | {"reason": "LOW_STOCK"})

    def _put(self, stream: str, content: dict[str, Any]) -> None:
        self._clients["kinesis"].put_record(StreamName=stream, Data=json.dumps(content).encode(), PartitionKey="k")

    def _kinesis_to_dynamo(self, record: dict[str, Any]) -> None:
        if "kinesis-to-dynamo" not in self._parts:
            return
        number = record["SequenceNumber"]
        try:
            event = json.loads(record["Data"])
        except ValueError:
            self._log("KinesisToDynamo", {"message": "record not written", "sequence_number": number})
            self.fail(record["ShardId"], number, number)
            return
        key = {"pk": {"S": f"path#{event['path']}"}, "sk": {"S": f"{event['timestamp']}#{number}"}}
        self._clients["dynamodb"].put_item(TableName="HttpRequests", Item=key)

    def _alerts_to_sns(self, record: dict[str, Any]) -> None:
        if "alerts-to-sns" in self._parts:
            self.published.append(json.loads(record["Data"])["product_id"])
            line = {"message": "alert published", "sequence_number": record["SequenceNumber"]}
            self._log("AlertsToSns", line)

    def _log(self, function: str, line: dict[str, Any]) -> None:
        group, logs = f"/aws/lambda/{function}", self._clients["logs"]
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=group, logStreamName="one")
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(line)}
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[event])

    def fail(self, shard: str, first: str, last: str) -> None:
        """What an event source mapping sends to its on-failure queue."""
        send_failure(self._account, shard, first, last)


def queue(account: Account, function: str = "KinesisToDynamo") -> str:
    """The on-failure queue of a function."""
    prefix = f"low-inventory-system-{function}Failures"
    return str(account.client("sqs").list_queues(QueueNamePrefix=prefix)["QueueUrls"][0])


def send_failure(
    account: Account, shard: str, first: str, last: str, partition: str = "aws", function: str = "KinesisToDynamo"
) -> None:
    """A message of the form in https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html."""
    body = {
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 6},
        "version": "1.0",
        "timestamp": "2026-01-05T09:00:00.000Z",
        "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first,
            "endSequenceNumber": last,
            "batchSize": 1,
            "streamArn": f"arn:{partition}:kinesis:eu-west-1:123456789012:stream/http-requests",
        },
    }
    account.client("sqs").send_message(QueueUrl=queue(account, function), MessageBody=json.dumps(body))
