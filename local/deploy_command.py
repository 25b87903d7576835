"""A command of `deploy` in a process of its own, as its user runs it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LINE = os.environ.get("CONNECTOR_LINE", "connector-4")
"""The line of the connector: the one that can be had on every machine, unless make was given another."""

# No country has the code 999 (https://www.itu.int/rec/T-REC-E.164), so nobody has this number.
UP = ("up", "--yes", "--line", LINE, "--phone", "+99900000000")

_END_SECONDS = 30


@contextlib.contextmanager
def start(*arguments: str, stderr: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Start `python -m deploy` with these arguments; the end of the block ends it, as Ctrl-C would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        # A Ctrl-C at the terminal must reach this process alone, which ends things in their order.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a command that still runs, and what it has started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdout:
        process.stdout.close()
