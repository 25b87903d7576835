"""What the live view says in words."""

from typing import Any

import pytest

from local.pipeline.advice import advice, what_is_wrong
from local.pipeline.figures import Figures

SHELL = "/tmp/pipeline-x/env"
NOTHING = [
    "Nothing to do.",
    f"In another terminal: . {SHELL}; deploy logs job (or kinesis-to-dynamo, alerts-to-sns)",
]


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, NOTHING),
        ({"dashboard": "Flink's: http://x"}, [*NOTHING, "Flink's: http://x"]),
        ({"waiting": "The job starts.", "failures": 1}, ["The job starts."]),
        ({"given_up": 1}, ["1 event not taken by the stream: run it with more --shards."]),
        ({"kept_lag": 31.4}, ["kinesis-to-dynamo is 31 s behind. See why: deploy logs kinesis-to-dynamo"]),
        ({"alerts_lag": 40}, ["alerts-to-sns is 40 s behind. See why: deploy logs alerts-to-sns"]),
        (
            {"lost_alerts": 1, "failures": 2},
            [
                "1 alert did not reach the phone. See why: deploy logs alerts-to-sns; "
                "send them again: deploy redrive alerts-to-sns",
                "2 records rejected by KinesisToDynamo. See why: deploy logs kinesis-to-dynamo",
            ],
        ),
        (
            {"dead_letters": 1},
            ["1 dead letter, to fix at the producer: deploy tail dead-letters --from-start"],
        ),
    ],
)
def test_advice(figures: dict[str, Any], said: list[str]) -> None:
    """No command works on an account of the reader's: each needs the shell file of this emulator."""
    found = advice(Figures(1.0, "running", **figures), SHELL)
    if "waiting" not in figures and said[: len(NOTHING)] != NOTHING:
        assert found.pop(0) == f"In another terminal: . {SHELL}"
    assert found == said


@pytest.mark.parametrize(
    ("reason", "payload", "wrong"),
    [
        ("bad_inventory", '{"type": "inventory", "inventory": "seven", "product_id": "A"}', 'inventory: "seven"'),
        ("bad_inventory", '{"type": "inventory"}', "inventory: missing"),
        ("bad_product_id", '{"product_id": null}', "product_id: null"),
        ("bad_timestamp", '{"timestamp": "ayer, mañana"}', 'timestamp: "ayer, mañana"'),
        ("bad_timestamp", '{"timestamp": "cut sho', '{"timestamp": "cut sho'),
        ("not_a_json_object", '{"type": "inventory", "product_id": "SKU-0001"', 'at 46: …duct_id": "SKU-0001"'),
        ("not_a_json_object", '["inventory"]', '["inventory"]'),
        ("not_utf8", '{"type": "inventory", "product_id": "caf\xe9"}', 'at 40: …, "product_id": "caf\xe9"}'),
    ],
)
def test_what_is_wrong(reason: str, payload: str, wrong: str) -> None:
    assert what_is_wrong(reason, payload) == wrong
