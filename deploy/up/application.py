"""The application's part of `up`: its code's key, its stack, its start, and that it has what was asked for."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from deploy import packages
from deploy.aws import flink_application, flink_job, stacks, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say
from deploy.up import drift, reset_state
from deploy.up.state import Up

_RECENT = timedelta(minutes=5)
"""How old a metric may be that shows that a job, which nobody touched, still runs."""


_STARTS_OR_STOPS = ("StartApplication", flink_application.STOP, "RollbackApplication")


class Running(NamedTuple):
    """Since when the application runs: when that began, and when it was RUNNING."""

    began: datetime
    since: datetime


def key(up: Up, parameter: str, package: Path) -> str:
    """The key of a package: another one where CloudFormation would see no change, and what it has was rolled back."""
    key = packages.key(package)
    detail = flink_application.describe(up.service, up.deployment.application) if parameter == "JobKey" else None
    stack = up.previous("application")
    if detail is None or not stack:
        return key
    undone = drift.differences(detail, stack, up.previous_thresholds())
    if not packages.same_code(stack["JobKey"], key):
        return key
    if not undone:
        return stack["JobKey"]
    say(f"application {up.deployment.application} was rolled back, and is brought forward: {'; '.join(undone)}")
    return packages.key(package, retry_of=int(detail["ApplicationVersionId"]))


def bring(up: Up) -> Running | None:
    """Bring the application to what is wanted; since when it runs, or None if it was stopped and stays so."""
    name = up.deployment.application
    before = flink_application.wait_until_steady(up.service, name)
    ran = before is not None and before["ApplicationStatus"] == "RUNNING"
    stopped = before is not None and not ran and _was_stopped(up, name)
    if before is None or not up.reset_state:
        return _bring(up, name, ran, stopped, forget=False)
    try:
        reset_state.forget(up, before)
        return _bring(up, name, False, stopped, forget=True)
    except stacks.RefusedError:
        # Nothing was stopped.
        raise
    except BaseException:
        say(reset_state.broken_off(up))
        raise


def _bring(up: Up, name: str, ran: bool, stopped: bool, forget: bool) -> Running | None:
    """Apply the stack, and start the application unless it ran or its user had stopped it.

    Args:
        up: what is wanted.
        name: the application's.
        ran: whether it is running.
        stopped: whether its user stopped it.
        forget: whether it starts without its state.
    """
    began = waiting.now()
    changed = _update(up, name, began)
    if not up.has_log_option():
        flink_application.connect_log(up.service, name, up.values["ApplicationLogStreamArn"])
    if stopped:
        say(f"application {name} was stopped, and is left so; `python -m deploy start` starts it")
        return None
    if flink_application.describe(up.service, name) is None:
        raise DeployError(
            f"the stack of application {name} is complete, but this endpoint has no Managed Service for Apache Flink",
            "on an emulator, run the job with `python jobs/low_inventory.py --properties FILE`",
        )
    if not ran:
        flink_application.start(up.service, name, forget_state=forget)
    detail = flink_application.wait_until_steady(up.service, name) or {}
    if detail.get("ApplicationStatus") != "RUNNING":
        what = f"is READY after its {'update' if ran else 'start'}"
        raise flink_job.failure(flink_job.Services(up.aws), name, up.values["ApplicationLogs"], began, what)
    if ran and not changed:
        return Running(flink_application.began(up.service, name) or began, waiting.now() - _RECENT)
    return Running(began, waiting.now())


def _update(up: Up, name: str, began: datetime) -> bool:
    """Apply the application's stack, and tell whether it changed; a failure comes with what the driver logged."""
    try:
        return up.apply("application")
    except stacks.RefusedError:
        raise
    except stacks.StackError as error:
        group = up.deployment.outputs(up.cloudformation, "application").get("ApplicationLogs")
        if group:
            raise flink_job.failure(flink_job.Services(up.aws), name, group, began, str(error)) from None
        raise


def _was_stopped(up: Up, name: str) -> bool:
    """Whether the last thing done to an application that is READY was to stop it; one that failed is started again."""
    done = [one["Operation"] for one in flink_application.operations(up.service, name, 50)]
    return next((one for one in done if one in _STARTS_OR_STOPS), "") == flink_application.STOP


def must_be_live(up: Up, name: str, began: datetime) -> None:
    """See that the application has what its stack has. Raises DeployError if an update was rolled back."""
    detail = flink_application.must_be_there(up.service, name)
    undone = drift.differences(detail, up.previous("application"), up.previous_thresholds())
    if undone:
        what = f"the update was rolled back: {'; '.join(undone)}"
        raise flink_job.failure(flink_job.Services(up.aws), name, up.values["ApplicationLogs"], began, what)
