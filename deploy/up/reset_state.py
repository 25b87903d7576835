"""`up --reset-state`: where a job that forgets its state begins to read, and how it comes to forget."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from deploy.aws import flink_application, flink_job, stacks, waiting
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.progress import say
from deploy.up import parameters
from deploy.up.state import POSITION, Deployed, Wanted, request

_UNPROCESSED = timedelta(minutes=2)
"""How old a value of the metric may be that has just come, and how long a record may be under way in the job."""


def position(aws: Aws, wanted: Wanted) -> dict[str, str]:
    """Where the job is to begin, found while it still runs; empty to leave its position as it is.

    Raises:
        DeployError: if no position is given, and it is not known how far the job has read; exit status 2.
    """
    name, service = wanted.deployment.application, aws.client("kinesisanalyticsv2")
    detail = flink_application.settled(service, name)
    if detail is None:
        return {}
    if "StartingPosition" in wanted.values:
        where = wanted.values.get("StartingTimestamp", wanted.values["StartingPosition"])
        say(f"the job will begin anew at {where}; alerts older than a day that it reads again are sent again")
        return {}
    runs = flink_application.runs(detail)
    snapshot = None if runs else flink_application.latest_snapshot(service, name)
    if not runs and snapshot is None:
        return {}
    at = parameters.timestamp(_read_up_to(aws, name, snapshot) - _UNPROCESSED)
    say(f"the job will begin anew at {at}, shortly before the point up to which it has read")
    return dict(zip(POSITION, ("AT_TIMESTAMP", at), strict=True))


def _read_up_to(aws: Aws, name: str, snapshot: datetime | None) -> datetime:
    """A time of the stream up to which the job has read: by its last snapshot if it is stopped, else by now."""
    job = None if snapshot else flink_job.job(aws.client("kinesisanalyticsv2"), name)
    if not snapshot and (job is None or not job.runs):
        raise _unknown(f"the Flink job of {name} does not run")
    found = flink_job.read_up_to(aws.client("cloudwatch"), name, snapshot or waiting.now())
    if found is None:
        when = f"was at its snapshot of {parameters.timestamp(snapshot)}" if snapshot else "is"
        raise _unknown(f"the Flink job of {name} has no metric of how far behind its stream it {when}")
    return found


def _unknown(why: str) -> DeployError:
    return DeployError(
        f"--reset-state: {why}, so it is not known how far it had read",
        "give --starting-position: AT_TIMESTAMP with the time, TRIM_HORIZON to read everything again (alerts older "
        "than a day are sent again), or LATEST to pass over what it has not read",
        2,
    )


def forget(aws: Aws, wanted: Wanted, deployed: Deployed, detail: dict[str, Any] | None) -> dict[str, Any] | None:
    """Stop the application and delete its snapshots, once CloudFormation has accepted the change; its detail then.

    It is stopped with a snapshot, so that what it has read is written as well; where the user has said where to begin,
    without, as a job that fails over and over can take none. With the snapshots, a `start` or `rollback` would go back
    to the state that is to be forgotten.

    Raises:
        RefusedError: if CloudFormation refuses the change; nothing was stopped then.
    """
    name, service, cloudformation = (
        wanted.deployment.application,
        aws.client("kinesisanalyticsv2"),
        aws.client("cloudformation"),
    )
    planned = stacks.plan(cloudformation, request("application", wanted, deployed))
    if planned is not None:
        stacks.drop_plan(cloudformation, planned)
    if flink_application.runs(detail):
        say(f"application {name} is stopped, and loses its state")
        detail = flink_application.stop(service, name, force=not wanted.job_position)
        stopped = flink_application.latest_snapshot(service, name)
        if wanted.job_position and stopped:
            say(f"application {name} is stopped; what it had read by {parameters.timestamp(stopped)} is written")
    say(f"application {name}: {flink_application.delete_snapshots(service, name)} snapshots deleted")
    return detail


def interrupted(wanted: Wanted) -> str:
    """What to do after a failure or a Ctrl-C on the way."""
    options: Mapping[str, str] = dict(zip(POSITION, ("--starting-position", "--starting-timestamp"), strict=True))
    position = wanted.job_position or wanted.values
    latest = position.get("StartingPosition") == "LATEST"
    given = " ".join(
        f"{options[name]} {position[name]}"
        for name in POSITION
        if name in position and not (latest and name == "StartingTimestamp")
    )
    again = f"run the same `up` with {given}" if given else "run the same `up`"
    return f"the reset of application {wanted.deployment.application} is not complete; to go on, {again}"
