"""Whether the application's Flink job runs, which its status does not tell.

A Python driver that dies can leave the application RUNNING. The service's own way to see the job is its metrics:
`uptime` is the time that the job has been running without interruption
(https://docs.aws.amazon.com/managed-flink/latest/java/metrics-dimensions.html). From Flink 2.2 on it gives way to
metrics of the job's state, of which Flink calls this one `runningTime`
(https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/ops/metrics/). The Flink dashboard would tell sooner,
but its link is a bearer credential, and how a script reads its pages is not documented.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors, flink_application, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say

NAMESPACE = "AWS/KinesisAnalytics"
SECONDS = 480
"""How long a job may take to show: its start, and metrics that arrive once a minute and late."""

_PERIOD = 60
_DRIVER_DIED = "Python process exits with code"


def metric(
    cloudwatch: Any, application: str, name: str, since: datetime, statistic: str
) -> list[tuple[datetime, float]]:
    """A metric of the application by the minute, the oldest first."""
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": name,
                "Dimensions": [{"Name": "Application", "Value": application}],
            },
            "Period": _PERIOD,
            "Stat": statistic,
        },
    }
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[query],
        StartTime=since.replace(second=0, microsecond=0),
        EndTime=waiting.now() + timedelta(minutes=1),
        ScanBy="TimestampAscending",
    )["MetricDataResults"][0]
    return list(zip(answer["Timestamps"], answer["Values"], strict=True))


def runs(cloudwatch: Any, application: str, since: datetime) -> bool:
    """Whether a job runs, by the samples of the minutes that began at `since` or later.

    A minute in which the application was not yet RUNNING again may show the job of before.
    """
    return any(
        at >= since and milliseconds > 0
        for name in ("uptime", "runningTime")
        for at, milliseconds in metric(cloudwatch, application, name, since, "Minimum")
    )


def lag(cloudwatch: Any, application: str, minutes: int = 10) -> float | None:
    """By how many milliseconds the job was behind its stream at most, in the last minutes; None if it does not tell.

    The metric has dimensions of its own, which are asked for.
    """
    named = [{"Name": "Application", "Value": application}]
    found = cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName="millisBehindLatest", Dimensions=named)
    points = [
        point["Maximum"]
        for one in found["Metrics"]
        for point in cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName="millisBehindLatest",
            Dimensions=one["Dimensions"],
            StartTime=waiting.now() - timedelta(minutes=minutes),
            EndTime=waiting.now() + timedelta(minutes=1),
            Period=minutes * 60,
            Statistics=["Maximum"],
        )["Datapoints"]
    ]
    return max(points, default=None)


def driver_lines(logs: Any, group: str, since: datetime, limit: int = 15) -> list[str]:
    """The last lines of the Python driver in the log; the service does not log them as errors."""
    lines: list[str] = []
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since.timestamp() * 1000), filterPattern='"PythonDriver"'
        )
        for page in pages:
            lines += [message(event["message"]) for event in page["events"]]
    except ClientError as error:
        if errors.code(error) != "ResourceNotFoundException":
            raise
    return lines[-limit:]


def message(line: str) -> str:
    """What a log line of the service says: the message of its JSON, and the exception if there is one."""
    try:
        content = json.loads(line)
        parts = [content["message"], *content.get("throwableInformation", [])]
    except (ValueError, KeyError, TypeError):
        return line.rstrip()
    return "\n".join(str(part).rstrip() for part in parts)


def must_run(services: "Services", application: str, group: str, began: datetime, running: datetime) -> None:
    """Wait until the job runs.

    Args:
        services: the clients that tell.
        application: its name.
        group: its log group.
        began: when it was last started or updated; what the driver has logged since then counts.
        running: when it was RUNNING; the metrics since then count.

    Raises:
        DeployError: if the driver died, the application stopped, or no job shows; the log's last lines are said.
    """

    def answer() -> str | None:
        if runs(services.cloudwatch, application, running):
            return "runs"
        if any(_DRIVER_DIED in line for line in driver_lines(services.logs, group, began)):
            return "the Python driver died"
        detail = flink_application.describe(services.application, application)
        return None if detail and detail["ApplicationStatus"] == "RUNNING" else "the application stopped"

    say(f"application {application} is RUNNING; waiting for the metric that shows its job, which comes late")
    try:
        outcome = waiting.until(answer, f"the Flink job of {application} to run", SECONDS)
    except DeployError as error:
        outcome = str(error)
    if outcome != "runs":
        raise failure(services, application, group, began, f"the Flink job does not run: {outcome}")


def failure(services: "Services", application: str, group: str, began: datetime, what: str) -> DeployError:
    """An error with what the service says of the last failed operation; the driver's last lines are said at once."""
    lines = driver_lines(services.logs, group, began)
    say("the last lines of the Python driver:" if lines else f"no line of the Python driver is in {group}")
    for line in lines:
        say(f"  {errors.redact(line)}")
    return DeployError(
        f"application {application}: {what}; {flink_application.last_failure(services.application, application)}",
        "mend it and run `up` again, or go back with `python -m deploy rollback`; if the service does neither, "
        "as a job that fails over and over gives no snapshot: `stop --force`, `up`, `start`",
    )


class Services:
    """The clients that tell of the application."""

    def __init__(self, aws: Any) -> None:
        self.application = aws.client("kinesisanalyticsv2")
        self.cloudwatch = aws.client("cloudwatch")
        self.logs = aws.client("logs")
