"""A table that `down --keep-table` left: imported into the stack by the next `up`."""

import json
from typing import Any

from botocore.exceptions import ClientError

import aws_errors
import stacks
from aws_errors import DeployError
from reporting import say

LOGICAL_ID = "Table"
"""What system.yaml calls it."""

_KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


def describe(dynamodb: Any, name: str) -> dict[str, Any] | None:
    """A table as DynamoDB describes it, or None if there is none."""
    try:
        table: dict[str, Any] = dynamodb.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if aws_errors.code(error) == "ResourceNotFoundException":
            return None
        raise
    return table


def adopt(cloudformation: Any, dynamodb: Any, stack: str, name: str) -> bool:
    """Make a stack of the table alone, if it is there; the update that follows makes the rest.

    An import can make nothing besides, and the automatic one takes no name that is a parameter
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html).

    Args:
        cloudformation: a boto3 client.
        dynamodb: a boto3 client.
        stack: the stack of the system, which is not there yet.
        name: the table's name.

    Raises:
        DeployError: if a table of that name has other keys.
        StackError: if CloudFormation refuses, for example since another stack has the table.
    """
    table = describe(dynamodb, name)
    if table is None:
        return False
    if sorted(table["KeySchema"], key=str) != sorted(_KEYS, key=str):
        raise DeployError(
            f"the table {name} is there and has other keys than pk and sk",
            "rename or delete it, or work in another region",
        )
    say(f"table {name} is there, with about {table.get('ItemCount', 0)} items: importing it")
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
    """A template of the table as it is, as an import wants it."""
    properties = {
        "TableName": name,
        "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PAY_PER_REQUEST"),
        "AttributeDefinitions": table["AttributeDefinitions"],
        "KeySchema": table["KeySchema"],
    }
    resource = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": properties}
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {LOGICAL_ID: resource}})
