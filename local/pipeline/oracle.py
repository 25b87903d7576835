"""What the job must do with a list of records, said again in plain Python: the oracle of the tests and of the pipeline.

It shares no code with the job.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

Alert = tuple[str, int, str]
DeadLetter = tuple[str, str]


class Number(NamedTuple):
    """A JSON number as it was written, and whether it was written as a whole number."""

    text: str
    whole: bool


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _java_double(text: str) -> str:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    minus, figures = "-" if sign or text.startswith("-") else "", "".join(map(str, digits))
    if value == 0:
        return f"{minus}0.0"
    point = len(figures) + int(exponent)
    if 1e-3 <= abs(value) < 1e7:
        whole = figures[: max(0, point)].ljust(point, "0") or "0"
        return f"{minus}{whole}.{'0' * -point + figures[max(0, point) :] or '0'}"
    return f"{minus}{figures[0]}.{figures[1:] or '0'}E{point - 1}"


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return str(int(value.text)) if value.whole else _java_double(value.text)
    if isinstance(value, str):
        # Half a surrogate pair has no UTF-8; Java writes a question mark.
        return "".join("?" if 0xD800 <= ord(c) <= 0xDFFF else c for c in value)
    return None


def _inventory(value: Any) -> int | None:
    if isinstance(value, Number):
        number = int(value.text) if value.whole else None
    elif isinstance(value, str):
        digits = value.removeprefix("-")
        plain = digits.isascii() and digits.isdigit() and (digits == "0" or not digits.startswith("0"))
        number = int(value) if plain else None
    else:
        number = None
    return number if number is not None and -(2**31) <= number < 2**31 else None


def _timestamp(value: Any) -> str | None:
    if not isinstance(value, str) or not value.isascii() or len(value) < 20:
        return None
    if value[10] != "T" or value[4] != "-" or value[7] != "-" or value[13] != ":" or value[16] != ":":
        return None
    rest, fraction = value[19:], ""
    if rest[0] in ".,":
        while rest[1 + len(fraction) :][:1].isdigit():
            fraction += rest[1 + len(fraction)]
        if not fraction:
            return None
        rest = rest[1 + len(fraction) :]
    if rest != "Z" and not (rest[:1] in ("+", "-") and (len(rest) in (3, 5) or (len(rest) == 6 and rest[3] == ":"))):
        return None
    if not all(c.isdigit() for c in value[:19].translate({ord(c): None for c in "-T:"})):
        return None
    if rest != "Z" and (not rest[1:].replace(":", "").isdigit() or rest[4:].replace(":", "") > "59"):
        return None
    if rest != "Z" and len(rest) > 3 and rest.replace(":", "")[3:] > "59":
        return None
    try:
        moment = datetime.fromisoformat(value[:19] + ("+00:00" if rest == "Z" else rest)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds').zfill(19)}.{fraction[:3].ljust(3, '0')}Z"


def _judge(record: bytes) -> Alert | DeadLetter | None:
    if b"inventory" not in record and b"\\u" not in record:
        return None
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8", record.decode("latin-1")
    try:
        event = json.loads(
            text,
            parse_int=lambda digits: Number(digits, True),
            parse_float=lambda digits: Number(digits, False),
            parse_constant=_refuse,
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
