"""The rule as one would write it in Python: what the loop, the dataflow and the DataStream job have in common."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

THRESHOLD = 10


def judged(
    lines: Iterable[bytes | str], loads: Callable[[bytes | str], Any], dumps: Callable[[Any], bytes | str]
) -> Iterator[bytes | str]:
    """The alerts and dead letters of lines that hold the word `inventory`, as JSON.

    It takes for granted what the job checks: that a text is a time, that an integer fits, that a number is written
    plainly. Neither does it take a number that is a text.
    """
    for line in lines:
        try:
            event = loads(line)
        except ValueError:
            yield dumps({"reason": "not_a_json_object", "payload": str(line)})
            continue
        if not isinstance(event, dict) or event.get("type") != "inventory":
            continue
        product, inventory, ts = event.get("product_id"), event.get("inventory"), event.get("timestamp")
        if not isinstance(product, str) or type(inventory) is not int or not isinstance(ts, str):
            yield dumps({"reason": "bad_field", "payload": str(line)})
        elif inventory < THRESHOLD:
            yield dumps({"product_id": product, "inventory": inventory, "ts": ts, "reason": "LOW_STOCK"})
