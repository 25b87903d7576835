"""Which phone has which of the parameters Phone1 to Phone5, so that no change unsubscribes one that stays.

A subscription that moves to another resource of the stack is made anew, which SNS answers with the one that is there,
and then deleted with the resource that it left
(https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html; AWS::SNS::Subscription replaces on a new Endpoint).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.aws import stacks, topics
from deploy.aws.errors import DeployError

COUNT = 5
"""How many phones system.yaml has parameters for."""

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_RESOURCE = re.compile(r"Phone(\d)Subscription")


def read(numbers: Sequence[str]) -> list[str]:
    """The phones that are wanted; `none` alone for no phone.

    Raises:
        DeployError: for a number of another form, one that comes twice, or too many; no number is in the message.
    """
    if list(numbers) == ["none"]:
        return []
    for place, number in enumerate(numbers, 1):
        if not _NUMBER.fullmatch(number):
            raise DeployError(
                f"--phone, number {place}: expected + and 7 to 15 digits (E.164), or none alone", status=2
            )
        if number in numbers[: place - 1]:
            raise DeployError(f"--phone, number {place}: it was given before", status=2)
    if len(numbers) > COUNT:
        raise DeployError(
            f"--phone: {len(numbers)} numbers; expected at most {COUNT}",
            "subscribe the others to the topic with `aws sns subscribe --protocol sms`",
            2,
        )
    return list(numbers)


def subscribed(cloudformation: Any, sns: Any, stack: str) -> dict[int, str]:
    """The slots that the stack has subscriptions for → their numbers, empty where the topic has none any more.

    Args:
        cloudformation: a boto3 client.
        sns: a boto3 client.
        stack: the stack of the system; it may not be there.
    """
    resources = stacks.resources(cloudformation, stack)
    subscriptions = [
        one
        for _, logical, physical in resources
        if logical == "AlertsTopic"
        for one in topics.subscriptions(sns, physical)
    ]
    numbers = {one["SubscriptionArn"]: one["Endpoint"] for one in subscriptions}
    found = [(_RESOURCE.fullmatch(logical), physical) for _, logical, physical in resources]
    return {int(match.group(1)): numbers.get(physical, "") for match, physical in found if match}


def parameters(wanted: Sequence[str], slots: Mapping[int, str]) -> dict[str, str]:
    """The parameters of the stack: each phone keeps its slot, and a new one gets a slot that is free.

    Args:
        wanted: the numbers, each once.
        slots: as `subscribed` gives them.
    """
    chosen = {slot: number for slot, number in slots.items() if number in wanted}
    every = range(1, COUNT + 1)
    # A slot whose subscription somebody removed still has its number, and would not subscribe it again.
    free = sorted((slot for slot in every if slot not in chosen), key=lambda slot: (slot in slots, slot))
    new = [number for number in wanted if number not in chosen.values()]
    chosen |= dict(zip(free, new, strict=False))
    return {f"Phone{slot}": chosen.get(slot, "") for slot in every}
