"""The system as `python -m deploy up` makes it on the emulator, while it is made and after."""

import contextlib
import re
import subprocess
import threading

import boto3

from deploy import deployment
from deploy.aws import flink_application, flink_job, waiting
from emulator.flink.state import DRIVER_DIED
from local import deploy_command

_DEPLOYMENT = deployment.Deployment(deployment.DEFAULT_NAME)


class PipelineError(RuntimeError):
    """A part could not be started, or ended; the message says which, and why."""


class System:
    """The system, made by an `up` with these options that runs beside this process until the end of the stack.

    Attributes:
        said: the lines that `up` has printed so far.
        outputs: the outputs of all stacks; empty until `ready` was true.
        dashboard: the line with the address of Flink's web dashboard; empty until `job_runs` was true.
    """

    def __init__(self, arguments: list[str], stack: contextlib.ExitStack) -> None:
        self.said: list[str] = []
        self.outputs: dict[str, str] = {}
        self.dashboard = ""
        self._began = waiting.now()
        self._cloudformation, self._logs = boto3.client("cloudformation"), boto3.client("logs")
        self._service = boto3.client("kinesisanalyticsv2")
        self._reader = threading.Thread(target=self._read, name="output of up")
        stack.callback(self._join)
        command = deploy_command.start(*deploy_command.UP, *arguments, stderr=subprocess.STDOUT)
        self._process = stack.enter_context(command)
        self._reader.start()

    def _join(self) -> None:
        if self._reader.is_alive():
            self._reader.join()

    def _read(self) -> None:
        # The pipe is closed under it when the command is ended early.
        with contextlib.suppress(ValueError):
            for line in self._process.stdout or ():
                # Its clock is not that of the pipeline.
                self.said.append(re.sub(r"^\[ *\d+:\d\d\] ", "", line.rstrip("\n")))

    def stream(self, which: str) -> str:
        """The name of a stream: `Source`, `Alerts` or `DeadLetter`."""
        return self.outputs[f"{which}StreamName"]

    def ready(self) -> bool:
        """Whether streams, functions, topic and application are there. Raises PipelineError if `up` failed."""
        if self._process.poll():
            self._join()
            raise PipelineError(f"`up` failed: {self.said[-1].removeprefix('deploy: ')}")
        if not self.outputs and _DEPLOYMENT.outputs(self._cloudformation, "application"):
            for part in deployment.PARTS:
                self.outputs |= _DEPLOYMENT.outputs(self._cloudformation, part)
        return bool(self.outputs)

    def job_runs(self) -> bool:
        """Whether the job was submitted and reads the stream. Raises PipelineError if it has ended."""
        # The emulated service takes the next step of a start when it is asked, and `up` asks every three seconds.
        flink_application.describe(self._service, self.outputs["ApplicationName"])
        lines = flink_job.driver_lines(self._logs, self.outputs["ApplicationLogs"], self._began)
        if any(DRIVER_DIED in line for line in lines):
            raise PipelineError(f"the job ended: {' / '.join(lines[-3:])}")
        shown = [line for line in lines if line.startswith("Flink's web dashboard: ")]
        if shown and shown[-1] != self.dashboard:
            # Another one after each start of the job.
            self.dashboard = shown[-1]
            self.said.append(self.dashboard)
        return any(line.startswith("running") for line in lines)
