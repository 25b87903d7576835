"""What a command does at its terminal: status lines on stderr, errors of one line, and an end in order.

Ctrl-C, SIGTERM and SIGHUP end a command in order: the first one interrupts it, further ones are ignored.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    """Print a status line to stderr."""
    # In one piece, so that neither a signal nor another thread gets between the line and its end.
    print(f"{text}\n", end="", file=sys.stderr, flush=True)


def ignore() -> None:
    """Ignore further signals, so that they do not interrupt the clean-up."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def interrupt() -> None:
    """Have the next signal raise KeyboardInterrupt, and ignore those after it."""
    for number in _SIGNALS:
        signal.signal(number, _stop)


def _stop(_number: int, _frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt


def run(name: str, work: Callable[[], int | None], *errors: type[Exception]) -> int:
    """Do a command's work; return its exit status, 1 for one of the errors, 130 if a signal stops it."""
    interrupt()
    try:
        return work() or 0
    except KeyboardInterrupt:
        say("stopped; nothing is left behind")
        return 130
    except (RuntimeError, OSError, BotoCoreError, ClientError, *errors) as error:
        say(f"{name}: {error}")
        return 1


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exit status 2 and one line, which begins with a name; argparse would add the usage."""

    def __init__(self, name: str, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description)
        self._name = name

    def error(self, message: str) -> NoReturn:
        """End with one line."""
        line = " ".join(message.split()).removeprefix("argument ")
        self.exit(2, f"{self._name}: {line} (--help explains the options)\n")
