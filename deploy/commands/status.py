"""`status`: one screen on how the system is."""

import argparse
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from deploy import alarm_mail, deployment
from deploy.aws import errors, flink_application, flink_job, on_failure, stacks, waiting
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import counted

_MINUTES = flink_job.MINUTES
_DAYS = 14
_FUNCTIONS = ("KinesisToDynamo", "AlertsToSns")


def add_options(_: argparse.ArgumentParser) -> None:
    """The command has none of its own."""


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Print it, a line a thing; 1 if there is no deployment."""
    wanted = Deployment(options.stack_name)
    cloudformation = aws.client("cloudformation")
    # Before the first line, since there may be no credentials.
    found = {part: stacks.describe(cloudformation, wanted.stack(part)) for part in deployment.PARTS}
    print(f"{wanted.name} in {aws.region}, {waiting.now():%Y-%m-%d %H:%M:%S} UTC")
    for part, stack in found.items():
        print(f"  stack {wanted.stack(part):40} {stack['StackStatus'] if stack else 'none'}")
    if not any(found.values()):
        print("nothing is deployed; `python -m deploy up` creates it")
        return 1
    system, monitoring = (stacks.outputs(found.get(part)) for part in ("system", "monitoring"))
    for title, lines in (
        ("application", [*_application(aws, wanted), *_lost_shards(aws, system)]),
        ("streams", _streams(aws, system)),
        ("functions", _functions(aws, system)),
        ("alarms", _alarms(aws, wanted, monitoring)),
    ):
        print(title)
        for line in lines:
            print(f"  {line}")
    _links(aws, monitoring)
    return 0


def _application(aws: Aws, wanted: Deployment) -> Iterator[str]:
    detail = flink_application.describe(aws.client("kinesisanalyticsv2"), wanted.application)
    if detail is None:
        yield "none"
        return
    state = detail["ApplicationStatus"]
    yield f"{wanted.application}: {state}, version {detail['ApplicationVersionId']}, {detail['RuntimeEnvironment']}"
    yield f"code {flink_application.code_key(detail)}"
    alerts = flink_application.properties(detail, "Alerts")
    yield f"threshold {alerts.get('threshold', '10')}, policy {alerts.get('policy', 'every')}"
    yield f"job: {_job(aws, wanted.application) if state == 'RUNNING' else 'does not run'}"


def _lost_shards(aws: Aws, system: dict[str, str]) -> Iterator[str]:
    """What the job has logged of shards that it could not read to their end; monitoring.yaml counts the lines."""
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=system.get("MetricsNamespace", "none"),
        MetricName="ShardsLost",
        StartTime=waiting.now() - timedelta(days=_DAYS),
        EndTime=waiting.now(),
        Period=_DAYS * 86400,
        Statistics=["Sum"],
    )["Datapoints"]
    lost = int(sum(point["Sum"] for point in points))
    if lost:
        yield f"{counted(lost, 'shard')} expired in {_DAYS} days before the job had read to the end, which lost events"


def _job(aws: Aws, application: str) -> str:
    job = flink_job.job(aws.client("kinesisanalyticsv2"), application)
    if job is None:
        return "none that Flink knows of; `logs job` may tell why"
    restarts = "restarts unknown" if job.restarts is None else f"{job.restarts} restart{'s' * (job.restarts != 1)}"
    state = "up" if job.runs else f"{job.state}, not all its tasks run, begun"
    return f"{state} for {timedelta(seconds=int(job.uptime.total_seconds()))}, {restarts}, {_behind(aws, application)}"


def _behind(aws: Aws, application: str) -> str:
    milliseconds = flink_job.lag(aws.client("cloudwatch"), application)
    return "lag unknown (no records)" if milliseconds is None else f"lag {milliseconds / 1000:.1f} s"


def _streams(aws: Aws, system: dict[str, str]) -> Iterator[str]:
    for output in ("SourceStreamName", "AlertsStreamName", "DeadLetterStreamName"):
        if output in system:
            summary = aws.client("kinesis").describe_stream_summary(StreamName=system[output])
            stream = summary["StreamDescriptionSummary"]
            yield (
                f"{stream['StreamName']}: {stream['StreamStatus']}, {counted(stream['OpenShardCount'], 'shard')}, "
                f"kept for {stream['RetentionPeriodHours']} h"
            )


def _functions(aws: Aws, system: dict[str, str]) -> Iterator[str]:
    for function in _FUNCTIONS:
        mapping = system.get(f"{function}Mapping")
        if mapping is None:
            continue
        try:
            answer = aws.client("lambda").get_event_source_mapping(UUID=mapping)
        except ClientError as error:
            if errors.code(error) != "ResourceNotFoundException":
                raise
            answer = {"State": "gone"}
        prefixes = on_failure.prefixes(system, function)
        failures = sum(1 for _ in on_failure.keys(aws.client("s3"), on_failure.bucket(system), *prefixes))
        last = answer.get("LastProcessingResult") or "nothing yet"
        name = system[f"{function}Name"]
        lag, kept = _lag(aws, name), counted(failures, "failure")
        yield f"{name}: mapping {answer['State']}, last result {last}, {lag}, {kept}"


def _lag(aws: Aws, function: str) -> str:
    """How old a record was when the function got it, at most, in the last minutes."""
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="IteratorAge",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=waiting.now() - timedelta(minutes=_MINUTES),
        EndTime=waiting.now(),
        Period=_MINUTES * 60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return f"lag {max(point['Maximum'] for point in points) / 1000:.1f} s" if points else "lag unknown (no records)"


def _alarms(aws: Aws, wanted: Deployment, monitoring: dict[str, str]) -> Iterator[str]:
    # Their names begin with that of their stack.
    pages = aws.client("cloudwatch").get_paginator("describe_alarms")
    found = pages.paginate(AlarmNamePrefix=f"{wanted.stack('monitoring')}-").build_full_result()
    alarms = found.get("MetricAlarms", [])
    # JobDown has insufficient data when the job has stopped reporting.
    bad = [one for one in alarms if one["StateValue"] == "ALARM" or _tells_silence(one)]
    yield f"{len(alarms)} alarms, {len(bad)} of them on"
    for alarm in bad:
        yield f"{alarm['StateValue']} {alarm['AlarmName']}: {alarm.get('AlarmDescription', '')}"
    nobody = alarm_mail.problem(aws, monitoring.get("OperatorsTopicArn"))
    if nobody:
        yield nobody


def _tells_silence(alarm: dict[str, Any]) -> bool:
    """Whether an alarm that tells of missing data has none now, and had some before."""
    silent = alarm["StateValue"] == "INSUFFICIENT_DATA" and bool(alarm.get("InsufficientDataActions"))
    return silent and "Unchecked" not in alarm.get("StateReason", "")


def _links(aws: Aws, monitoring: dict[str, str]) -> None:
    name = monitoring.get("DashboardName")
    if name:
        console = f"https://{aws.region}.console.aws.amazon.com/cloudwatch/home?region={aws.region}"
        print(f"dashboard {console}#dashboards/dashboard/{name}")
    print("the Flink dashboard: `python -m deploy dashboard`")
