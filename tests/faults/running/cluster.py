"""A Flink cluster of real processes, from the installed wheel, that can be killed, stopped and started."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy import packages
from emulator.flink import jobs
from jobs.alerting import jvm
from local.deploy_command import LINE
from tests.emulated import eventually

PYTHON = jobs.python(packages.LINES[LINE])
"""The Python with the Flink of the line that is tested."""
HOME = PYTHON.parents[1] / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages/pyflink"
_PR_SET_PDEATHSIG = 1
_CONFIGURATION = {
    "jobmanager.rpc.address": "127.0.0.1",
    "jobmanager.bind-host": "127.0.0.1",
    "rest.address": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "taskmanager.host": "127.0.0.1",
    "jobmanager.memory.process.size": "1000m",
    "taskmanager.memory.process.size": "1100m",
    "taskmanager.memory.managed.size": "64m",
    "taskmanager.numberOfTaskSlots": "2",
    "parallelism.default": "2",
    # A job runs on two TaskManagers, although one has slots for all of it.
    "taskmanager.load-balance.mode": "SLOTS",
    # As the managed service has it, but oftener: it takes a checkpoint a minute.
    "execution.checkpointing.interval": "1 s",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "execution.checkpointing.num-retained": "3",
    "execution.checkpointing.tolerable-failed-checkpoints": "1000",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "1000000",
    "restart-strategy.fixed-delay.delay": "1 s",
    "metrics.fetcher.update-interval": "1000",
    # A process that is gone is missed within seconds.
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "10000",
}


def _die_with_parent() -> None:
    """Runs in a child before its program: it is killed when this process is, in whatever way that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Cluster:
    """A JobManager and TaskManagers of two slots each; `task_managers` by their names.

    Args:
        folder: an empty folder, for all that the processes write.
        package: the folder of the job's unpacked zip.
        configuration: options of Flink beside those above.
    """

    def __init__(self, folder: Path, package: Path, configuration: Mapping[str, str] | None = None) -> None:
        self._folder, self._package = folder, package
        self._rest = free_port()
        self._number = 0
        self.job_manager: subprocess.Popen[bytes] | None = None
        self.task_managers: dict[str, subprocess.Popen[bytes]] = {}
        self._configure(dict(configuration or {}))

    def _configure(self, configuration: dict[str, str]) -> None:
        for name in ("conf", "logs", "tmp", "checkpoints", "savepoints"):
            (self._folder / name).mkdir(parents=True)
        shutil.copytree(HOME / "conf", self._folder / "conf", dirs_exist_ok=True)
        shipped = (HOME / "conf" / "config.yaml").read_text().splitlines()
        modules = next(line for line in shipped if line.strip().startswith("all: --add")).split("all: ")[1]
        java = f"{modules} {jvm.QUICK} -Djava.io.tmpdir={self._folder / 'tmp'}"
        options = {
            "env.java.opts.all": java,
            **_CONFIGURATION,
            "jobmanager.rpc.port": str(free_port()),
            "rest.port": str(self._rest),
            "io.tmp.dirs": str(self._folder / "tmp"),
            "execution.checkpointing.dir": (self._folder / "checkpoints").as_uri(),
            **configuration,
        }
        text = "".join(f"{key}: {value}\n" for key, value in options.items())
        (self._folder / "conf" / "config.yaml").write_text(text)
        self._environment = {
            **os.environ,
            **{"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"},
            "JAVA_HOME": str(jvm.java_home()),
            "FLINK_CONF_DIR": str(self._folder / "conf"),
            "FLINK_LOG_DIR": str(self._folder / "logs"),
            "FLINK_PID_DIR": str(self._folder / "tmp"),
            "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
            "TMPDIR": str(self._folder / "tmp"),
        }

    def _start(self, script: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "logs" / f"{script}.out").open("ab") as out:
            return subprocess.Popen(
                [str(HOME / "bin" / script), "start-foreground", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def start_job_manager(self) -> None:
        """Start the JobManager, at the ports that it had before."""
        self.job_manager = self._start("jobmanager.sh")

    def start_task_manager(self) -> None:
        """Start one more TaskManager. Returns at once."""
        self._number += 1
        name = f"task-manager-{self._number}"
        self.task_managers[name] = self._start("taskmanager.sh", f"-Dtaskmanager.resource-id={name}")

    def wait(self) -> None:
        """Wait until all TaskManagers are there."""
        eventually(lambda: self.overview().get("taskmanagers") == len(self.task_managers), "the cluster", 180)

    def kill_task_manager(self, job: str) -> None:
        """Kill a TaskManager that runs a job, and start another in its place. Returns at once."""
        name = self.busy(job)[0]
        _kill(self.task_managers.pop(name))
        self.start_task_manager()

    def kill_job_manager(self) -> None:
        """Kill the JobManager, and start another in its place, which knows of no job."""
        assert self.job_manager is not None
        _kill(self.job_manager)
        self.start_job_manager()

    def close(self) -> None:
        """End all processes."""
        for process in [*self.task_managers.values(), *([self.job_manager] if self.job_manager else [])]:
            _kill(process)
        # The logs stay with the test's other files; the rest is large.
        for folder in (self._folder / "tmp", self._folder / "checkpoints", self._folder / "savepoints", self._package):
            shutil.rmtree(folder, ignore_errors=True)

    def heaps(self) -> dict[str, float]:
        """The heap that each process uses, in bytes. Raises OSError while the JobManager is not there."""
        paths = {name: f"/taskmanagers/{name}" for name in self.task_managers} | {"job-manager": "/jobmanager"}
        found = {}
        for name, path in paths.items():
            for metric in self.ask(f"{path}/metrics?get=Status.JVM.Memory.Heap.Used"):
                found[name] = float(metric["value"])
        return found

    def ask(self, path: str, **body: object) -> Any:
        """Ask the REST API: https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/.

        Raises OSError while the JobManager is not there, or refuses.
        """
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._rest}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def overview(self) -> dict[str, Any]:
        """The state of the cluster; empty while the JobManager is not there."""
        try:
            return dict(self.ask("/overview"))
        except OSError:
            return {}

    def submit(self, properties: Path, endpoint: str, start_from: str | None = None) -> str:
        """Submit the job as the managed service does, wait until it runs, and give its identifier.

        Args:
            properties: the property file.
            endpoint: what the job takes for AWS.
            start_from: the path of a savepoint or a retained checkpoint.
        """
        command = [str(HOME / "bin" / "flink"), "run", "-d"]
        command += ["-s", start_from] if start_from else []
        command += ["-py", "jobs/low_inventory.py", "--jarfile", "lib/pyflink-dependencies.jar"]
        done = subprocess.run(
            [*command, "--properties", str(properties)],
            cwd=self._package,
            env=self._environment | {"AWS_ENDPOINT_URL": endpoint},
            capture_output=True,
            timeout=300,
            preexec_fn=_die_with_parent,
        )
        said = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == 0 and "JobID " in said, said
        job = said.split("JobID ")[1].split()[0]
        self.wait_running(job)
        return job

    def running(self, job: str) -> bool:
        """Whether every task of a job runs."""
        try:
            vertices = self.ask(f"/jobs/{job}")["vertices"]
        except OSError:
            return False
        return all(vertex["tasks"]["RUNNING"] == vertex["parallelism"] for vertex in vertices)

    def wait_running(self, job: str) -> None:
        """Wait until every task of a job runs."""
        eventually(lambda: self.running(job), "the job runs", 180)

    def restarts(self, job: str) -> int:
        """How often a job has been restarted by its JobManager."""
        # Not the metric numRestarts, of which the first answer may be minutes old.
        vertices = [self.ask(f"/jobs/{job}/vertices/{one['id']}") for one in self.ask(f"/jobs/{job}")["vertices"]]
        return max(int(task["attempt"]) for vertex in vertices for task in vertex["subtasks"])

    def read_records(self, job: str) -> int:
        """How many records the busiest task of a job has read; a source counts as reading none."""
        return max(int(vertex["metrics"]["read-records"]) for vertex in self.ask(f"/jobs/{job}")["vertices"])

    def busy(self, job: str) -> list[str]:
        """The names of the TaskManagers that run a job, the source's first."""
        vertices = self.ask(f"/jobs/{job}")["vertices"]
        found = []
        for vertex in vertices:
            found += [task["taskmanager-id"] for task in self.ask(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]]
        return list(dict.fromkeys(found))

    def checkpoints(self, job: str) -> dict[str, Any]:
        """What the JobManager tells of a job's checkpoints."""
        return dict(self.ask(f"/jobs/{job}/checkpoints"))

    def next_checkpoint(self, job: str) -> None:
        """Wait for a checkpoint that begins after this call: all that was read before is written when it completes."""

        def completed() -> tuple[int, int]:
            with contextlib.suppress(OSError):
                found = self.checkpoints(job)
                latest = (found["latest"]["completed"] or {}).get("id", 0)
                return latest, found["counts"]["in_progress"]
            return -1, 0

        eventually(lambda: completed()[0] >= 0, "the checkpoints of the job", 180)
        # The one under way may have begun before this call.
        needed = sum(completed()) + 1
        eventually(lambda: completed()[0] >= needed, "a checkpoint", 180)

    def stop(self, job: str) -> str:
        """Stop a job with a savepoint, and give the savepoint's path."""
        target = (self._folder / "savepoints").as_uri()
        trigger = self.ask(f"/jobs/{job}/stop", targetDirectory=target, drain=False)["request-id"]
        path = f"/jobs/{job}/savepoints/{trigger}"
        eventually(lambda: self.ask(path)["status"]["id"] == "COMPLETED", "the savepoint", 180)
        operation = self.ask(path)["operation"]
        assert "location" in operation, operation
        eventually(lambda: self.ask(f"/jobs/{job}")["state"] == "FINISHED", "the end of the job", 180)
        return str(operation["location"])

    def last_checkpoint(self, job: str) -> str:
        """The path of the newest complete checkpoint that a job left, whether its JobManager is there or not."""
        found = (self._folder / "checkpoints" / job).glob("chk-*/_metadata")
        newest = max(found, key=lambda path: int(path.parent.name.removeprefix("chk-")))
        return newest.parent.as_uri()

    def cancel_all(self) -> None:
        """End all jobs."""
        for job in self.ask("/jobs")["jobs"]:
            if job["status"] not in ("FINISHED", "CANCELED", "FAILED"):
                with contextlib.suppress(urllib.error.HTTPError):
                    request = urllib.request.Request(
                        f"http://127.0.0.1:{self._rest}/jobs/{job['id']}?mode=cancel", method="PATCH"
                    )
                    urllib.request.urlopen(request, timeout=30).close()
        eventually(
            lambda: all(job["status"] in ("FINISHED", "CANCELED", "FAILED") for job in self.ask("/jobs")["jobs"]),
            "the end of all jobs",
            180,
        )


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def cluster(
    folder: Path, package: Path, task_managers: int = 2, configuration: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Run a cluster until the end of the block."""
    running = Cluster(folder, package, configuration)
    try:
        running.start_job_manager()
        for _ in range(task_managers):
            running.start_task_manager()
        running.wait()
        yield running
    finally:
        running.close()
