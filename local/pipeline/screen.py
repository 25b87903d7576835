"""The whole system on one screen, or on one line where there is no terminal."""

from collections import deque
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_WINDOW = 5.0


@dataclass(frozen=True)
class Figures:
    """The state of the system at one moment.

    Args:
        at: seconds since the start.
        stage: what is going on, for people.
        sent: events that the stream took; `retried` and `given_up` as the producer counts them.
        kept: events that KinesisToDynamo has finished with, failures included.
        kept_lag: how far it is behind, in seconds; `alerts_lag` is that of AlertsToSns.
        alerts: alerts that the job wrote.
        dead_letters: dead letters that the job wrote.
        texts: what the phones got, the latest last.
        refused: reason and payload of the latest dead letters.
        failures: objects of KinesisToDynamo in the bucket of failures, and `lost_alerts` those of AlertsToSns.
    """

    at: float
    stage: str
    sent: int = 0
    retried: int = 0
    given_up: int = 0
    kept: int = 0
    kept_lag: float = 0
    alerts: int = 0
    alerts_lag: float = 0
    dead_letters: int = 0
    texts: tuple[str, ...] = ()
    messages: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    failures: int = 0
    lost_alerts: int = 0


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


def advice(figures: Figures) -> str:
    """What an operator would do next."""
    if figures.given_up:
        return f"{figures.given_up} events were not taken by the stream: add shards, or send again what failed."
    if figures.kept_lag > 30 or figures.alerts_lag > 30:
        return "A function is behind its stream: look at its log for errors, then at the number of shards."
    advice = []
    if figures.lost_alerts:
        advice.append(
            f"{figures.lost_alerts} alerts did not reach the phones: see why in the log of AlertsToSns, put it right, "
            "then `python -m deploy redrive alerts-to-sns`."
        )
    if figures.failures:
        advice.append(
            f"{figures.failures} failures of KinesisToDynamo are in the bucket of failures, each with its reason. Fix "
            "non-events at the producer; `python -m deploy redrive kinesis-to-dynamo` sends again what else failed."
        )
    if figures.dead_letters:
        advice.append("Dead letters: some producer writes stock events that cannot be read; their reasons are above.")
    return "\n".join(advice) or "Nothing to do."


def line(figures: Figures) -> str:
    """The state in one line."""
    return (
        f"{figures.stage}: sent {figures.sent}, kept {figures.kept}, alerts {figures.alerts}, "
        f"messages {figures.messages}, dead letters {figures.dead_letters}, "
        f"failures {figures.failures + figures.lost_alerts}"
    )


def _stages(figures: Figures, rates: Rates) -> Table:
    table = Table(expand=True, box=None, padding=(0, 1))
    table.add_column("stage")
    for name in ("per second", "total", "behind"):
        table.add_column(name, justify="right")
    rows = [
        ("producer → http-requests", "sent", figures.sent, None),
        ("KinesisToDynamo → HttpRequests", "kept", figures.kept, figures.kept_lag),
        ("low_inventory → alerts-low-inventory", "alerts", figures.alerts, None),
        ("low_inventory → http-requests-dead-letters", "dead_letters", figures.dead_letters, None),
        ("AlertsToSns → phones", "messages", figures.messages, figures.alerts_lag),
    ]
    for name, key, total, lag in rows:
        table.add_row(name, f"{rates.of(key):.1f}", f"{total:,}", "" if lag is None else f"{lag:.1f} s")
    return table


def _lines(lines: list[str], empty: str) -> RenderableType:
    text = Text("\n".join(lines) if lines else empty, overflow="ellipsis", no_wrap=True)
    return text if lines else Text(empty, style="dim")


def screen(figures: Figures, rates: Rates) -> RenderableType:
    """The state as a screen."""
    refused = [f"{reason}  {payload[:200]}" for reason, payload in figures.refused]
    producer = f"retried {figures.retried}, given up {figures.given_up}"
    return Group(
        Panel(_stages(figures, rates), title=f"{figures.stage} · {figures.at:.0f} s", subtitle=producer),
        Panel(_lines(list(figures.texts), "no message yet"), title="the phone"),
        Panel(_lines(refused, "none"), title="last dead letters"),
        Panel(Text(advice(figures)), title="next"),
    )
