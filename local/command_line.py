"""A command line that is refused in one line."""

import argparse
from typing import NoReturn


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
