"""The process of a function: start it, exchange a message with it, watch its memory, end it."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
# Seconds between two measurements of its memory.
_WATCH = 0.05
_CHUNK = 1 << 16
# What is printed without a line end is passed on in pieces of this many bytes.
_LONGEST_LINE = 1 << 18


class TimedOutError(Exception):
    """The process did not answer in time."""


class ExitedError(Exception):
    """The process is gone; the message says how, in Lambda's words."""


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
        output: takes each line that it prints.
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
        self._memory_limit = memory_limit
        self._output = output
        self._line = b""
        self._watched = 0.0
        requests, self._requests = os.pipe()
        self._responses, responses = os.pipe()
        # -S: no site-packages, -P: not this folder, so that nothing is there to import but what Lambda has.
        interpreter = [sys.executable, "-u", "-S", "-P", str(_BOOTSTRAP)]
        self._process = subprocess.Popen(
            [*interpreter, str(requests), str(responses), str(home)],
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
        assert self._process.stdout is not None
        self._printed = self._process.stdout.fileno()
        self._usage = psutil.Process(self._process.pid)
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._responses, self._printed):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        os.set_blocking(self._requests, False)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def exchange(self, request: bytes, deadline: float) -> dict[str, Any]:
        """Send a line, which may be empty, and wait for the next message.

        Args:
            request: JSON and a line end.
            deadline: on the clock `time.monotonic`.

        Raises:
            TimedOutError: at the deadline.
            ExitedError: if the process ended instead, or had to be killed for its memory.
        """
        answer = bytearray()
        left = memoryview(request)
        if left:
            self._selector.register(self._requests, selectors.EVENT_WRITE)
        try:
            while not answer.endswith(b"\n"):
                # Asked first: what it wrote before it ended is read below.
                status, size = self._process.poll(), len(answer)
                remaining = deadline - time.monotonic()
                for key, _ in self._selector.select(max(0.0, min(remaining, _WATCH))):
                    if key.fd == self._requests:
                        left = self._write(left)
                    elif key.fd == self._responses:
                        answer += self._read(self._responses)
                    else:
                        self._print()
                if len(answer) == size:
                    self._still_running(status, remaining)
        finally:
            if left:
                self._selector.unregister(self._requests)
        self._measure()
        self.flush()
        message: dict[str, Any] = json.loads(answer)
        return message

    def _write(self, left: memoryview) -> memoryview:
        try:
            left = left[os.write(self._requests, left[:_CHUNK]) :]
        except BlockingIOError:
            return left
        except BrokenPipeError:
            left = left[:0]
        if not left:
            self._selector.unregister(self._requests)
        return left

    def _read(self, descriptor: int) -> bytes:
        """What there is to read now; at the end of the pipe it is not watched any more."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return b""
        if not chunk:
            self._selector.unregister(descriptor)
        return chunk

    def _print(self) -> bool:
        chunk = self._read(self._printed)
        *lines, self._line = (self._line + chunk).split(b"\n")
        for line in lines:
            self._output(line.decode(errors="replace"))
        if len(self._line) > _LONGEST_LINE:
            self._end_line()
        return bool(chunk)

    def _end_line(self) -> None:
        if self._line:
            self._output(self._line.decode(errors="replace"))
            self._line = b""

    def flush(self) -> None:
        """Pass on what was printed so far, also of a line that has no end yet."""
        while self._printed in self._selector.get_map() and self._print():
            pass
        self._end_line()

    def _still_running(self, status: int | None, remaining: float) -> None:
        """Raise what `exchange` raises when there is no answer."""
        if status is not None:
            raise ExitedError(_how(status))
        if remaining <= 0:
            raise TimedOutError
        if time.monotonic() >= self._watched + _WATCH:
            self._watched = time.monotonic()
            if self._measure() > self._memory_limit:
                self._kill()
                raise ExitedError(_how(self._process.wait()))

    def _measure(self) -> int:
        with contextlib.suppress(psutil.Error):
            used = self._usage.memory_info().rss >> 20
            self.memory = max(self.memory, used)
            return used
        return 0

    def _kill(self) -> None:
        """End it and whatever it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, pass on what it printed, and close all pipes."""
        self._kill()
        self._process.wait()
        self.flush()
        self._selector.close()
        for descriptor in (self._requests, self._responses):
            os.close(descriptor)
        assert self._process.stdout is not None
        self._process.stdout.close()
