"""Ask until something holds, and say so meanwhile.

botocore's waiters say nothing while they wait. It has none for the Flink service, and that for the deletion of a stack
takes a state from before the deletion for its outcome; with the others the code would not be shorter.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from deploy.aws.errors import DeployError
from deploy.progress import say

INTERVAL = 3.0
"""Seconds between two questions."""

ROLE_SECONDS = 15.0
"""How long to wait for IAM to make a new role known everywhere."""

_REMIND = 30.0
T = TypeVar("T")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Wait a while, where there is nothing to ask."""
    time.sleep(seconds)


def until(probe: Callable[[], T | None], what: str, seconds: float, next_step: str = "") -> T:
    """Ask until there is an answer, and give it.

    Args:
        probe: what is asked; None means not yet.
        what: what is awaited; said every half a minute.
        seconds: how long to ask.
        next_step: what to do if it does not come.

    Raises:
        DeployError: if the time is over.
    """
    end = time.monotonic() + seconds
    reminded = time.monotonic()
    while (answer := probe()) is None:
        at = time.monotonic()
        if at >= end:
            raise DeployError(f"{what}: not within {seconds:.0f} s", next_step)
        if at - reminded >= _REMIND:
            say(f"still waiting: {what}")
            reminded = at
        time.sleep(INTERVAL)
    return answer
