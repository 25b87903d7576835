"""The system on an emulator, from the templates that make it in AWS, and a phone to look at."""

from dataclasses import dataclass
from typing import Any

import boto3

from deploy import deployment
from deploy import packages as artifacts
from deploy.aws import stacks, topics

_DEPLOYMENT = deployment.Deployment(deployment.DEFAULT_NAME)

# A number that is nobody's: https://www.itu.int/rec/T-REC-E.164 has no country of 999.
_PHONE = "+99900000000"


@dataclass(frozen=True)
class System:
    """What the stack made: `outputs` of the template, and the queue that gets each message a phone gets."""

    outputs: dict[str, str]
    phone_queue: str

    def stream(self, which: str) -> str:
        """The name of a stream: `Source`, `Alerts` or `DeadLetter`."""
        return self.outputs[f"{which}StreamName"]


def create(shards: int) -> System:
    """Create the bucket, upload the functions, and create the system, as `python -m deploy up` does.

    Args:
        shards: shards of the stream of events.

    Raises:
        StackError: if a stack cannot be created.
        DeployError: if a package is not built (`./build.sh`).
    """
    cloudformation, s3 = boto3.client("cloudformation"), boto3.client("s3")
    bucket = _create(cloudformation, "storage", {})["CodeBucket"]
    packages = artifacts.packages()
    parameters = {
        "CodeBucket": bucket,
        **{key: artifacts.upload(s3, bucket, packages[key]) for key in ("KinesisToDynamoKey", "AlertsToSnsKey")},
        "Shards": str(shards),
    }
    table = _create(cloudformation, "table", {})
    parameters |= table | {"ApplicationName": _DEPLOYMENT.application}
    outputs = _create(cloudformation, "system", parameters)
    topics.bring(boto3.client("sns"), outputs["AlertsTopicArn"], "sms", [_PHONE])
    return System(outputs, _listen(outputs["AlertsTopicArn"]))


def _create(cloudformation: Any, part: str, parameters: dict[str, str]) -> dict[str, str]:
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    name = _DEPLOYMENT.stack(part)
    stacks.plan(cloudformation, stacks.Request(name, stacks.body(deployment.template(part)), given))
    stacks.execute(cloudformation, name)
    return _DEPLOYMENT.must_have(cloudformation, part)


def _listen(topic: str) -> str:
    """Subscribe a queue beside the phone: the emulator sends no text message, this shows what would be one."""
    sns: Any = boto3.client("sns")
    sqs: Any = boto3.client("sqs")
    url = str(sqs.create_queue(QueueName="low-inventory-phone")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return url
