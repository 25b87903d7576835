"""The process of a job, from its zip, on an emulator."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

# One compiler, one thread for garbage, and no verification of the classes of a jar that was built here: enough for some
# hundred events a second, and it starts some seconds sooner.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"

SCRIPT = "jobs/low_inventory.py"


def start(
    package: Path | IO[bytes],
    script: str,
    groups: Sequence[Mapping[str, object]],
    parallelism: int,
    folder: Path,
    output: int | IO[bytes],
    **environment: str,
) -> "subprocess.Popen[Any]":
    """Unpack the job's zip and run it.

    Args:
        package: the zip.
        script: what to run of it.
        groups: the property groups.
        parallelism: more than the stream has shards is of no use.
        folder: an empty folder, for the zip and the property file.
        output: takes what it prints.
        environment: variables besides those of this process.

    Raises:
        zipfile.BadZipFile: if it is no zip.
    """
    with zipfile.ZipFile(package) as content:
        content.extractall(folder)
    property_file = folder / "application_properties.json"
    property_file.write_text(json.dumps(groups), encoding="utf-8")
    options = f"{os.environ.get('JDK_JAVA_OPTIONS', '')} {_QUICK_START}".strip()
    return subprocess.Popen(
        [
            sys.executable,
            str(folder / script),
            "--properties",
            str(property_file),
            "--parallelism",
            str(parallelism),
        ],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, "JDK_JAVA_OPTIONS": options, **environment},
        start_new_session=True,
    )


def end(process: "subprocess.Popen[Any]") -> None:
    """End the job and its JVM, and wait for both."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # A job that was killed leaves its JVM behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
