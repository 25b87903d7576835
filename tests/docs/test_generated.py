"""The generated parts of the documentation are what would be generated now."""

from pathlib import Path

import pytest

from tests.docs import pages, refresh


@pytest.mark.parametrize("path", refresh.GENERATED, ids=pages.name)
def test_up_to_date(path: Path) -> None:
    same = path.read_text(encoding="utf-8") == refresh.GENERATED[path]()
    assert same, f"{pages.name(path)} is out of date: run .venv/bin/python -m tests.docs.refresh"
