"""Writes the generated parts of the documentation again: `python -m tests.docs.refresh`."""

import functools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.docs import dashboard
from tests.docs.pages import ROOT

COSTS = ROOT / "docs" / "costs.md"
LINES = ROOT / "docs" / "lines.md"
DASHBOARD = ROOT / "docs" / "figures" / "dashboard.svg"
_GENERATED = re.compile(
    r"(?P<mark>^<!-- output of: python -m (?P<module>[\w.]+) -->\n).*?(?=^<!-- end)", re.DOTALL | re.MULTILINE
)


def printed_page(path: Path) -> str:
    """A page with what the commands that its marks name print now."""

    def printed(mark: re.Match[str]) -> str:
        command = [sys.executable, "-m", mark["module"]]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return f"{mark['mark']}{told.strip()}\n"

    return _GENERATED.sub(printed, path.read_text(encoding="utf-8"))


GENERATED: dict[Path, Callable[[], str]] = {
    **{path: functools.partial(printed_page, path) for path in (COSTS, LINES)},
    DASHBOARD: dashboard.draw,
}

if __name__ == "__main__":
    for path, make in GENERATED.items():
        path.write_text(make(), encoding="utf-8")
