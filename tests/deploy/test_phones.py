"""Phones keep their slots: no change of the others unsubscribes one that stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.aws.errors import DeployError
from deploy.up import phones
from tests.deploy.deployed import Account

A, B, C, D = (f"+1555010{n}" for n in range(4))
numbers = st.sampled_from([f"+1555010{n}" for n in range(8)])
wanted = st.lists(numbers, max_size=phones.COUNT, unique=True)


@given(wanted, st.lists(numbers | st.just(""), max_size=phones.COUNT))
def test_each_has_one_slot_and_keeps_it(numbers: list[str], before: list[str]) -> None:
    slots = {n: number for n, number in enumerate(before, 1) if not number or before.index(number) == n - 1}
    made = phones.parameters(numbers, slots)
    assert sorted(number for number in made.values() if number) == sorted(numbers)
    assert made.keys() == {f"Phone{n}" for n in range(1, phones.COUNT + 1)}
    for slot, number in slots.items():
        if number in numbers:
            assert made[f"Phone{slot}"] == number


def test_a_number_that_was_unsubscribed_by_hand_gets_another_slot() -> None:
    assert phones.parameters([A], {1: ""})["Phone2"] == A


def subscribed(account: Account) -> list[str]:
    """The numbers that get the alerts."""
    found = account.client("sns").list_subscriptions()["Subscriptions"]
    return sorted(one["Endpoint"] for one in found if one["Protocol"] == "sms")


CHANGES = [[A, B], [B], [B, C, A], [D, A], [D, B, A, C], ["none"]]


def test_changes_of_the_phones(account: Account) -> None:
    for change in CHANGES:
        outcome = account.run("up", *(part for number in change for part in ("--phone", number)))
        assert outcome.status == 0, outcome.err
        assert subscribed(account) == sorted(set(change) - {"none"})
        assert account.run("up").status == 0
        assert subscribed(account) == sorted(set(change) - {"none"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([A, B, A], "number 3: it was given before"),
        ([A, "5550100"], "number 2: expected + and 7 to 15 digits"),
        (["none", A], "number 1: expected"),
        ([f"+1555010{n}" for n in range(6)], "6 numbers; expected at most 5"),
    ],
)
def test_numbers_that_are_refused(given: list[str], expected: str) -> None:
    with pytest.raises(DeployError, match=expected.replace("+", r"\+")) as error:
        phones.read(given)
    assert error.value.status == 2
    assert "555" not in str(error.value)
