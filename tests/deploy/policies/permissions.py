"""What a caller of `deploy` must be allowed to do, from calls that were recorded, as IAM policies and a page."""

import json
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.deploy.templates import cfn

PAGE = cfn.ROOT / "docs" / "permissions.md"
CALLER = cfn.ROOT / "deploy" / "policies" / "caller.json"
CLOUDFORMATION = cfn.ROOT / "deploy" / "policies" / "cloudformation.json"
MOST_CHARACTERS = {CALLER: 6144, CLOUDFORMATION: 10_240}
"""Of a managed policy, and of the inline policies of a role; white space is not counted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

# Found and not imported: cfn-lint takes long to import, and each process of a parallel run reads this file.
_CFN_LINT = find_spec("cfnlint")
assert _CFN_LINT and _CFN_LINT.origin
REFERENCE: dict[str, Any] = json.loads(
    Path(_CFN_LINT.origin).with_name("data").joinpath("AdditionalSpecs", "Policies.json").read_text()
)
"""AWS's service authorization reference, as cfn-lint carries it."""

_PREFIXES = {"kinesisanalyticsv2": "kinesisanalytics"}
# Calls whose action has another name, and calls that need no permission.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_ACTIONS = {
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "s3:ListBuckets": ["s3:ListAllMyBuckets"],
    "lambda:Invoke": ["lambda:InvokeFunction"],
    "sts:GetCallerIdentity": [],
}
# It is asked about a template, before there is a stack.
_OF_NO_STACK = ("cloudformation:GetTemplateSummary",)
# With which names the deployment's things begin; those that the lab named have its names.
_RESOURCES = {
    "cloudformation": ["arn:aws:cloudformation:*:*:stack/low-inventory-*"],
    "dynamodb": ["arn:aws:dynamodb:*:*:table/HttpRequests", "arn:aws:dynamodb:*:*:table/low-inventory-*"],
    "iam": ["arn:aws:iam::*:role/LabRole"],
    "kinesis": [
        "arn:aws:kinesis:*:*:stream/http-requests*",
        "arn:aws:kinesis:*:*:stream/alerts-low-inventory",
    ],
    "kinesisanalytics": ["arn:aws:kinesisanalytics:*:*:application/low-inventory-*"],
    "lambda": [
        "arn:aws:lambda:*:*:function:KinesisToDynamo",
        "arn:aws:lambda:*:*:function:AlertsToSns",
        "arn:aws:lambda:*:*:event-source-mapping:*",
    ],
    "logs": [
        "arn:aws:logs:*:*:log-group:/aws/lambda/*",
        "arn:aws:logs:*:*:log-group:/aws/kinesis-analytics/low-inventory-*",
        "arn:aws:logs:*:*:log-group:sns/*",
    ],
    "s3": ["arn:aws:s3:::low-inventory-*"],
    "sns": ["arn:aws:sns:*:*:low-inventory-*"],
}


def actions(calls: Iterable[tuple[str, str]]) -> set[str]:
    """The IAM actions of calls, each a service of botocore and an operation."""
    found: set[str] = set()
    for service, operation in calls:
        name = f"{_PREFIXES.get(service, service)}:{operation}"
        found |= set(_ACTIONS.get(name, [name]))
    return found


def unknown(wanted: Iterable[str]) -> list[str]:
    """Actions that AWS's service authorization reference does not have."""
    return [
        action
        for action in wanted
        if action.partition(":")[2].lower() not in REFERENCE[action.partition(":")[0]]["Actions"]
    ]


def caller(by_command: Mapping[str, set[str]]) -> dict[str, Any]:
    """The policy of whoever runs the commands."""
    return _policy(set().union(*by_command.values()))


def cloudformation() -> dict[str, Any]:
    """The policy of what CloudFormation does with the templates: with the caller's permissions, or its own role's.

    What each type of resource needs is in the type's schema, which AWS publishes.
    """
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    types = {one["Type"] for name in cfn.TEMPLATES for one in cfn.load(name)["Resources"].values()}
    wanted: set[str] = set()
    for kind in types:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get("handlers", {})
        for name in ("create", "read", "update", "delete"):
            wanted |= set(handlers.get(name, {}).get("permissions", []))
    mine = {action for action in wanted if action.split(":")[0] in SERVICES}
    # Some schemas name actions that IAM does not have.
    return _policy(mine - set(unknown(mine)), scoped=False)


SERVICES = (
    "cloudwatch",
    "dynamodb",
    "iam",
    "kinesis",
    "kinesisanalytics",
    "lambda",
    "logs",
    "s3",
    "sns",
)
"""The services of the templates' own resources; the schemas also list those of unused features."""


def _policy(wanted: set[str], scoped: bool = True) -> dict[str, Any]:
    """A policy with a statement for each service and the resources that its actions take."""
    statements = []
    for service in sorted({action.partition(":")[0] for action in wanted}):
        mine = sorted(action for action in wanted if action.startswith(f"{service}:"))
        narrow = [one for one in mine if scoped and service in _RESOURCES and _takes_resource(one)]
        wide = [one for one in mine if one not in narrow]
        title = service.capitalize()
        if narrow:
            resources = _RESOURCES[service]
            below = {"s3": "/*", "cloudformation": "/*", "logs": ":*"}.get(service)
            resources = [*resources, *(f"{one}{below}" for one in resources if below)]
            statements.append({"Sid": title, "Effect": "Allow", "Action": narrow, "Resource": resources})
        if wide:
            statements.append({"Sid": f"{title}All", "Effect": "Allow", "Action": wide, "Resource": "*"})
    return {"Version": "2012-10-17", "Statement": statements}


def _takes_resource(action: str) -> bool:
    service, _, verb = action.partition(":")
    return action not in _OF_NO_STACK and bool(REFERENCE[service]["Actions"][verb.lower()].get("Resources"))


def size(policy: dict[str, Any]) -> int:
    """The characters of a policy as IAM counts them."""
    return len(json.dumps(policy, separators=(",", ":")))


def text(policy: dict[str, Any]) -> str:
    """A policy as a file has it."""
    return json.dumps(policy, indent=2) + "\n"


def page(by_command: Mapping[str, set[str]]) -> str:
    """The table of the page: each command, and the actions that it alone needs."""
    rows = ["| command | actions |", "| --- | --- |"]
    for command, wanted in by_command.items():
        rows.append(f"| `{command}` | {', '.join(f'`{one}`' for one in sorted(wanted))} |")
    return "\n".join(rows) + "\n"


def write(path: Path, content: str) -> None:
    """Write a file of the deployment's papers."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
