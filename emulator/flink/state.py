"""What the Flink service keeps of an application, and what it needs of the runner of its job."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class RefusedError(Exception):
    """A request that the service refuses; `kind` is the name of the error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


Ahead = list[tuple[str, Callable[[], object] | None]]
"""The states that an application passes through next, and what happens when it reaches each."""


@dataclass
class Operation:
    """An operation on an application, as the service lists it."""

    kind: str
    identifier: str
    began: datetime
    status: str = "IN_PROGRESS"
    error: str = ""

    def summary(self) -> dict[str, Any]:
        """As ListApplicationOperations has it."""
        return {
            "Operation": self.kind,
            "OperationId": self.identifier,
            "StartTime": self.began.timestamp(),
            "OperationStatus": self.status,
        }

    def details(self) -> dict[str, Any]:
        """As DescribeApplicationOperation has it."""
        content = {name: value for name, value in self.summary().items() if name != "OperationId"}
        if self.error:
            content["OperationFailureDetails"] = {"ErrorInfo": {"ErrorString": self.error}}
        return content


@dataclass
class Application:
    """An application: its state, what it will pass through, and the versions of its configuration.

    `up_since` is when its job began to run, None while none does; `ran` has the versions whose job ran, `taken` when
    snapshots were made.
    """

    name: str
    request: dict[str, Any]
    versions: list[dict[str, Any]]
    status: str = "READY"
    version: int = 1
    ahead: Ahead = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    taken: list[datetime] = field(default_factory=list)
    logging: list[str] = field(default_factory=list)
    restored: str = ""
    ran: list[int] = field(default_factory=list)
    up_since: datetime | None = None

    @property
    def configuration(self) -> dict[str, Any]:
        """That of the current version."""
        return self.versions[-1]

    @property
    def snapshots(self) -> int:
        """How many there are."""
        return len(self.taken)

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Its property groups."""
        groups: list[dict[str, Any]] = self.configuration["EnvironmentProperties"]["PropertyGroups"]
        return groups

    def move(self) -> None:
        """Go to the next state; each is seen at least once."""
        if self.ahead:
            self.status, then = self.ahead.pop(0)
            if then:
                then()

    def job_runs(self, at: datetime) -> None:
        """Its job runs from now on."""
        self.ran.append(len(self.versions) - 1)
        self.up_since = at


Log = Callable[[list[str]], None]
"""Takes lines of the Python driver, for the application's log stream."""

DRIVER_STARTED = "--------------------------- Python Process Started --------------------------"
DRIVER_DIED = "Python process exits with code: "
"""What the driver's class logs: org.apache.flink.client.python.PythonDriver,
https://github.com/apache/flink/blob/release-1.20/flink-python/src/main/java/org/apache/flink/client/python/PythonDriver.java"""


class Jobs(Protocol):
    """Runs the jobs of applications that are RUNNING, and has their clock."""

    def now(self) -> datetime:
        """The time."""

    def start(self, application: Application, code: bytes, log: Log) -> None:
        """Start an application's job from its zip, and call `job_runs` once it runs. Returns soon."""

    def stop(self, application: Application) -> None:
        """End the job of an application, if it has one, and reset `up_since`."""
