"""Every link of the documentation leads to a file, and to a heading, that is there. Nothing is fetched."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES, ROOT


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_links(page: Path) -> None:
    tracked = set(subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines())
    broken = []
    for link in pages.links(page):
        if re.match(r"https://[\w.-]+/", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        relative = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else "outside"
        known = relative in tracked or any(file.startswith(f"{relative}/") for file in tracked)
        if not target.exists() or (tracked and not known):
            broken.append(f"{link}: no such file in the repository")
        elif anchor and anchor not in pages.anchors(target):
            broken.append(f"{link}: no such heading")
    assert broken == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    named = set(re.findall(r": ([\w.-]+\.md)$", navigation, re.MULTILINE))
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in named] == []


def test_every_page_is_linked_from_the_readme() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in pages.links(ROOT / "README.md")}
    reached |= {(ROOT / link.partition("#")[0]).resolve() for link in pages.links(ROOT / "README.es.md")}
    assert [pages.name(page) for page in PAGES if page not in reached] == []
