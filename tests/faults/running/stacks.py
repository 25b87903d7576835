"""The stacks that the functions need, without the application: here the tests run the job themselves."""

from typing import Any

import boto3

from deploy import deployment, packages
from deploy.aws import stacks, topics

_PHONE = "+99900000000"
_DEPLOYMENT = deployment.Deployment(deployment.DEFAULT_NAME)


def create(shards: int) -> dict[str, str]:
    """Create the stacks up to that of the system, as `up` does, with a phone; give the outputs of the last one.

    Args:
        shards: shards of the stream of events.
    """
    bucket = _create("storage", {})["CodeBucket"]
    keys = {
        key: packages.upload(boto3.client("s3"), bucket, packages.BUILD / name)
        for key, name in packages.FUNCTIONS.items()
    }
    parameters = {"CodeBucket": bucket, "Shards": str(shards), "ApplicationName": _DEPLOYMENT.application}
    outputs = _create("system", parameters | keys | _create("table", {}))
    topics.subscribe_exactly(boto3.client("sns"), outputs["AlertsTopicArn"], "sms", [_PHONE])
    return outputs


def _create(part: str, parameters: dict[str, str]) -> dict[str, str]:
    cloudformation: Any = boto3.client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    name = _DEPLOYMENT.stack(part)
    planned = stacks.plan(cloudformation, stacks.Request(name, stacks.body(deployment.template(part)), given))
    assert planned
    return stacks.outputs(stacks.execute(cloudformation, planned))
