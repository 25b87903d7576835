"""`verify`: send marked events through the whole system, and wait for what must come of them."""

import argparse
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.aws import flink_application, on_failure, topics
from deploy.aws.session import Aws
from deploy.aws.stream_reader import Record, StreamReader
from deploy.deployment import Deployment
from deploy.progress import say

INTERVAL = 0.5
RESEND_SECONDS = 15.0
"""A mapping that begins at LATEST sees nothing from before its first poll, which may be a minute away."""

_SKEW_SECONDS = 120
"""By which this machine's clock may be ahead of AWS's; what is looked for has names of its own."""


@dataclass
class Attempt:
    """What was sent at one time: its names, and the place of its bad record, `<shard ID>-<sequence number>`."""

    mark: str
    sent: float
    bad: str = ""

    @property
    def low(self) -> str:
        """The product whose stock is low."""
        return f"{self.mark}-low"

    @property
    def high(self) -> str:
        """The product whose stock is not."""
        return f"{self.mark}-high"


@dataclass
class Run:
    """One run: what was sent, and what was seen of it (a thing → seconds after it was sent)."""

    aws: Aws
    outputs: dict[str, str]
    threshold: int
    attempts: list[Attempt] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    alerts: dict[str, str] = field(default_factory=dict)
    false_alert: bool = False

    def __post_init__(self) -> None:
        self.identifier = f"verify-{uuid.uuid4().hex[:12]}"
        began = datetime.now(UTC) - timedelta(seconds=_SKEW_SECONDS)
        kinesis = self.aws.client("kinesis")
        self.alert_stream = StreamReader(kinesis, self.outputs["AlertsStreamName"], began)
        self.dead_letters = StreamReader(kinesis, self.outputs["DeadLetterStreamName"], began)

    def send(self) -> None:
        """Send an event below the threshold, one above, and a bad record, all with names of their own."""
        attempt = Attempt(f"{self.identifier}-{len(self.attempts)}", time.monotonic())
        self._put(attempt.low, _event(attempt.low, self.threshold - 1))
        self._put(attempt.high, _event(attempt.high, self.threshold + 1))
        # No function and no job can read it, and each must say so.
        attempt.bad = self._put(attempt.mark, f'{{"type": "inventory", "product_id": "{attempt.mark}", ')
        self.attempts.append(attempt)

    def _put(self, product: str, data: str) -> str:
        answer = self.aws.client("kinesis").put_record(
            StreamName=self.outputs["SourceStreamName"], Data=data.encode(), PartitionKey=f"path#{_path(product)}"
        )
        return f"{answer['ShardId']}-{answer['SequenceNumber']}"

    def note(self, what: str, attempt: Attempt) -> None:
        """Something was seen."""
        self.seen.setdefault(what, time.monotonic() - attempt.sent)


def _path(product: str) -> str:
    return f"/inventory/{product}"


def _event(product: str, inventory: int) -> str:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {"type": "inventory", "path": _path(product), "timestamp": at}
    return json.dumps(event | {"product_id": product, "inventory": inventory})


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("--timeout", type=float, default=180, metavar="S", help="seconds to wait (180)")


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Send, wait, print each thing with its latency, and tidy up; 1 if something is missing."""
    deployment = Deployment(options.stack_name)
    outputs = deployment.must_have(aws.client("cloudformation"), "system")
    current = Run(aws, outputs, _threshold(aws, deployment))
    say(f"run {current.identifier}: {_phones(aws, outputs)}")
    try:
        _watch(current, options.timeout)
    finally:
        left = _tidy(current)
    for what, look in _LOOKS.items():
        found = f"{current.seen[what]:7.2f} s" if what in current.seen else "missing  "
        print(f"{found}  {what}{'' if what in current.seen else f': {look[1]}'}")
    if current.false_alert:
        print("wrong      an alert came for the event above the threshold")
    for line in left:
        print(f"left: {line}")
    return 1 if current.false_alert or len(current.seen) < len(_LOOKS) else 0


def _threshold(aws: Aws, deployment: Deployment) -> int:
    """The job's threshold; its default where the job is not an application, as on an emulator."""
    detail = flink_application.describe(aws.client("kinesisanalyticsv2"), deployment.application)
    return int(flink_application.properties(detail, "Alerts").get("threshold", "10")) if detail else 10


def _phones(aws: Aws, outputs: dict[str, str]) -> str:
    subscriptions = topics.subscriptions(aws.client("sns"), outputs["AlertsTopicArn"])
    phones = sum(one["Protocol"] == "sms" for one in subscriptions)
    return f"{phones} subscribed phones get one message each time it is sent" if phones else "no phone is subscribed"


def _watch(current: Run, timeout: float) -> None:
    """Look until everything was seen, sending again now and then."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not current.attempts or time.monotonic() - current.attempts[-1].sent > RESEND_SECONDS:
            if current.attempts:
                missing = ", ".join(what for what in _LOOKS if what not in current.seen)
                say(f"not seen yet: {missing}; sending again")
            current.send()
        for what, (look, _) in _LOOKS.items():
            if what not in current.seen:
                look(current, what)
        if len(current.seen) == len(_LOOKS):
            return
        time.sleep(INTERVAL)


def _look_for_low(current: Run, what: str) -> None:
    _look_for_item(current, what, lambda attempt: attempt.low)


def _look_for_high(current: Run, what: str) -> None:
    _look_for_item(current, what, lambda attempt: attempt.high)


def _look_for_item(current: Run, what: str, product: Callable[[Attempt], str]) -> None:
    for attempt in current.attempts:
        if _items(current, product(attempt)):
            current.note(what, attempt)


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


def _look_for_alert(current: Run, what: str) -> None:
    for record in current.alert_stream.poll():
        product = _content(record).get("product_id")
        for attempt in current.attempts:
            if product == attempt.low:
                current.alerts[attempt.mark] = record["SequenceNumber"]
                current.note(what, attempt)
            current.false_alert = current.false_alert or product == attempt.high


def _look_for_dead_letter(current: Run, what: str) -> None:
    for record in current.dead_letters.poll():
        payload = str(_content(record).get("payload"))
        for attempt in current.attempts:
            if f'"{attempt.mark}"' in payload:
                current.note(what, attempt)


def _look_for_rejected(current: Run, what: str) -> None:
    for attempt in current.attempts:
        if _rejected(current, attempt):
            current.note(what, attempt)


def _rejected(current: Run, attempt: Attempt) -> list[str]:
    """The key of an attempt's bad record in the bucket of failures, or nothing."""
    bucket, function = on_failure.bucket(current.outputs), current.outputs["KinesisToDynamoName"]
    # Of the day that it arrived, by AWS's clock.
    days = {f"{datetime.now(UTC) + timedelta(hours=hours):%Y/%m/%d}" for hours in (-1, 0, 1)}
    prefixes = [f"rejected/{function}/{day}/{attempt.bad}" for day in sorted(days)]
    return list(on_failure.keys(current.aws.client("s3"), bucket, *prefixes))


def _look_for_published_line(current: Run, what: str) -> None:
    for attempt in current.attempts:
        number = current.alerts.get(attempt.mark)
        if number and _logged(current, "AlertsToSnsLogs", number, "alert published"):
            current.note(what, attempt)


def _logged(current: Run, group: str, number: str, words: str = "") -> bool:
    """Whether a function logged a line with a sequence number and these words, since the run began."""
    since = time.time() - (time.monotonic() - current.attempts[0].sent) - _SKEW_SECONDS
    pages = (
        current.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=current.outputs[group], startTime=int(since * 1000), filterPattern=f'"{number}"')
    )
    return any(words in event["message"] for page in pages for event in page["events"])


_LOOKS: dict[str, tuple[Callable[[Run, str], None], str]] = {
    "the item of the event below the threshold": (_look_for_low, "see `status`, `logs kinesis-to-dynamo`"),
    "the item of the event above it": (_look_for_high, "see `status`, `logs kinesis-to-dynamo`"),
    "the alert of the event below": (_look_for_alert, "see `status`, `logs job`"),
    "the dead letter of the bad record": (_look_for_dead_letter, "see `status`, `logs job`"),
    "the bad record in the bucket of failures": (_look_for_rejected, "see `status`, `logs kinesis-to-dynamo`"),
    "the line of AlertsToSns on the published alert": (_look_for_published_line, "see `logs alerts-to-sns`"),
}
"""What must come → how it is looked for, and where to look if it does not come."""


def _tidy(current: Run) -> list[str]:
    """Remove what can be removed; what cannot, in words."""
    dynamodb = current.aws.client("dynamodb")
    # Those that were sent but not kept yet come after this; the last lines say so.
    for attempt in current.attempts:
        for product in (attempt.low, attempt.high):
            for key in _items(current, product):
                dynamodb.delete_item(TableName=current.outputs["TableName"], Key=key)
    for attempt in current.attempts:
        for rejected in _rejected(current, attempt):
            current.aws.client("s3").delete_object(Bucket=on_failure.bucket(current.outputs), Key=rejected)
    left = [
        "its records in the three streams until their retention ends, its log lines, "
        "and for a day the mark that its alert was published"
    ]
    if len(current.attempts) > 1:
        left.append(f"what comes later of {current.identifier}, as it was sent {len(current.attempts)} times")
    return left
