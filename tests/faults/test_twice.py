"""What explains a message that went out twice, and what does not."""

from urllib.parse import urlencode

import pytest

from tests.faults.judging import twice
from tests.faults.running.proxy import Exchange

ALERT = ("SKU-1", 3, "2026-01-05T09:00:00.000Z")
ID = "6f5c4d3e"


def publish(told: bool, done: bool = True) -> Exchange:
    form = {"Action": "Publish", "Message": "ALERTA"}
    for number, (name, value) in enumerate(zip(("product_id", "inventory", "ts"), ALERT, strict=True), 1):
        form[f"MessageAttributes.entry.{number}.Name"] = name
        form[f"MessageAttributes.entry.{number}.Value.StringValue"] = str(value)
    answer = f"<PublishResponse><MessageId>{ID}</MessageId></PublishResponse>".encode()
    return Exchange("Publish", urlencode(form).encode(), answer if done else None, told)


def note(done: bool, killed: bool = False) -> Exchange:
    return Exchange(
        "UpdateItem", f'{{":response_data": {{"S": "\\"{ID}\\""}}}}'.encode(), b"{}" if done else None, killed=killed
    )


@pytest.mark.parametrize(
    ("exchanges", "copies", "allowed"),
    [
        ([publish(told=True), note(done=True)], 2, 0),
        ([publish(told=False)], 2, 1),
        ([publish(told=False, done=False)], 2, 0),
        ([publish(told=True), note(done=False), note(done=True)], 2, 0),
        ([publish(told=True), note(done=False), note(done=False)], 2, 1),
        # The function gave up after one try, which is a bug; or was killed.
        ([publish(told=True), note(done=False)], 2, 0),
        ([publish(told=True), note(done=False, killed=True)], 2, 1),
        ([publish(told=True)], 2, 0),
        ([publish(told=False)], 1, 0),
        ([publish(told=False)], 3, 1),
    ],
)
def test_a_message_too_many(exchanges: list[Exchange], copies: int, allowed: int) -> None:
    assert twice.allowed(exchanges, [ALERT] * copies) == allowed
