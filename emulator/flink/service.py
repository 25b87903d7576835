"""The service `kinesisanalyticsv2` (Managed Service for Apache Flink), with the application's real states.

What it emulates, from botocore's model and
https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_Operations.html: requests are checked against botocore's
shapes (so an empty property map is refused), each DescribeApplication moves an application to its next state,
operations and versions are kept, code must be in S3, a stale version id and calls that the state does not allow are
refused, an update of a running application restarts it from a snapshot, and the job shows in the log and in Flink's
REST API as the service shows it. The job itself is run by others (`state.Jobs`).

What it does not emulate: updates that fail, the content of snapshots, the pages of the Flink dashboard, metrics,
quotas, VPCs, permissions, and operations that neither CloudFormation nor `deploy` calls.
"""

import threading
from copy import deepcopy
from datetime import datetime
from typing import Any

from emulator import shapes
from emulator.flink import account
from emulator.flink.state import Ahead, Application, Jobs, Operation, RefusedError


class FlinkService:
    """The service in a region, with the applications, their code, metrics and logs that are there."""

    def __init__(self, region: str, jobs: Jobs) -> None:
        self.region = region
        self._arn = f"arn:aws:kinesisanalytics:{region}:{account.ACCOUNT}"
        self.applications: dict[str, Application] = {}
        self._jobs = jobs
        self._lock = threading.RLock()

    def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request. Raises RefusedError."""
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)
        method = getattr(self, name, None)
        model = shapes.model("kinesisanalyticsv2")
        if operation not in model.operation_names or method is None:
            raise RefusedError("UnsupportedOperationException", f"{operation} is not emulated")
        try:
            shapes.check(model.operation_model(operation).input_shape, request)
        except shapes.ShapeError as error:
            raise RefusedError("InvalidArgumentException", str(error)) from None
        with self._lock:
            answer: dict[str, Any] = method(request)
            return answer

    # Operations

    def _create_application(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ApplicationName"]
        if name in self.applications:
            raise RefusedError("ResourceInUseException", f"Application already exists: {name}")
        configuration = deepcopy(request["ApplicationConfiguration"])
        configuration["Runtime"] = request["RuntimeEnvironment"]
        self._code(configuration)
        self.applications[name] = Application(name, request, [configuration])
        return {"ApplicationDetail": self._detail(self.applications[name])}

    def _describe_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        application.move()
        if application.name not in self.applications:
            raise RefusedError("ResourceNotFoundException", f"Application not found: {application.name}")
        return {"ApplicationDetail": self._detail(application)}

    def _list_applications(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ApplicationSummaries": [_summary(self._detail(one)) for one in self.applications.values()]}

    def _start_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request, "READY", "ROLLED_BACK")
        self._code(application.configuration)
        restore = request.get("RunConfiguration", {}).get("ApplicationRestoreConfiguration", {})
        application.restored = restore.get("ApplicationRestoreType", "RESTORE_FROM_LATEST_SNAPSHOT")
        operation = self._begin(application, "StartApplication")
        application.status = "STARTING"
        application.ahead = [("STARTING", None), *self._after_starting(application, operation)]
        return {"OperationId": operation.identifier}

    def _stop_application(self, request: dict[str, Any]) -> dict[str, Any]:
        force = request.get("Force", False)
        allowed = ("STARTING", "UPDATING", "STOPPING", "AUTOSCALING", "RUNNING") if force else ("RUNNING",)
        application = self._of(request, *allowed)
        operation = self._begin(application, "StopApplication")
        passing = "FORCE_STOPPING" if force else "STOPPING"
        if not force:
            application.taken.append(self._jobs.now())
        self._jobs.stop(application)
        application.status = passing
        application.ahead = [(passing, None), ("READY", lambda: _succeed(operation))]
        return {"OperationId": operation.identifier}

    def _update_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request, "READY", "RUNNING", "ROLLED_BACK")
        self._must_be_current(application, request)
        configuration = _updated(application.configuration, request)
        self._code(configuration)
        restore = request.get("RunConfigurationUpdate", {}).get("ApplicationRestoreConfiguration", {})
        before = len(application.versions) - 1
        application.versions.append(configuration)
        application.version += 1
        operation = self._begin(application, "UpdateApplication")
        if application.status != "RUNNING":
            _succeed(operation)
            return {"ApplicationDetail": self._detail(application), "OperationId": operation.identifier}
        application.taken.append(self._jobs.now())
        self._jobs.stop(application)
        application.restored = restore.get("ApplicationRestoreType", application.restored)
        application.status = "UPDATING"
        application.ahead = [("UPDATING", None), *self._after_updating(application, operation, before)]
        return {"ApplicationDetail": self._detail(application), "OperationId": operation.identifier}

    def _rollback_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request, "UPDATING", "AUTOSCALING", "RUNNING")
        self._must_be_current(application, request)
        if not application.snapshots:
            raise RefusedError("InvalidRequestException", "Application has no snapshot to roll back to")
        current = len(application.versions) - 1
        earlier = [index for index in application.ran if index != current]
        if not earlier:
            raise RefusedError("InvalidRequestException", "Application has no previous running version")
        operation = self._begin(application, "RollbackApplication")
        self._jobs.stop(application)
        application.ahead = self._back(application, operation, earlier[-1])
        application.status = "ROLLING_BACK"
        return {"ApplicationDetail": self._detail(application), "OperationId": operation.identifier}

    def _delete_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request, "READY", "RUNNING", "ROLLED_BACK")
        if application.status == "RUNNING":
            raise RefusedError("ResourceInUseException", f"Application {application.name} is running; stop it first")
        application.status = "DELETING"
        application.ahead = [("DELETING", None), ("DELETING", lambda: self.applications.pop(application.name))]
        return {}

    def _list_application_operations(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        wanted = request.get("OperationStatus")
        found = [one.summary() for one in reversed(application.operations) if wanted in (None, one.status)]
        return {"ApplicationOperationInfoList": found[: request.get("Limit", 50)]}

    def _describe_application_operation(self, request: dict[str, Any]) -> dict[str, Any]:
        for operation in self._of(request).operations:
            if operation.identifier == request["OperationId"]:
                return {"ApplicationOperationInfoDetails": operation.details()}
        raise RefusedError("ResourceNotFoundException", f"Operation not found: {request['OperationId']}")

    def _list_application_snapshots(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        status = {"SnapshotStatus": "READY", "ApplicationVersionId": application.version}
        return {
            "SnapshotSummaries": [
                {"SnapshotName": _snapshot(at), "SnapshotCreationTimestamp": at.timestamp()} | status
                for at in application.taken
            ]
        }

    def _delete_application_snapshot(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        left = [at for at in application.taken if _snapshot(at) != request["SnapshotName"]]
        if len(left) == len(application.taken):
            raise RefusedError("ResourceNotFoundException", f"Snapshot not found: {request['SnapshotName']}")
        application.taken = left
        return {}

    def _create_application_presigned_url(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request, "RUNNING")
        # The endpoint puts its own address before it; the token says whose dashboard it is.
        return {"AuthorizedUrl": f"/flinkdashboard?authToken={self.region}/{application.name}"}

    def dashboard(self, name: str, path: str) -> Any:
        """What Flink's REST API answers for an application; None for an address that is not emulated.

        https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/
        """
        application = self.applications.get(name)
        if application is None or application.status != "RUNNING":
            return None
        up_since = application.up_since
        if path == "/jobs/overview":
            begun = [] if up_since is None else [{"jid": "job", "start-time": int(up_since.timestamp() * 1000)}]
            return {"jobs": begun}
        if path == "/jobs/job" and up_since is not None:
            duration = int((self._jobs.now() - up_since).total_seconds() * 1000)
            return {"state": "RUNNING", "duration": duration, "vertices": [{"status": "RUNNING"}]}
        return [{"id": "numRestarts", "value": "0"}] if path == "/jobs/job/metrics" else None

    def _add_application_cloud_watch_logging_option(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request, "READY", "RUNNING")
        application.logging.append(request["CloudWatchLoggingOption"]["LogStreamARN"])
        application.version += 1
        return {"ApplicationVersionId": application.version}

    # What an application goes through

    def _after_starting(self, application: Application, operation: Operation) -> Ahead:
        """The states after STARTING."""
        return [("RUNNING", lambda: self._running(application, operation))]

    def _after_updating(self, application: Application, operation: Operation, before: int) -> Ahead:
        """The states after UPDATING; `before` is the index of the version before this one."""
        return [("RUNNING", lambda: self._running(application, operation))]

    def _back(self, application: Application, operation: Operation, index: int) -> Ahead:
        def restore() -> None:
            application.versions.append(deepcopy(application.versions[index]))
            application.version += 1
            self._running(application, operation)

        return [("ROLLING_BACK", None), ("ROLLING_BACK", None), ("RUNNING", restore)]

    def _running(self, application: Application, operation: Operation) -> None:
        _succeed(operation)
        code = self._code(application.configuration)
        self._jobs.start(application, code, lambda lines: self._log(application, lines))

    def _log(self, application: Application, lines: list[str]) -> None:
        """To the log stream, if the application has one; without one the lines are lost."""
        for arn in application.logging:
            account.log(self.region, arn, lines, self._jobs.now())

    def _begin(self, application: Application, kind: str) -> Operation:
        operation = Operation(kind, f"{kind}-{len(application.operations)}", began=self._jobs.now())
        application.operations.append(operation)
        return operation

    # What it refuses

    def _of(self, request: dict[str, Any], *states: str) -> Application:
        """The application that a request names, which must be in one of the states, if any are given."""
        name = request["ApplicationName"]
        if name not in self.applications:
            raise RefusedError("ResourceNotFoundException", f"Application not found: {name}")
        application = self.applications[name]
        if states and application.status not in states:
            message = f"Application {name} is in {application.status} state; expected {' or '.join(states)}"
            raise RefusedError("ResourceInUseException", message)
        return application

    def _must_be_current(self, application: Application, request: dict[str, Any]) -> None:
        if request.get("CurrentApplicationVersionId", application.version) != application.version:
            raise RefusedError(
                "ConcurrentModificationException",
                f"The current application version is {application.version}, "
                f"not {request['CurrentApplicationVersionId']}",
            )

    def _code(self, configuration: dict[str, Any]) -> bytes:
        """The zip in S3, without which nothing is created, updated or started."""
        location = configuration["ApplicationCodeConfiguration"]["CodeContent"]["S3ContentLocation"]
        bucket, key = location["BucketARN"].rpartition(":")[2], location["FileKey"]
        content = account.content(bucket, key)
        if content is None:
            message = f"Unable to get the specified fileKey: {key} in bucket: {bucket}"
            raise RefusedError("InvalidArgumentException", message)
        return content

    def _detail(self, application: Application) -> dict[str, Any]:
        configuration = application.configuration
        code = configuration["ApplicationCodeConfiguration"]
        location = code["CodeContent"]["S3ContentLocation"]
        return {
            "ApplicationARN": f"{self._arn}:application/{application.name}",
            "ApplicationName": application.name,
            "RuntimeEnvironment": configuration["Runtime"],
            "ApplicationStatus": application.status,
            "ApplicationVersionId": application.version,
            "ApplicationConfigurationDescription": {
                "ApplicationCodeConfigurationDescription": {
                    "CodeContentType": code["CodeContentType"],
                    "CodeContentDescription": {"S3ApplicationCodeLocationDescription": location},
                },
                "EnvironmentPropertyDescriptions": {"PropertyGroupDescriptions": application.groups},
                "FlinkApplicationConfigurationDescription": {
                    f"{name}Description": value
                    for name, value in configuration["FlinkApplicationConfiguration"].items()
                },
            },
            "CloudWatchLoggingOptionDescriptions": [{"LogStreamARN": arn} for arn in application.logging],
        }


def _snapshot(at: datetime) -> str:
    """The name of a snapshot."""
    return f"at-{at:%Y%m%d%H%M%S%f}"


def _succeed(operation: Operation) -> None:
    operation.status = "SUCCESSFUL"


def _summary(detail: dict[str, Any]) -> dict[str, Any]:
    names = ("ApplicationName", "ApplicationARN", "ApplicationStatus", "ApplicationVersionId", "RuntimeEnvironment")
    return {name: detail[name] for name in names}


def _updated(configuration: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The configuration with an update in it: what a key names with `Update` at its end is put in place."""
    after = deepcopy(configuration)
    update = request.get("ApplicationConfigurationUpdate", {})
    _put(after, {name: value for name, value in update.items() if name != "EnvironmentPropertyUpdates"})
    if "EnvironmentPropertyUpdates" in update:
        after["EnvironmentProperties"] = update["EnvironmentPropertyUpdates"]
    after["Runtime"] = request.get("RuntimeEnvironmentUpdate", after["Runtime"])
    return after


def _put(target: dict[str, Any], update: dict[str, Any]) -> None:
    for name, value in update.items():
        plain = name.removesuffix("Update")
        if isinstance(value, dict):
            _put(target.setdefault(plain, {}), value)
        else:
            target[plain] = value
