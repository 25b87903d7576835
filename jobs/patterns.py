"""Regular expressions (Java's) that tell a record or a field by its text, without parsing it.

They end in `\\z`, as Java's `$` also matches before a last line end.
"""

_HOURS_AND_MINUTES = r"(?:[01]\d|2[0-3]):?[0-5]\d"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"

TIMESTAMP = rf"^\d{{4}}-\d\d-\d\dT{_CLOCK}(?:[.,]\d++)?(?:Z|[+-](?:{_HOURS_AND_MINUTES}|[01]\d|2[0-3]))\z"
"""ISO-8601, extended, with an offset. Whether the month has such a day is for the calendar to say."""

# Listed one by one since Java looks such a class up in a table; ranges are compared one after the other.
_PLAIN = "[" + "".join("\\" + c if c in "[]^-&" else c for c in map(chr, range(32, 127)) if c not in '"\\') + "]"

# Every day but 29 February, which takes a calendar. Years in which no offset leaves the four digits.
_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_PLAIN_TIMESTAMP = rf"[1-8]\d\d\d-{_DAY}T{_CLOCK}(?:\.\d++)?+(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"


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


def needs_nothing(bound: int | None) -> str:
    """A pattern of records that are certainly nobody's alert and no dead letter.

    They are flat JSON objects of printable ASCII, in the spacing that encoders write, and either of another type or,
    given a `bound`, usable inventory events whose stock is at or above it. The pattern may miss such a record, which
    is then parsed; it must not match any other. A group that is empty marks what was seen: 1 the type `inventory`,
    2 another type, 3 to 5 the three fields. All repetition is possessive, so that a long record needs no stack.
    """
    number = r"(?!)" if bound is None else whole_number_at_least(bound)
    return (
        r'^\{(?>"(?>'
        rf'type": ?+"(?>inventory"()|{_PLAIN}*+"())'
        rf'|product_id": ?+"{_PLAIN}{{1,64}}+"()'
        rf'|inventory": ?+(?>{number}(?=[, }}])|"{number}")()'
        rf'|timestamp": ?+"{_PLAIN_TIMESTAMP}"()'
        rf'|(?!type"|product_id"|inventory"|timestamp"){_PLAIN}*+": ?+'
        rf'(?>"{_PLAIN}*+"|-?+(?>0|[1-9]\d*+)(?>\.\d++)?+(?=[, }}])|true|false|null)'
        r')(?>, ?+(?=")|(?=\}\z)))*+\}\z(?:(?!\2)\1\3\4\5|(?!\1)\2)'
    )
