"""`down`: delete everything, and see that nothing is left."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy import deployment
from deploy.aws import errors, flink_application, on_failure, stacks, waiting
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import counted, say, step
from deploy.up import subscribers

_GONE = ("NotFound", "NonExistent", "NoSuch", "404")
_GONE_SECONDS = 90
"""How long a deleted thing may still answer."""

Resource = tuple[str, str, str]

_PROBES: dict[str, tuple[str, str, str]] = {
    "AWS::DynamoDB::Table": ("dynamodb", "describe_table", "TableName"),
    "AWS::Kinesis::Stream": ("kinesis", "describe_stream_summary", "StreamName"),
    "AWS::KinesisAnalyticsV2::Application": ("kinesisanalyticsv2", "describe_application", "ApplicationName"),
    "AWS::Lambda::EventSourceMapping": ("lambda", "get_event_source_mapping", "UUID"),
    "AWS::Lambda::Function": ("lambda", "get_function", "FunctionName"),
    "AWS::S3::Bucket": ("s3", "head_bucket", "Bucket"),
    "AWS::SNS::Topic": ("sns", "get_topic_attributes", "TopicArn"),
}
"""How to ask whether a resource is still there; of other types, CloudFormation's word is taken."""


@dataclass(frozen=True)
class Inventory:
    """What there is to delete: the stacks as CloudFormation describes them, by part, and what they hold."""

    parts: dict[str, dict[str, Any]]
    resources: list[Resource]

    def of(self, kind: str) -> list[str]:
        """The physical ids of a type."""
        return [physical for found, _, physical in self.resources if found == kind]

    def table(self) -> str | None:
        """The table of events, or None if it is not there."""
        named = [one for kind, logical, one in self.resources if kind == "AWS::DynamoDB::Table" and logical == "Table"]
        return named[0] if named else None

    def without_table(self) -> "Inventory":
        """The same without the stack of the table."""
        parts = {part: stack for part, stack in self.parts.items() if part != "table"}
        return Inventory(parts, [one for one in self.resources if one[1:2] != ("Table",)])


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `down`."""
    parser.add_argument(
        "--keep-table", action="store_true", help="keep the table and its items; the next `up` goes on with it"
    )
    parser.add_argument(
        "--delete-failures", action="store_true", help="delete the bucket of failures even if it is not empty"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Delete everything, in the order in which it can be deleted."""
    wanted = Deployment(options.stack_name)
    found = _inventory(aws, wanted)
    buckets = on_failure.buckets(aws.client("s3"), wanted.stack("system"))
    if not found.parts and not any(options.delete_failures or not _count(aws, bucket) for bucket in buckets):
        rest = [_kept(aws, bucket) for bucket in buckets]
        print(f"nothing of {wanted.name} is in {aws.region}{' but ' if rest else ''}{' and '.join(rest)}")
        return 0
    _show(aws, found, options.keep_table)
    for bucket in buckets:
        count = _count(aws, bucket)
        verb = "goes" if options.delete_failures or not count else "is kept (--delete-failures deletes it)"
        print(f"the bucket of failures {bucket} {verb}, with {counted(count, 'object')}")
    if not options.yes and not _confirmed(wanted.name):
        print("nothing was changed")
        return 1
    kept = found.table() if options.keep_table else None
    if kept:
        found = found.without_table()
    cloudformation = aws.client("cloudformation")
    system = stacks.outputs(found.parts.get("system"))
    subscribers.forget_texts_log(aws.client("sns"), system.get("TextsLogRoleArn", ""))
    with step("stop the application"):
        flink_application.stop(aws.client("kinesisanalyticsv2"), wanted.application, force=True)
    for part in ("monitoring", "application"):
        _delete(cloudformation, found, part)
    for bucket in found.of("AWS::S3::Bucket"):
        if bucket not in buckets:
            with step(f"empty the bucket {bucket}"):
                _empty(aws.client("s3"), bucket)
    for part in ("system", "table", "storage"):
        _delete(cloudformation, found, part)
    _delete_log_groups(aws, found)
    # After the functions, which write to them.
    full = [bucket for bucket in buckets if not _delete_failures(aws, bucket, options.delete_failures)]
    return _confirm(aws, found, kept, full)


def _inventory(aws: Aws, wanted: Deployment) -> Inventory:
    cloudformation = aws.client("cloudformation")
    # What is under way may make something yet.
    settled = {part: stacks.settled(cloudformation, wanted.stack(part)) for part in deployment.PARTS}
    parts = {part: stack for part, stack in settled.items() if stack}
    return Inventory(parts, [one for part in parts for one in stacks.resources(cloudformation, wanted.stack(part))])


def _show(aws: Aws, found: Inventory, keep_table: bool) -> None:
    print(f"account {aws.account()}, region {aws.region}: this is deleted:")
    counts: dict[str, int] = {}
    for kind, _, _ in found.resources:
        counts[kind] = counts.get(kind, 0) + 1
    for kind in sorted(counts):
        print(f"  {counts[kind]:3} {kind}")
    table = found.table()
    if table:
        verb = "is kept" if keep_table else "is deleted"
        print(f"the table {table} {verb}, with {_items(aws.client('dynamodb'), table)}")
    if found.of("AWS::Kinesis::Stream"):
        print("the streams are deleted, with every record in them")


def _items(dynamodb: Any, table: str) -> str:
    """How many items a table holds: counted if they are few, since DynamoDB's own count is up to six hours old."""
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return "nothing: it is gone already"
    page = dynamodb.scan(TableName=table, Select="COUNT")
    if "LastEvaluatedKey" in page:
        return f"more than {max(page['Count'], described.get('ItemCount', 0))} items"
    return counted(page["Count"], "item")


def _confirmed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise DeployError("down asks before it deletes anything, and there is no terminal", "add --yes", 2)
    return input(f"type {name} to delete all of this: ").strip() == name


def _delete(cloudformation: Any, found: Inventory, part: str) -> None:
    if part in found.parts:
        with step(f"delete the stack {found.parts[part]['StackName']}"):
            stacks.delete(cloudformation, found.parts[part]["StackId"])


def _empty(s3: Any, bucket: str) -> None:
    """Delete every version of every object, without which a bucket cannot go."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = page.get("Versions", []) + page.get("DeleteMarkers", [])
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
            if objects:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                for error in answer.get("Errors", []):
                    raise DeployError(f"bucket {bucket}: {error['Key']}: {error['Message']}")
    except ClientError as error:
        if not _is_gone(error):
            raise


def _count(aws: Aws, bucket: str) -> int:
    return sum(1 for _ in on_failure.keys(aws.client("s3"), bucket))


def _kept(aws: Aws, bucket: str) -> str:
    return f"the bucket {bucket} with {counted(_count(aws, bucket), 'failure')}, which `down --delete-failures` deletes"


def _delete_failures(aws: Aws, bucket: str, full: bool) -> bool:
    """Delete a bucket of failures, one with failures in it only if `full`; return whether it was deleted."""
    if not full and _count(aws, bucket):
        return False
    with step(f"delete the bucket {bucket}"):
        _empty(aws.client("s3"), bucket)
        aws.client("s3").delete_bucket(Bucket=bucket)
    return True


def _groups(aws: Aws, found: Inventory) -> list[str]:
    """The log groups that are there, of those that the deployment had."""
    client = aws.client("logs")
    return [
        group["logGroupName"]
        for name in found.of("AWS::Logs::LogGroup")
        for group in client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if group["logGroupName"] == name
    ]


def _delete_log_groups(aws: Aws, found: Inventory) -> None:
    """A function that ends late writes its last lines after its group is deleted, which makes it again."""
    for group in _groups(aws, found):
        say(f"log group {group} is there again: deleting it")
        aws.client("logs").delete_log_group(logGroupName=group)


def _confirm(aws: Aws, found: Inventory, kept: str | None, full: list[str]) -> int:
    """See that nothing of the stacks, which are gone, is left, by asking for each thing."""
    left = _groups(aws, found)
    if left:
        raise DeployError(f"still there: {', '.join(left)}", "run `down` again, or delete them by hand")
    for kind, (service, method, key) in _PROBES.items():
        probe = getattr(aws.client(service), method)
        for name in found.of(kind):
            if name not in full:
                _wait_until_gone(probe, key, name, f"{kind} {name}")
    rest = [f"the table {kept}, which the next `up` goes on with"] if kept else []
    rest += [_kept(aws, bucket) for bucket in full]
    print(f"nothing is left but {' and '.join(rest)}" if rest else "nothing is left")
    return 0


def _wait_until_gone(probe: Callable[..., Any], key: str, name: str, what: str) -> None:
    waiting.until(
        lambda: None if _is_there(probe, key, name) else True,
        f"{what} to be gone",
        _GONE_SECONDS,
        "its stack is gone: delete it by hand",
    )


def _is_there(probe: Callable[..., Any], key: str, name: str) -> bool:
    try:
        probe(**{key: name})
    except ClientError as error:
        if _is_gone(error):
            return False
        raise
    return True


def _is_gone(error: ClientError) -> bool:
    return any(word in errors.code(error) for word in _GONE)
