"""`logs`: show what the job or a function logs."""

import argparse
import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors, flink_job
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.up.options import whole_number

_GROUPS = {
    "job": ("application", "ApplicationLogs"),
    "kinesis-to-dynamo": ("system", "KinesisToDynamoLogs"),
    "alerts-to-sns": ("system", "AlertsToSnsLogs"),
    "texts": ("system", "AlertsTopicName"),
}
_FIELDS = ("shard_id", "sequence_number", "reason", "items_written", "records_rejected", "records_failed", "message_id")
"""What the functions log beside the message, as their lambda_function.py names it."""

INTERVAL = 2.0
_LATE = 10_000
"""Milliseconds by which a line may come late, behind one that is newer."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `logs`."""
    parser.add_argument("what", nargs="?", default="job", choices=list(_GROUPS), help="whose log (job)")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--minutes", type=whole_number(1), default=60, metavar="N", help="how far back to begin (60)")


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Print the lines, the oldest first."""
    part, output = _GROUPS[options.what]
    group = Deployment(options.stack_name).must_have(aws.client("cloudformation"), part)[output]
    if options.what == "texts":
        # https://docs.aws.amazon.com/sns/latest/dg/sms_stats_cloudwatch.html
        group = f"sns/{aws.region}/{aws.account()}/{group}/Failure"
    since = int((datetime.now(UTC) - timedelta(minutes=options.minutes)).timestamp() * 1000)
    seen: dict[str, int] = {}
    while True:
        for event in _events(aws.client("logs"), group, since):
            if event["eventId"] not in seen:
                seen[event["eventId"]] = event["timestamp"]
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                print(f"{at:%H:%M:%S} {errors.redact(_line(event['message']))}", flush=True)
        if not options.follow:
            return 0
        since = max([since, *(at - _LATE for at in seen.values())])
        seen = {identifier: at for identifier, at in seen.items() if at >= since}
        time.sleep(INTERVAL)


def _line(logged: str) -> str:
    """What a log event says: its message and, if a function wrote it, which record it is about and why."""
    text = flink_job.message(logged)
    with contextlib.suppress(ValueError, AttributeError):
        content = json.loads(logged)
        fields = [f"{name} {content[name]}" for name in _FIELDS if name in content]
        text = f"{text}: {', '.join(fields)}" if fields else text
    return text


def _events(logs: Any, group: str, since: int) -> list[dict[str, Any]]:
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
        return sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
    except ClientError as error:
        if errors.code(error) == "ResourceNotFoundException":
            raise DeployError(f"there is no log group {group}", "it appears with the first line") from None
        raise
