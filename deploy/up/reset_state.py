"""`up --reset-state`: where a job that forgets its state begins to read, and how it comes to forget."""

from datetime import UTC, timedelta
from typing import Any

from deploy.aws import flink_application, flink_job, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say
from deploy.up.state import POSITION, Up

_UNPROCESSED = timedelta(minutes=2)
"""How old the last checkpoint of a job that keeps up may be; the service's default is one a minute."""

_RECENT = timedelta(minutes=5)


def prepare(up: Up) -> None:
    """Find where the job is to begin, while it still runs: `up.job_position`, empty to leave it as it is.

    Raises:
        DeployError: if no position is given, and where the job has read to is not known; exit status 2.
    """
    name = up.deployment.application
    detail = flink_application.wait_until_steady(up.service, name)
    if detail is None:
        return
    if "StartingPosition" in up.values:
        where = up.values.get("StartingTimestamp", up.values["StartingPosition"])
        say(f"the job will begin anew at {where}; of what it reads again, alerts older than a day go out again")
        return
    if detail["ApplicationStatus"] == "RUNNING":
        at = waiting.now() - _behind(up, name) - _UNPROCESSED
        position = ("AT_TIMESTAMP", f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        up.job_position = dict(zip(POSITION, position, strict=True))
        say(f"the job will begin anew at {position[1]}, shortly before where it is")
    elif flink_application.latest_snapshot(up.service, name):
        raise _unknown(f"application {name} does not run")


def _behind(up: Up, name: str) -> timedelta:
    """How far a job that runs is behind its stream."""
    cloudwatch = up.aws.client("cloudwatch")
    if not flink_job.runs(cloudwatch, name, waiting.now() - _RECENT):
        raise _unknown(f"the Flink job of {name} does not run")
    milliseconds = flink_job.lag(cloudwatch, name)
    if milliseconds is None:
        raise _unknown(f"the Flink job of {name} does not tell how far it is behind its stream")
    return timedelta(milliseconds=milliseconds)


def _unknown(why: str) -> DeployError:
    return DeployError(
        f"--reset-state: {why}, so that it is not known where it had read to",
        "give --starting-position: AT_TIMESTAMP with the time, TRIM_HORIZON to read all again (alerts older than a day "
        "go out again), or LATEST to pass over what it has not read",
        2,
    )


def forget(up: Up, detail: dict[str, Any]) -> None:
    """Stop the application and delete its snapshots, once CloudFormation has taken the change.

    With them, a `start` or `rollback` would go back to what is to be forgotten.

    Raises:
        RefusedError: if CloudFormation refuses the change; nothing was stopped then.
    """
    name = up.deployment.application
    up.plan_and_drop("application")
    if detail["ApplicationStatus"] != "READY":
        say(f"application {name} is stopped, as it loses its state")
        flink_application.stop(up.service, name, force=True)
    gone = flink_application.delete_snapshots(up.service, name)
    say(f"application {name}: {gone} snapshots deleted, as they hold what it is to forget")


def broken_off(up: Up) -> str:
    """What to do after a failure or a Ctrl-C on the way."""
    position = up.job_position or {name: up.values[name] for name in POSITION if name in up.values}
    options = ("--starting-position", "--starting-timestamp")
    given = " ".join(
        f"{option} {position[key]}" for option, key in zip(options, POSITION, strict=True) if key in position
    )
    again = f"the same `up` with {given}" if given else "the same `up`"
    return f"application {up.deployment.application} has lost its state: to go on, {again}"
