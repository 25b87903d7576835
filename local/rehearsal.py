"""Rehearse the deployment on one machine by running the commands of `deploy` as a user does: the entry point."""

import contextlib
import sys
import threading

import boto3

from emulator import terminal
from emulator.mappings.mappings import EventSourceMappings
from emulator.server import REGION, emulator, export_line, work_on
from emulator.terminal import Parser, say
from local import deploy_command, leftovers


class RehearsalError(RuntimeError):
    """A command failed, or did not do what it should; the message is one line."""


def deploy(*arguments: str) -> list[str]:
    """Run a command of `deploy`, show what it says, and give the lines of its stdout.

    Raises:
        RehearsalError: if it fails.
    """
    say(f"\n$ python -m deploy {' '.join(arguments)}")
    lines: list[str] = []
    with deploy_command.start(*arguments) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
        status = process.wait()
    if status:
        raise RehearsalError(f"`deploy {arguments[0]}` failed with exit status {status}")
    return lines


def _rehearse(quiet: threading.Event) -> None:
    """Run the commands from `up` to `down`; set `quiet` before `down`. Raises RehearsalError."""
    deploy(*deploy_command.UP)
    if "no change" not in deploy("up", "--yes"):
        raise RehearsalError("`python -m deploy up` changed something where nothing had changed")
    for command in ("status", "verify", "stop", "start"):
        deploy(command)
    # `down` deletes a stream before the mappings notice, and they would report it as missing.
    quiet.set()
    deploy("down", "--yes")
    left = leftovers.everything(lambda service: boto3.client(service))
    if left:
        kinds = ", ".join(f"{len(things)} {kind}" for kind, things in left.items())
        raise RehearsalError(f"`python -m deploy down` left {kinds}")
    nothing = ", ".join(leftovers.LOOKS)
    say(
        "\nrehearsed: `up` created the system and its job ran, a second `up` changed nothing, `verify` "
        f"received everything it expected, `stop` and `start` worked, `down` left nothing ({nothing}: none)"
    )


def _keep(endpoint: str) -> None:
    """Run `up`, print how to use the deployment, and wait for a signal. Raises RehearsalError."""
    deploy(*deploy_command.UP)
    say(
        "\nit goes on until Ctrl-C. In another terminal:\n"
        f"  {export_line(endpoint)}\n"
        "  .venv/bin/python -m deploy verify   # or status, logs, tail, up --threshold 20: as with AWS\n"
        "  .venv/bin/python -m producer"
    )
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    say("stopping; nothing is left behind")


def run(keep: bool) -> None:
    """Start the emulator and the mappings, rehearse, and leave nothing behind. Raises RehearsalError."""
    say("nothing of this reaches AWS: it runs on an emulator on this machine, with fake credentials")
    quiet = threading.Event()
    with contextlib.ExitStack() as stack:
        try:
            endpoint = stack.enter_context(emulator())
            stack.enter_context(work_on(endpoint))
            mappings = EventSourceMappings(endpoint, REGION, say=lambda line: None if quiet.is_set() else say(line))
            stack.enter_context(mappings)
            _keep(endpoint) if keep else _rehearse(quiet)
        finally:
            terminal.ignore()


def _options(arguments: list[str] | None) -> bool:
    parser = Parser(
        "rehearsal",
        "make rehearsal ARGS=…",
        "Rehearse the deployment on this machine: run the commands of deploy, one after the other, on an "
        "emulator of AWS that runs the job and the functions from their zips.",
    )
    parser.add_argument("--keep", action="store_true", help="only `up`, then say how to drive it, until Ctrl-C")
    return bool(parser.parse_args(arguments).keep)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status (1: something failed, 2: bad option, 130: stopped)."""
    keep = _options(arguments)
    return terminal.run("rehearsal", lambda: run(keep))


if __name__ == "__main__":
    sys.exit(main())
