"""The whole system on one screen, in one line where there is little room, and line by line without a terminal."""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.progress import say
from local.pipeline.advice import advice, line, what_is_wrong
from local.pipeline.deployed import PipelineError
from local.pipeline.figures import Figures

_WINDOW = 5.0
_LOOK_INTERVAL = 0.5
_LINE_INTERVAL = 5.0
_LAST_LINES = 20
_FRAME = 2
_STAGES_HEIGHT = _FRAME + 6
_PICTURE = (100, 40)
_STYLES = {"alerts": "yellow", "messages": "bold green", "dead_letters": "red"}


@dataclass
class Rates:
    """Rates over the last seconds, from totals."""

    _past: deque[Figures] = field(default_factory=deque)

    def add(self, figures: Figures) -> None:
        """Take the totals of this moment."""
        self._past.append(figures)
        while len(self._past) > 2 and figures.at - self._past[0].at > _WINDOW:
            self._past.popleft()

    def of(self, name: str) -> float:
        """How many a second of one of the totals, such as `sent`."""
        first, last = self._past[0], self._past[-1]
        took = last.at - first.at
        return float(getattr(last, name) - getattr(first, name)) / took if took else 0.0


def show(stages: Iterator[Figures], said: list[str], shell: Path, picture: Path | None) -> None:
    """Show the system at work until the stages end.

    Another thread adds the lines of `up` to `said`; where there is no terminal they are printed as they come. `picture`
    gets the screen as an SVG, as it was last while events were sent.
    """
    rates, console = Rates(), Console(stderr=True)
    shown, last = 0, float("-inf")
    with Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext() as live:
        try:
            for figures in stages:
                rates.add(figures)
                todo = advice(figures, str(shell))
                if live is not None:
                    live.update(screen(figures, rates, todo, console.width, console.height), refresh=True)
                else:
                    new, shown = said[shown:], len(said)
                    _print(new)
                    if not figures.waiting and figures.at - last >= _LINE_INTERVAL:
                        last = figures.at
                        say(line(figures))
                if picture is not None and figures.stage == "running":
                    _draw(screen(figures, rates, todo, *_PICTURE), picture)
                time.sleep(_LOOK_INTERVAL)
        except PipelineError:
            _print(said[-_LAST_LINES:] if live is not None else said[shown:])
            raise


def _print(lines: list[str]) -> None:
    print("".join(f"{text}\n" for text in lines), end="", file=sys.stderr, flush=True)


def _draw(frame: RenderableType, picture: Path) -> None:
    with Path(os.devnull).open("w") as nowhere:
        drawing = Console(record=True, width=_PICTURE[0], file=nowhere, force_terminal=True, color_system="truecolor")
        drawing.print(frame)
        drawing.save_svg(str(picture), title="make pipeline")


def screen(figures: Figures, rates: Rates, todo: list[str], width: int, height: int) -> RenderableType:
    """The state as a screen of at most so many columns and lines: what to do next is whole, or all is one line."""
    urgent = bool(figures.given_up or figures.lost_alerts or figures.failures)
    text = Text("\n".join(todo))
    wanted = _FRAME + len(text.wrap(Console(width=width), width - 4))
    # The cursor stands below what is shown.
    room = height - 1 - wanted
    if room < 0:
        return Text(line(figures), no_wrap=True, overflow="ellipsis")
    panels: list[RenderableType] = []
    title = f"{figures.stage} · {figures.at:.0f} s"
    if room >= _STAGES_HEIGHT:
        producer = f"retried {figures.retried}, given up {figures.given_up}"
        panels.append(Panel(_stages(figures, rates, "stage"), title=title, subtitle=producer))
    elif room >= _STAGES_HEIGHT - _FRAME:
        panels.append(_stages(figures, rates, title))
    room -= _STAGES_HEIGHT
    refused = [(reason, what_is_wrong(reason, payload)) for reason, payload in figures.refused]
    letters = [Text.assemble((reason, "red"), "  ", wrong[:200]) for reason, wrong in refused]
    texts = [Text(text, style="yellow") for text in figures.texts]
    for title, lines, empty, share in (
        ("the phone", texts, "no message yet", room // 2),
        ("last dead letters", letters, "none", room - room // 2),
    ):
        if share > _FRAME:
            panels.append(_latest(title, lines, empty, min(share - _FRAME, 5)))
    return Group(*panels, Panel(text, title="next", border_style="red" if urgent else "none"))


def _latest(title: str, lines: list[Text], empty: str, most: int) -> Panel:
    shown = Text("\n").join(lines[-most:]) if lines else Text(empty, style="dim")
    shown.no_wrap, shown.overflow = True, "ellipsis"
    return Panel(shown, title=title)


def _stages(figures: Figures, rates: Rates, title: str) -> Table:
    table = Table(expand=True, box=None, padding=(0, 1))
    table.add_column(title, no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("per second", "total", "behind"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [
        ("producer → http-requests", "sent", figures.sent, None),
        ("KinesisToDynamo → HttpRequests", "kept", figures.kept, figures.kept_lag),
        ("low_inventory → alerts-low-inventory", "alerts", figures.alerts, None),
        ("low_inventory → http-requests-dead-letters", "dead_letters", figures.dead_letters, None),
        ("AlertsToSns → phones", "messages", figures.messages, figures.alerts_lag),
    ]
    for name, key, total, lag in rows:
        behind = "" if lag is None else f"{lag:.1f} s"
        style = _STYLES.get(key, "") if total else ""
        table.add_row(name, f"{rates.of(key):.1f}", Text(f"{total:,}", style=style), behind)
    return table
