"""Malformed records, made from good events.

| kind | the job | KinesisToDynamo |
| --- | --- | --- |
| `not_utf8`, `not_a_json_object` | dead letter, if made from an inventory event | refuses it |
| `bad_product_id`, `bad_inventory`, `bad_timestamp` | dead letter (made from inventory events only) | stores it |
| `no_path` | handles it like a good record | refuses it |
| `no_timestamp` | dead letter `bad_timestamp`, if made from an inventory event | refuses it |

The reason of a dead letter is the kind, except for `no_timestamp`.
"""

import json
import random
from collections.abc import Callable
from functools import partial

from producer.response_pool import Event

_ABSENT = object()


def _with(field: str, *values: object) -> tuple[Callable[[Event], bytes], ...]:
    """One maker a value: the event with that value in the field, or without the field (_ABSENT)."""

    def make(value: object, event: Event) -> bytes:
        changed = event | {field: value}
        if value is _ABSENT:
            del changed[field]
        return json.dumps(changed).encode()

    return tuple(partial(make, value) for value in values)


# For each record of a kind, one of its makers is drawn.
_MAKERS: dict[str, tuple[Callable[[Event], bytes], ...]] = {
    "not_utf8": (lambda event: json.dumps(event | {"note": "café"}, ensure_ascii=False).encode("iso-8859-1"),),
    "not_a_json_object": (
        lambda event: json.dumps(event).encode()[:-1],
        lambda event: json.dumps(event).encode() * 2,
        lambda event: json.dumps([event]).encode(),
        lambda event: json.dumps(json.dumps(event)).encode(),
    ),
    "bad_product_id": _with("product_id", "", "x" * 65, None, ["SKU-0001"], _ABSENT),
    "bad_inventory": _with("inventory", 7.9, "seven", True, None, 2**31, _ABSENT),
    "bad_timestamp": _with("timestamp", "yesterday", "2026-02-29T09:00:00.000Z", "2026-01-05T09:00:00.000"),
    "no_path": _with("path", _ABSENT),
    "no_timestamp": _with("timestamp", _ABSENT),
}
KINDS = tuple(_MAKERS)
_OF_INVENTORY_ONLY = frozenset({"bad_product_id", "bad_inventory", "bad_timestamp"})


class Spoiler:
    """Makes malformed records; of the kinds that suit an event it takes the one that it used longest ago.

    So a short run has every kind in it. The same seed and events give the same records.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._chance = random.Random(seed)
        self._next = list(KINDS)

    def spoil(self, event: Event) -> tuple[str, bytes]:
        """The kind of the malformed record, and its bytes; the event is not changed."""
        suiting = event["type"] == "inventory"
        kind = next(kind for kind in self._next if suiting or kind not in _OF_INVENTORY_ONLY)
        self._next.remove(kind)
        self._next.append(kind)
        return kind, self._chance.choice(_MAKERS[kind])(event)
