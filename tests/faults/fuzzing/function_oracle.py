"""What the functions must make of a record, by a reader of JSON of its own: it shares no code with them.

A number stays the text that it is, a text stays as it is spelt after its escapes, and of a field that stands twice the
last counts. The limits are DynamoDB's:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
"""

import re
import unicodedata
from fractions import Fraction
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<mark>[{}\[\],:])|(?P<word>true|false|null)|"(?P<text>(?:[^"\\\x00-\x1f]|\\.)*)"'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))",
    re.DOTALL,
)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SHORT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}
_DECIMAL = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


class NoJsonError(ValueError):
    """A record that is not JSON."""


class Number(NamedTuple):
    """A number as it is written."""

    text: str


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def _next(self) -> tuple[str, str]:
        found = _TOKEN.match(self._text, self._at)
        if not found:
            raise NoJsonError
        self._at = found.end()
        assert found.lastgroup
        return found.lastgroup, found[found.lastgroup]

    def whole(self) -> Any:
        value = self._value(self._next())
        if self._text[self._at :].strip(" \t\r\n"):
            raise NoJsonError
        return value

    def _value(self, token: tuple[str, str]) -> Any:
        match token:
            case "word", word:
                return _WORDS[word]
            case "number", text:
                return Number(text)
            case "text", text:
                return _unescaped(text)
            case "mark", "[":
                return [value for _, value in self._inside("]")]
            case "mark", "{":
                return dict(self._inside("}"))
        raise NoJsonError

    def _inside(self, end: str) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        token = self._next()
        if token == ("mark", end):
            return found
        while True:
            name = ""
            if end == "}":
                if token[0] != "text" or self._next() != ("mark", ":"):
                    raise NoJsonError
                name, token = _unescaped(token[1]), self._next()
            found.append((name, self._value(token)))
            token = self._next()
            if token == ("mark", end):
                return found
            if token != ("mark", ","):
                raise NoJsonError
            token = self._next()


def _unescaped(text: str) -> str:
    if "\\" in _ESCAPE.sub("", text):
        raise NoJsonError
    units = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _SHORT[found[2]], text)
    # Two halves of a surrogate pair are one character, if both were written as escapes.
    return re.sub(
        "([\ud800-\udbff])([\udc00-\udfff])",
        lambda pair: chr(0x10000 + (ord(pair[1]) - 0xD800) * 0x400 + ord(pair[2]) - 0xDC00),
        units,
    )


def read(data: bytes) -> Any:
    """The JSON of a record. Raises NoJsonError if it is none, in UTF-8."""
    try:
        return _Reader(data.decode("utf-8")).whole()
    except UnicodeDecodeError:
        raise NoJsonError from None


def value_of(text: str) -> Fraction | None:
    """A number's value, or None if DynamoDB cannot hold it: 38 digits, 1E-130 to 9.9E+125, and 0."""
    found = _DECIMAL.fullmatch(text)
    assert found
    digits = (found[1] + (found[2] or "")).lstrip("0")
    if not digits:
        return Fraction(0)
    # Of d.ddd * 10^first, where d is the first digit that is not 0.
    first = len(digits) - 1 - len(found[2] or "") + int(found[3] or 0)
    if len(digits.rstrip("0")) > 38 or not -130 <= first <= 125:
        return None
    value = Fraction(int(digits)) * Fraction(10) ** (first - len(digits) + 1)
    return -value if text.startswith("-") else value


def _can_be_stored(value: Any, level: int) -> bool:
    if level > 32:
        return False
    match value:
        case Number(text):
            return value_of(text) is not None
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case list():
            return all(_can_be_stored(element, level + 1) for element in value)
        case dict():
            return all(_can_be_stored(part, level + 1) for pair in value.items() for part in pair)
    return True


def item(data: bytes, number: str) -> dict[str, Any] | None:
    """The item that KinesisToDynamo keeps of a record, or None if it can keep none; no record here is near 400 KB."""
    try:
        event = read(data)
    except NoJsonError:
        return None
    if not isinstance(event, dict):
        return None
    path, moment = event.get("path"), event.get("timestamp")
    if not all(isinstance(text, str) and text for text in (path, moment)):
        return None
    event |= {"pk": f"path#{path}", "sk": f"{moment}#{number}"}
    if not all(_can_be_stored(part, 1) for pair in event.items() for part in pair):
        return None
    if len(event["pk"].encode()) > 2048 or len(event["sk"].encode()) > 1024:
        return None
    return event


def plain(value: Any) -> Any:
    """A value that was read, with its numbers as fractions."""
    match value:
        case Number(text):
            return value_of(text)
        case list():
            return [plain(element) for element in value]
        case dict():
            return {name: plain(element) for name, element in value.items()}
    return value


def of_wire(value: dict[str, Any]) -> Any:
    """A value in DynamoDB's wire form, as `plain` has it."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return value_of(content)
        case "L":
            return [of_wire(element) for element in content]
        case "M":
            return {name: of_wire(element) for name, element in content.items()}
        case "NULL":
            return None
    return content


def alert(data: bytes) -> tuple[str, int, str] | None:
    """Product, stock and time of the alert that AlertsToSns publishes of a record, as a phone may show them."""
    try:
        content = read(data)
    except NoJsonError:
        return None
    if not isinstance(content, dict):
        return None
    texts = [content.get(name) for name in ("product_id", "ts", "reason")]
    stock = content.get("inventory")
    if not all(isinstance(text, str) and text for text in texts):
        return None
    if not isinstance(stock, Number) or not re.fullmatch(r"-?[0-9]{1,12}", stock.text):
        return None
    if not -(2**31) <= int(stock.text) < 2**31:
        return None
    return str(texts[0]), int(stock.text), str(texts[1])


def shown(text: str) -> str:
    """A text as SNS gets it in an attribute: without what no screen shows; `?` if nothing is left."""
    kept = [
        c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\ufffe\uffff"
    ]
    return "".join(kept) or "?"
