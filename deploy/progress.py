"""What a command says on stderr: one line a step, with the time since it began, and one line of a bad option."""

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

_began = time.monotonic()


def begin() -> None:
    """Start the clock of a command."""
    global _began
    _began = time.monotonic()


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 record`, `2 records`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def say(text: str) -> None:
    """One line of progress."""
    seconds = int(time.monotonic() - _began)
    # In one piece, so that neither a signal nor another thread gets between the line and its end.
    print(f"[{seconds // 60:2d}:{seconds % 60:02d}] {text}\n", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Say that something begins, and how long it took."""
    say(f"{what} …")
    began = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - began:.1f} s")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end with exit status 2."""
        line = " ".join(message.split()).removeprefix("argument ")
        self.exit(2, f"deploy: {line}; `{self.prog} --help` shows the options\n")
