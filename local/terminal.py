"""What a command owes its terminal: a refusal in one line, and an end in order.

Ctrl-C, SIGTERM and SIGHUP end a command in order: the first one interrupts it, further ones do nothing.
"""

import argparse
import signal
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ignore() -> None:
    """Let no further one break off the clearing up."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def interrupt() -> None:
    """Let the next one raise KeyboardInterrupt."""
    for number in _SIGNALS:
        signal.signal(number, _stop)


def _stop(_number: int, _frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt


class Parser(argparse.ArgumentParser):
    """A parser that ends with one line and status 2; argparse would print the usage before it.

    Args:
        name: what the line begins with.
        prog: how the command is called.
        description: what it does.
    """

    def __init__(self, name: str, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description)
        self._name = name

    def error(self, message: str) -> NoReturn:
        """End with one line."""
        self.exit(2, f"{self._name}: {message.removeprefix('argument ')} (--help explains the options)\n")
