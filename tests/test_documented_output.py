"""The commands of the documentation that are quick to run give the output that is shown."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES, ROOT, Example

# `-o` keeps make from looking at the environment, which these tests run in.
RUN = {"make run": ["make", "-o", ".venv/run", "run"]}


def examples() -> list[Example]:
    """The examples to run, each once: the two languages show the same."""
    found = {(one.command, one.output): one for page in PAGES for one in pages.examples(page) if one.command in RUN}
    return list(found.values())


def missing(printed: str, shown: tuple[str, ...]) -> list[str]:
    """The shown lines that were not printed. `…` stands for any text, and a number of seconds for any other."""
    lines = printed.splitlines()
    patterns = {line: re.sub(r"\d+\\\.\d+\\ s\b", r"[\\d.]+ s", re.escape(line)).replace("…", ".*") for line in shown}
    return [line for line, pattern in patterns.items() if not any(re.fullmatch(pattern, each) for each in lines)]


@pytest.mark.jvm
@pytest.mark.parametrize("example", examples(), ids=lambda example: f"{pages.name(example.page)}: {example.command}")
def test_output_is_what_is_shown(example: Example, tmp_path: Path) -> None:
    # What the command writes goes beside links to what it reads.
    for entry in ROOT.iterdir():
        if entry.name != "dead-letters.jsonl":
            (tmp_path / entry.name).symlink_to(entry)
    done = subprocess.run(
        RUN[example.command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout
    assert missing(done.stdout, example.output) == [], done.stdout
