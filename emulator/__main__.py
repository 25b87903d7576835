"""AWS on one machine, without an account and without Docker: `python -m emulator`.

One address serves Kinesis, DynamoDB, SNS, SQS, S3, IAM, CloudFormation, Lambda's API and Managed Service for Apache
Flink. Event source mappings run the functions from their zips, and an application runs its job from its zip. Nothing is
kept after the end, and nothing reaches AWS.
"""

import argparse
import contextlib
import sys
import threading

from emulator import terminal
from emulator.server import REGION, emulator, export_line, work_on
from emulator.terminal import say


def run(port: int, limit_reads: bool) -> None:
    """Serve until KeyboardInterrupt; see `emulator.server.emulator` for the arguments.

    Raises:
        RuntimeError: if the emulator does not start.
    """
    say("starting; it takes some seconds")
    # Its import takes longer than all of `--help`.
    from emulator.mappings.mappings import EventSourceMappings

    with contextlib.ExitStack() as stack:
        try:
            endpoint = stack.enter_context(emulator(port, limit_reads))
            stack.enter_context(work_on(endpoint))
            stack.enter_context(EventSourceMappings(endpoint, REGION, say))
            print(export_line(endpoint), flush=True)
            say("runs until Ctrl-C; the line above makes the AWS CLI, boto3 and `python -m deploy` of a shell use it")
            say("permissions are not checked, except those that an event source mapping needs of its function's role")
            threading.Event().wait()
        finally:
            terminal.ignore()
            say("stopping: invocations and jobs have some seconds to end")


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 65535, got {text!r}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status (1: it does not start, 2: bad option, 130: stopped)."""
    parser = terminal.Parser("emulator", "python -m emulator", __doc__)
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="default: one that is free")
    limit = "refuse more than five reads a second of a Kinesis shard, as AWS does"
    parser.add_argument("--limit-reads", action="store_true", help=limit)
    options = parser.parse_args(arguments)
    return terminal.run("emulator", lambda: run(options.port, options.limit_reads))


if __name__ == "__main__":
    sys.exit(main())
