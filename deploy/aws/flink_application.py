"""The Managed Service for Apache Flink application: what it is, and starting, stopping and rolling it back.

CloudFormation alone creates and updates it.
"""

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy.aws import errors, waiting
from deploy.aws.errors import DeployError
from deploy.progress import say

STEADY = ("READY", "RUNNING")
START_SECONDS = 1200
"""How long a start, stop or update may take; the service allows snapshots of large states their time."""

_FORCEABLE = ("STARTING", "UPDATING", "STOPPING", "AUTOSCALING")
"""https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_StopApplication.html"""

STOP = "StopApplication"
"""What the list of operations calls a stop."""

RESTORE = "RESTORE_FROM_LATEST_SNAPSHOT"
FORGET = "SKIP_RESTORE_FROM_SNAPSHOT"


def describe(service: Any, name: str) -> dict[str, Any] | None:
    """The application's detail, or None if there is none, as on an emulator that has no such service."""
    try:
        detail: dict[str, Any] = service.describe_application(ApplicationName=name)["ApplicationDetail"]
    except ClientError as error:
        on_aws = ".amazonaws." in service.meta.endpoint_url
        if errors.code(error) == "ResourceNotFoundException" or not (on_aws or _is_json(error)):
            return None
        raise
    return detail


def _is_json(error: ClientError) -> bool:
    """Whether an error is an answer of the service, which has a name for each."""
    return errors.code(error).endswith("Exception")


def must_be_there(service: Any, name: str) -> dict[str, Any]:
    """The application's detail. Raises DeployError if there is none."""
    detail = describe(service, name)
    if detail is None:
        raise DeployError(f"there is no application {name}", "make it with `python -m deploy up`")
    return detail


def code_key(detail: dict[str, Any]) -> str:
    """The key of the code that is live."""
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


def wait_until_steady(service: Any, name: str, seconds: float = START_SECONDS) -> dict[str, Any] | None:
    """Wait for READY or RUNNING, saying each state on the way; None if the application is gone.

    Raises:
        DeployError: if it takes longer than `seconds`.
    """
    said = ""

    def steady() -> dict[str, Any] | None:
        nonlocal said
        detail = describe(service, name)
        status = detail["ApplicationStatus"] if detail else "gone"
        if status != said and not (status in (*STEADY, "gone") and not said):
            say(f"application {name}: {status}")
        said = status
        return (detail or {}) if status in (*STEADY, "gone") else None

    return waiting.until(steady, f"application {name} to be READY or RUNNING", seconds, _STUCK) or None


_STUCK = "if it does not move, `python -m deploy stop --force`"


def start(service: Any, name: str, forget_state: bool = False) -> str:
    """Start an application that is READY, from its latest snapshot or without its state, and return the operation's id.

    Raises:
        botocore.exceptions.ClientError: if the service refuses.
    """
    restore = {"ApplicationRestoreType": FORGET if forget_state else RESTORE}
    answer = service.start_application(
        ApplicationName=name, RunConfiguration={"ApplicationRestoreConfiguration": restore}
    )
    return str(answer.get("OperationId", ""))


def stop(service: Any, name: str, force: bool = False) -> None:
    """Stop an application, with a snapshot unless forced, and wait for READY.

    Raises:
        DeployError: if it does not stop, or runs on.
    """
    detail = describe(service, name)
    if detail and detail["ApplicationStatus"] not in (*STEADY, *(_FORCEABLE if force else ())):
        detail = wait_until_steady(service, name)
    if detail and detail["ApplicationStatus"] != "READY":
        service.stop_application(ApplicationName=name, Force=force)
    detail = wait_until_steady(service, name)
    if detail and detail["ApplicationStatus"] != "READY":
        raise DeployError(
            f"application {name} is {detail['ApplicationStatus']} after stopping: {last_failure(service, name)}",
            "`python -m deploy stop --force` stops it without a snapshot",
        )


def connect_log(service: Any, name: str, log_stream: str) -> None:
    """Connect the application's log, where CloudFormation cannot, unless it is.

    Args:
        service: a boto3 client.
        name: of an application that is READY or RUNNING; a running one is UPDATING afterwards.
        log_stream: the ARN of its log stream.
    """
    detail = must_be_there(service, name)
    if not detail.get("CloudWatchLoggingOptionDescriptions"):
        service.add_application_cloud_watch_logging_option(
            ApplicationName=name,
            CurrentApplicationVersionId=detail["ApplicationVersionId"],
            CloudWatchLoggingOption={"LogStreamARN": log_stream},
        )


def operations(service: Any, name: str, limit: int = 1) -> list[dict[str, Any]]:
    """The last operations on an application, the newest first."""
    answer = service.list_application_operations(ApplicationName=name, Limit=limit)
    return list(answer["ApplicationOperationInfoList"])


def last_failure(service: Any, name: str) -> str:
    """The error of the last operation that failed, as the service has it."""
    failed = service.list_application_operations(ApplicationName=name, OperationStatus="FAILED", Limit=1)
    for operation in failed["ApplicationOperationInfoList"]:
        details = service.describe_application_operation(ApplicationName=name, OperationId=operation["OperationId"])
        failure = details["ApplicationOperationInfoDetails"].get("OperationFailureDetails", {})
        error = failure.get("ErrorInfo", {}).get("ErrorString", "no error given")
        return f"{operation['Operation']}: {error}"
    return "no operation failed"


def began(service: Any, name: str) -> datetime | None:
    """When the last operation began; what ran before it is not what runs now."""
    newest = operations(service, name)
    return newest[0]["StartTime"] if newest else None


def latest_snapshot(service: Any, name: str) -> datetime | None:
    """When the snapshot was made from which a start goes on, or None if there is none."""
    return max((one["SnapshotCreationTimestamp"] for one in _snapshots(service, name)), default=None)


def delete_snapshots(service: Any, name: str) -> int:
    """Delete all snapshots of an application, and tell how many."""
    found = _snapshots(service, name)
    for one in found:
        service.delete_application_snapshot(
            ApplicationName=name,
            SnapshotName=one["SnapshotName"],
            SnapshotCreationTimestamp=one["SnapshotCreationTimestamp"],
        )
    return len(found)


def _snapshots(service: Any, name: str) -> list[dict[str, Any]]:
    pages = service.get_paginator("list_application_snapshots").paginate(ApplicationName=name)
    return [one for page in pages for one in page.get("SnapshotSummaries", []) if one["SnapshotStatus"] == "READY"]
