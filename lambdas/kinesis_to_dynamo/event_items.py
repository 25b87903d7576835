"""An event of the stream becomes an item of the table, whole or not at all."""

import decimal
import json
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer

Item = dict[str, Any]
"""An item in DynamoDB's wire form: attribute name → `{type: value}`."""

# What DynamoDB takes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
ITEM_BYTES = 400 * 1024
PARTITION_KEY_BYTES = 2048
SORT_KEY_BYTES = 1024
LEVELS = 32
_NUMBERS = decimal.Context(
    prec=38,
    Emin=-130,
    Emax=125,
    traps=[decimal.InvalidOperation, decimal.Inexact, decimal.Overflow, decimal.Subnormal],
)

_serializer = TypeSerializer()


class RecordError(ValueError):
    """A record that cannot be an item; the message says what was expected and repeats nothing of the record."""


def item(data: bytes, sequence_number: str) -> Item:
    """The item that keeps the event of a record.

    It has every field of the event, and the keys `pk` (`path#<path>`) and `sk` (`<timestamp>#<sequence number>`),
    which win over fields of the same names. Of a field that stands twice the last counts, as it does in the job.
    Numbers keep all their digits. The same record gives the same item, so it can be written again.

    Raises:
        RecordError: if the record is not one JSON object in UTF-8 with texts `path` and `timestamp`, or has
            what DynamoDB cannot hold: a number beyond 38 digits or its range, half a surrogate pair, more than
            32 levels, a key that is too long, more than 400 KB.
    """
    event = _parse(data)
    path, timestamp = _text(event, "path"), _text(event, "timestamp")
    event |= {"pk": f"path#{path}", "sk": f"{timestamp}#{sequence_number}"}
    _check_sizes(event)
    wire: Item = _serializer.serialize(event)["M"]
    return wire


def _parse(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data.decode("utf-8"), parse_int=_number, parse_float=_number, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise RecordError("expected UTF-8") from None
    except json.JSONDecodeError:
        raise RecordError("expected one JSON object and nothing after it") from None
    except RecursionError:
        raise RecordError(f"expected at most {LEVELS} levels") from None
    if not isinstance(event, dict):
        raise RecordError("expected a JSON object")
    return event


class _NoNumber:
    """A number that DynamoDB cannot hold; it does not matter where a later field of the same name replaces it."""


def _number(text: str) -> Decimal | _NoNumber:
    try:
        # Many zeros and an exponent are still zero, but DynamoDB may not take them.
        return _NUMBERS.create_decimal(text) or Decimal(0)
    except decimal.DecimalException:
        return _NoNumber()


def _no_constant(name: str) -> None:
    raise RecordError(f"expected JSON, which has no {name}")


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise RecordError(f"{name}: expected a text that is not empty")
    return value


def _check_sizes(event: dict[str, Any]) -> None:
    try:
        size = sum(_bytes(name) + _size(value, 1) for name, value in event.items())
        keys = _bytes(event["pk"]), _bytes(event["sk"])
    except UnicodeEncodeError:
        raise RecordError("expected Unicode, found half a surrogate pair") from None
    if keys[0] > PARTITION_KEY_BYTES:
        raise RecordError(f"path: expected a partition key of at most {PARTITION_KEY_BYTES} bytes")
    if keys[1] > SORT_KEY_BYTES:
        raise RecordError(f"timestamp: expected a sort key of at most {SORT_KEY_BYTES} bytes")
    if size > ITEM_BYTES:
        raise RecordError(f"expected an item of at most {ITEM_BYTES} bytes, it has {size}")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8"))


def _size(value: Any, level: int) -> int:
    """Bytes that DynamoDB counts for a value.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html gives the number's
    as about this; what the table refuses all the same fails when it is written.
    """
    if level > LEVELS:
        raise RecordError(f"expected at most {LEVELS} levels")
    match value:
        case _NoNumber():
            raise RecordError("expected numbers of at most 38 digits and, but for 0, of 1E-130 to 9.9…E+125")
        case str():
            return _bytes(value)
        case Decimal():
            return 1 + (len(value.normalize(_NUMBERS).as_tuple().digits) + 1) // 2
        case list():
            return 3 + sum(1 + _size(element, level + 1) for element in value)
        case dict():
            return 3 + sum(1 + _bytes(name) + _size(element, level + 1) for name, element in value.items())
    return 1
