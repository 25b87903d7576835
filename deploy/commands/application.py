"""`start`, `stop`, `rollback` and `dashboard`: the application alone, without its stack."""

import argparse
from datetime import datetime
from typing import Any

from deploy.aws import flink_application, flink_job, waiting
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import say, step
from deploy.up import application as up_application

_CAN_ROLL_BACK = ("RUNNING", "UPDATING", "AUTOSCALING")
"""https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_RollbackApplication.html"""


def no_options(_: argparse.ArgumentParser) -> None:
    """The command has none of its own."""


def start_options(parser: argparse.ArgumentParser) -> None:
    """The options of `start`."""
    parser.add_argument(
        "--allow-non-restored-state", action="store_true", help="drop the state that the code cannot take over"
    )


def stop_options(parser: argparse.ArgumentParser) -> None:
    """The options of `stop`."""
    parser.add_argument("--force", action="store_true", help="without a snapshot, also while it starts or updates")


def start(options: argparse.Namespace, aws: Aws) -> int:
    """Start it from its latest snapshot, and wait for its job."""
    deployment = Deployment(options.stack_name)
    name, service = deployment.application, aws.client("kinesisanalyticsv2")
    before = flink_application.settled(service, name) or flink_application.must_be_there(service, name)
    if flink_application.runs(before):
        print(f"application {name} runs already; `python -m deploy status` shows its job")
        return 0
    began = waiting.now()
    with step(f"start application {name}"):
        detail = up_application.start(aws, name, allow_non_restored=options.allow_non_restored_state)
    _must_run(aws, deployment, detail, began, "its start")
    print(f"application {name} runs, and so does its job")
    return 0


def stop(options: argparse.Namespace, aws: Aws) -> int:
    """Stop it with a snapshot, and wait until it is stopped; the streams, the table and the functions stay."""
    deployment = Deployment(options.stack_name)
    name, service = deployment.application, aws.client("kinesisanalyticsv2")
    if flink_application.must_be_there(service, name)["ApplicationStatus"] == flink_application.READY:
        print(f"application {name} is stopped already")
        return 0
    with step(f"stop application {name}"):
        flink_application.stop(service, name, options.force)
    at = flink_application.latest_snapshot(service, name)
    where = f"its snapshot of {at:%Y-%m-%d %H:%M:%S %Z}" if at else "the starting position, as it has no snapshot"
    print(f"application {name} is stopped; `python -m deploy start` starts it from {where}")
    if options.force:
        print("events since then are read again after the start; alerts older than a day are sent again")
    print(f"the alarm {deployment.stack('monitoring')}-job-down says meanwhile that the job is silent, as it should")
    return 0


def rollback(options: argparse.Namespace, aws: Aws) -> int:
    """Go back to the version that ran before, and see that its job runs."""
    deployment = Deployment(options.stack_name)
    name, service = deployment.application, aws.client("kinesisanalyticsv2")
    detail = flink_application.must_be_there(service, name)
    if detail["ApplicationStatus"] not in _CAN_ROLL_BACK:
        raise DeployError(
            f"application {name} is {detail['ApplicationStatus']}, and goes back only from {', '.join(_CAN_ROLL_BACK)}",
            "start it first, or run `up` from the commit that you want",
        )
    left, began = flink_application.code_key(detail), waiting.now()
    with step(f"roll application {name} back"):
        service.rollback_application(ApplicationName=name, CurrentApplicationVersionId=detail["ApplicationVersionId"])
        after = flink_application.settled(service, name) or flink_application.must_be_there(service, name)
    _must_run(aws, deployment, after, began, "its rollback")
    print(f"application {name} runs {flink_application.code_key(after)}; before: {left}")
    print("its stack still asks for the version that was live; the next `up` deploys this tree again")
    return 0


def dashboard(options: argparse.Namespace, aws: Aws) -> int:
    """Print the address alone on stdout. Whoever has it is let in, so nothing else prints or keeps it.

    https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_CreateApplicationPresignedUrl.html
    """
    name, service = Deployment(options.stack_name).application, aws.client("kinesisanalyticsv2")
    state = flink_application.must_be_there(service, name)["ApplicationStatus"]
    if state != flink_application.RUNNING:
        raise DeployError(
            f"application {name} is {state}, and has a dashboard only while it is RUNNING",
            "start it with `python -m deploy start`",
        )
    answer = service.create_application_presigned_url(
        ApplicationName=name,
        UrlType="FLINK_DASHBOARD_URL",
        SessionExpirationDurationInSeconds=flink_job.SESSION_SECONDS,
    )
    say("open it within 3 minutes; it then works for half an hour, for everybody who has it: do not pass it on")
    print(answer["AuthorizedUrl"])
    return 0


def _must_run(aws: Aws, deployment: Deployment, detail: dict[str, Any] | None, began: datetime, what: str) -> None:
    """See that the application, as it was at rest after an operation, and its job run. Raises DeployError."""
    name = deployment.application
    group = deployment.must_have(aws.client("cloudformation"), "application")["ApplicationLogs"]
    if not flink_application.runs(detail):
        raise flink_job.failure(aws, name, group, began, f"does not run after {what}")
    flink_job.must_run(aws, name, group, began)
