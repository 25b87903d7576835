"""The job and the two functions, played by a thread: what `verify` looks at, without a JVM and Lambda."""

import contextlib
import json
import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from deploy.aws import on_failure
from deploy.aws.stream_reader import StreamReader
from deploy.deployment import DEFAULT_NAME, Deployment
from tests.deploy.deployed import Account
from tests.lambdas import function_under_test

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
        self._clients = {name: account.client(name) for name in ("kinesis", "dynamodb", "logs", "sns")}
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
            event = function_under_test.event([record["Data"]], [number])
            (rejected,) = event["Records"]
            rejected["eventID"] = f"{record['ShardId']}:{number}"
            rejected["kinesis"]["approximateArrivalTimestamp"] = time.time()
            reject(self._account, event)
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


def bucket(account: Account) -> str:
    """The bucket of failures."""
    (name,) = on_failure.buckets(account.client("s3"), "low-inventory-system")
    return name


def objects(account: Account) -> list[str]:
    """The keys in the bucket of failures."""
    found = account.client("s3").list_objects_v2(Bucket=bucket(account))
    return [one["Key"] for one in found.get("Contents", [])]


def store(account: Account, key: str, content: object) -> str:
    """Put an object into the bucket of failures; its key."""
    account.client("s3").put_object(Bucket=bucket(account), Key=key, Body=json.dumps(content).encode())
    return key


def reject(account: Account, event: dict[str, Any], function: str = "KinesisToDynamo") -> str:
    """Store the first record of an event as a function does; the key."""
    (record, *_) = event["Records"]
    arrived = datetime.fromtimestamp(record["kinesis"]["approximateArrivalTimestamp"], UTC)
    key = f"rejected/{function}/{arrived:%Y/%m/%d}/{record['eventID'].replace(':', '-')}.json"
    return store(account, key, {"reason": "expected JSON", "rejectedAt": str(time.time_ns()), "record": record})


def give_up(
    account: Account, event: dict[str, Any], function: str = "KinesisToDynamo", name: str = "0", mapping: str = ""
) -> str:
    """Store an event as Lambda does when it gives up on it; the key.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    outputs = Deployment(DEFAULT_NAME).outputs(account.client("cloudformation"), "system")
    first, last = event["Records"][0], event["Records"][-1]
    content = {
        "requestContext": {
            "requestId": "00000000-0000-4000-8000-000000000000",
            "functionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{function}",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 8,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-05T09:00:00.000Z",
        "KinesisBatchInfo": {
            "shardId": first["eventID"].partition(":")[0],
            "startSequenceNumber": first["kinesis"]["sequenceNumber"],
            "endSequenceNumber": last["kinesis"]["sequenceNumber"],
            "batchSize": len(event["Records"]),
            "streamArn": first["eventSourceARN"],
        },
        "payload": json.dumps(event),
    }
    folder = f"aws/lambda/{mapping or outputs[f'{function}Mapping']}/shardId-000000000006/2026/01/05"
    return store(account, f"{folder}/2026-01-05T09.00.00-{name}", content)


def delivered(account: Account, count: int) -> None:
    """Let SNS count deliveries of the alerts' topic, in the minute that is now."""
    outputs = Deployment(DEFAULT_NAME).outputs(account.client("cloudformation"), "system")
    dimensions = [{"Name": "TopicName", "Value": outputs["AlertsTopicName"]}]
    metric = {"MetricName": "NumberOfNotificationsDelivered", "Dimensions": dimensions, "Value": count}
    metric["Timestamp"] = datetime.now(UTC) + timedelta(seconds=30)
    account.client("cloudwatch").put_metric_data(Namespace="AWS/SNS", MetricData=[metric])
