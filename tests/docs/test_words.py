"""The documentation is plain: expressions that readers stumbled on do not come back."""

import re
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES

RIDDLES = [
    r"nobody's",
    r"\blet go\b",
    r"stands? still",
    r"bring it to what is wanted",
    r"is let in\b",
    r"must be let to\b",
    r"what else\b",
    r"\bso do ours\b",
    r"take it away\b",
    # Literal renderings, and one word for two things.
    r"\bno es de nadie\b",
    r"\bning[uú]n Python\b",
    r"\bvuelta atr[aá]s\b",
    r"\bpar suplente\b",
    r"\bsumideros?\b",
    r"\bcartas? muertas?\b",
    r"\bregistros? \(logs?\)",
    # A point for the thousands, beside decimal points.
    r"\$[1-9]\d{0,2}\.\d{3}\b",
]


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_plain_words(page: Path) -> None:
    found = [word for pattern in RIDDLES for word in re.findall(pattern, pages.without_code(page), re.IGNORECASE)]
    assert found == []
