"""The pages of the documentation, and what is in them: headings, links, console blocks and commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_PLACEHOLDERS = re.compile(r"NUMBER|NÚMERO|ADDRESS|DIRECCIÓN|FILE|PATH|NAME|VALUE|\bN\b|\bS\b|\bP\b")


@dataclass(frozen=True)
class Example:
    """A command in a console block, and the output that the page shows for it."""

    page: Path
    command: str
    output: tuple[str, ...]


def text(page: Path) -> str:
    """A page's Markdown."""
    return page.read_text(encoding="utf-8")


def name(page: Path) -> str:
    """A page's path from the root, for messages."""
    return page.relative_to(ROOT).as_posix()


def without_code(page: Path) -> str:
    """A page's Markdown without its code blocks."""
    return _FENCE.sub("", text(page))


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    return _LINK.findall(_CODE.sub("", without_code(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site write them."""
    plain = [heading.replace("`", "") for heading in _HEADING.findall(without_code(page))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


def examples(page: Path) -> Iterator[Example]:
    """The commands of a page's console blocks; a line that begins with `$ ` is one, and what follows is its output."""
    for language, block in _FENCE.findall(text(page)):
        if language == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *output = part.splitlines()
                yield Example(page, command, tuple(output))


def commands(page: Path) -> list[str]:
    """Every command that a page shows, in a block or in a line of text."""
    blocks = [line for _, block in _FENCE.findall(text(page)) for line in block.splitlines()]
    return [line.removeprefix("$ ").strip() for line in [*blocks, *_CODE.findall(without_code(page))]]


def words(command: str) -> list[str]:
    """A command's words, with a value in place of each placeholder; none for what is not a whole command."""
    try:
        found = shlex.split(command.replace("\\|", "|"), comments=True)
    except ValueError:
        return []
    return [_PLACEHOLDERS.sub("1", word) for word in found]
