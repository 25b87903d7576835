"""How long an invocation may go on, and the end of a process that hangs."""

import contextlib
import faulthandler
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

HANG_SECONDS = 20
"""The process ends itself after so long without a step, so that a record that hangs it does not hold up its shard for
the whole time-out of the function. A step takes 17 seconds at most: an alert or a request,
and the pause after one that failed."""


@contextlib.contextmanager
def time_left(event: dict[str, Any], context: LambdaContext, reserve: float) -> Iterator[Callable[[], float]]:
    """Give a function that returns how many seconds are left in which a step may begin; each call of it begins a step.

    `reserve` are the seconds that are kept for the last step and the answer.
    """
    # `python -m deploy redrive` waits for the answer, and says for how long.
    left: float = min(context.get_remaining_time_in_millis() / 1000, event.get("seconds", math.inf))
    end = time.monotonic() + left - min(reserve, left / 2)

    def step() -> float:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=2)
        return end - time.monotonic()

    try:
        yield step
    finally:
        faulthandler.cancel_dump_traceback_later()
