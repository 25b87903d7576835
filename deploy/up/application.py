"""The application's part of `up`: the key of its code, its stack, its start, and that it has what was asked for."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy import packages
from deploy.aws import flink_application, flink_job, stacks, waiting
from deploy.aws.session import Aws
from deploy.progress import say
from deploy.up import drift, reset_state, state
from deploy.up.state import Applied, Deployed, Wanted

_STARTS_OR_STOPS = ("StartApplication", flink_application.STOP, "RollbackApplication")


@dataclass(frozen=True)
class Updated:
    """The application after `update`.

    Args:
        applied: its stack.
        began: when its last operation began; None if its user had stopped it and it stays so.
    """

    applied: Applied
    began: datetime | None


def job_key(deployed: Deployed, package: Path) -> str:
    """The key of the job's package: another one where CloudFormation would see no change and what it has was undone."""
    key, before = packages.key(package), deployed.parts["application"].parameters
    if deployed.application is None or not before or not packages.same_code(before["JobKey"], key):
        return key
    undone = drift.differences(deployed.application, before)
    if not undone:
        return before["JobKey"]
    say(f"application {deployed.parts['application'].stack} was rolled back, and is updated again: {'; '.join(undone)}")
    return packages.key(package, retry_of=int(deployed.application["ApplicationVersionId"]))


def update(aws: Aws, wanted: Wanted, deployed: Deployed) -> Updated:
    """Bring the application to what is wanted, and start it unless its user stopped it.

    Raises:
        DeployError: if it does not run afterwards; the driver's last lines are said.
    """
    name, service = wanted.deployment.application, aws.client("kinesisanalyticsv2")
    before = flink_application.settled(service, name)
    stopped = before is not None and not flink_application.runs(before) and _was_stopped(aws, name)
    if before is None or not wanted.reset_state:
        return _update(aws, wanted, deployed, before, stopped)
    try:
        before = reset_state.forget(aws, wanted, deployed, before)
        return _update(aws, wanted, deployed, before, stopped)
    except stacks.RefusedError:
        # Nothing was stopped.
        raise
    except BaseException:
        say(reset_state.interrupted(wanted))
        raise


def _update(aws: Aws, wanted: Wanted, deployed: Deployed, before: dict[str, Any] | None, stopped: bool) -> Updated:
    name, service = wanted.deployment.application, aws.client("kinesisanalyticsv2")
    began = waiting.now()
    applied = _apply(aws, wanted, deployed, began)
    detail = flink_application.settled(service, name) if applied.changed else before
    detail = detail or flink_application.must_be_there(service, name)
    if flink_application.connect_log(service, detail, applied.outputs["ApplicationLogStreamArn"]):
        detail = flink_application.settled(service, name)
    if stopped:
        say(f"application {name} was stopped, and stays stopped; `python -m deploy start` starts it")
        return Updated(applied, None)
    ran = flink_application.runs(before)
    if not ran:
        detail = start(aws, name, forget=wanted.reset_state, allow_non_restored=wanted.allow_non_restored)
    if not flink_application.runs(detail):
        what = f"does not run after its {'update' if ran else 'start'}"
        raise flink_job.failure(aws, name, applied.outputs["ApplicationLogs"], began, what)
    return Updated(applied, began)


def _apply(aws: Aws, wanted: Wanted, deployed: Deployed, began: datetime) -> Applied:
    """Apply the application's stack; a failure comes with the driver's lines. Again if its role is too new."""
    try:
        return state.apply(aws, "application", wanted, deployed)
    except stacks.RefusedError:
        raise
    except stacks.StackError as error:
        if flink_application.role_is_too_new(str(error)) and not deployed.parts["application"].parameters:
            say(f"the role is too new to be used: trying again in {waiting.ROLE_SECONDS:.0f} s")
            waiting.pause(waiting.ROLE_SECONDS)
            return state.apply(aws, "application", wanted, deployed)
        group = deployed.parts["application"].outputs.get("ApplicationLogs")
        if group:
            raise flink_job.failure(aws, wanted.deployment.application, group, began, str(error)) from None
        raise


def start(aws: Aws, name: str, forget: bool = False, allow_non_restored: bool = False) -> dict[str, Any] | None:
    """Start an application, once more if its role is too new; its detail when it is at rest, or None if it is gone."""
    service = aws.client("kinesisanalyticsv2")
    flink_application.start(service, name, forget, allow_non_restored)
    detail = flink_application.settled(service, name)
    if flink_application.runs(detail) or not flink_application.role_is_too_new(
        flink_application.last_failure(service, name)
    ):
        return detail
    say(f"the role is too new to be used: starting again in {waiting.ROLE_SECONDS:.0f} s")
    waiting.pause(waiting.ROLE_SECONDS)
    flink_application.start(service, name, forget, allow_non_restored)
    return flink_application.settled(service, name)


def _was_stopped(aws: Aws, name: str) -> bool:
    """Whether the last thing done to an application that does not run was to stop it; a failed one is started again."""
    done = flink_application.operations(aws.client("kinesisanalyticsv2"), name)
    return next((one for one in done if one in _STARTS_OR_STOPS), "") == flink_application.STOP


def must_be_live(aws: Aws, wanted: Wanted, updated: Updated) -> None:
    """See that the application has what its stack has, and that its job runs. Raises DeployError if not."""
    if updated.began is None:
        return
    name, group = wanted.deployment.application, updated.applied.outputs["ApplicationLogs"]
    detail = flink_application.must_be_there(aws.client("kinesisanalyticsv2"), name)
    undone = drift.differences(detail, updated.applied.parameters)
    if undone:
        raise flink_job.failure(aws, name, group, updated.began, f"the update was rolled back: {'; '.join(undone)}")
    flink_job.must_run(aws, name, group, updated.began)
