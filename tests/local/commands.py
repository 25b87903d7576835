"""A command of `local/` as its user runs it, and what it leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.emulated import eventually


def start(command: str, folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    """Start a command with a temporary folder of its own; what it says goes to `said`, beside the folder."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", command, *arguments],
        stdout=(folder.parent / "said").open("ab"),
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "AWS_PROFILE": "somebody", "AWS_ENDPOINT_URL": "", **environment},
    )


def stopped(
    command: str, folder: Path, moment: str, number: signal.Signals, *arguments: str
) -> tuple[int, str, list[str]]:
    """Start a command, and stop it twice over when it says `moment`: its status, its last line, and what it left."""
    process, said = start(command, folder, *arguments), folder.parent / "said"
    try:
        eventually(lambda: moment in said.read_text(), moment)
    finally:
        process.send_signal(number)
        process.send_signal(number)
        status = process.wait(timeout=120)
    return status, said.read_text().splitlines()[-1], left(folder)


def left(folder: Path) -> list[str]:
    """What is still there of a run: its files, and its processes, which all have its temporary folder."""
    found = [str(path) for path in folder.iterdir()]
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}".encode() in environment.read_bytes():
                found.append((environment.parent / "cmdline").read_text())
        except OSError:
            continue
    return found
