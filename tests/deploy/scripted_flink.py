"""The stand-in for the Flink service, whose jobs run at once or fail as a test says, and whose time flies."""

from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.flink.service import FlinkService
from emulator.flink.state import DRIVER_DIED, DRIVER_STARTED, Ahead, Application, Log, Operation

_FIRST_SNAPSHOT = 1_767_603_600
"""2026-01-05 09:00 UTC; each one after it is a second later."""

_DRIVER_FAILURE = [
    DRIVER_STARTED,
    "Traceback (most recent call last):",
    "Alerts.threshold: expected a whole number",
    f"{DRIVER_DIED}2",
]


class ScriptedJobs:
    """Jobs that run as soon as their application does."""

    def __init__(self) -> None:
        self.failing: list[str] = []
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.passed

    def start(self, application: Application, code: bytes, log: Log) -> None:
        if not self.fails(log, "driver_dies"):
            application.job_runs(self.now())

    def stop(self, application: Application) -> None:
        application.up_since = None

    def fails(self, log: Log, *ways: str) -> str:
        for how in self.failing:
            if how in ways:
                self.failing.remove(how)
                log(_DRIVER_FAILURE)
                return how
        return ""


def _fail(operation: Operation, error: str) -> None:
    operation.status, operation.error = "FAILED", error


class ScriptedFlink(FlinkService):
    """The service of a region, and what a test makes of it."""

    def __init__(self, region: str) -> None:
        self._scripted = ScriptedJobs()
        super().__init__(region, self._scripted)
        self.calls: list[str] = []

    @property
    def passed(self) -> timedelta:
        """By how much its time is ahead."""
        return self._scripted.passed

    @passed.setter
    def passed(self, passed: timedelta) -> None:
        self._scripted.passed = passed

    def reset(self) -> None:
        """Forget everything."""
        self.applications.clear()
        self.calls.clear()
        self._scripted.failing.clear()
        self.passed = timedelta()

    def now(self) -> datetime:
        """The time; half a minute passes with each look at an application."""
        return self._scripted.now()

    def fail(self, how: str) -> None:
        """Let the next operation fail: `driver_dies`, `start_falls_back`, `update_rolls_back`, `update_ends_ready`."""
        assert how in ("driver_dies", "start_falls_back", "update_rolls_back", "update_ends_ready")
        self._scripted.failing.append(how)

    def _after_starting(self, application: Application, operation: Operation) -> Ahead:
        if self._fails(application, "start_falls_back"):
            return [("READY", lambda: _fail(operation, "CodeError: jobs/low_inventory.py failed"))]
        return super()._after_starting(application, operation)

    def _after_updating(self, application: Application, operation: Operation, before: int) -> Ahead:
        how = self._fails(application, "update_rolls_back", "update_ends_ready")
        if how == "update_rolls_back":
            _fail(operation, "CodeError: the job of this version failed")
            return self._back(application, self._begin(application, "RollbackApplication"), before)
        if how == "update_ends_ready":
            reason = "CodeError: the job of this version failed, and so did the one before"
            return [("READY", lambda: _fail(operation, reason))]
        return super()._after_updating(application, operation, before)

    def _fails(self, application: Application, *ways: str) -> str:
        return self._scripted.fails(lambda lines: self._log(application, lines), *ways)

    def scale(self, name: str) -> None:
        """Let the service scale an application by itself."""
        application = self.applications[name]
        application.status = "AUTOSCALING"
        application.ahead = [("AUTOSCALING", None), ("AUTOSCALING", None), ("RUNNING", None)]

    def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request, and note it."""
        self.calls.append(operation)
        if operation == "DescribeApplication":
            self.passed += timedelta(seconds=30)
        answer = super().handle(operation, request)
        for n, snapshot in enumerate(answer.get("SnapshotSummaries", [])):
            snapshot["SnapshotCreationTimestamp"] = _FIRST_SNAPSHOT + n
        return answer
