"""The generated parts of the documentation are what would be generated now."""

from tests.docs import refresh


def test_costs() -> None:
    same = refresh.COSTS.read_text(encoding="utf-8") == refresh.costs()
    assert same, "docs/costs.md is out of date: run .venv/bin/python -m tests.docs.refresh"
