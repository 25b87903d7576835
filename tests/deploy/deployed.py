"""An account on the emulator, with the stand-in for the Flink service, and `deploy` as its user runs it."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy import packages
from deploy.aws import flink_job
from deploy.aws.session import Aws
from emulator.flink.state import Application
from tests.deploy.scripted_flink import ScriptedFlink
from tests.emulated import Emulator

APPLICATION = "low-inventory-application"


@dataclass
class Outcome:
    """What a command did: its exit status and what it printed."""

    status: int
    out: str
    err: str


@dataclass
class Account:
    """An account, and `deploy` on it."""

    emulator: Emulator
    flink: ScriptedFlink
    build: Path
    connection: Aws
    run: Callable[..., Outcome]

    def client(self, service: str) -> Any:
        """A client of the account."""
        return self.connection.client(service)

    @property
    def application(self) -> Application:
        """The application as the stand-in has it."""
        return self.flink.applications[APPLICATION]

    def package(self, name: str, content: str) -> None:
        """Put other code into a package."""
        with zipfile.ZipFile(self.build / name, "w") as package:
            package.writestr(zipfile.ZipInfo("lambda_function.py"), content)

    def job_package(self, content: str, line: str = "connector-4") -> None:
        """Put other code into the job's package of a line."""
        self.package(packages.job(line).name, content)

    def stacks(self) -> dict[str, str]:
        """The stacks that are there, and their states."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"]: stack["StackStatus"] for stack in stacks}

    def parameters(self, part: str) -> dict[str, str]:
        """The parameters of a part's stack."""
        answer = self.client("cloudformation").describe_stacks(StackName=f"low-inventory-{part}")
        return {one["ParameterKey"]: one["ParameterValue"] for one in answer["Stacks"][0]["Parameters"]}


def groups(account: Account) -> dict[str, dict[str, str]]:
    """The property groups that the application has."""
    found = account.application.configuration["EnvironmentProperties"]["PropertyGroups"]
    return {group["PropertyGroupId"]: group["PropertyMap"] for group in found}


def code_key(account: Account) -> str:
    """The key of the code that is live."""
    content = account.application.configuration["ApplicationCodeConfiguration"]["CodeContent"]
    return str(content["S3ContentLocation"]["FileKey"])


def begins(account: Account) -> dict[str, str]:
    """Where the job begins to read if it has no state."""
    return {name: value for name, value in groups(account)["InputStream0"].items() if name != "stream.arn"}


def tell_lag(account: Account, seconds: float, at: datetime | None = None) -> None:
    """What the service's metric says, with the dimensions that it has."""
    dimensions = {"Application": APPLICATION, "Flow": "Input", "Id": "http_requests"}
    sample = {
        "MetricName": "millisBehindLatest",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": at or account.flink.now(),
        "Value": seconds * 1000,
    }
    account.client("cloudwatch").put_metric_data(Namespace=flink_job.NAMESPACE, MetricData=[sample])
