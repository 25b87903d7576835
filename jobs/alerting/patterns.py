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

# Flink 2.x reads JSON with limits, which are ours on every Flink, so that a record means the same on each:
# https://javadoc.io/doc/com.fasterxml.jackson.core/jackson-core/2.18.2/com/fasterxml/jackson/core/StreamReadConstraints.html
# It takes 1,000 levels, for which half a megabyte of a thread's stack is too little: half of them are safe everywhere.
# It counts the length of a name in UTF-16, and reads an exponent as INT.
LEVELS, DIGITS, EXPONENT_DIGITS, NAME_LENGTH = 500, 1000, 9, 25_000

TEXT = r'"(?>[^"\\]++|\\(?s:.))*+"'
"""A JSON text with its quotes."""

LONG_NUMBER = rf"(?<![-+.eE\d])(?:[-+.eE]*+\d){{{DIGITS + 1}}}+|\d[eE][-+]?+\d{{{EXPONENT_DIGITS + 1}}}"
"""A number beyond the limits, in a record without its texts."""

LONG_NAME = rf'^(?>[^"]*+{TEXT})*?[^"]*+(?="(?>[^"\\]|\\u.{{4}}|\\.){{{NAME_LENGTH + 1}}}+){TEXT}[ \t\r\n]*+:'
"""A record with a name beyond the limit."""

PERHAPS_BEYOND = rf"{LONG_NUMBER}|^(?:[^\[{{]*+[\[{{]){{{LEVELS + 1}}}+|^(?s:.){{{NAME_LENGTH}}}+"
"""A record that is beyond a limit, or seems to be: brackets side by side, or what stands in a text."""

HALF = r"\G(?:[\[{][\]}]|[\]}][\[{]|.\z)|(?<=\G[\[{])[\[{]|(?<=\G[\]}])[\]}]"
"""Of brackets, two by two from the first: one of two that lead the same way, and two that do not. Without these, half
as many levels are left."""

# Listed one by one since Java looks such a class up in a table; ranges are compared one after the other.
_PLAIN = "[" + "".join("\\" + c if c in "[]^-&" else c for c in map(chr, range(32, 127)) if c not in '"\\') + "]"

# Years in which no offset leaves the four digits.
_PLAIN_TIMESTAMP = rf"(?=[1-8]){_DATE}T{_CLOCK}(?:\.\d++)?+{_OFFSET}"


_TEXT = f"(?>{_PLAIN}*)"
# The look back is not begun in a shorter record.
_END = rf"\}}\z(?<!.{{{NAME_LENGTH + 1}}})"
_SCALAR = rf'(?>"{_TEXT}"|-?+(?>0|[1-9]\d{{0,499}}+)(?>\.\d{{1,500}}+)?+(?=[, }}])|true|false|null)'


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
        rf'product_id(?!\1)": ?+{product}()'
        rf'|inventory(?!\2)": ?+{number}()'
        rf'|timestamp(?!\3)": ?+{timestamp}()'
        rf'|(?!type"|product_id"|inventory"|timestamp"){_TEXT}": ?+{_SCALAR}'
    )
    return rf'(?>, ?+"(?>{field}))*+{_END}'


def _usable_fields(number: str) -> str:
    number = rf'(?>{number}(?=[, }}])|"{number}")'
    return _fields(rf'"{_PLAIN}{{1,64}}+"', number, f'"{_PLAIN_TIMESTAMP}"') + r"\1\2\3"


def certainly_not_low(bound: int | None) -> str:
    """A pattern of records that are certainly neither alerts nor dead letters.

    They are flat JSON objects of printable ASCII, in the spacing that encoders write and with `type` first, and either
    of another type or, given a `bound`, usable inventory events whose inventory is at or above it. The pattern may miss
    such a record, which is then read; it must not match any other.
    """
    other = rf'(?!inventory"){_TEXT}"(?>, ?+"(?!type"){_TEXT}": ?+{_SCALAR})*+{_END}'
    inventory = "" if bound is None else rf'inventory"{_usable_fields(whole_number_at_least(bound))}|'
    return rf'^\{{"type": ?+"(?>{inventory}{other})'


_INVENTORY = r'^\{"type": ?+"inventory"'

PLAIN = _INVENTORY + _usable_fields("-?+" + whole_number_at_least(0))
"""A usable inventory event in the form that `certainly_not_low` describes: its fields can be cut out of its text."""

FLAT = _INVENTORY + _fields(_SCALAR, _SCALAR, _SCALAR)
"""An inventory event in that form whose fields are usable or not, or missing."""
