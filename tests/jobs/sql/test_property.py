"""Any mix of records, good, bad and mutated: the job says what the oracle says."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.pipeline import oracle
from tests.jobs.detection import Detect

NUMBERS = [
    "0",
    "-0",
    "1",
    "7",
    "9",
    "10",
    "11",
    "15",
    "70",
    "2147483647",
    "2147483648",
    "-2147483649",
    "7.0",
    "7.9",
    "1e1",
    "1e25",
    "-1.5E-7",
    "1.10",
    "0.25",
    "12345678901234567890123",
    "1" * 30,
]
TIMES = [
    "2026-01-05T09:00:00.000Z",
    "2026-01-05T09:00:00Z",
    "2024-02-29T23:59:59.9+23:59",
    "2025-02-29T00:00:00Z",
    "2026-06-31T00:00:00Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05T09:00:00",
    "2026-01-05T09:00:00.Z",
    "2026-01-05T09:00:00+0530",
    "2026-01-05T09:00:00-08",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2026-1-5T09:00:00Z",
    "2026-01-05T09:00:00z",
    "2026-01-05T09:00:00+24:00",
    "2026-01-05T09:00:00+01:60",
]


def quoted(text: str) -> str:
    return json.dumps(text)


texts = st.text(max_size=70)
scalars = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS).map(quoted),
    st.sampled_from(["true", "false", "null"]),
    texts.map(quoted),
    texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(["[]", "{}", '[{"type":"inventory"}]', '{"inventory":3}', '"inventory"', '"\\ud83d"', "NaN", "01"]),
)
times = st.one_of(
    st.sampled_from(TIMES),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat(timespec="milliseconds")),
).map(quoted)
products = st.one_of(st.sampled_from(["A", "B", "it's", "ñ"]).map(quoted), scalars)
stock = st.one_of(st.integers(0, 30).map(str), scalars)
spaces = st.sampled_from(["", "", " ", "\t", "  "])


@st.composite
def events(draw: st.DrawFn, usable: bool) -> str:
    fields = [
        (
            '"type"',
            '"inventory"' if usable else draw(st.one_of(st.sampled_from(['"request"', '"inventory"']), scalars)),
        ),
        ('"product_id"', draw(st.sampled_from(['"A"', '"B"', '"it\'s"'])) if usable else draw(products)),
        ('"inventory"', draw(st.integers(0, 30).map(str)) if usable else draw(stock)),
        ('"timestamp"', quoted("2026-01-05T09:00:00.000Z") if usable else draw(st.one_of(times, scalars))),
        ('"path"', quoted("/inventory/A")),
    ]
    fields = draw(st.permutations(fields))
    if not usable:
        if draw(st.booleans()):
            fields = fields[: draw(st.integers(0, 5))]
        if draw(st.booleans()):
            name = draw(st.sampled_from(['"type"', '"inventory"', '"inv\\u0065ntory"', '"timestamp"', '"product_id"']))
            fields.append((name, draw(st.one_of(stock, times, st.just('"inventory"')))))
    colon, comma = ":" + draw(spaces), "," + draw(spaces)
    return "{" + comma.join(name + colon + value for name, value in fields) + draw(spaces) + "}"


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    record = bytearray(draw(events(usable=draw(st.booleans()))).encode("utf-8", "replace"))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(record)))
        junk = draw(
            st.sampled_from(
                [b"", b"}", b"]", b"{", b",", b'"', b"\\", b"\xff", b"\xc3", b" ", b"7", b"] {", b",{}", b"\\u"]
            )
        )
        record[at : at + draw(st.integers(0, 2))] = junk
    return bytes(record)


records = st.lists(
    st.one_of(events(usable=True).map(str.encode), mutated(), mutated(), st.binary(max_size=40)),
    min_size=120,
    max_size=160,
).map(lambda batch: [record.replace(b"\n", b" ").rstrip(b"\r") for record in batch])


def shown(product: str) -> str:
    """Half a surrogate pair has no UTF-8: the job says it as an escape, or `?` where it had to be sent on as bytes."""
    return "".join("?" if 0xD800 <= ord(character) <= 0xDFFF else character for character in product)


def agree(detect: Detect, batch: list[bytes], **config: Any) -> None:
    alerts, dead_letters = detect(batch, **config)
    expected = oracle.judge(batch, config["threshold"], config["thresholds"], config["policy"], config["rearm_margin"])
    assert [(shown(row["product_id"]), row["inventory"], row["ts"]) for row in alerts] == expected[0]
    assert [(row["reason"], row["payload"]) for row in dead_letters] == expected[1]


# Few jobs of many records: a job costs seconds.
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    batch=records,
    threshold=st.integers(-1, 30),
    thresholds=st.dictionaries(st.sampled_from(["A", "B", "it's", "ñ", "7"]), st.integers(0, 40), max_size=3),
    policy=st.sampled_from(["every", "crossing"]),
    rearm_margin=st.integers(0, 8),
)
def test_job_and_oracle_agree(detect: Detect, batch: list[bytes], **config: Any) -> None:
    agree(detect, batch, **config)
