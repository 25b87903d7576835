"""A stand-in for `kinesisanalyticsv2`: AWS JSON 1.1 over HTTP, with the application's real states.

What it models, from botocore's model and
https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_Operations.html: requests are held to botocore's shapes (so
an empty property map is refused), every state takes a DescribeApplication to pass, operations and versions are kept,
code must be in S3, a stale version id and calls that the state does not allow are refused, an update of a running
application restarts it from a snapshot, an update that fails is rolled back, and the job shows in the metrics and the
log as the service shows it.

What it does not: the job itself, time, quotas, VPCs, permissions, and what CloudFormation and `deploy.py` do not ask.
"""

import json
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.session

ACCOUNT = "123456789012"
_MODEL = botocore.session.get_session().get_service_model("kinesisanalyticsv2")
_TARGET = "KinesisAnalytics_20180523."
_LOCATION = ("ApplicationCodeConfiguration", "CodeContent", "S3ContentLocation")

DRIVER_FAILURE = [
    "--------------------------- Python Process Started --------------------------",
    "Traceback (most recent call last):",
    "Alerts.threshold: expected a whole number",
    "Python process exits with code: 2",
]


class RefusedError(Exception):
    """An answer that is an error of the service."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class Operation:
    """An operation on an application, as the service lists it."""

    kind: str
    identifier: str
    began: datetime
    status: str = "IN_PROGRESS"
    error: str = ""

    def summary(self) -> dict[str, Any]:
        return {
            "Operation": self.kind,
            "OperationId": self.identifier,
            "StartTime": self.began.timestamp(),
            "OperationStatus": self.status,
        }

    def details(self) -> dict[str, Any]:
        content = {name: value for name, value in self.summary().items() if name != "OperationId"}
        if self.error:
            content["OperationFailureDetails"] = {"ErrorInfo": {"ErrorString": self.error}}
        return content


@dataclass
class Application:
    """An application: its state, what it will pass through, and the versions of its configuration."""

    name: str
    request: dict[str, Any]
    versions: list[dict[str, Any]]
    status: str = "READY"
    version: int = 1
    ahead: list[tuple[str, Callable[[], None] | None]] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    snapshots: int = 0
    logging: list[str] = field(default_factory=list)
    restored: str = ""
    ran: list[int] = field(default_factory=list)
    up_since: datetime | None = None

    @property
    def configuration(self) -> dict[str, Any]:
        return self.versions[-1]

    def move(self) -> None:
        """One step on the way; a state is seen at least once before the next."""
        if self.ahead:
            self.status, then = self.ahead.pop(0)
            if then:
                then()


class FlinkService:
    """The stand-in, on a port of its own until `close`.

    Args:
        emulator: the endpoint of the emulator that has S3, CloudWatch and CloudWatch Logs.
        region: the region of everything.
    """

    def __init__(self, emulator: str, region: str) -> None:
        self.reset()
        self.region = region
        self._lock = threading.RLock()
        self._clients = {name: boto3.client(name, region_name=region, endpoint_url=emulator) for name in _CLIENTS}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def reset(self) -> None:
        """Forget everything."""
        self.applications: dict[str, Application] = {}
        self.failing: list[str] = []
        self.calls: list[str] = []
        self.passed = timedelta()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def now(self) -> datetime:
        """The time; half a minute passes with each look at an application."""
        return datetime.now(UTC) + self.passed

    def fail(self, how: str) -> None:
        """Let the next operation fail: `driver_dies`, `start_falls_back`, `update_rolls_back`, `update_ends_ready`."""
        assert how in ("driver_dies", "start_falls_back", "update_rolls_back", "update_ends_ready")
        self.failing.append(how)

    def scale(self, name: str) -> None:
        """Let the service scale an application by itself."""
        application = self.applications[name]
        application.status = "AUTOSCALING"
        application.ahead = [("AUTOSCALING", None), ("AUTOSCALING", None), ("RUNNING", None)]

    def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request. Raises RefusedError."""
        with self._lock:
            self.calls.append(operation)
            _check(_MODEL.operation_model(operation).input_shape, request, "")
            method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)
            answer: dict[str, Any] = getattr(self, method)(request)
            return answer

    # Operations

    def _create_application(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ApplicationName"]
        if name in self.applications:
            raise RefusedError("ResourceInUseException", f"Application already exists: {name}")
        configuration = deepcopy(request["ApplicationConfiguration"])
        configuration["Runtime"] = request["RuntimeEnvironment"]
        self._must_be_in_s3(configuration)
        self.applications[name] = Application(name, request, [configuration])
        return {"ApplicationDetail": self._detail(self.applications[name])}

    def _describe_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        application.move()
        self.passed += timedelta(seconds=30)
        self._measure(application)
        if application.name not in self.applications:
            raise RefusedError("ResourceNotFoundException", f"Application not found: {application.name}")
        return {"ApplicationDetail": self._detail(application)}

    def _start_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        self._must_be(application, "READY")
        self._must_be_in_s3(application.configuration)
        restore = request.get("RunConfiguration", {}).get("ApplicationRestoreConfiguration", {})
        application.restored = restore.get("ApplicationRestoreType", "RESTORE_FROM_LATEST_SNAPSHOT")
        operation = self._begin(application, "StartApplication")
        how = self._failing("start_falls_back", "driver_dies")
        if how == "start_falls_back":
            ending = [("READY", lambda: self._fail(operation, application, "CodeError: jobs/low_inventory.py failed"))]
        else:
            ending = [("RUNNING", lambda: self._running(application, operation, how != "driver_dies"))]
        application.status = "STARTING"
        application.ahead = [("STARTING", None), *ending]
        return {"OperationId": operation.identifier}

    def _stop_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        force = request.get("Force", False)
        allowed = ("STARTING", "UPDATING", "STOPPING", "AUTOSCALING", "RUNNING") if force else ("RUNNING",)
        self._must_be(application, *allowed)
        operation = self._begin(application, "StopApplication")
        passing = "FORCE_STOPPING" if force else "STOPPING"
        application.snapshots += 0 if force else 1
        application.status = passing
        application.ahead = [(passing, None), ("READY", lambda: self._done(operation))]
        return {"OperationId": operation.identifier}

    def _update_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        self._must_be(application, "READY", "RUNNING")
        self._must_be_current(application, request)
        configuration = _updated(application.configuration, request)
        self._must_be_in_s3(configuration)
        restore = request.get("RunConfigurationUpdate", {}).get("ApplicationRestoreConfiguration", {})
        before = len(application.versions) - 1
        application.versions.append(configuration)
        application.version += 1
        operation = self._begin(application, "UpdateApplication")
        if application.status == "READY":
            self._done(operation)
            return {"ApplicationDetail": self._detail(application), "OperationId": operation.identifier}
        application.snapshots += 1
        application.restored = restore.get("ApplicationRestoreType", application.restored)
        application.status = "UPDATING"
        application.ahead = [("UPDATING", None), *self._ending(application, operation, before)]
        return {"ApplicationDetail": self._detail(application), "OperationId": operation.identifier}

    def _rollback_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        self._must_be(application, "UPDATING", "AUTOSCALING", "RUNNING")
        self._must_be_current(application, request)
        if not application.snapshots:
            raise RefusedError("InvalidRequestException", "Application has no snapshot to roll back to")
        current = len(application.versions) - 1
        earlier = [index for index in application.ran if index != current]
        if not earlier:
            raise RefusedError("InvalidRequestException", "Application has no previous running version")
        operation = self._begin(application, "RollbackApplication")
        application.ahead = self._back(application, operation, earlier[-1])
        application.status = "ROLLING_BACK"
        return {"ApplicationDetail": self._detail(application), "OperationId": operation.identifier}

    def _delete_application(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        self._must_be(application, "READY", "RUNNING")
        if application.status == "RUNNING":
            raise RefusedError("ResourceInUseException", f"Application {application.name} is running; stop it first")
        application.status = "DELETING"
        application.ahead = [("DELETING", None), ("DELETING", lambda: self._gone(application))]
        return {}

    def _list_application_operations(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        found = [
            operation.summary()
            for operation in reversed(application.operations)
            if operation.status == request.get("OperationStatus", operation.status)
        ]
        return {"ApplicationOperationInfoList": found[: request.get("Limit", 50)]}

    def _describe_application_operation(self, request: dict[str, Any]) -> dict[str, Any]:
        for operation in self._of(request).operations:
            if operation.identifier == request["OperationId"]:
                return {"ApplicationOperationInfoDetails": operation.details()}
        raise RefusedError("ResourceNotFoundException", f"Operation not found: {request['OperationId']}")

    def _list_application_snapshots(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        return {
            "SnapshotSummaries": [
                {
                    "SnapshotName": f"s{n}",
                    "SnapshotStatus": "READY",
                    "ApplicationVersionId": application.version,
                    "SnapshotCreationTimestamp": _FIRST_SNAPSHOT + n,
                }
                for n in range(application.snapshots)
            ]
        }

    def _create_application_presigned_url(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        self._must_be(application, "RUNNING")
        return {"AuthorizedUrl": f"https://flink.{self.region}.example/{application.name}?authToken=bearer-secret"}

    def _add_application_cloud_watch_logging_option(self, request: dict[str, Any]) -> dict[str, Any]:
        application = self._of(request)
        self._must_be(application, "READY", "RUNNING")
        application.logging.append(request["CloudWatchLoggingOption"]["LogStreamARN"])
        application.version += 1
        return {"ApplicationVersionId": application.version}

    # What happens inside

    def _ending(self, application: Application, operation: Operation, before: int) -> list[Any]:
        """The states after UPDATING."""
        how = self._failing("update_rolls_back", "update_ends_ready", "driver_dies")
        if how == "update_rolls_back":
            self._fail(operation, application, "CodeError: the job of this version failed")
            back = self._begin(application, "RollbackApplication")
            return self._back(application, back, before)
        if how == "update_ends_ready":
            reason = "CodeError: the job of this version failed, and so did the one before"
            return [("READY", lambda: self._fail(operation, application, reason))]
        return [("RUNNING", lambda: self._running(application, operation, how != "driver_dies"))]

    def _back(self, application: Application, operation: Operation, index: int) -> list[Any]:
        def restore() -> None:
            application.versions.append(deepcopy(application.versions[index]))
            application.version += 1
            self._running(application, operation, True)

        return [("ROLLING_BACK", None), ("ROLLED_BACK", None), ("RUNNING", restore)]

    def _running(self, application: Application, operation: Operation, job: bool) -> None:
        self._done(operation)
        if not job:
            self._log(application, DRIVER_FAILURE)
            return
        application.ran.append(len(application.versions) - 1)
        application.up_since = self.now()

    def _measure(self, application: Application) -> None:
        """The metrics of a job that runs."""
        if application.status != "RUNNING":
            application.up_since = None
        if application.up_since is None:
            return
        uptime = (self.now() - application.up_since).total_seconds() * 1000
        self._clients["cloudwatch"].put_metric_data(
            Namespace="AWS/KinesisAnalytics",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "Application", "Value": application.name}],
                    "Timestamp": self.now(),
                    "Value": value,
                }
                for name, value in (("uptime", uptime), ("fullRestarts", 0.0))
            ],
        )

    def _log(self, application: Application, lines: list[str]) -> None:
        """To the log stream, if the application has one; without one the lines are lost."""
        for arn in application.logging:
            group, _, stream = arn.split(":log-group:")[1].partition(":log-stream:")
            logger = "org.apache.flink.client.python.PythonDriver"
            self._clients["logs"].put_log_events(
                logGroupName=group,
                logStreamName=stream,
                logEvents=[
                    {
                        "timestamp": int(self.now().timestamp() * 1000),
                        "message": json.dumps({"logger": logger, "message": line, "messageType": "INFO"}),
                    }
                    for line in lines
                ],
            )

    def _begin(self, application: Application, kind: str) -> Operation:
        operation = Operation(kind, f"{kind}-{len(application.operations)}", began=self.now())
        application.operations.append(operation)
        return operation

    def _done(self, operation: Operation) -> None:
        operation.status = "SUCCESSFUL"

    def _fail(self, operation: Operation, application: Application, error: str) -> None:
        operation.status, operation.error = "FAILED", error
        self._log(application, DRIVER_FAILURE)

    def _gone(self, application: Application) -> None:
        self.applications.pop(application.name, None)

    def _failing(self, *kinds: str) -> str:
        for how in self.failing:
            if how in kinds:
                self.failing.remove(how)
                return how
        return ""

    # What it refuses

    def _of(self, request: dict[str, Any]) -> Application:
        name = request["ApplicationName"]
        if name not in self.applications:
            raise RefusedError("ResourceNotFoundException", f"Application not found: {name}")
        return self.applications[name]

    def _must_be(self, application: Application, *states: str) -> None:
        if application.status not in states:
            raise RefusedError(
                "ResourceInUseException",
                f"Application {application.name} is in {application.status} state; expected {' or '.join(states)}",
            )

    def _must_be_current(self, application: Application, request: dict[str, Any]) -> None:
        if request.get("CurrentApplicationVersionId", application.version) != application.version:
            raise RefusedError(
                "ConcurrentModificationException",
                f"The current application version is {application.version}, "
                f"not {request['CurrentApplicationVersionId']}",
            )

    def _must_be_in_s3(self, configuration: dict[str, Any]) -> None:
        location = configuration
        for name in _LOCATION:
            location = location[name]
        bucket, key = location["BucketARN"].rpartition(":")[2], location["FileKey"]
        if not self._clients["s3"].list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"):
            raise RefusedError(
                "InvalidArgumentException", f"Unable to get the specified fileKey: {key} in bucket: {bucket}"
            )

    def _detail(self, application: Application) -> dict[str, Any]:
        configuration = application.configuration
        code = configuration["ApplicationCodeConfiguration"]
        location = code["CodeContent"]["S3ContentLocation"]
        return {
            "ApplicationARN": f"arn:aws:kinesisanalytics:{self.region}:{ACCOUNT}:application/{application.name}",
            "ApplicationName": application.name,
            "RuntimeEnvironment": configuration["Runtime"],
            "ApplicationStatus": application.status,
            "ApplicationVersionId": application.version,
            "ApplicationConfigurationDescription": {
                "ApplicationCodeConfigurationDescription": {
                    "CodeContentType": code["CodeContentType"],
                    "CodeContentDescription": {"S3ApplicationCodeLocationDescription": location},
                },
                "EnvironmentPropertyDescriptions": {
                    "PropertyGroupDescriptions": configuration["EnvironmentProperties"]["PropertyGroups"]
                },
                "FlinkApplicationConfigurationDescription": {
                    f"{name}Description": value
                    for name, value in configuration["FlinkApplicationConfiguration"].items()
                },
            },
            "CloudWatchLoggingOptionDescriptions": [{"LogStreamARN": arn} for arn in application.logging],
        }


_FIRST_SNAPSHOT = 1_767_603_600
"""2026-01-05 09:00 UTC; each one after it is a second later."""

_CLIENTS = ("s3", "cloudwatch", "logs")


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


def _check(shape: Any, value: Any, where: str) -> None:
    """Hold a value to a shape of botocore's model, its bounds and values included. Raises RefusedError."""
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        missing = set(shape.required_members) - set(value)
        if unknown or missing:
            raise RefusedError(
                "InvalidArgumentException", f"{where or shape.name}: unknown {unknown}, missing {missing}"
            )
        for name, part in value.items():
            _check(shape.members[name], part, f"{where}.{name}")
    elif shape.type_name == "list":
        for part in value:
            _check(shape.member, part, where)
    elif shape.type_name == "map":
        for name, part in value.items():
            _check(shape.key, name, f"{where} key")
            _check(shape.value, part, f"{where}.{name}")
    _check_bounds(shape, value, where)


def _check_bounds(shape: Any, value: Any, where: str) -> None:
    size = value if isinstance(value, int | float) else len(value)
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        raise RefusedError("InvalidArgumentException", f"{where}: expected {least} to {most}, got {size}")
    if getattr(shape, "enum", None) and value not in shape.enum:
        raise RefusedError("InvalidArgumentException", f"{where}: expected one of {shape.enum}, got {value!r}")


def _handler(service: FlinkService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].removeprefix(_TARGET)
            try:
                self._answer(200, service.handle(operation, request))
            except RefusedError as refused:
                self._answer(400, {"__type": refused.kind, "message": str(refused)})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test shows what fails."""

    return Handler
