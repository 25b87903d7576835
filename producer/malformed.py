"""Records that somebody has to refuse, made from good events.

| kind | the job | KinesisToDynamo |
| --- | --- | --- |
| `not_utf8`, `not_a_json_object` | dead letter, if made from an inventory event | refuses it |
| `bad_product_id`, `bad_inventory`, `bad_timestamp` | dead letter (made from inventory events only) | keeps it |
| `no_path` | takes it as if it were good | refuses it |
| `no_timestamp` | dead letter `bad_timestamp`, if made from an inventory event | refuses it |

Where the job writes a dead letter, its reason is the kind, but for `no_timestamp`.
"""

import json
import random
from collections.abc import Callable

from producer.response_pool import Event

_ABSENT = object()


def _with(field: str, *values: object) -> tuple[Callable[[Event], bytes], ...]:
    """Makers of the event with another value of one field, or without it."""

    def maker(value: object) -> Callable[[Event], bytes]:
        def make(event: Event) -> bytes:
            changed = event | {field: value}
            if value is _ABSENT:
                del changed[field]
            return json.dumps(changed).encode()

        return make

    return tuple(maker(value) for value in values)


def _latin1(event: Event) -> bytes:
    return json.dumps(event | {"note": "café"}, ensure_ascii=False).encode("iso-8859-1")


def _cut(event: Event) -> bytes:
    return json.dumps(event).encode()[:-1]


def _doubled(event: Event) -> bytes:
    return json.dumps(event).encode() * 2


def _in_a_list(event: Event) -> bytes:
    return json.dumps([event]).encode()


def _as_text(event: Event) -> bytes:
    return json.dumps(json.dumps(event)).encode()


# Of a kind's makers one is drawn for each record.
_MAKERS: dict[str, tuple[Callable[[Event], bytes], ...]] = {
    "not_utf8": (_latin1,),
    "not_a_json_object": (_cut, _doubled, _in_a_list, _as_text),
    "bad_product_id": _with("product_id", "", "x" * 65, None, ["SKU-0001"], _ABSENT),
    "bad_inventory": _with("inventory", 7.9, "seven", True, None, 2**31, _ABSENT),
    "bad_timestamp": _with("timestamp", "yesterday", "2026-02-29T09:00:00.000Z", "2026-01-05T09:00:00.000"),
    "no_path": _with("path", _ABSENT),
    "no_timestamp": _with("timestamp", _ABSENT),
}
KINDS = tuple(_MAKERS)
_OF_INVENTORY_ONLY = frozenset({"bad_product_id", "bad_inventory", "bad_timestamp"})


class Spoiler:
    """Spoils events; of the kinds that suit an event, the one that was used longest ago is next.

    So a short run has every kind in it. The same seed and events give the same records.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._chance = random.Random(seed)
        self._next = list(KINDS)

    def spoil(self, event: Event) -> tuple[str, bytes]:
        """The kind of malformed record that the event became, and its bytes; the event stays as it is."""
        suiting = event["type"] == "inventory"
        kind = next(kind for kind in self._next if suiting or kind not in _OF_INVENTORY_ONLY)
        self._next.remove(kind)
        self._next.append(kind)
        return kind, self._chance.choice(_MAKERS[kind])(event)
