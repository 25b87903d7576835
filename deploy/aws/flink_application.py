"""The Managed Service for Apache Flink application: its state, and starting and stopping it.

CloudFormation alone creates and updates it.
"""

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say

RUNNING, READY = "RUNNING", "READY"
START_SECONDS = 1200
"""How long a start, stop or update may take; the service gives snapshots of large states their time."""

KEPT_SNAPSHOTS = 10
"""How many snapshots are kept. The service takes one at each stop and update, keeps up to 1,000, and deletes none."""

STOP = "StopApplication"
"""What the list of operations calls a stop."""

_MOVING = (
    "STARTING",
    "STOPPING",
    "FORCE_STOPPING",
    "UPDATING",
    "AUTOSCALING",
    "MAINTENANCE",
    "ROLLING_BACK",
    "DELETING",
)
"""The states that end by themselves. An application can rest in every other one: READY, RUNNING, ROLLED_BACK (the
rollback of an application that did not run), and any that the service may add.
https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_ApplicationDetail.html"""

_FORCEABLE = ("STARTING", "UPDATING", "STOPPING", "AUTOSCALING", RUNNING)
"""https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_StopApplication.html"""

_NO_ACCESS = "unable to get the specified filekey"
"""The service's words when the role cannot read the code: also when the role is some seconds old, as IAM is eventually
consistent."""


def describe(service: Any, name: str) -> dict[str, Any] | None:
    """The application's detail, or None if there is none, as on an emulator that has no such service."""
    try:
        detail: dict[str, Any] = service.describe_application(ApplicationName=name)["ApplicationDetail"]
    except ClientError as error:
        on_aws = ".amazonaws." in service.meta.endpoint_url
        # The service has a name for each of its errors.
        if errors.code(error) == "ResourceNotFoundException" or not (
            on_aws or errors.code(error).endswith("Exception")
        ):
            return None
        raise
    return detail


def must_be_there(service: Any, name: str) -> dict[str, Any]:
    """The application's detail. Raises DeployError if there is none."""
    detail = describe(service, name)
    if detail is None:
        raise DeployError(f"there is no application {name}", "create it with `python -m deploy up`")
    return detail


def runs(detail: dict[str, Any] | None) -> bool:
    """Whether an application is RUNNING."""
    return bool(detail) and (detail or {}).get("ApplicationStatus") == RUNNING


def code_key(detail: dict[str, Any]) -> str:
    """The S3 key of the code that is live."""
    content = detail["ApplicationConfigurationDescription"]["ApplicationCodeConfigurationDescription"]
    location = content["CodeContentDescription"]["S3ApplicationCodeLocationDescription"]
    return str(location["FileKey"])


def properties(detail: dict[str, Any], group: str) -> dict[str, str]:
    """The pairs of a property group; empty if there is none."""
    environment = detail["ApplicationConfigurationDescription"].get("EnvironmentPropertyDescriptions", {})
    for description in environment.get("PropertyGroupDescriptions", []):
        if description["PropertyGroupId"] == group:
            return dict(description["PropertyMap"])
    return {}


def settled(service: Any, name: str, seconds: float = START_SECONDS) -> dict[str, Any] | None:
    """The detail once the application is in a state that it can rest in, saying each state on the way; None if gone.

    Raises:
        DeployError: if that takes longer than `seconds`.
    """
    said = ""

    def at_rest() -> dict[str, Any] | None:
        nonlocal said
        detail = describe(service, name)
        status = detail["ApplicationStatus"] if detail else "gone"
        if status != said and (said or status in _MOVING):
            say(f"application {name}: {status}")
        said = status
        return None if status in _MOVING else detail or {}

    stuck = "if the state does not change, `python -m deploy stop --force`"
    return waiting.until(at_rest, f"application {name} to reach its next state", seconds, stuck) or None


def start(service: Any, name: str, forget: bool = False, allow_non_restored: bool = False) -> None:
    """Start an application that does not run, from its latest snapshot or, to `forget`, without state.

    Args:
        service: a boto3 client.
        name: the application's.
        forget: whether it starts without its state.
        allow_non_restored: whether state that the code cannot take over may be dropped.

    Raises:
        botocore.exceptions.ClientError: if the service refuses.
    """
    restore = "SKIP_RESTORE_FROM_SNAPSHOT" if forget else "RESTORE_FROM_LATEST_SNAPSHOT"
    run: dict[str, Any] = {"ApplicationRestoreConfiguration": {"ApplicationRestoreType": restore}}
    if allow_non_restored:
        run["FlinkRunConfiguration"] = {"AllowNonRestoredState": True}
    service.start_application(ApplicationName=name, RunConfiguration=run)


def stop(service: Any, name: str, force: bool = False) -> dict[str, Any] | None:
    """Stop an application, with a snapshot unless forced; its detail when it is stopped, or None if there is none.

    Raises:
        DeployError: if it still runs afterwards.
    """
    detail = describe(service, name) if force else settled(service, name)
    # A state that passes by itself and that not even force can end.
    if detail and detail["ApplicationStatus"] in set(_MOVING) - set(_FORCEABLE):
        detail = settled(service, name)
    if detail and (runs(detail) or detail["ApplicationStatus"] in _MOVING):
        service.stop_application(ApplicationName=name, Force=force)
        detail = settled(service, name)
    if runs(detail):
        raise DeployError(
            f"application {name} is RUNNING after stopping: {last_failure(service, name)}",
            "`python -m deploy stop --force` stops it without a snapshot",
        )
    return detail


def connect_log(service: Any, detail: dict[str, Any], log_stream: str) -> bool:
    """Connect the application's log, unless it is connected; return whether that changed anything.

    Args:
        service: a boto3 client.
        detail: of an application that is at rest; a running one is UPDATING afterwards.
        log_stream: the ARN of its log stream.
    """
    if detail.get("CloudWatchLoggingOptionDescriptions"):
        return False
    service.add_application_cloud_watch_logging_option(
        ApplicationName=detail["ApplicationName"],
        CurrentApplicationVersionId=detail["ApplicationVersionId"],
        CloudWatchLoggingOption={"LogStreamARN": log_stream},
    )
    return True


def role_is_too_new(reason: str) -> bool:
    """Whether an operation failed as it does while IAM does not know the role everywhere yet."""
    return _NO_ACCESS in reason.lower()


def operations(service: Any, name: str) -> list[str]:
    """The last operations on an application, the newest first."""
    answer = service.list_application_operations(ApplicationName=name, Limit=50)
    return [one["Operation"] for one in answer["ApplicationOperationInfoList"]]


def last_failure(service: Any, name: str) -> str:
    """The error of the last operation that failed, as the service has it."""
    failed = service.list_application_operations(ApplicationName=name, OperationStatus="FAILED", Limit=1)
    for operation in failed["ApplicationOperationInfoList"]:
        details = service.describe_application_operation(ApplicationName=name, OperationId=operation["OperationId"])
        failure = details["ApplicationOperationInfoDetails"].get("OperationFailureDetails", {})
        error = failure.get("ErrorInfo", {}).get("ErrorString", "no error given")
        return f"{operation['Operation']}: {error}"
    return "no operation failed"


def snapshots(service: Any, name: str) -> list[dict[str, Any]]:
    """The snapshots that can be started from, the oldest first."""
    pages = service.get_paginator("list_application_snapshots").paginate(ApplicationName=name)
    found = [one for page in pages for one in page.get("SnapshotSummaries", []) if one["SnapshotStatus"] == "READY"]
    return sorted(found, key=lambda one: one["SnapshotCreationTimestamp"])


def latest_snapshot(service: Any, name: str) -> datetime | None:
    """When the snapshot was taken from which a start goes on, or None if there is none."""
    return max((one["SnapshotCreationTimestamp"] for one in snapshots(service, name)), default=None)


def delete_snapshots(service: Any, name: str, keep: int = 0) -> int:
    """Delete the snapshots of an application except the newest `keep`; return how many."""
    found = snapshots(service, name)
    gone = found[: max(0, len(found) - keep)]
    for one in gone:
        service.delete_application_snapshot(
            ApplicationName=name,
            SnapshotName=one["SnapshotName"],
            SnapshotCreationTimestamp=one["SnapshotCreationTimestamp"],
        )
    return len(gone)
