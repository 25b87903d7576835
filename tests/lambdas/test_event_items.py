"""From a record to its item: every event that the table can hold, and nothing else."""

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lambdas import function_under_test

event_items = function_under_test.module("kinesis_to_dynamo", "event_items")
deserialize = TypeDeserializer().deserialize
KEYS = {"path": "/p", "timestamp": "2026-01-05T09:00:00.000Z"}


def record(**fields: Any) -> bytes:
    return json.dumps({**KEYS, **fields}).encode()


def raw(fields: str) -> bytes:
    return f'{{"path":"/p","timestamp":"2026-01-05T09:00:00.000Z",{fields}}}'.encode()


def kept(data: bytes) -> dict[str, Any]:
    """The fields of an item as Python has them, without the keys."""
    item = deserialize({"M": event_items.item(data, "495")})
    assert item.pop("pk").startswith("path#")
    assert item.pop("sk").endswith("#495")
    return dict(item)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (record(status=200, latency_ms=12.5), {"status": Decimal(200), "latency_ms": Decimal("12.5")}),
        (record(a="", b=None, c=True, d=[], e={}), {"a": "", "b": None, "c": True, "d": [], "e": {}}),
        (record(a=[1, [2, {"b": [None, False]}]]), {"a": [1, [2, {"b": [None, False]}]]}),
        (record(a=["x", "x"]), {"a": ["x", "x"]}),
        (record(pk="mine", sk=7), {}),
        (raw('"a":1,"a":2'), {"a": Decimal(2)}),
        (raw('"a":1e999,"a":2,"b":{"c":' + "1" * 39 + ',"c":[]}'), {"a": Decimal(2), "b": {"c": []}}),
        (raw('"a":0.1'), {"a": Decimal("0.1")}),
        (raw('"a":-0.0,"b":0e999,"c":-0'), {"a": Decimal(0), "b": Decimal(0), "c": Decimal(0)}),
        (raw('"a":' + "1" * 38), {"a": Decimal("1" * 38)}),
        (raw('"a":1' + "0" * 60), {"a": Decimal(10) ** 60}),
        (raw('"a":1.' + "0" * 60), {"a": Decimal(1)}),
        (raw('"a":1e-130,"b":-9.9e125'), {"a": Decimal("1e-130"), "b": Decimal("-9.9e125")}),
        (raw('"\\u00f1":"\\ud83d\\ude00"'), {"ñ": "😀"}),
        (raw('"a":' + "[" * 31 + "]" * 31), {"a": json.loads("[" * 31 + "]" * 31)}),
        (b" \r\n\t" + record() + b"\n", {}),
    ],
)
def test_keeps_the_event(data: bytes, fields: dict[str, Any]) -> None:
    assert kept(data) == {**KEYS, **fields}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "one JSON object"),
        (b"   ", "one JSON object"),
        (b"not json", "one JSON object"),
        (record()[:-1], "one JSON object"),
        (record() + b"}", "one JSON object"),
        (record() + record(), "one JSON object"),
        (b"\xef\xbb\xbf" + record(), "one JSON object"),
        (record().decode().encode("utf-16"), "UTF-8"),
        (record().replace(b"/p", b"/\xff"), "UTF-8"),
        (b"[]", "a JSON object"),
        (b'"text"', "a JSON object"),
        (b"null", "a JSON object"),
        (b"7", "a JSON object"),
        (b"{}", "path"),
        (b'{"path":"/p"}', "timestamp"),
        (record(path=None), "path"),
        (record(path=7), "path"),
        (record(path=""), "path"),
        (record(path=["/p"]), "path"),
        (record(timestamp=1767603600), "timestamp"),
        (record(timestamp=""), "timestamp"),
        (record(path="p" * 2044), "2048 bytes"),
        (record(path="ñ" * 1022), "2048 bytes"),
        (record(timestamp="t" * 1021), "1024 bytes"),
        (raw('"a":NaN'), "NaN"),
        (raw('"a":-Infinity'), "-Infinity"),
        (raw('"a":' + "1" * 39), "38 digits"),
        (raw('"a":0.' + "1" * 39), "38 digits"),
        (raw('"a":1e126'), "38 digits"),
        (raw('"a":1e-131'), "38 digits"),
        (raw('"a":1e99999999999999999999'), "38 digits"),
        (raw('"a":' + "9" * 100_000), "38 digits"),
        (raw('"a":[[1' + "0" * 126 + "]]"), "38 digits"),
        (raw('"a":"\\ud83d"'), "surrogate"),
        (raw('"\\ud83d":1'), "surrogate"),
        (raw('"a":' + "[" * 33 + "]" * 33), "32 levels"),
        (raw('"a":' + '{"b":' * 32 + "1" + "}" * 32), "32 levels"),
        (raw('"a":' + "[" * 200_000 + "]" * 200_000), "32 levels"),
        (record(a="x" * 410_000), "409600 bytes"),
    ],
)
def test_says_what_it_cannot_keep(data: bytes, expected: str) -> None:
    with pytest.raises(event_items.RecordError) as error:
        event_items.item(data, "495")
    assert expected in str(error.value)


@pytest.mark.parametrize("limit", ["path", "timestamp"])
def test_keys_may_be_as_long_as_the_table_takes(limit: str) -> None:
    lengths = {"path": 2048 - len("path#"), "timestamp": 1024 - len("#495")}
    assert event_items.item(record(**{limit: "x" * lengths[limit]}), "495")


@pytest.mark.parametrize(
    ("json_text", "size"),
    [
        ('"text"', 4),
        ('"ñ😀"', 6),
        ("true", 1),
        ("null", 1),
        ("7", 2),
        ("12345", 4),
        ("-1200", 2),
        ("0.5", 2),
        ("[]", 3),
        ('["ab",7]', 3 + (1 + 2) + (1 + 2)),
        ("{}", 3),
        ('{"ab":"cd"}', 3 + 1 + 2 + 2),
        ('[[null],{"a":[]}]', 3 + (1 + 3 + 1 + 1) + (1 + 3 + 1 + 1 + 3)),
    ],
)
def test_counts_bytes_as_the_table_does(json_text: str, size: int) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    keys = len("pkpath#/psk2026-01-05T09:00:00.000Z#495path/ptimestamp2026-01-05T09:00:00.000Z")
    padding = 400 * 1024 - keys - len("a") - size - len("b")
    fits, too_large = (raw(f'"a":{json_text},"b":"{"x" * length}"') for length in (padding, padding + 1))
    assert event_items.item(fits, "495")
    with pytest.raises(event_items.RecordError, match="it has 409601"):
        event_items.item(too_large, "495")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
digits = st.text("0123456789", min_size=1, max_size=45)
number_texts = st.builds(
    lambda sign, whole, fraction, exponent: sign + (whole.lstrip("0") or "0") + fraction + exponent,
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits.map(lambda text: f".{text}")),
    st.one_of(st.just(""), st.integers(-180, 180).map(lambda power: f"e{power}")),
)
safe_numbers = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str),
).filter(lambda text: len(text.strip("-").replace(".", "")) <= 38 and "E" not in text)
values = st.recursive(
    st.one_of(st.sampled_from(["true", "false", "null", "[]", "{}", '""']), texts.map(json.dumps), safe_numbers),
    lambda children: st.one_of(
        st.lists(children, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
        st.dictionaries(texts, children, max_size=3).map(
            lambda fields: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields.items()) + "}"
        ),
    ),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(fields=st.dictionaries(texts.filter(lambda name: name not in KEYS), values, max_size=5))
def test_any_event_comes_back_as_it_was(fields: dict[str, str]) -> None:
    data = raw(",".join([*(f"{json.dumps(name)}:{value}" for name, value in fields.items()), '"last":0']))
    expected = json.loads(data, parse_int=Decimal, parse_float=Decimal)
    for name in ("pk", "sk"):
        expected.pop(name, None)
    assert kept(data) == expected


def storable(text: str) -> bool:
    """Whether DynamoDB holds a JSON number, worked out on its text."""
    mantissa, _, power = text.strip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    significant = (whole + fraction).lstrip("0")
    first = len(whole) - 1 - (len(whole + fraction) - len(significant)) + int(power or 0)
    return not significant or (len(significant.rstrip("0")) <= 38 and -130 <= first <= 125)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(text=number_texts)
def test_a_number_is_kept_exactly_or_not_at_all(text: str) -> None:
    if storable(text):
        assert kept(raw(f'"a":{text}'))["a"] == Decimal(text)
    else:
        with pytest.raises(event_items.RecordError):
            kept(raw(f'"a":{text}'))


def test_what_is_said_of_a_record_repeats_nothing_of_it() -> None:
    for data in (b'{"secret-word', record(path="secret-word" * 300), raw('"secret-word":1e999'), b'"secret-word"'):
        with pytest.raises(event_items.RecordError) as error:
            event_items.item(data, "495")
        assert "secret-word" not in str(error.value)
