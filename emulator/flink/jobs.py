"""Runs the jobs of applications in processes: each from its zip in S3, with its property groups."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.flink.state import DRIVER_DIED, DRIVER_STARTED, Application, Log

# Seconds that a job has to end by itself.
_END_SECONDS = 10
_ROOT = Path(__file__).resolve().parents[2]
_RUN_OPTIONS = "kinesis.analytics.flink.run.options"


def python(runtime: str) -> Path:
    """The Python with the Flink of a runtime: for FLINK-2_2 that of `make .venv-2.2/run`, which need not be there."""
    return _ROOT / ".venv-2.2" / "bin" / "python" if runtime == "FLINK-2_2" else Path(sys.executable)


class RealJobs:
    """A process with a JVM for each application that is RUNNING.

    Snapshots hold no state: a job that starts again reads from its starting position, as if it were new, and writes
    its alerts and dead letters once more. AlertsToSns publishes an alert once a day at most. With policy `crossing` a
    job remembers nothing of its last run.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._runs: dict[str, _Run] = {}
        self._lock, self._closed = threading.Lock(), False

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def start(self, application: Application, code: bytes, log: Log) -> None:
        """Run the code; `up_since` is set when the job says that it runs."""
        log([DRIVER_STARTED])
        with self._lock:
            if self._closed:
                return
            try:
                self._runs[application.name] = _Run(application, code, log, self._endpoint)
            except zipfile.BadZipFile as error:
                log([f"the code: {error}", f"{DRIVER_DIED}1"])
            except FileNotFoundError as error:
                log([f"{error.filename} is missing: `make .venv-2.2/run` installs Flink 2.2", f"{DRIVER_DIED}1"])

    def stop(self, application: Application) -> None:
        """End the job and wait for it."""
        with self._lock:
            run = self._runs.pop(application.name, None)
            if run:
                run.end()
        application.up_since = None

    def close(self) -> None:
        """End all jobs, and start no more."""
        with self._lock:
            self._closed = True
            for run in self._runs.values():
                run.end()


class _Run:
    """A job at work, and the thread that reads what it prints."""

    def __init__(self, application: Application, code: bytes, log: Log, endpoint: str) -> None:
        self._application, self._log = application, log
        self._ending = False
        self._folder = tempfile.TemporaryDirectory(prefix="flink-application-")
        try:
            self._process = self._start(code, endpoint)
        except BaseException:
            self._folder.cleanup()
            raise
        self._thread = threading.Thread(target=self._follow, name=f"driver of {application.name}", daemon=True)
        self._thread.start()

    def _start(self, code: bytes, endpoint: str) -> "subprocess.Popen[bytes]":
        """Unpack the zip, and run its script as `flink run` does, and with the dashboard that the service has."""
        application, folder = self._application, Path(self._folder.name)
        with zipfile.ZipFile(io.BytesIO(code)) as package:
            package.extractall(folder)
        properties = folder / "application_properties.json"
        properties.write_text(json.dumps(application.groups), encoding="utf-8")
        flink: dict[str, Any] = application.configuration.get("FlinkApplicationConfiguration", {})
        parallelism = str(flink.get("ParallelismConfiguration", {}).get("Parallelism", 1))
        script = folder / _pairs(application, _RUN_OPTIONS)["python"]
        program = [str(python(application.configuration["Runtime"])), str(script)]
        return subprocess.Popen(
            [*program, "--properties", str(properties), "--parallelism", parallelism, "--ui"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "AWS_ENDPOINT_URL": endpoint, "TMPDIR": str(folder)},
            start_new_session=True,
        )

    def _follow(self) -> None:
        for line in self._process.stdout or ():
            text = line.decode(errors="replace").rstrip("\n")
            self._log([text])
            if text.startswith("running"):
                self._application.job_runs(datetime.now(UTC))
        status = self._process.wait()
        self._application.up_since = None
        # A job that the service stops has not failed.
        if status and not self._ending:
            self._log([f"{DRIVER_DIED}{status}"])

    def end(self) -> None:
        """End it, and leave nothing behind."""
        self._ending = True
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # A job that was killed leaves its JVM behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()


def _pairs(application: Application, group: str) -> dict[str, str]:
    return next((dict(one["PropertyMap"]) for one in application.groups if one["PropertyGroupId"] == group), {})
