"""A table that `down --keep-table` left: imported into the stack by the next `up`."""

import json
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors, stacks
from deploy.aws.errors import DeployError
from deploy.deployment import Deployment
from deploy.progress import say

LOGICAL_ID = "Table"
"""What system.yaml calls it."""

TAG = "low-inventory:kept-by"
"""The tag of a table that is kept; its value is the deployment's name."""

_KEYS = {"pk": "HASH", "sk": "RANGE"}


def describe(dynamodb: Any, name: str) -> dict[str, Any] | None:
    """A table as DynamoDB describes it, or None if there is none."""
    try:
        table: dict[str, Any] = dynamodb.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if errors.code(error) == "ResourceNotFoundException":
            return None
        raise
    return table


def mark(dynamodb: Any, deployment: Deployment, name: str) -> None:
    """Let the next `up` know a table as its own; `up` leaves the tag, for when somebody deletes the stack by hand."""
    table = describe(dynamodb, name)
    if table is not None:
        dynamodb.tag_resource(ResourceArn=table["TableArn"], Tags=[{"Key": TAG, "Value": deployment.name}])


def find(dynamodb: Any, deployment: Deployment, name: str) -> dict[str, Any] | None:
    """A table that this deployment kept, as DynamoDB describes it, or None if there is no table of that name.

    Raises:
        DeployError: if the table may be somebody else's, whose items `down` would delete; exit status 2.
    """
    table = describe(dynamodb, name)
    if table is None:
        return None
    elsewhere = "delete it, or name another with `--parameter TableName=OTHER`"
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    keys = {one["AttributeName"]: one["KeyType"] for one in table["KeySchema"]}
    if keys != _KEYS or any(types[key] != "S" for key in keys):
        raise DeployError(f"the table {name} is there and has other keys than pk and sk, both texts", elsewhere, 2)
    keeper = _keeper(dynamodb, table["TableArn"])
    if keeper != deployment.name:
        whose = f"was kept by the deployment {keeper}" if keeper else "may be another system's: no `down` kept it"
        region = table["TableArn"].split(":")[3]
        command = (
            f"aws dynamodb tag-resource --region {region} --resource-arn {table['TableArn']} "
            f"--tags Key={TAG},Value={deployment.name}"
        )
        raise DeployError(
            f"the table {name} is there and {whose}",
            f"if it is this deployment's, run `{command}`; else {elsewhere}",
            2,
        )
    return table


def _keeper(dynamodb: Any, arn: str) -> str:
    """The deployment that kept a table, or an empty text."""
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
    return str({tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}.get(TAG, ""))


def adopt(cloudformation: Any, dynamodb: Any, deployment: Deployment, name: str) -> bool:
    """Make a stack of the table alone, if it is there; the update that follows makes the rest.

    An import can make nothing besides, and the automatic one takes no name that is a parameter
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html).

    Args:
        cloudformation: a boto3 client.
        dynamodb: a boto3 client.
        deployment: whose stack of the system is not there yet.
        name: the table's name.

    Raises:
        DeployError: if the table may be somebody else's.
        StackError: if CloudFormation refuses, for example since another stack has the table.
    """
    table = find(dynamodb, deployment, name)
    if table is None:
        return False
    say(f"table {name} is there, with about {table.get('ItemCount', 0)} items: importing it")
    stack = deployment.stack("system")
    identifier = {"ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": LOGICAL_ID}
    changes = stacks.plan(
        cloudformation,
        stack,
        _template(table, name),
        [],
        [{**identifier, "ResourceIdentifier": {"TableName": name}}],
    )
    if changes is not None:
        stacks.execute(cloudformation, stack)
    return True


def _template(table: dict[str, Any], name: str) -> str:
    """A template of the table as it is, as an import wants it; the update that follows makes it pay per request.

    DynamoDB may give no billing mode for a table that was made with provisioned throughput
    (https://github.com/gravitational/teleport/pull/29557).
    """
    properties: dict[str, Any] = {
        "TableName": name,
        "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in _KEYS],
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in _KEYS.items()],
    }
    if properties["BillingMode"] == "PROVISIONED":
        units = ("ReadCapacityUnits", "WriteCapacityUnits")
        properties["ProvisionedThroughput"] = {unit: table["ProvisionedThroughput"][unit] for unit in units}
    resource = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": properties}
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {LOGICAL_ID: resource}})
