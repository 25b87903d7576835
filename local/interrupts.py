"""Ctrl-C, SIGTERM and SIGHUP end a command in its order: the first one interrupts it, further ones do nothing."""

import signal
from types import FrameType

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
