"""AWS on one machine, without an account and without Docker: `python -m emulator`.

One address serves Kinesis, DynamoDB, SNS, SQS, S3, IAM, CloudFormation, Lambda's API and Managed Service for Apache
Flink. Event source mappings run the functions from their zips, and an application runs its job from its zip. Nothing is
kept after the end, and nothing reaches AWS.
"""

import argparse
import contextlib
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from emulator.mappings.mappings import EventSourceMappings
from emulator.server import REGION, emulator, export_line, work_on


def say(text: str) -> None:
    """A line on stderr; stdout has the line to export alone."""
    print(text, file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse the command line in one line."""
        self.exit(2, f"emulator: {message.removeprefix('argument ')} (--help explains the options)\n")


def run(port: int, stop: threading.Event) -> None:
    """Serve on `port` until `stop` is set.

    Raises:
        RuntimeError: if the emulator does not start.
    """
    say("starting; it takes some seconds")
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(emulator(port))
        stack.enter_context(work_on(endpoint))
        stack.enter_context(EventSourceMappings(endpoint, REGION, say=say))
        print(export_line(endpoint), flush=True)
        say("runs until Ctrl-C; the line above makes the AWS CLI, boto3 and `python -m deploy` of a shell use it")
        stop.wait()
        say("stopping: waits for invocations and jobs to end")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status (1: it does not start, 2: bad option, 130: stopped)."""
    parser = _Parser(prog="python -m emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, metavar="N", help="default: one that is free")
    options = parser.parse_args(arguments)
    stop = threading.Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stopped)
    try:
        run(options.port, stop)
    except (RuntimeError, BotoCoreError, ClientError) as error:
        say(f"emulator: {error}")
        return 1
    say("stopped; nothing is left behind")
    return 130


if __name__ == "__main__":
    sys.exit(main())
