"""CloudFormation stacks: plan, create, update and delete one, and wait for it."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from deploy.aws import errors, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say

CHANGE_SET = f"deploy-{uuid.uuid4().hex[:12]}"
"""The name of this process's change sets: an earlier process that was interrupted may have left its own."""

SECONDS = 3600
"""How long to wait for a stack: a KPU that is not available at once, or 500 shards, take long."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
LEFT_OVER = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""States in which a stack can be neither created nor updated, and must be deleted first."""


class StackError(DeployError):
    """CloudFormation did not do what it was asked; the message has its reason."""


class RefusedError(StackError):
    """CloudFormation refused a change set: nothing was changed."""


@dataclass(frozen=True)
class Request:
    """What a stack is to become.

    Args:
        name: the stack's name.
        body: the template's text.
        parameters: as CloudFormation takes them, `UsePreviousValue` included.
        tags: tags of the stack and of everything in it; empty to leave them as they are.
        role: the ARN of a service role for CloudFormation; empty to work with the caller's permissions.
        exists: whether there is such a stack, which is updated; else it is created.
    """

    name: str
    body: str
    parameters: list[dict[str, Any]]
    tags: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    exists: bool = False


@dataclass(frozen=True)
class Change:
    """A line of a change set; `replacement` is CloudFormation's True, False or Conditional."""

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be carried out.

    Args:
        name: the stack's name.
        stack: the stack's id, by which it is still found after CloudFormation has deleted it.
        creates: whether the stack exists only for the change set.
        changes: what would change.
    """

    name: str
    stack: str
    creates: bool
    changes: list[Change]


def describe(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """A stack as CloudFormation describes it, or None if there is none."""
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if errors.code(error) == "ValidationError":
            return None
        raise
    return stack


def outputs(stack: Mapping[str, Any] | None) -> dict[str, str]:
    """The outputs of a stack that `describe` gave; empty if there is none."""
    return {output["OutputKey"]: output["OutputValue"] for output in (stack or {}).get("Outputs", [])}


def parameters(stack: Mapping[str, Any] | None) -> dict[str, str]:
    """The parameters of a stack that `describe` gave; empty if there is none."""
    return {pair["ParameterKey"]: pair["ParameterValue"] for pair in (stack or {}).get("Parameters", [])}


def resources(cloudformation: Any, name: str) -> list[tuple[str, str, str]]:
    """What a stack holds: (type, logical id, physical id). Empty if there is no such stack."""
    try:
        pages = list(cloudformation.get_paginator("list_stack_resources").paginate(StackName=name))
    except ClientError as error:
        if errors.code(error) == "ValidationError":
            return []
        raise
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return [
        (resource["ResourceType"], resource["LogicalResourceId"], resource["PhysicalResourceId"])
        for resource in found
        if resource.get("PhysicalResourceId") and resource.get("ResourceStatus") != "DELETE_COMPLETE"
    ]


def body(template: Path) -> str:
    """The text of a template.

    Raises:
        DeployError: if it is longer than CloudFormation takes in a request, 51,200 bytes
            (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
    """
    text = template.read_text(encoding="utf-8")
    if len(text.encode()) > 51_200:
        raise DeployError(f"{template}: longer than the 51,200 bytes that CloudFormation takes")
    return text


def make_ready(cloudformation: Any, name: str) -> None:
    """Wait for the operation in progress on a stack, and delete a stack that can be neither created nor updated.

    Raises:
        StackError: if an operator must act.
    """
    stack = settled(cloudformation, name)
    status = stack.get("StackStatus", "")
    if status in LEFT_OVER:
        say(f"stack {name} is in {status}, the state of a creation that failed: deleting it")
        delete(cloudformation, stack["StackId"])
    elif status == "UPDATE_ROLLBACK_FAILED":
        raise StackError(
            f"stack {name}: {status}: {reason(cloudformation, name)}",
            f"run `aws cloudformation continue-update-rollback --stack-name {name}` and then this command again",
        )


def plan(cloudformation: Any, wanted: Request) -> ChangeSet | None:
    """Create a change set; None, and no change set, if there is nothing to change.

    A stack whose first creation fails is deleted by CloudFormation, with everything in it.

    Raises:
        RefusedError: if CloudFormation refuses; the message has its reason.
    """
    kind: dict[str, Any] = {"ChangeSetType": "UPDATE"}
    if not wanted.exists:
        kind = {"ChangeSetType": "CREATE", "OnStackFailure": "DELETE"}
    if wanted.tags:
        kind["Tags"] = [{"Key": key, "Value": value} for key, value in wanted.tags.items()]
    if wanted.role:
        kind["RoleARN"] = wanted.role
    try:
        created = cloudformation.create_change_set(
            StackName=wanted.name,
            ChangeSetName=CHANGE_SET,
            TemplateBody=wanted.body,
            Parameters=wanted.parameters,
            Capabilities=["CAPABILITY_IAM"],
            **kind,
        )
    except ClientError as error:
        if any(words in str(error) for words in _NO_CHANGES):
            return None
        raise
    answer = waiting.until(lambda: _planned(cloudformation, wanted.name), f"the change set of {wanted.name}", 600)
    planned = ChangeSet(wanted.name, created["StackId"], not wanted.exists, _changes(answer))
    why = answer.get("StatusReason") or ""
    if answer["Status"] == "FAILED":
        nothing = any(words in why for words in _NO_CHANGES)
        found = [] if nothing else _validations(cloudformation, answer["ChangeSetId"])
        drop_plan(cloudformation, planned)
        if nothing:
            return None
        why = "; ".join(found) or why or "the change set failed"
        raise RefusedError(f"stack {wanted.name}: {why}", errors.next_step(why))
    return planned


def execute(cloudformation: Any, planned: ChangeSet) -> dict[str, Any]:
    """Carry out a change set, wait for the stack, and give it as it is then. Raises StackError."""
    cloudformation.execute_change_set(StackName=planned.name, ChangeSetName=CHANGE_SET)
    began = time.monotonic()
    stack = settled(cloudformation, planned.stack)
    status = stack.get("StackStatus", "gone")
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        why = reason(cloudformation, planned.stack)
        step = errors.next_step(why) or "correct that and run the command again; `down` deletes what is there"
        raise StackError(f"stack {planned.name}: {status}: {why}", step)
    say(f"stack {planned.name}: {status} in {time.monotonic() - began:.1f} s")
    return stack


def drop_plan(cloudformation: Any, planned: ChangeSet) -> None:
    """Delete a change set, and the stack if it exists only for the change set."""
    if planned.creates:
        delete(cloudformation, planned.stack)
    else:
        cloudformation.delete_change_set(StackName=planned.name, ChangeSetName=CHANGE_SET)


def delete(cloudformation: Any, identifier: str) -> None:
    """Delete a stack on which no operation is in progress, by its id, and wait until it is gone. Raises StackError."""
    cloudformation.delete_stack(StackName=identifier)
    name = _name(identifier)

    def gone() -> str | None:
        now = describe(cloudformation, identifier)
        status = str(now["StackStatus"]) if now else "DELETE_COMPLETE"
        # DescribeStacks may still answer with the state from before the deletion.
        return status if status in ("DELETE_COMPLETE", "DELETE_FAILED") else None

    if waiting.until(gone, f"stack {name} to be deleted", SECONDS) == "DELETE_FAILED":
        raise StackError(
            f"stack {name}: DELETE_FAILED: {reason(cloudformation, identifier)}",
            "correct that, and run the command again",
        )


def reason(cloudformation: Any, name: str) -> str:
    """Why the last operation on a stack failed: the reason of the resource that failed first."""
    failures: list[str] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            why = event.get("ResourceStatusReason") or ""
            if why == "User Initiated":
                return failures[-1] if failures else "no reason given"
            if event["ResourceStatus"].endswith("FAILED") and "cancelled" not in why:
                failures.append(f"{event['LogicalResourceId']}: {why}")
    return failures[-1] if failures else "no reason given"


def settled(cloudformation: Any, name: str) -> dict[str, Any]:
    """A stack, by its name or id, once no operation is in progress on it; empty if there is none."""

    def at_rest() -> dict[str, Any] | None:
        stack = describe(cloudformation, name) or {}
        now = stack.get("StackStatus", "")
        return None if now.endswith("_IN_PROGRESS") and now != "REVIEW_IN_PROGRESS" else stack

    return waiting.until(at_rest, f"stack {_name(name)}", SECONDS)


def _name(identifier: str) -> str:
    """The name of a stack in its id; a name is given back as it is."""
    return identifier.rpartition(":stack/")[2].split("/")[0]


def _planned(cloudformation: Any, name: str) -> dict[str, Any] | None:
    pages = cloudformation.get_paginator("describe_change_set").paginate(StackName=name, ChangeSetName=CHANGE_SET)
    answer: dict[str, Any] = pages.build_full_result()
    return answer if answer["Status"] in ("CREATE_COMPLETE", "FAILED") else None


def _validations(cloudformation: Any, change_set: str) -> list[str]:
    """What CloudFormation has against a change set, by resource; its status says only that a validation failed.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    try:
        answer = cloudformation.describe_events(ChangeSetName=change_set, Filters={"FailedEvents": True})
    except (ClientError, ResponseParserError):
        # Not every role may ask, and not every emulator answers.
        return []
    return [
        f"{event.get('LogicalResourceId', 'template')}: {event['ValidationStatusReason']}"
        for event in answer["OperationEvents"]
        if event.get("ValidationStatusReason")
    ]


def _changes(answer: dict[str, Any]) -> list[Change]:
    return [
        Change(
            change["ResourceChange"]["Action"],
            change["ResourceChange"]["LogicalResourceId"],
            change["ResourceChange"]["ResourceType"],
            change["ResourceChange"].get("Replacement", ""),
        )
        for change in answer.get("Changes", [])
    ]
