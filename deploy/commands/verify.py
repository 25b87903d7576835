"""`verify`: send marked events through the whole system, and wait for the results."""

import argparse
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.aws import flink_application, on_failure, topics
from deploy.aws.session import Aws
from deploy.aws.stream_reader import Record, StreamReader
from deploy.deployment import Deployment
from deploy.progress import say
from deploy.up.options import whole_number

INTERVAL = 0.5

_SKEW_SECONDS = 120
"""By which this machine's clock may be ahead of AWS's; what is looked for has names of its own."""


class Run:
    """One run: what is sent, once, and what was seen of it (a thing → seconds after it was sent).

    Nothing is sent again while something is late: each phone and mailbox gets one message of a run. The mapping and the
    job begin at a time, so nothing is passed over.

    Args:
        aws: the account and region.
        outputs: of the system's stack.
        threshold: the job's.
    """

    def __init__(self, aws: Aws, outputs: dict[str, str], threshold: int) -> None:
        self.aws, self.outputs, self._threshold = aws, outputs, threshold
        self.mark = f"verify-{uuid.uuid4().hex[:12]}"
        self.low, self.high = f"{self.mark}-low", f"{self.mark}-high"
        self.seen: dict[str, float] = {}
        self.bad = self.alert = ""
        self.false_alert = False
        subscribed = topics.subscriptions(aws.client("sns"), outputs["AlertsTopicArn"])
        self.phones = sum(one["Protocol"] == "sms" for one in subscribed)
        mailboxes = [topics.confirmed(one) for one in subscribed if one["Protocol"] == "email"]
        self.mailboxes, self.unconfirmed = mailboxes.count(True), mailboxes.count(False)
        self.looks = {what: look for what, look in _LOOKS.items() if what != _DELIVERY or self.mailboxes}
        self.began, self._sent = datetime.now(UTC) - timedelta(seconds=_SKEW_SECONDS), 0.0
        kinesis = aws.client("kinesis")
        self.alert_stream = StreamReader(kinesis, outputs["AlertsStreamName"], self.began)
        self.dead_letters = StreamReader(kinesis, outputs["DeadLetterStreamName"], self.began)

    def send(self) -> None:
        """Send an event below the threshold, one above, and a bad record, all with names of their own."""
        self._sent = time.monotonic()
        self._put(self.low, _event(self.low, self._threshold - 1))
        self._put(self.high, _event(self.high, self._threshold + 1))
        # No function and no job can read it, and each must say so. Its place: `<shard ID>-<sequence number>`.
        self.bad = self._put(self.mark, f'{{"type": "inventory", "product_id": "{self.mark}", ')

    def _put(self, product: str, data: str) -> str:
        answer = self.aws.client("kinesis").put_record(
            StreamName=self.outputs["SourceStreamName"], Data=data.encode(), PartitionKey=f"path#{_path(product)}"
        )
        return f"{answer['ShardId']}-{answer['SequenceNumber']}"

    def note(self, what: str) -> None:
        """Something was seen."""
        self.seen.setdefault(what, time.monotonic() - self._sent)


def _path(product: str) -> str:
    return f"/inventory/{product}"


def _event(product: str, inventory: int) -> str:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {"type": "inventory", "path": _path(product), "timestamp": at}
    return json.dumps(event | {"product_id": product, "inventory": inventory})


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("--timeout", type=whole_number(1), default=180, metavar="S", help="seconds to wait (180)")


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Send, wait, print each thing with its latency, and tidy up; 1 if something is missing."""
    deployment = Deployment(options.stack_name)
    outputs = deployment.must_have(aws.client("cloudformation"), "system")
    current = Run(aws, outputs, _threshold(aws, deployment))
    say(f"run {current.mark}: phones: {current.phones}, mailboxes: {current.mailboxes}; each gets one message")
    try:
        _watch(current, options.timeout)
    finally:
        left = _tidy(current)
    for what, look in current.looks.items():
        absent = "unseen   " if what == _DELIVERY else "missing  "
        found = f"{current.seen[what]:7.2f} s" if what in current.seen else absent
        print(f"{found}  {what}{'' if what in current.seen else f': {look[1]}'}")
    if current.mailboxes:
        print(f"no command sees into a mailbox: each should show a message about {current.low}")
    if current.unconfirmed:
        how = "open AWS's mail; `up --alert-email ADDRESS` sends it again"
        print(f"missing    confirmations by the owners of mailboxes: {current.unconfirmed}: {how}")
    if current.false_alert:
        print("wrong      an alert came for the event above the threshold")
    print(f"what stays: {left}")
    # SNS may count later than anybody waits.
    missing = current.looks.keys() - current.seen.keys() - {_DELIVERY}
    return 1 if current.false_alert or missing or current.unconfirmed else 0


def _threshold(aws: Aws, deployment: Deployment) -> int:
    """The job's threshold."""
    detail = flink_application.must_be_there(aws.client("kinesisanalyticsv2"), deployment.application)
    return int(flink_application.properties(detail, "Alerts")["threshold"])


def _watch(current: Run, timeout: float) -> None:
    """Send, and look until everything was seen or the time is over."""
    current.send()
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for what, (look, _) in current.looks.items():
            if what not in current.seen and look(current):
                current.note(what)
        if len(current.seen) == len(current.looks):
            return
        time.sleep(INTERVAL)


def _items(current: Run, product: str) -> list[dict[str, Any]]:
    answer = current.aws.client("dynamodb").query(
        TableName=current.outputs["TableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"path#{_path(product)}"}},
        ProjectionExpression="pk, sk",
    )
    return list(answer["Items"])


def _content(record: Record) -> dict[str, Any]:
    """The object in a record; empty if it holds none, as one that is not the job's may."""
    try:
        content = json.loads(record["Data"])
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _alert_came(current: Run) -> bool:
    for record in current.alert_stream.poll():
        product = _content(record).get("product_id")
        if product == current.low:
            current.alert = record["SequenceNumber"]
        current.false_alert = current.false_alert or product == current.high
    return bool(current.alert)


def _dead_letter_came(current: Run) -> bool:
    return any(f'"{current.mark}"' in str(_content(record).get("payload")) for record in current.dead_letters.poll())


def _rejected(current: Run) -> list[str]:
    """The key of the bad record in the bucket of failures, or nothing."""
    if not current.bad:
        return []
    bucket, function = on_failure.bucket(current.outputs), current.outputs["KinesisToDynamoName"]
    # Of the day that it arrived, by AWS's clock.
    days = {f"{datetime.now(UTC) + timedelta(hours=hours):%Y/%m/%d}" for hours in (-1, 0, 1)}
    prefixes = [f"rejected/{function}/{day}/{current.bad}" for day in sorted(days)]
    return list(on_failure.keys(current.aws.client("s3"), bucket, *prefixes))


def _published(current: Run) -> bool:
    """Whether AlertsToSns logged that it published the alert."""
    if not current.alert:
        return False
    pages = (
        current.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=current.outputs["AlertsToSnsLogs"],
            startTime=int(current.began.timestamp() * 1000),
            filterPattern=f'"{current.alert}"',
        )
    )
    return any("alert published" in event["message"] for page in pages for event in page["events"])


def _delivered(current: Run) -> bool:
    """Whether SNS counts a delivery since the alert was sent. It does not tell of which alert, nor to whom.

    https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    """
    points = current.aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SNS",
        MetricName="NumberOfNotificationsDelivered",
        Dimensions=[{"Name": "TopicName", "Value": current.outputs["AlertsTopicName"]}],
        StartTime=current.began + timedelta(seconds=_SKEW_SECONDS),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return any(point["Sum"] > 0 for point in points)


_DELIVERY = "a delivery that SNS counts, of this alert or another"

_LOOKS: dict[str, tuple[Callable[[Run], object], str]] = {
    "the item of the event below the threshold": (
        lambda run: _items(run, run.low),
        "see `status`, `logs kinesis-to-dynamo`",
    ),
    "the item of the event above it": (lambda run: _items(run, run.high), "see `status`, `logs kinesis-to-dynamo`"),
    "the alert of the event below": (_alert_came, "see `status`, `logs job`"),
    "the dead letter of the bad record": (_dead_letter_came, "see `status`, `logs job`"),
    "the bad record in the bucket of failures": (_rejected, "see `status`, `logs kinesis-to-dynamo`"),
    "the line of AlertsToSns on the published alert": (_published, "see `logs alerts-to-sns`"),
    # Where there is a mailbox; `logs texts` tells of phones.
    _DELIVERY: (_delivered, "it counts some minutes late"),
}
"""A result → how it is looked for, and what to run if it is missing."""


def _tidy(current: Run) -> str:
    """Remove what can be removed; what cannot, in words."""
    for product in (current.low, current.high):
        for key in _items(current, product):
            current.aws.client("dynamodb").delete_item(TableName=current.outputs["TableName"], Key=key)
    for rejected in _rejected(current):
        current.aws.client("s3").delete_object(Bucket=on_failure.bucket(current.outputs), Key=rejected)
    return (
        "its records in the three streams until their retention ends, its log lines, for one day the note in the "
        f"idempotency table that its alert was published, and results of {current.mark} that arrive later than this"
    )
