"""`stop`: stop the application; the streams, the table and the functions stay."""

import argparse

from deploy.aws import flink_application
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import step


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `stop`."""
    parser.add_argument("--force", action="store_true", help="without a snapshot, also while it starts or updates")


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Stop it with a snapshot, and wait for READY."""
    deployment = Deployment(options.stack_name)
    name = deployment.application
    service = aws.client("kinesisanalyticsv2")
    if flink_application.must_be_there(service, name)["ApplicationStatus"] == "READY":
        print(f"application {name} is stopped already")
        return 0
    with step(f"stop application {name}"):
        flink_application.stop(service, name, options.force)
    at = flink_application.latest_snapshot(service, name)
    where = f"its snapshot of {at:%Y-%m-%d %H:%M:%S %Z}" if at else "the starting position, as it has no snapshot"
    print(f"application {name} is stopped; `python -m deploy start` starts it from {where}")
    if options.force:
        print("what came since then is read again then; alerts older than a day go out again")
    print(f"the alarm {deployment.stack('monitoring')}-job-down is on meanwhile, as it should be")
    return 0
