"""A command of `local/` as its user runs it, and what it leaves."""

import os
import subprocess
import sys
from pathlib import Path


def start(command: Path, folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    """Start a command with a temporary folder of its own; what it says goes to `said`, beside the folder."""
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, str(command), *arguments],
        stdout=(folder.parent / "said").open("ab"),
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "AWS_PROFILE": "somebody", "AWS_ENDPOINT_URL": "", **environment},
    )


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
