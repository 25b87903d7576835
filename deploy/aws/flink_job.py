"""Whether the application's Flink job runs, which the status of the application does not tell.

A Python driver that dies can leave the application RUNNING. Flink's own REST API has the job's state at once. It is
reached through the presigned address of the Flink dashboard, as AWS's sample script does:
https://github.com/aws-samples/amazon-managed-service-for-apache-flink-examples (infrastructure/scripts).
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from botocore.exceptions import ClientError

from deploy.aws import errors, flink_application, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say

NAMESPACE = "AWS/KinesisAnalytics"
SECONDS = 480
"""How long a job may take from RUNNING of its application until its tasks run."""

MINUTES = 10
"""How far back its lag is looked for."""

SESSION_SECONDS = 1800
"""The shortest session of a presigned address that the service makes.
https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_CreateApplicationPresignedUrl.html"""

_DASHBOARD = "/flinkdashboard"
_REQUEST_SECONDS = 10
_DRIVER_DIED = "Python process exits with code"
_REASONS = '?"PythonDriver" ?"CodeError"'
"""The log events that tell why a driver died: they name its class in `logger` or in `throwableInformation`."""


@dataclass(frozen=True)
class Job:
    """A Flink job: its state, whether all its tasks run, how long it has been running, and its restarts."""

    state: str
    tasks_run: bool
    uptime: timedelta
    restarts: int | None

    @property
    def runs(self) -> bool:
        """Whether it processes records."""
        return self.state == "RUNNING" and self.tasks_run


class FlinkRest:
    """Flink's REST API of an application that is RUNNING. Its address is a credential, so nothing prints or keeps it.

    Args:
        service: a boto3 client.
        name: the application's.

    Raises:
        botocore.exceptions.ClientError: if the service makes no address.
    """

    def __init__(self, service: Any, name: str) -> None:
        url = service.create_application_presigned_url(
            ApplicationName=name, UrlType="FLINK_DASHBOARD_URL", SessionExpirationDurationInSeconds=SESSION_SECONDS
        )["AuthorizedUrl"]
        parts = urlsplit(url)
        self._base = f"{parts.scheme}://{parts.netloc}{_DASHBOARD}"
        self._token = quote(parse_qs(parts.query)["authToken"][0])

    def job(self) -> Job | None:
        """The newest job of the application, or None if there is none or the API does not answer.

        https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/
        """
        try:
            jobs = self._get("/jobs/overview")["jobs"]
            if not jobs:
                return None
            newest = max(jobs, key=lambda one: one["start-time"])
            detail = self._get(f"/jobs/{newest['jid']}")
            restarts = self._get(f"/jobs/{newest['jid']}/metrics", "&get=numRestarts")
        except (OSError, ValueError, KeyError, TypeError):
            # Flink is not up yet, or its answer was cut.
            return None
        return Job(
            detail["state"],
            all(vertex["status"] == "RUNNING" for vertex in detail.get("vertices", [])),
            timedelta(milliseconds=detail["duration"]),
            int(float(restarts[0]["value"])) if restarts else None,
        )

    def _get(self, path: str, query: str = "") -> Any:
        address = f"{self._base}{path}?authToken={self._token}{query}"
        with urllib.request.urlopen(address, timeout=_REQUEST_SECONDS) as answer:
            return json.load(answer)


def job(service: Any, name: str) -> Job | None:
    """The job of an application; None if it is not known, as when the application does not run."""
    try:
        return FlinkRest(service, name).job()
    except ClientError as error:
        if errors.code(error) not in ("ResourceInUseException", "InvalidArgumentException"):
            raise
        return None


def lag(cloudwatch: Any, application: str) -> float | None:
    """By how many milliseconds the job was behind its stream at most, in the last minutes; None if it does not tell."""
    now = waiting.now() + timedelta(minutes=1)
    return max((point["Maximum"] for point in _lags(cloudwatch, application, now)), default=None)


def read_up_to(cloudwatch: Any, application: str, by: datetime) -> datetime | None:
    """A time of the stream up to which the job had surely read by another time; None if it did not tell."""
    points = _lags(cloudwatch, application, by)
    if not points:
        return None
    told: datetime = max(point["Timestamp"] for point in points)
    return told - timedelta(milliseconds=max(point["Maximum"] for point in points))


def _lags(cloudwatch: Any, application: str, until: datetime) -> list[dict[str, Any]]:
    """How far the job was behind its stream in the minutes before a time: the metric has dimensions of its own."""
    named = [{"Name": "Application", "Value": application}]
    found = cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName="millisBehindLatest", Dimensions=named)
    return [
        point
        for one in found["Metrics"]
        for point in cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName="millisBehindLatest",
            Dimensions=one["Dimensions"],
            StartTime=until - timedelta(minutes=MINUTES),
            EndTime=until,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
    ]


def driver_lines(logs: Any, group: str, since: datetime, limit: int = 15) -> list[str]:
    """The last lines of the log that tell why the driver died; the service does not log them as errors."""
    lines: list[str] = []
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since.timestamp() * 1000), filterPattern=_REASONS
        )
        for page in pages:
            for event in page["events"]:
                lines += message(event["message"]).splitlines()
    except ClientError as error:
        if errors.code(error) != "ResourceNotFoundException":
            raise
    return lines[-limit:]


def message(line: str) -> str:
    """What a log event of the service says: the message of its JSON, and the exception if there is one.

    `throwableInformation` is one text in some events and a list of texts in others.
    """
    try:
        content = json.loads(line)
        thrown = content.get("throwableInformation", [])
        parts = [content["message"], *([thrown] if isinstance(thrown, str) else thrown)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return line.rstrip()
    return "\n".join(str(part).rstrip() for part in parts)


def must_run(aws: Any, application: str, group: str, began: datetime) -> None:
    """Wait until the job runs.

    Args:
        aws: the account and region.
        application: its name.
        group: its log group.
        began: when it was last started or updated; what the driver has logged since then counts.

    Raises:
        DeployError: if the driver died, the application stopped, or no job shows; the log's last lines are said.
    """
    service, logs = aws.client("kinesisanalyticsv2"), aws.client("logs")

    def answer() -> str | None:
        found = job(service, application)
        if found and found.runs:
            return "runs"
        if any(_DRIVER_DIED in line for line in driver_lines(logs, group, began)):
            return "the Python driver died"
        return None if flink_application.runs(flink_application.describe(service, application)) else "it stopped"

    say(f"application {application} is RUNNING; waiting until Flink reports that its job runs")
    try:
        outcome = waiting.until(answer, f"the Flink job of {application} to run", SECONDS)
    except DeployError as error:
        outcome = str(error)
    if outcome != "runs":
        raise failure(aws, application, group, began, f"the Flink job does not run: {outcome}")


def failure(aws: Any, application: str, group: str, began: datetime, what: str) -> DeployError:
    """An error with what the service says of the last failed operation; the driver's last lines are said at once."""
    lines = driver_lines(aws.client("logs"), group, began)
    say("the last lines of the Python driver:" if lines else f"the log group {group} has no line of the Python driver")
    for line in lines:
        say(f"  {errors.redact(line)}")
    why = flink_application.last_failure(aws.client("kinesisanalyticsv2"), application)
    return DeployError(
        f"application {application}: {what}; {why}",
        "correct that and run `up` again, or go back with `python -m deploy rollback`; if neither works, as when a job "
        "that fails over and over can take no snapshot: `stop --force`, `up`, `start`",
    )
