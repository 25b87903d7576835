"""The rules of the contract and their edges, a table a rule."""

import json
from typing import Any

import pytest

from tests.jobs.detection import Detect

TS = "2026-01-05T09:00:00.000Z"
GOOD = {"type": "inventory", "product_id": "A", "inventory": 3, "timestamp": TS}


def event(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def without(field: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()


def raw(**fields: str) -> bytes:
    """An event whose values are JSON text, so that it can hold what json.dumps would not write."""
    texts = {key: json.dumps(value) for key, value in GOOD.items()} | fields
    return ("{" + ",".join(f'"{key}":{value}' for key, value in texts.items()) + "}").encode()


LISTS, OBJECTS = "[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000
GOOD_TEXT = json.dumps(GOOD).encode()
NOTHING: None = None

# record → (product, inventory, ts) of the alert, or the reason of the dead letter, or nothing
CASES: dict[str, tuple[bytes, tuple[str, int, str] | str | None]] = {
    "good": (GOOD_TEXT, ("A", 3, TS)),
    "threshold - 1": (event(inventory=9), ("A", 9, TS)),
    "threshold": (event(inventory=10), NOTHING),
    "far above": (event(inventory=999_999_999), NOTHING),
    "INT's least": (event(inventory=-(2**31)), ("A", -(2**31), TS)),
    "INT's least - 1": (event(inventory=-(2**31) - 1), "bad_inventory"),
    "INT's most": (event(inventory=2**31 - 1), NOTHING),
    "INT's most + 1": (event(inventory=2**31), "bad_inventory"),
    "5,000 digits": (raw(inventory="1" * 5000), "bad_inventory"),
    "zero below zero": (raw(inventory="-0"), ("A", 0, TS)),
    "text of a number": (event(inventory="7"), ("A", 7, TS)),
    "text of a large number": (event(inventory="70"), NOTHING),
    "text with a leading zero": (event(inventory="07"), "bad_inventory"),
    "text with a space": (event(inventory=" 7"), "bad_inventory"),
    "text with a line end": (event(inventory="7\n"), "bad_inventory"),
    "text with a plus": (event(inventory="+7"), "bad_inventory"),
    "other digits": (event(inventory="٧"), "bad_inventory"),
    "7.9": (raw(inventory="7.9"), "bad_inventory"),
    "7.0": (raw(inventory="7.0"), "bad_inventory"),
    "70.0": (raw(inventory="70.0"), "bad_inventory"),
    "1e1": (raw(inventory="1e1"), "bad_inventory"),
    "70e1": (raw(inventory="70e1"), "bad_inventory"),
    "infinite": (raw(inventory="1e999999999"), "bad_inventory"),
    "inventory true": (event(inventory=True), "bad_inventory"),
    "inventory null": (event(inventory=None), "bad_inventory"),
    "inventory nested": (event(inventory={"a": 3}), "bad_inventory"),
    "no inventory": (without("inventory"), "bad_inventory"),
    "product of 64": (event(product_id="x" * 64), ("x" * 64, 3, TS)),
    "product of 65": (event(product_id="x" * 65), "bad_product_id"),
    "product of 65, stock high": (event(product_id="x" * 65, inventory=70), "bad_product_id"),
    "product of 64 emoji": (event(product_id="😀" * 64), ("😀" * 64, 3, TS)),
    "product of 65 emoji": (event(product_id="😀" * 65), "bad_product_id"),
    "half a surrogate pair": (raw(product_id='"\\ud83d"'), ("?", 3, TS)),
    "product empty": (event(product_id=""), "bad_product_id"),
    "product number": (event(product_id=12), ("12", 3, TS)),
    "product fraction": (raw(product_id="7.50"), ("7.5", 3, TS)),
    "product true": (event(product_id=True), ("true", 3, TS)),
    "product null": (event(product_id=None), "bad_product_id"),
    "product list": (event(product_id=["A"]), "bad_product_id"),
    "no product": (without("product_id"), "bad_product_id"),
    "product and stock bad": (event(product_id="", inventory="x"), "bad_product_id"),
    "stock and time bad": (event(inventory="x", timestamp="x"), "bad_inventory"),
    "no fraction": (event(timestamp="2026-01-05T09:00:00Z"), ("A", 3, TS)),
    "one digit": (event(timestamp="2026-01-05T09:00:00.1Z"), ("A", 3, "2026-01-05T09:00:00.100Z")),
    "nine digits": (event(timestamp="2026-01-05T09:00:00.123999999Z"), ("A", 3, "2026-01-05T09:00:00.123Z")),
    "comma": (event(timestamp="2026-01-05T09:00:00,5Z"), ("A", 3, "2026-01-05T09:00:00.500Z")),
    "offset": (event(timestamp="2026-01-05T01:30:00.5+05:45"), ("A", 3, "2026-01-04T19:45:00.500Z")),
    "offset west": (event(timestamp="2026-12-31T23:30:00-0330"), ("A", 3, "2027-01-01T03:00:00.000Z")),
    "offset of hours": (event(timestamp="2026-01-05T09:00:00+02"), ("A", 3, "2026-01-05T07:00:00.000Z")),
    "offset, stock high": (event(timestamp="2026-01-05T09:00:00+25:00", inventory=70), "bad_timestamp"),
    "leap day": (event(timestamp="2024-02-29T00:00:00Z"), ("A", 3, "2024-02-29T00:00:00.000Z")),
    "no leap day": (event(timestamp="2025-02-29T00:00:00Z"), "bad_timestamp"),
    "no leap day, stock high": (event(timestamp="2025-02-29T00:00:00Z", inventory=70), "bad_timestamp"),
    "31 April": (event(timestamp="2026-04-31T00:00:00Z"), "bad_timestamp"),
    "31 April, stock high": (event(timestamp="2026-04-31T00:00:00Z", inventory=70), "bad_timestamp"),
    "24 o'clock": (event(timestamp="2026-01-05T24:00:00Z"), "bad_timestamp"),
    "second 60": (event(timestamp="2026-01-05T23:59:60Z"), "bad_timestamp"),
    "no offset": (event(timestamp="2026-01-05T09:00:00"), "bad_timestamp"),
    "space for T": (event(timestamp="2026-01-05 09:00:00Z"), "bad_timestamp"),
    "line end after": (event(timestamp="2026-01-05T09:00:00Z\n"), "bad_timestamp"),
    "year 0": (event(timestamp="0000-01-05T09:00:00Z"), "bad_timestamp"),
    "before year 1": (event(timestamp="0001-01-01T00:00:00+01:00"), "bad_timestamp"),
    "year 1": (event(timestamp="0001-01-01T00:00:00Z"), ("A", 3, "0001-01-01T00:00:00.000Z")),
    "after year 9999": (event(timestamp="9999-12-31T23:59:59-01:00"), "bad_timestamp"),
    "epoch number": (event(timestamp=1767603600000), "bad_timestamp"),
    "timestamp null": (event(timestamp=None), "bad_timestamp"),
    "no timestamp": (without("timestamp"), "bad_timestamp"),
    "another type": (event(type="request"), NOTHING),
    "another type, bad": (event(type="request", product_id=None, inventory="x"), NOTHING),
    "no type": (without("type"), NOTHING),
    "type in capitals": (event(type="INVENTORY"), NOTHING),
    "type list": (event(type=["inventory"]), NOTHING),
    "type null": (event(type=None, path="/inventory/A"), NOTHING),
    "last of duplicates, type": (GOOD_TEXT[:-1] + b',"type":"x"}', NOTHING),
    "last of duplicates, stock": (GOOD_TEXT[:-1] + b',"inventory":70}', NOTHING),
    "last of duplicates, low": (event(inventory=70)[:-1] + b',"inventory":4}', ("A", 4, TS)),
    "last of duplicates, bad": (event(inventory=70)[:-1] + b',"inventory":"x"}', "bad_inventory"),
    "last of duplicates, escaped": (event(inventory=70)[:-1] + b', "inv\\u0065ntory": 4}', ("A", 4, TS)),
    "escaped names": (
        b'{"t\\u0079pe":"inv\\u0065ntory","product\\u005fid":"A","inv\\u0065ntory":3,"timestamp":"'
        + TS.encode()
        + b'"}',
        ("A", 3, TS),
    ),
    "other fields": (event(path="/inventory/A", nested={"type": "x", "inventory": [1, {}]}), ("A", 3, TS)),
    "nested alone": (json.dumps({"event": GOOD}).encode(), NOTHING),
    "white space around": (b" \t\r " + GOOD_TEXT + b" \t", ("A", 3, TS)),
    "words after": (GOOD_TEXT + b" xyz", "not_a_json_object"),
    "bracket after": (GOOD_TEXT + b"]", "not_a_json_object"),
    "bracket and object after": (GOOD_TEXT + b"] " + GOOD_TEXT, "not_a_json_object"),
    "brace after": (GOOD_TEXT + b"}", "not_a_json_object"),
    "two objects": (GOOD_TEXT + GOOD_TEXT, "not_a_json_object"),
    "two with a comma": (GOOD_TEXT + b"," + GOOD_TEXT, "not_a_json_object"),
    "number after a comma": (GOOD_TEXT + b",7", "not_a_json_object"),
    "number before a comma": (b"7," + GOOD_TEXT, "not_a_json_object"),
    "list after a comma": (GOOD_TEXT + b",[]", "not_a_json_object"),
    "trailing comma": (GOOD_TEXT[:-1] + b",}", "not_a_json_object"),
    "list": (b"[" + GOOD_TEXT + b"]", "not_a_json_object"),
    "string": (b'"inventory"', "not_a_json_object"),
    "cut short": (GOOD_TEXT[:-1], "not_a_json_object"),
    "cut short, stock high": (event(inventory=70)[:-1], "not_a_json_object"),
    "single quotes": (GOOD_TEXT.replace(b'"', b"'"), "not_a_json_object"),
    "comment": (GOOD_TEXT[:-1] + b"/* low */}", "not_a_json_object"),
    "NaN": (raw(inventory="NaN"), "not_a_json_object"),
    "leading zero": (raw(inventory="07"), "not_a_json_object"),
    "tab in a string": (GOOD_TEXT.replace(b'"A"', b'"A\tB"'), "not_a_json_object"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD_TEXT, "not_a_json_object"),
    "not UTF-8": (GOOD_TEXT.replace(b'"A"', b'"caf\xe9"'), "not_utf8"),
    "not UTF-8, stock high": (event(inventory=70).replace(b'"A"', b'"caf\xe9"'), "not_utf8"),
    "surrogate in UTF-8": (GOOD_TEXT.replace(b'"A"', b'"\xed\xa0\x80"'), "not_utf8"),
    "not UTF-8, another type": (b'{"type": "x", "path": "/inventory/\xff"}', "not_utf8"),
    "replacement character": (GOOD_TEXT.replace(b'"A"', '"\ufffd"'.encode()), ("\ufffd", 3, TS)),
    "broken, no such word": (b'{"type": "request"', NOTHING),
    "not UTF-8, no such word": (b"\xff\xfe", NOTHING),
    "broken, with an escape": (b'{"type": "\\u0069"', "not_a_json_object"),
    "empty": (b"", NOTHING),
    "white space": (b"   ", NOTHING),
    "1 MB": (event(note="x" * 1_000_000), ("A", 3, TS)),
    "1 MB, stock high": (event(note="x" * 1_000_000, inventory=70), NOTHING),
    "1 MB of nothing": (b"inventory" + b"x" * 1_000_000, "not_a_json_object"),
    "many fields": (event(**{f"f{number}": number for number in range(20_000)}), ("A", 3, TS)),
    "deep": (event()[:-1] + b',"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", ("A", 3, TS)),
    "deep type": (raw(type=LISTS), NOTHING),
    "deep product": (raw(product_id=LISTS), "bad_product_id"),
    "deep product of objects": (raw(product_id=OBJECTS), "bad_product_id"),
    "deep inventory": (raw(inventory=LISTS), "bad_inventory"),
    "deep timestamp": (raw(timestamp=OBJECTS), "bad_timestamp"),
    "deep, and stock high": (raw(inventory="70", a=LISTS), NOTHING),
    "deep, and more behind": (raw(a=LISTS) + b" x", "not_a_json_object"),
    "deep, and another behind": (raw(a=LISTS) + b",{}", "not_a_json_object"),
    "deep, in a list": (b"[" + raw(a=LISTS) + b"]", "not_a_json_object"),
    "deep, and product a number": (raw(product_id="7.0", a=LISTS), ("7.0", 3, TS)),
    "deep, and inventory no whole number": (raw(inventory="7.0", a=LISTS), "bad_inventory"),
    "deep, and quotes": (raw(product_id='"a\\"b"', a=LISTS), ('a"b', 3, TS)),
    "long product number": (raw(product_id="1" * 200_000), "bad_product_id"),
    "long inventory": (raw(inventory="1" * 200_000), "bad_inventory"),
    "long inventory, a text": (raw(inventory=f'"{"1" * 200_000}"'), "bad_inventory"),
    "long number that nobody reads": (raw(a="1" * 200_000), ("A", 3, TS)),
    "long fraction of a second": (event(timestamp=f"{TS[:-1]}{'1' * 2000}Z"), ("A", 3, TS)),
    "long exponent": (raw(product_id=f"1e-{'0' * 2000}5"), ("1.0E-5", 3, TS)),
}


@pytest.fixture(scope="module")
def outcomes(detect: Detect) -> dict[str, Any]:
    """All cases in one job, told apart by their order: alerts and dead letters each come in that of the records."""
    alerts, dead_letters = detect([record for record, _ in CASES.values()])
    alerting = [name for name, (_, expected) in CASES.items() if isinstance(expected, tuple)]
    refusing = [name for name, (_, expected) in CASES.items() if isinstance(expected, str)]
    assert [(a["product_id"], a["inventory"], a["ts"]) for a in alerts] == [CASES[name][1] for name in alerting]
    return {
        **dict(zip(alerting, alerts, strict=True)),
        **dict(zip(refusing, dead_letters, strict=True)),
    }


@pytest.mark.parametrize("name", CASES)
def test_record(name: str, outcomes: dict[str, Any]) -> None:
    record, expected = CASES[name]
    if isinstance(expected, tuple):
        product, inventory, ts = expected
        assert outcomes[name] == {"product_id": product, "inventory": inventory, "ts": ts, "reason": "LOW_STOCK"}
    elif isinstance(expected, str):
        letter = outcomes[name]
        assert set(letter) == {"reason", "payload", "failed_at"}
        assert letter["reason"] == expected
        assert letter["payload"] == record.decode("latin-1" if expected == "not_utf8" else "utf-8")
    else:
        assert name not in outcomes


QUOTED = "it's'; DROP TABLE alerts; --"


@pytest.mark.parametrize(
    ("settings", "stock", "low"),
    [
        ({"threshold": 25}, [24, 25, 26, 99, 100, 250], [24]),
        ({"threshold": 0}, [-1, 0, 1], [-1]),
        ({"threshold": -5}, [-6, -5, 0], [-6]),
        ({"threshold": 2**31 - 1}, [2**31 - 2, 2**31 - 1], [2**31 - 2]),
        ({"thresholds": {"A": 50, "longer": 1}}, [49, 50], [49]),
        ({"thresholds": {"A": 2}}, [1, 2, 9], [1]),
        ({"thresholds": {"A ": 50, "a": 50}}, [9, 10], [9]),
    ],
)
def test_threshold(detect: Detect, settings: Any, stock: list[int], low: list[int]) -> None:
    alerts, dead_letters = detect([event(inventory=number) for number in stock], **settings)
    assert ([alert["inventory"] for alert in alerts], dead_letters) == (low, [])


def test_quotes_in_a_product_stay_data(detect: Detect) -> None:
    names = [QUOTED, "ñ {{mark}} \\ $[0]", "'"]
    alerts, _ = detect([event(product_id=name, inventory=70) for name in names], thresholds=dict.fromkeys(names, 71))
    assert [alert["product_id"] for alert in alerts] == names


@pytest.mark.parametrize(
    ("margin", "stock", "alerts"),
    [
        (0, [12, 9, 8, 10, 9], [9, 9]),
        (0, [3, 2, 1], [3]),
        (5, [9, 14, 8, 15, 7], [9, 7]),
        (5, [20, 12, 9, 12, 9, 14, 9], [9]),
        (2**31 - 1, [9, 2**31 - 1, 8], [9]),
    ],
)
def test_crossing(detect: Detect, margin: int, stock: list[int], alerts: list[int]) -> None:
    records = [event(inventory=number) for number in stock]
    found, _ = detect(records, policy="crossing", rearm_margin=margin)
    assert [alert["inventory"] for alert in found] == alerts


def test_crossing_keeps_the_order_of_a_large_file(detect: Detect) -> None:
    """Over 32 MB, which Flink would read as splits in any order."""
    levels = [20, 9, 8, 7] * 3
    records = [
        event(inventory=level, product_id=f"P{number // 12}", note="x" * 4000)
        for number, level in enumerate(levels * 1000)
    ]
    found, _ = detect(records, policy="crossing")
    assert [alert["inventory"] for alert in found] == [9] * 3000
