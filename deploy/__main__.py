"""Deploy the system to AWS, check it, watch it, and take it down: `python -m deploy COMMAND`."""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from deploy import progress
from deploy.aws import errors, session
from deploy.aws.errors import DeployError
from deploy.aws.session import Aws
from deploy.commands import dashboard, down, logs, redrive, rollback, start, status, stop, tail, up, verify
from deploy.deployment import DEFAULT_NAME

Command = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace, Aws], int]]

COMMANDS: dict[str, Command] = {
    "up": ("make it, or bring it to what is wanted, and see that it runs", up.add_options, up.run),
    "status": ("show on one screen how it is", status.add_options, status.run),
    "dashboard": ("make a short-lived link to the Flink dashboard", dashboard.add_options, dashboard.run),
    "verify": ("send marked events through it and wait for what must come of them", verify.add_options, verify.run),
    "stop": ("stop the application, which saves most of the cost", stop.add_options, stop.run),
    "start": ("start the application where it stopped", start.add_options, start.run),
    "rollback": ("go back to the version that ran before", rollback.add_options, rollback.run),
    "redrive": ("give a function again what it could not handle", redrive.add_options, redrive.run),
    "logs": ("show what the job or a function logs", logs.add_options, logs.run),
    "tail": ("show the records of a stream", tail.add_options, tail.run),
    "down": ("take it away", down.add_options, down.run),
}


_FORESEEN = (DeployError, ClientError, BotoCoreError, Boto3Error, ResponseParserError, OSError)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (what, add_options, _) in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what.capitalize() + ".")
        command.add_argument("--stack-name", default=DEFAULT_NAME, metavar="N", help=f"({DEFAULT_NAME})")
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
        return error.status if isinstance(error, DeployError) else 1
    except KeyboardInterrupt:
        print(
            f"deploy: interrupted; `python -m deploy status --stack-name {options.stack_name}` shows what is there",
            file=sys.stderr,
        )
        return 130


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # What was started, such as the build, ends with this process.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
