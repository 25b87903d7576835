"""A record of the alerts stream becomes an alert."""

import json
from dataclasses import dataclass


class AlertError(ValueError):
    """A record that is no alert; the message says what was expected and repeats nothing of the record."""


@dataclass(frozen=True)
class Alert:
    """What the job says of a product. `ts` is the time of its event, ISO-8601 in UTC."""

    product_id: str
    inventory: int
    ts: str
    reason: str


def parse(data: bytes) -> Alert:
    """Read an alert: a JSON object in UTF-8; fields beyond an alert's four are ignored, whatever they hold.

    Raises:
        AlertError: if it is none, or a field is missing or of the wrong type.
    """
    try:
        content = json.loads(data.decode("utf-8"), parse_int=_whole, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise AlertError("expected one JSON object in UTF-8") from None
    if not isinstance(content, dict):
        raise AlertError("expected a JSON object")
    for name in ("product_id", "ts", "reason"):
        if not isinstance(content.get(name), str) or not content[name]:
            raise AlertError(f"{name}: expected a text that is not empty")
    inventory = content.get("inventory")
    if isinstance(inventory, bool) or not isinstance(inventory, int) or not -(2**31) <= inventory < 2**31:
        raise AlertError("inventory: expected a whole number that fits INT")
    return Alert(content["product_id"], inventory, content["ts"], content["reason"])


def _whole(text: str) -> int | float:
    # Python refuses to read a whole number of thousands of digits, which a field that is ignored may hold.
    return int(text) if len(text) < 20 else float(text)


def _no_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)
