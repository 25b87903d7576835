"""What `crossing` owes where the children of a shard are read beside their parent."""

import pytest

from tests.faults.judging.outcome import Outcome, Written, judge
from tests.faults.judging.sent import Sent


def sent(*events: tuple[str, int]) -> list[Sent]:
    """Events of one product: the shard and the stock of each."""
    return [Sent(("A", stock, f"{place}"), shard, place, place) for place, (shard, stock) in enumerate(events)]


@pytest.mark.parametrize(
    ("events", "alerted", "lost", "passed_over"),
    [
        ([("parent", 9)], [], 1, 0),
        ([("parent", 9)], [0], 0, 0),
        # The newest event was read first, when the last one known was low.
        ([("parent", 9), ("parent", 20), ("child", 8)], [0], 0, 1),
        ([("parent", 9), ("child", 20), ("child", 8)], [0], 1, 0),
        ([("parent", 9), ("parent", 20), ("child", 8)], [], 1, 1),
        # The newest event is not low.
        ([("parent", 9), ("child", 20)], [], 0, 1),
    ],
)
def test_owed(events: list[tuple[str, int]], alerted: list[int], lost: int, passed_over: int) -> None:
    all_events = sent(*events)
    written = [Written(all_events[place].alert, place) for place in alerted]
    outcome = judge(Outcome("a reshard", ""), all_events, written, "crossing", in_order=False)
    assert (len(outcome.lost), outcome.passed_over, outcome.unexpected) == (lost, passed_over, [])
