"""What the job must do with a list of records, in plain Python: the oracle of the tests and of the pipeline.

It shares no code with the job.
"""

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any, NamedTuple

Alert = tuple[str, int, str]
DeadLetter = tuple[str, str]

# No more digits than INT can have: Python refuses to read thousands of them.
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,9})", re.ASCII)
_TIMESTAMP = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
    r"(?:[.,](?P<fraction>\d+))?"
    # `fromisoformat` would read 60 minutes as an hour.
    r"(?P<offset>Z|[+-]\d\d(?::?[0-5]\d)?)",
    re.ASCII,
)

# The most levels that a record may have. Each is one call or more inside another, and Python allows a thousand.
_LEVELS = 500
sys.setrecursionlimit(max(sys.getrecursionlimit(), 3 * _LEVELS))


class Number(NamedTuple):
    """A JSON number as it was written, and whether it was written as a whole number."""

    text: str
    whole: bool


def _number(text: str, whole: bool) -> Number:
    """Raises ValueError if there are more digits than a record may have."""
    digits = [sum(map(str.isdigit, part)) for part in re.split("[eE]", text)]
    if sum(digits) > 1000 or digits[1:] > [9]:
        raise ValueError(text)
    return Number(text, whole)


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises ValueError if a name is longer than a record may have."""
    if any(len(name) > 25_000 for name, _ in fields):
        raise ValueError("a long name")
    return dict(fields)


def _levels(text: str) -> int:
    """How many arrays and objects are inside one another, at the most."""
    level = deepest = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        level += (bracket in "[{") - (bracket in "]}")
        deepest = max(deepest, level)
    return deepest


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        # Any other number can be written in more than one way.
        return value.text if value.whole and value.text != "-0" and len(value.text.lstrip("-")) <= 18 else None
    if isinstance(value, str):
        # Half a surrogate pair has no UTF-8; Java writes a question mark.
        return "".join("?" if 0xD800 <= ord(c) <= 0xDFFF else c for c in value)
    return None


def _inventory(value: Any) -> int | None:
    text = value.text if isinstance(value, Number) else value
    if not isinstance(text, str) or not _WHOLE_NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**31) <= number < 2**31 else None


def _timestamp(value: Any) -> str | None:
    """The time in UTC with milliseconds; digits after those are cut off, not rounded."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    offset = "+00:00" if found["offset"] == "Z" else found["offset"]
    try:
        # It knows the calendar, and the limits of an hour, of an offset and of the years.
        moment = datetime.fromisoformat(found["seconds"] + offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat()}.{(found['fraction'] or '')[:3].ljust(3, '0')}Z"


def _judge(record: bytes) -> Alert | DeadLetter | None:
    if b"inventory" not in record and b"\\u" not in record:
        return None
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8", record.decode("latin-1")
    if text.count("[") + text.count("{") > _LEVELS and _levels(text) > _LEVELS:
        return "not_a_json_object", text
    try:
        event = json.loads(
            text,
            parse_int=lambda digits: _number(digits, True),
            parse_float=lambda digits: _number(digits, False),
            parse_constant=_refuse,
            object_pairs_hook=_object,
        )
    except ValueError:
        return "not_a_json_object", text
    if not isinstance(event, dict):
        return "not_a_json_object", text
    if event.get("type") != "inventory":
        return None
    product = _text(event.get("product_id"))
    if product is None or not 1 <= len(product) <= 64:
        return "bad_product_id", text
    inventory = _inventory(event.get("inventory"))
    if inventory is None:
        return "bad_inventory", text
    ts = _timestamp(event.get("timestamp"))
    if ts is None:
        return "bad_timestamp", text
    return product, inventory, ts


def reading(record: bytes) -> Alert | None:
    """The (product, inventory, ts) of a usable inventory event; None for any other record."""
    verdict = _judge(record)
    return verdict if verdict is not None and len(verdict) == 3 else None


def judge(
    records: list[bytes], threshold: int, thresholds: dict[str, int], policy: str, margin: int
) -> tuple[list[Alert], list[DeadLetter]]:
    """Alerts as (product, inventory, ts) and dead letters as (reason, payload), each in the order of the records."""
    alerts: list[Alert] = []
    dead_letters: list[DeadLetter] = []
    low: dict[str, bool] = {}
    for record in records:
        verdict = _judge(record)
        if verdict is None:
            continue
        if len(verdict) == 2:
            dead_letters.append(verdict)
            continue
        product, inventory, _ = verdict
        limit = thresholds.get(product, threshold)
        if inventory < limit:
            if policy == "every" or not low.get(product, False):
                alerts.append(verdict)
            low[product] = True
        elif inventory >= limit + margin:
            low[product] = False
    return alerts, dead_letters
