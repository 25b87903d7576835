"""What became of what was sent: lost, unexpected, written twice, published twice, seconds to recover."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.judging.sent import Alert, Sent, episodes, expected_crossing, expected_every

LATE = 3.0
"""Seconds from an event to its alert from which on a fault is held to have delayed it."""


@dataclass(frozen=True)
class Written:
    """An alert of the alerts' stream or a message of a phone, and when it arrived there (seconds since 1970)."""

    alert: Alert
    at: float


@dataclass
class Outcome:
    """What a scenario comes to.

    `passed_over` are alerts that the contract of `crossing` does not owe. `recovered` is the longest time from a fault
    to the last alert that it delayed, in seconds, and `within` what design.md allows of that, where it says so.
    """

    scenario: str
    injected: str
    sent: int = 0
    expected: int = 0
    lost: list[Alert] = field(default_factory=list)
    unexpected: list[Alert] = field(default_factory=list)
    passed_over: int = 0
    written_twice: int = 0
    published_twice: int = 0
    allowed_twice: int = 0
    to_redrive: int = 0
    recovered: float = 0.0
    within: float = float("inf")

    def problems(self) -> list[str]:
        """What design.md does not allow."""
        found = []
        if not self.expected:
            found.append("nothing was expected, so nothing was shown")
        if self.lost:
            found.append(f"{len(self.lost)} of {self.expected} lost, such as {self.lost[:3]}")
        if self.unexpected:
            found.append(f"{len(self.unexpected)} unexpected, such as {self.unexpected[:3]}")
        if self.published_twice > self.allowed_twice:
            found.append(f"{self.published_twice} published twice; at most {self.allowed_twice} can be explained")
        if self.recovered > self.within:
            found.append(f"recovered after {self.recovered:.0f} s, expected within {self.within:.0f} s")
        if self.to_redrive:
            found.append(f"{self.to_redrive} failures to redrive")
        return found

    def cells(self) -> list[str]:
        """A row of the table of results."""
        figures = [self.sent, self.expected, len(self.lost), len(self.unexpected), self.passed_over]
        figures += [self.written_twice, self.published_twice]
        return [self.scenario, self.injected, *map(str, figures), f"{self.recovered:.1f}"]


COLUMNS = [
    "scenario",
    "injected",
    "sent",
    "alerts",
    "lost",
    "unexpected",
    "passed over",
    "written twice",
    "published twice",
    "seconds to recover",
]


def judge(
    outcome: Outcome,
    sent: Sequence[Sent],
    written: Sequence[Written],
    policy: str,
    faults: Sequence[float] = (),
    in_order: bool = True,
    replayed: bool = False,
) -> Outcome:
    """Fill in what is lost, unexpected and written twice.

    Args:
        outcome: gets the figures.
        sent: all events, in the order in which they were sent.
        written: the alerts that came of them.
        policy: `every` or `crossing`.
        faults: the moments from which recovery is counted.
        in_order: whether the job read each product's events in their order. If not (connector 4.x reads the children of
            a shard that was split or merged beside their parent), `crossing` owes an alert to each product whose newest
            event is low and that has had none, or that was rearmed since by an event of the same shard, which is read
            before the newest; and never two for one time that it was low. Others may be passed over.
        replayed: whether the job read some events a second time, perhaps in another order: then a second alert for the
            same time that a product was low counts as written twice.
    """
    outcome.sent = len(sent)
    count = Counter(one.alert for one in written)
    outcome.written_twice += sum(count.values()) - len(count)
    if policy == "crossing" and not in_order:
        _judge_out_of_order(outcome, sent, set(count), replayed)
    else:
        expected = expected_every(sent) if policy == "every" else expected_crossing(sent)
        outcome.expected = len(expected)
        outcome.lost = sorted(set(expected) - set(count))
        outcome.unexpected = sorted(set(count) - set(expected))
    outcome.recovered = seconds_to_recover(sent, written, faults)
    return outcome


def _judge_out_of_order(outcome: Outcome, sent: Sequence[Sent], got: set[Alert], replayed: bool) -> None:
    newest = {event.product: event for event in sent}
    times = episodes(sent)
    outcome.expected = len(times)
    outcome.unexpected = sorted(got - {event.alert for event in sent if event.low})
    for low in times:
        alerts = [event.alert for event in low if event.alert in got]
        if not alerts and low[-1] is newest[low[-1].product] and _owed(low[-1], sent, got):
            outcome.lost.append(low[-1].alert)
        elif not alerts:
            outcome.passed_over += 1
        elif replayed:
            outcome.written_twice += len(alerts) - 1
        else:
            outcome.unexpected += alerts[1:]


def _owed(newest: Sent, sent: Sequence[Sent], got: set[Alert]) -> bool:
    """Whether an alert is owed to the newest event of a product, which is low."""
    owed = True
    for event in sent:
        if event.product == newest.product:
            if event.alert in got:
                owed = False
            elif event.rearms and event.shard == newest.shard:
                owed = True
    return owed


def seconds_to_recover(sent: Sequence[Sent], written: Sequence[Written], faults: Sequence[float]) -> float:
    """The longest time from a fault to the last alert that it delayed."""
    at = {event.alert: event.at for event in sent}
    first: dict[Alert, float] = {}
    for one in written:
        first[one.alert] = min(one.at, first.get(one.alert, one.at))
    longest = 0.0
    for begin, end in itertools.pairwise([*faults, float("inf")]):
        late = [
            moment for alert, moment in first.items() if begin < moment <= end and moment - at.get(alert, moment) > LATE
        ]
        longest = max([longest, *(moment - begin for moment in late)])
    return longest
