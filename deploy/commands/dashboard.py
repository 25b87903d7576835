"""`dashboard`: a short-lived link to the Flink dashboard."""

import argparse

from deploy.aws import flink_application
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import say

_SESSION_SECONDS = 1800


def add_options(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Print the link alone on stdout. Whoever has it is let in, so nothing else prints or keeps it.

    https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_CreateApplicationPresignedUrl.html
    """
    name = Deployment(options.stack_name).application
    service = aws.client("kinesisanalyticsv2")
    state = flink_application.must_be_there(service, name)["ApplicationStatus"]
    if state != "RUNNING":
        raise DeployError(
            f"application {name} is {state}, and has a dashboard only while it is RUNNING",
            "start it with `python -m deploy start`",
        )
    answer = service.create_application_presigned_url(
        ApplicationName=name, UrlType="FLINK_DASHBOARD_URL", SessionExpirationDurationInSeconds=_SESSION_SECONDS
    )
    say("open it within 3 minutes; it then works for half an hour, for whoever has it: do not pass it on")
    print(answer["AuthorizedUrl"])
    return 0
