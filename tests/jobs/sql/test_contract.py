"""The rules of the contract and their edges, a table a rule."""

from typing import Any

import pytest

from tests.contract_cases import CASES, event
from tests.jobs.detection import Detect


@pytest.fixture(scope="module")
def outcomes(detect: Detect) -> dict[str, Any]:
    """All cases in one job, told apart by their order: alerts and dead letters each come in that of the records."""
    alerts, dead_letters = detect([record for record, _ in CASES.values()])
    alerting = [name for name, (_, expected) in CASES.items() if isinstance(expected, tuple)]
    refusing = [name for name, (_, expected) in CASES.items() if isinstance(expected, str)]
    assert [(a["product_id"], a["inventory"], a["ts"]) for a in alerts] == [CASES[name][1] for name in alerting]
    return {
        **dict(zip(alerting, alerts, strict=True)),
        **dict(zip(refusing, dead_letters, strict=True)),
    }


@pytest.mark.parametrize("name", CASES)
def test_record(name: str, outcomes: dict[str, Any]) -> None:
    record, expected = CASES[name]
    if isinstance(expected, tuple):
        product, inventory, ts = expected
        assert outcomes[name] == {"product_id": product, "inventory": inventory, "ts": ts, "reason": "LOW_STOCK"}
    elif isinstance(expected, str):
        letter = outcomes[name]
        assert set(letter) == {"reason", "payload", "failed_at"}
        assert letter["reason"] == expected
        assert letter["payload"] == record.decode("latin-1" if expected == "not_utf8" else "utf-8")
    else:
        assert name not in outcomes


QUOTED = "it's'; DROP TABLE alerts; --"


@pytest.mark.parametrize(
    ("settings", "stock", "low"),
    [
        ({"threshold": 25}, [24, 25, 26, 99, 100, 250], [24]),
        ({"threshold": 0}, [-1, 0, 1], [-1]),
        ({"threshold": -5}, [-6, -5, 0], [-6]),
        ({"threshold": 2**31 - 1}, [2**31 - 2, 2**31 - 1], [2**31 - 2]),
        ({"thresholds": {"A": 50, "longer": 1}}, [49, 50], [49]),
        ({"thresholds": {"A": 2}}, [1, 2, 9], [1]),
        ({"thresholds": {"A ": 50, "a": 50}}, [9, 10], [9]),
    ],
)
def test_threshold(detect: Detect, settings: Any, stock: list[int], low: list[int]) -> None:
    alerts, dead_letters = detect([event(inventory=number) for number in stock], **settings)
    assert ([alert["inventory"] for alert in alerts], dead_letters) == (low, [])


def test_quotes_in_a_product_stay_data(detect: Detect) -> None:
    names = [QUOTED, "ñ {{mark}} \\ $[0]", "'"]
    alerts, _ = detect([event(product_id=name, inventory=70) for name in names], thresholds=dict.fromkeys(names, 71))
    assert [alert["product_id"] for alert in alerts] == names


CROSSING: list[tuple[int, list[int], list[int]]] = [
    (0, [12, 9, 8, 10, 9], [9, 9]),
    (0, [3, 2, 1], [3]),
    (5, [9, 14, 8, 15, 7], [9, 7]),
    (5, [20, 12, 9, 12, 9, 14, 9], [9]),
    (2**31 - 1, [9, 2**31 - 1, 8], [9]),
]


@pytest.fixture(scope="module")
def crossings(detect: Detect) -> list[list[int]]:
    """What each case of CROSSING comes to: a job a margin, and a product a case."""
    found: list[list[int]] = [[] for _ in CROSSING]
    for margin in {margin for margin, _, _ in CROSSING}:
        cases = [(number, stock) for number, (own, stock, _) in enumerate(CROSSING) if own == margin]
        records = [event(inventory=level, product_id=str(number)) for number, stock in cases for level in stock]
        for alert in detect(records, policy="crossing", rearm_margin=margin)[0]:
            found[int(alert["product_id"])].append(alert["inventory"])
    return found


@pytest.mark.parametrize("number", range(len(CROSSING)), ids=[f"{case[0]}-{case[1]}" for case in CROSSING])
def test_crossing(crossings: list[list[int]], number: int) -> None:
    assert crossings[number] == CROSSING[number][2]


def test_crossing_keeps_the_order_of_a_large_file(detect: Detect) -> None:
    """Over 32 MB, which Flink would read as splits in any order."""
    levels = [20, 9, 8, 7] * 3
    records = [
        event(inventory=level, product_id=f"P{number // 12}", note="x" * 4000)
        for number, level in enumerate(levels * 1000)
    ]
    found, _ = detect(records, policy="crossing")
    assert [alert["inventory"] for alert in found] == [9] * 3000
