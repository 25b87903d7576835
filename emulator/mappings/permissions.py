"""What the role of a function must allow for a mapping: AWS refuses, or stops, a mapping whose role does not.

Nothing else of IAM is evaluated by the emulator. Conditions, denials, and policies elsewhere are not considered.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from emulator.mappings.settings import EventSourceMapping, MappingError

# https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html (permissions of the execution role)
_READ = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")


def check(iam: Any, role_arn: str, mapping: EventSourceMapping) -> None:
    """Raise MappingError if a function's role does not exist, or lacks permissions for a mapping; it names them."""
    role = role_arn.rpartition("/")[2]
    try:
        statements = list(_statements(iam, role))
    except iam.exceptions.NoSuchEntityException:
        raise MappingError(f"{mapping}: expected a role that exists, got {role_arn}") from None
    missing = [
        f"{action} on {resource}"
        for action, resource in _needed(mapping)
        if not any(_allows(statement, action, resource) for statement in statements)
    ]
    if missing:
        raise MappingError(f"{mapping}: expected the function's role {role} to allow {', '.join(missing)}")


def _needed(mapping: EventSourceMapping) -> Iterator[tuple[str, str]]:
    for action in _READ:
        yield f"kinesis:{action}", mapping.stream_arn
    # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    if mapping.bucket:
        yield "s3:ListBucket", mapping.on_failure_arn
        yield "s3:PutObject", f"{mapping.on_failure_arn}/aws/lambda/{mapping.uuid}/"


def _statements(iam: Any, role: str) -> Iterator[dict[str, Any]]:
    """The statements of the policies in a role, and of those attached to it."""
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
        answer = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
        documents.append(answer["PolicyVersion"]["Document"])
    for document in documents:
        yield from _list(document["Statement"])


def _allows(statement: dict[str, Any], action: str, resource: str) -> bool:
    if statement["Effect"] != "Allow":
        return False
    actions = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _list(statement.get("Action", "*")))
    return actions and any(fnmatchcase(resource, pattern) for pattern in _list(statement.get("Resource", "*")))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
