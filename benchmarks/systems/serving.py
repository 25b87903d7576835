"""What every measured process does: it reads one file after the other, as it is told on standard input."""

import sys
from collections.abc import Callable


def serve(run: Callable[[str], object]) -> None:
    """Run a system over each path that comes as a line on stdin, and say on stdout when it is done."""
    for line in sys.stdin:
        run(line.rstrip("\n"))
        print("done", flush=True)
