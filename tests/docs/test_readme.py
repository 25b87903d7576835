"""The README is short, in both languages, and its tables are whole."""

import re
import subprocess

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT

READMES = ["README.md", "README.es.md"]


@pytest.mark.parametrize("readme", READMES)
def test_length(readme: str) -> None:
    assert len(pages.text(ROOT / readme).splitlines()) <= 130


@pytest.mark.parametrize("readme", READMES)
def test_every_folder_is_in_the_table(readme: str) -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    folders = {file.partition("/")[0] for file in files if "/" in file and not file.startswith(".")}
    listed = set(re.findall(r"^\| `([\w-]+)/` \|", pages.text(ROOT / readme), re.MULTILINE))
    assert listed == (folders or listed)


def test_both_languages_show_the_same_commands() -> None:
    shown = [[(one.command.split(" +")[0], one.output) for one in pages.examples(ROOT / readme)] for readme in READMES]
    assert shown[0] == shown[1]


@pytest.mark.parametrize("readme", READMES)
def test_the_rule_is_the_jobs(readme: str) -> None:
    rule = pages.text(ROOT / "jobs/low_inventory.sql")
    shown = re.findall(r"^```sql\n(.*?)^```$", pages.text(ROOT / readme), re.DOTALL | re.MULTILINE)
    assert shown, "the README shows the rule"
    assert [block for block in shown if block.strip() not in rule] == []
