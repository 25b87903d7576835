"""`start`: start the application from its latest snapshot, and see that its job runs."""

import argparse

from deploy.aws import flink_application, flink_job, waiting
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import step


def add_options(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Start it, and wait for its job."""
    deployment = Deployment(options.stack_name)
    name = deployment.application
    services = flink_job.Services(aws)
    flink_application.must_be_there(services.application, name)
    detail = flink_application.wait_until_steady(services.application, name) or {}
    if detail.get("ApplicationStatus") == "RUNNING":
        print(f"application {name} runs already; `python -m deploy status` shows its job")
        return 0
    group = deployment.must_have(aws.client("cloudformation"), "application")["ApplicationLogs"]
    began = waiting.now()
    with step(f"start application {name}"):
        flink_application.start(services.application, name)
        detail = flink_application.wait_until_steady(services.application, name) or {}
    if detail.get("ApplicationStatus") != "RUNNING":
        raise flink_job.failure(services, name, group, began, "is READY after it was started")
    flink_job.must_run(services, name, group, began, waiting.now())
    print(f"application {name} runs, and so does its job")
    return 0
