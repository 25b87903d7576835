"""`rollback`: let the application go back to the version that ran before."""

import argparse

from deploy.aws import flink_application, flink_job, waiting
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import step

_ALLOWED = ("RUNNING", "UPDATING", "AUTOSCALING")
"""https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_RollbackApplication.html"""


def add_options(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Roll back, and see that the job of the version before runs."""
    deployment = Deployment(options.stack_name)
    name = deployment.application
    services = flink_job.Services(aws)
    detail = flink_application.must_be_there(services.application, name)
    if detail["ApplicationStatus"] not in _ALLOWED:
        raise DeployError(
            f"application {name} is {detail['ApplicationStatus']}, and can go back only from {', '.join(_ALLOWED)}",
            "start it first, or run `up` from the commit that you want",
        )
    group = deployment.must_have(aws.client("cloudformation"), "application")["ApplicationLogs"]
    left = flink_application.code_key(detail)
    began = waiting.now()
    with step(f"roll application {name} back"):
        services.application.rollback_application(
            ApplicationName=name, CurrentApplicationVersionId=detail["ApplicationVersionId"]
        )
        detail = flink_application.wait_until_steady(services.application, name) or {}
    if detail.get("ApplicationStatus") != "RUNNING":
        raise flink_job.failure(services, name, group, began, "is READY after its rollback")
    flink_job.must_run(services, name, group, began, waiting.now())
    print(f"application {name} runs {flink_application.code_key(detail)}; before: {left}")
    print("its stack still asks for what was before; the next `up` brings that back, with the code of this tree")
    return 0
