"""The job, from its zip, on the streams of the emulator."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.packages import BUILD, PACKAGES
from emulator.flink import job_process

PACKAGE = BUILD / PACKAGES["JobKey"]


class Job:
    """A running job. `process` ends when it fails or is stopped; `log` has what it printed."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self.log = log

    def said(self) -> list[str]:
        """The lines that it wrote for people so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def failure(self) -> str | None:
        """Why it ended, or None if it has not."""
        if self.process.poll() is None:
            return None
        return self.said()[-1] if self.said() else f"it ended with exit status {self.process.returncode}"

    def running(self) -> bool:
        """Whether it was submitted and reads the stream."""
        return any(line.startswith("running") for line in self.said())


def properties(outputs: Mapping[str, str], alerts: Mapping[str, str]) -> list[dict[str, object]]:
    """The property groups for the streams of a stack, read from their start.

    Args:
        outputs: outputs of the system's template.
        alerts: the group `Alerts`.
    """
    groups: dict[str, Mapping[str, str]] = {
        "InputStream0": {"stream.arn": outputs["SourceStreamArn"], "source.init.position": "TRIM_HORIZON"},
        "OutputStream0": {"stream.arn": outputs["AlertsStreamArn"]},
        "DeadLetterStream0": {"stream.arn": outputs["DeadLetterStreamArn"]},
        "Alerts": alerts,
    }
    return [{"PropertyGroupId": name, "PropertyMap": pairs} for name, pairs in groups.items()]


@contextlib.contextmanager
def run(groups: list[dict[str, object]], parallelism: int, folder: Path) -> Iterator[Job]:
    """Unpack the zip into a folder, and run the job until the end of the block.

    Args:
        groups: the property groups.
        parallelism: at most as many as the stream has shards make sense.
        folder: an empty folder.
    """
    log = folder / "job.log"
    with log.open("wb") as out:
        process = job_process.start(PACKAGE, job_process.SCRIPT, groups, parallelism, folder, out)
    try:
        yield Job(process, log)
    finally:
        job_process.end(process)
