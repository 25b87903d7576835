"""The whole system on one machine, from the code, the packages and the templates that run in AWS: the entry point."""

import sys

from local.pipeline import options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status (1: a difference or a part that broke, 2: bad option, 130: stopped)."""
    given = options.read(arguments)
    # What it imports takes longer than all of `--help`.
    from local.pipeline import run

    return run.main(given)


if __name__ == "__main__":
    sys.exit(main())
