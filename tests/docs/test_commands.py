"""The commands of the documentation: each exists, and takes the options that are shown."""

import contextlib
import functools
import io
import logging
import re
import runpy
import signal
import sys
import warnings
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

# Pages that must name every option of a command.
REFERENCES = [
    ("docs/deploy.md", ("deploy", "up")),
    ("docs/local.md", ("local.pipeline",)),
    ("docs/local.md", ("producer",)),
    ("docs/local.md", ("emulator",)),
    ("docs/job.md", ("jobs/low_inventory.py",)),
]


@functools.cache
def help_of(*command: str) -> str | None:
    """What `python -m COMMAND --help`, or `python COMMAND --help` of a script, prints; None if it is refused."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    out, arguments, path, disabled = io.StringIO(), sys.argv, list(sys.path), logging.root.manager.disable
    name, *rest = command
    sys.argv = [name, *rest, "--help"]
    if name.endswith(".py"):
        sys.path.insert(0, str((ROOT / name).parent))
    status: object = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            # A module that another test has imported is run once more, for its help.
            warnings.simplefilter("ignore", RuntimeWarning)
            if name.endswith(".py"):
                runpy.run_path(str(ROOT / name), run_name="__main__")
            else:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    finally:
        sys.argv, sys.path[:] = arguments, path
        logging.disable(disabled)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return None if status else out.getvalue()


def options_of(*command: str) -> set[str]:
    """The long options of a command, from its help."""
    return set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", help_of(*command) or "", re.MULTILINE))


def problem(command: str) -> str | None:
    """What is wrong with a command as a page shows it, if anything."""
    match pages.words(command):
        case ["make", target, *_]:
            rules = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            return None if target in rules else f"{command}: the Makefile has no {target}"
        case [python, "-m", "pytest", *rest] if python.endswith("python"):
            missing = [word for word in rest if word.startswith("tests/") and not (ROOT / word).exists()]
            return f"{command}: {missing} is missing" if missing else None
        case [python, "-m", module, *rest] if python.endswith("python"):
            if module.startswith("tests."):
                there = (ROOT / module.replace(".", "/")).with_suffix(".py").exists()
                return None if there else f"{command}: there is no {module}"
            if module == "deploy" and rest and re.fullmatch(r"[a-z-]+", rest[0]):
                return unknown(command, (module, rest[0]), rest[1:])
            return unknown(command, (module,), rest)
        case [python, script, *rest] if python.endswith("python") and script.endswith(".py"):
            return unknown(command, (script,), rest)
    return None


def unknown(shown: str, command: tuple[str, ...], rest: list[str]) -> str | None:
    """The options of a command that its help does not have."""
    if help_of(*command) is None:
        return f"{shown}: {' '.join(command)} --help is refused"
    given = {word.partition("=")[0] for word in rest if word.startswith("--")} - {"--help"}
    missing = given - options_of(*command)
    return f"{shown}: no option {', '.join(sorted(missing))}" if missing else None


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_commands_exist(page: Path) -> None:
    assert [wrong for command in pages.commands(page) if (wrong := problem(command))] == []


@pytest.mark.parametrize(("page", "command"), REFERENCES)
def test_every_option_is_described(page: str, command: tuple[str, ...]) -> None:
    described = set(re.findall(r"--[\w-]+", pages.text(ROOT / page)))
    assert options_of(*command) - described - {"--help"} == set()
