"""Regular expressions (Java's) that classify a record or a field without parsing it.

They end in `\\z`, as Java's `$` also matches before a last line end.
"""

_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    r"(?:\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    rf"|{_LEAP_YEAR}-02-29)"
)
_OFFSET = r"(?:Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"

TIMESTAMP = rf"^(?!0000){_DATE}T{_CLOCK}(?:[.,]\d++)?{_OFFSET}\z"
"""ISO-8601, extended, with an offset, of a day that is in the calendar."""

# Not an exponent. A double has no use for more digits: https://docs.oracle.com/javase/specs/jls/se17/html/jls-4.html
_LONG_NUMBER = r"(?<![\deE]|[eE][+-])\d{1100}"

UNWIELDY = rf"{_LONG_NUMBER}|^(?:[^\[{{]*+[\[{{]){{500}}"
"""A record with a number of very many digits or with very many brackets."""

OVERLONG = rf"(?<={_LONG_NUMBER})\d++"
"""The digits of a very long number that change nothing: a field with the digits before them is as bad."""

# Listed one by one since Java looks such a class up in a table; ranges are compared one after the other.
_PLAIN = "[" + "".join("\\" + c if c in "[]^-&" else c for c in map(chr, range(32, 127)) if c not in '"\\') + "]"

# Years in which no offset leaves the four digits.
_PLAIN_TIMESTAMP = rf"(?=[1-8]){_DATE}T{_CLOCK}(?:\.\d++)?+{_OFFSET}"


_TEXT = f"(?>{_PLAIN}*)"
_SCALAR = rf'(?>"{_TEXT}"|-?+(?>0|[1-9]\d*+)(?>\.\d++)?+(?=[, }}])|true|false|null)'


def whole_number_at_least(bound: int) -> str:
    """A pattern of the whole numbers from `bound` (or 0 if that is more) that have at most nine digits, so fit INT."""
    if bound <= 0:
        return r"(?:0|[1-9]\d{0,8})"
    digits = str(bound)
    count = len(digits)
    if count > 9:
        return r"(?!)"
    same_length = [digits] + [
        rf"{digits[:i]}[{int(digit) + 1}-9]\d{{{count - i - 1}}}" for i, digit in enumerate(digits) if digit < "9"
    ]
    longer = [rf"[1-9]\d{{{count},8}}"] if count < 9 else []
    return f"(?:{'|'.join(longer + same_length)})"


def _fields(product: str, number: str, timestamp: str) -> str:
    """The rest of a flat record behind its type, with patterns for the values of the three fields, each at most once.

    An empty group marks each of the three that was seen, and lets it not be seen again. All repetition of groups is
    possessive, so that a long record needs no stack.
    """
    field = (
        rf'(?!\1)product_id": ?+{product}()'
        rf'|(?!\2)inventory": ?+{number}()'
        rf'|(?!\3)timestamp": ?+{timestamp}()'
        rf'|(?!type"|product_id"|inventory"|timestamp"){_TEXT}": ?+{_SCALAR}'
    )
    return rf'(?>, ?+"(?>{field}))*+\}}\z'


def _usable_fields(number: str) -> str:
    number = rf'(?>{number}(?=[, }}])|"{number}")'
    return _fields(rf'"{_PLAIN}{{1,64}}+"', number, f'"{_PLAIN_TIMESTAMP}"') + r"\1\2\3"


def certainly_not_low(bound: int | None) -> str:
    """A pattern of records that are certainly neither alerts nor dead letters.

    They are flat JSON objects of printable ASCII, in the spacing that encoders write and with `type` first, and either
    of another type or, given a `bound`, usable inventory events whose inventory is at or above it. The pattern may miss
    such a record, which is then read; it must not match any other.
    """
    number = r"(?!)" if bound is None else whole_number_at_least(bound)
    return (
        r'^\{"type": ?+"(?>'
        rf'inventory"{_usable_fields(number)}|(?!inventory"){_TEXT}"(?>, ?+"(?!type"){_TEXT}": ?+{_SCALAR})*+\}}\z'
        r")"
    )


_INVENTORY = r'^\{"type": ?+"inventory"'

PLAIN = _INVENTORY + _usable_fields("-?+" + whole_number_at_least(0))
"""A usable inventory event in the form that `certainly_not_low` describes: its fields can be cut out of its text."""

FLAT = _INVENTORY + _fields(_SCALAR, _SCALAR, _SCALAR)
"""An inventory event in that form whose fields are usable or not, or missing."""
