"""The process of a function: start it, exchange a message with it, watch its memory, end it."""

import contextlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
# Seconds between two measurements of its memory.
_WATCH = 0.05
# A longer line is passed on in pieces of this many bytes.
_LONGEST_LINE = 1 << 18
# Seconds to wait for output that must have been written already; another process may hold the pipe open.
_OUTPUT = 1.0


class TimedOutError(Exception):
    """The process did not answer in time."""


class ExitedError(Exception):
    """The process has ended; the message says how, in Lambda's words."""


def _how(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    name = signal.strsignal(-status) or str(-status)
    return f"Runtime exited with error: signal: {name.lower()}"


class Process:
    """A running bootstrap.py, for one thread at a time.

    Args:
        code: the folder of the function's zip, which is where it runs.
        home: the folder that the process removes if this one is killed.
        environment: all of its environment variables.
        memory_limit: megabytes in RAM, measured 20 times a second during an exchange; with more it is killed.
        output: takes each line that it prints, from a thread.
    """

    def __init__(
        self,
        code: Path,
        home: Path,
        environment: Mapping[str, str],
        memory_limit: int,
        output: Callable[[str], None],
    ) -> None:
        self.memory = 0
        self._memory_limit, self._output = memory_limit, output
        # After each exchange it prints a mark, so that all output before it is known to have come.
        mark = secrets.token_hex()
        self._mark, self._marks = f"\0{mark}\n".encode(), queue.SimpleQueue[None]()
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        requests, ours = os.pipe()
        theirs, responses = os.pipe()
        # -S: no site-packages, -P: not this folder, so that nothing can be imported but what Lambda has.
        interpreter = [sys.executable, "-u", "-S", "-P", str(_BOOTSTRAP)]
        self._process = subprocess.Popen(
            [*interpreter, str(requests), str(responses), str(home), mark],
            cwd=code,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(requests, responses),
            # A Ctrl-C at the terminal is for the parent; what the function itself starts ends with it.
            start_new_session=True,
        )
        os.close(requests)
        os.close(responses)
        self._usage = psutil.Process(self._process.pid)
        self._requests = os.fdopen(ours, "wb")
        self._printing = threading.Thread(target=self._read_output, daemon=True)
        self._printing.start()
        threading.Thread(target=self._read_messages, args=(theirs,), daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def exchange(self, request: bytes, deadline: float) -> dict[str, Any]:
        """Send a line of JSON, or nothing, and wait for the next message until a moment of `time.monotonic`.

        Raises:
            TimedOutError: at the deadline.
            ExitedError: if the process ended instead, or had to be killed for its memory.
        """
        # In a thread, since the process may not read, and this would block.
        threading.Thread(target=self._write, args=(request,), daemon=True).start()
        message = self._next_message(deadline)
        self._measure()
        with contextlib.suppress(queue.Empty):
            self._marks.get(timeout=_OUTPUT)
        return message

    def _next_message(self, deadline: float) -> dict[str, Any]:
        while True:
            # Asked first: what it wrote before it ended is read below.
            ended = not self.alive
            wait = _OUTPUT if ended else min(_WATCH, deadline - time.monotonic())
            with contextlib.suppress(queue.Empty):
                message = self._messages.get(timeout=max(0.0, wait))
                if message is not None:
                    return message
                ended = True
            if ended:
                raise ExitedError(_how(self._process.wait()))
            if time.monotonic() >= deadline:
                raise TimedOutError
            if self._measure() > self._memory_limit:
                self.kill()
                raise ExitedError(_how(self._process.wait()))

    def _write(self, request: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._requests.write(request)
            self._requests.flush()

    def _read_messages(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as responses:
            for line in responses:
                self._messages.put(json.loads(line))
        self._messages.put(None)

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as printed:
            for line in iter(lambda: printed.readline(_LONGEST_LINE), b""):
                text = line.removesuffix(self._mark).removesuffix(b"\n")
                if text:
                    self._output(text.decode(errors="replace"))
                if line.endswith(self._mark):
                    self._marks.put(None)

    def _measure(self) -> int:
        with contextlib.suppress(psutil.Error):
            used = self._usage.memory_info().rss >> 20
            self.memory = max(self.memory, used)
            return used
        return 0

    def kill(self) -> None:
        """End it and whatever it started, at once. For any thread; an exchange under way raises ExitedError."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, and pass on what it printed. A second call changes nothing."""
        self.kill()
        self._process.wait()
        self._printing.join(_OUTPUT)
        with contextlib.suppress(OSError):
            self._requests.close()
