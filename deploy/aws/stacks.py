"""CloudFormation stacks: plan, create, update and delete one, and wait for it."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from deploy.aws import errors, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say

CAPABILITIES = ["CAPABILITY_IAM"]
CHANGE_SET = f"deploy-{uuid.uuid4().hex[:12]}"
"""Of this process alone: one that was interrupted may have left its own."""

SECONDS = 3600
"""How long a stack may take: a KPU that cannot be had, or 500 shards, take their time."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_BAD = ("FAILED", "ROLLBACK")
LEFT_OVER = (
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_FAILED",
    "CREATE_FAILED",
    "DELETE_FAILED",
)
"""States of a stack that only stands in the way of a new one."""


class StackError(DeployError):
    """CloudFormation did not do what it was asked; the message has its reason."""


class RefusedError(StackError):
    """CloudFormation refused a change set: nothing was changed."""


@dataclass(frozen=True)
class Change:
    """A line of a change set; `replacement` is CloudFormation's True, False or Conditional."""

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""


def describe(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """A stack as CloudFormation describes it, or None if there is none."""
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if errors.code(error) == "ValidationError":
            return None
        raise
    return stack


def outputs(cloudformation: Any, name: str) -> dict[str, str]:
    """The outputs of a stack, by key. Raises ClientError if there is no such stack."""
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


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


def create(cloudformation: Any, name: str, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create a stack, wait until it is complete, and return its outputs.

    Args:
        cloudformation: a boto3 CloudFormation client.
        name: the stack's name.
        template: the template's file.
        parameters: values of the template's parameters; those left out have their defaults.

    Raises:
        StackError: if the stack could not be created.
    """
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=body(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=CAPABILITIES,
    )
    return _outcome(cloudformation, name)


def make_ready(cloudformation: Any, name: str) -> None:
    """Wait for what is under way on a stack, and clear one that only stands in the way of a new one.

    A stack whose first change set was never executed (REVIEW_IN_PROGRESS), or whose creation failed
    (ROLLBACK_COMPLETE), can be neither created nor updated.

    Raises:
        StackError: if the stack needs its operator.
    """
    status = settled(cloudformation, name)
    if status in LEFT_OVER:
        say(f"stack {name} is left over in {status}: clearing it")
        delete(cloudformation, name)
    elif status == "UPDATE_ROLLBACK_FAILED":
        raise StackError(
            f"stack {name}: {status}: {reason(cloudformation, name)}",
            f"run `aws cloudformation continue-update-rollback --stack-name {name}` and then this command again",
        )


def plan(
    cloudformation: Any,
    name: str,
    template_body: str,
    parameters: list[dict[str, Any]],
    resources_to_import: list[dict[str, Any]] | None = None,
) -> list[Change] | None:
    """Make a change set, and give its changes; None, and no change set, if there is nothing to change.

    Args:
        cloudformation: a boto3 CloudFormation client.
        name: the stack's name; one that is not there is planned to be created.
        template_body: the template's text.
        parameters: as CloudFormation takes them, `UsePreviousValue` included.
        resources_to_import: for a new stack of resources that are there already.

    Raises:
        RefusedError: if CloudFormation refuses; the message has its reason.
    """
    stack = describe(cloudformation, name)
    updatable = stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
    kind = "UPDATE" if updatable else "IMPORT" if resources_to_import else "CREATE"
    extra = {"ResourcesToImport": resources_to_import} if resources_to_import else {}
    try:
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=CHANGE_SET,
            ChangeSetType=kind,
            TemplateBody=template_body,
            Parameters=parameters,
            Capabilities=CAPABILITIES,
            **extra,
        )
    except ClientError as error:
        if any(words in str(error) for words in _NO_CHANGES):
            return None
        raise
    answer = waiting.until(lambda: _planned(cloudformation, name), f"the change set of stack {name}", 600)
    why = answer.get("StatusReason") or ""
    if answer["Status"] == "FAILED":
        nothing = any(words in why for words in _NO_CHANGES)
        found = [] if nothing else _validations(cloudformation, answer["ChangeSetId"])
        drop_plan(cloudformation, name)
        if nothing:
            return None
        why = "; ".join(found) or why or "the change set failed"
        raise RefusedError(f"stack {name}: {why}", errors.next_step(why))
    return _changes(cloudformation, name)


def execute(cloudformation: Any, name: str) -> dict[str, str]:
    """Carry out the change set that `plan` made, wait, and return the stack's outputs. Raises StackError."""
    cloudformation.execute_change_set(StackName=name, ChangeSetName=CHANGE_SET)
    return _outcome(cloudformation, name)


def drop_plan(cloudformation: Any, name: str) -> None:
    """Leave nothing of a plan: no change set, and no stack that is there only for it."""
    stack = describe(cloudformation, name)
    if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        delete(cloudformation, name)
    elif stack:
        cloudformation.delete_change_set(StackName=name, ChangeSetName=CHANGE_SET)


def delete(cloudformation: Any, name: str) -> None:
    """Delete a stack and wait until it is gone; one that is not there is no error. Raises StackError."""
    stack = describe(cloudformation, name)
    if not stack:
        return
    identifier = stack["StackId"]
    if stack["StackStatus"].startswith("UPDATE_"):
        settled(cloudformation, name)
    cloudformation.delete_stack(StackName=name)

    def gone() -> str | None:
        now = describe(cloudformation, identifier)
        status = str(now["StackStatus"]) if now else "DELETE_COMPLETE"
        # What DescribeStacks says may be from before the deletion.
        return status if status in ("DELETE_COMPLETE", "DELETE_FAILED") else None

    if waiting.until(gone, f"stack {name} to be deleted", SECONDS) == "DELETE_FAILED":
        raise StackError(f"stack {name}: DELETE_FAILED: {reason(cloudformation, name)}", "mend that, and run it again")


def reason(cloudformation: Any, name: str) -> str:
    """Why the last operation on a stack failed: the first resource's own reason."""
    failures: list[str] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            why = event.get("ResourceStatusReason") or ""
            if why == "User Initiated":
                return failures[-1] if failures else "no reason given"
            if event["ResourceStatus"].endswith("FAILED") and "cancelled" not in why:
                failures.append(f"{event['LogicalResourceId']}: {why}")
    return failures[-1] if failures else "no reason given"


def settled(cloudformation: Any, name: str) -> str:
    """The status of a stack on which nothing is under way; empty if there is none."""

    def status() -> str | None:
        stack = describe(cloudformation, name)
        now = str(stack["StackStatus"]) if stack else ""
        return None if now.endswith("_IN_PROGRESS") and now != "REVIEW_IN_PROGRESS" else now

    return waiting.until(status, f"stack {name}", SECONDS)


def _planned(cloudformation: Any, name: str) -> dict[str, Any] | None:
    answer: dict[str, Any] = cloudformation.describe_change_set(StackName=name, ChangeSetName=CHANGE_SET)
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


def _changes(cloudformation: Any, name: str) -> list[Change]:
    pages = cloudformation.get_paginator("describe_change_set").paginate(StackName=name, ChangeSetName=CHANGE_SET)
    return [
        Change(
            change["ResourceChange"]["Action"],
            change["ResourceChange"]["LogicalResourceId"],
            change["ResourceChange"]["ResourceType"],
            change["ResourceChange"].get("Replacement", ""),
        )
        for page in pages
        for change in page["Changes"]
    ]


def _outcome(cloudformation: Any, name: str) -> dict[str, str]:
    began = time.monotonic()
    status = settled(cloudformation, name)
    if any(word in status for word in _BAD) or not status.endswith("_COMPLETE"):
        why = reason(cloudformation, name)
        step = errors.next_step(why) or "mend that and run the command again; `down` takes away what is there"
        raise StackError(f"stack {name}: {status or 'gone'}: {why}", step)
    say(f"stack {name}: {status} in {time.monotonic() - began:.1f} s")
    return outputs(cloudformation, name)
