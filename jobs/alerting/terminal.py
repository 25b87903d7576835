"""What the job owes its terminal: messages on stderr, one line for an error, an exit status, an end at Ctrl-C.

Exit statuses: 0 done; 1 the job failed, or its output could not be written; 2 a setting or an input cannot be used;
130 stopped by Ctrl-C or SIGTERM; 141 the reader of stdout closed it.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn, Self

from . import jvm
from .settings import SettingsError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def say(text: str) -> None:
    """Print a line to stderr; stdout is for alerts alone."""
    # In one piece, so that neither a signal nor another thread gets between the line and its end.
    print(f"{text}\n", end="", file=sys.stderr, flush=True)


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 alert`, `2 alerts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Clock:
    """Says what a run is doing, and repeats it with the time since the run began: every two seconds, later every ten.

    As a context it stops at the end.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._doing: str | None = None
        self._ended = threading.Event()
        self._teller = threading.Thread(target=self._repeat, daemon=True)

    def seconds(self) -> float:
        """The time since the run began."""
        return time.monotonic() - self._began

    def doing(self, what: str) -> None:
        """Say what begins now."""
        say(what)
        self._doing = what

    def done(self, what: str) -> None:
        """Say what has been reached, and repeat nothing until something else begins."""
        self._doing = None
        say(what)

    def _repeat(self) -> None:
        while not self._ended.wait(min(10, max(2, self.seconds() / 4))):
            if doing := self._doing:
                say(f"{doing} … {self.seconds():.0f} s")

    def __enter__(self) -> Self:
        self._teller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._teller.join()


def run(main: Callable[[list[str]], None]) -> None:
    """Call `main` with the command line's arguments, report its errors in one line, and exit with a status."""
    if jvm.on_cluster():
        # Flink takes any exit of the script, 0 too, for a failure to submit the job; its signals are Flink's.
        if status := _status(main):
            sys.exit(status)
        return
    if sys.stdout is None:
        say("low_inventory: stdout is closed; expected a place for alerts")
        sys.exit(2)
    stop = _Stop()
    # py4j logs every Java object that outlives its JVM; errors that matter reach us as exceptions.
    logging.disable(logging.CRITICAL)
    try:
        sys.exit(_status(main))
    except BaseException:
        # An import that is interrupted turns KeyboardInterrupt into an ImportError.
        if not stop.asked:
            raise
        say("stopped")
        sys.exit(130)


class _Stop:
    """Raises KeyboardInterrupt at the first signal, and ignores further ones so that the cleanup is completed."""

    def __init__(self) -> None:
        self.asked = False
        for number in _SIGNALS:
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> NoReturn:
        self.asked = True
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt


def _status(main: Callable[[list[str]], None]) -> int:
    """Run, report an error in one line, and return the exit status."""
    try:
        main(sys.argv[1:])
    except SettingsError as error:
        say(f"low_inventory: {error}")
        return 2
    except jvm.JobError as error:
        say(f"low_inventory: the job failed: {error} (--verbose shows more)")
        return 1
    except BrokenPipeError:
        _discard_stdout()
        return 141
    except OSError as error:
        say(f"low_inventory: {error.filename or 'writing'}: {error.strerror}")
        _discard_stdout()
        return 1
    return 0


def _discard_stdout() -> None:
    """Send what is still buffered nowhere; Python would fail once more when it flushes stdout at its exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
