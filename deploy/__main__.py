"""Deploy the system to AWS, check it, watch it, and delete it: `python -m deploy COMMAND`."""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from deploy import progress
from deploy.aws import errors, session
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.commands import application, down, logs, redrive, status, tail, up, verify
from deploy.deployment import DEFAULT_NAME
from deploy.progress import Parser

Command = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace, Aws], int]]

COMMANDS: dict[str, Command] = {
    "up": (
        "create or update the deployment, and see that it runs; --plan shows price and changes",
        up.add_options,
        up.run,
    ),
    "status": ("show the state of everything on one screen", status.add_options, status.run),
    "dashboard": ("print a short-lived address of the Flink dashboard", application.no_options, application.dashboard),
    "verify": ("send marked events through the whole system and wait for the results", verify.add_options, verify.run),
    "stop": ("stop the application, which saves most of the cost", application.stop_options, application.stop),
    "start": ("start the application from its latest snapshot", application.start_options, application.start),
    "rollback": ("go back to the version that ran before", application.no_options, application.rollback),
    "redrive": ("give a function again what it could not handle", redrive.add_options, redrive.run),
    "logs": ("show what the job or a function logs", logs.add_options, logs.run),
    "tail": ("show the records of a stream", tail.add_options, tail.run),
    "down": (
        "delete everything, with all records in the streams and all items of the table",
        down.add_options,
        down.run,
    ),
}

_FORESEEN = (DeployError, ClientError, BotoCoreError, ResponseParserError, OSError)
_BAD_INPUT = (NoRegionError, NoCredentialsError, PartialCredentialsError, ProfileNotFound)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = Parser(prog="python -m deploy", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (what, add_options, _) in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        command.add_argument(
            "--stack-name", default=DEFAULT_NAME, metavar="N", help=f"what all names begin with ({DEFAULT_NAME})"
        )
        command.add_argument("--region", metavar="R", help="AWS region (that of the environment or profile)")
        add_options(command)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    options = parser().parse_args(arguments)
    progress.begin()
    try:
        return COMMANDS[options.command][2](options, session.connect(options.region))
    except _FORESEEN as error:
        print(f"deploy: {errors.sentence(error)}", file=sys.stderr)
        return error.status if isinstance(error, DeployError) else 2 if isinstance(error, _BAD_INPUT) else 1
    except KeyboardInterrupt:
        print(
            f"deploy: interrupted; `python -m deploy status --stack-name {options.stack_name}` shows what is there",
            file=sys.stderr,
        )
        return 130


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # What this process has started, such as the build, ends with it.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
