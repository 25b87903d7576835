"""Records that a job may get and nobody would send, drawn by a seed; and the reduction of one that it got wrong."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Verdict = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]
"""The alerts as (product, stock, time) and the dead letters as (reason, payload) of some records, in their order."""
Judge = Callable[[list[bytes]], Verdict]

_NUMBERS = """0 -0 1 7 9 10 11 -3 007 7.0 7.9 1e1 1E+2 -1.5e-7 0.25 2147483647 2147483648 -2147483649
12345678901234567 999999999999999999 9999999999999999999 9007199254740993.0 1e400 1e-400 NaN
Infinity -Infinity 0x7 .5 7. +7 1_0""".split()  # noqa: SIM905
_TEXTS = [
    "",
    "inventory",
    "request",
    "A",
    "it's",
    "ñ",
    "😀",
    "\x00",
    "\\",
    '"',
    "{}",
    "a" * 64,
    "a" * 65,
    "\ud83d",
    "٣",
]
_TIMES = """2026-01-05T09:00:00.000Z 2026-01-05T09:00:00Z 2024-02-29T23:59:59.9+23:59 2025-02-29T00:00:00Z
2026-01-05T24:00:00Z 2026-01-05T09:00:00 2026-01-05T09:00:00.Z 2026-01-05T09:00:00+0530 2026-01-05T09:00:00-08
0001-01-01T00:00:00+00:01 9999-12-31T23:59:59-00:01 2026-1-5T09:00:00Z 2026-01-05T09:00:00z 2026-01-05T09:00:00+24:00
2026-01-05T09:00:60Z 2026-01-05t09:00:00Z 2026-01-05T09:00:00,5Z 2026-01-05T09:00:00.123456789Z""".split()  # noqa: SIM905
_JUNK = [b"", b"}", b"]", b"{", b"[", b",", b":", b'"', b"\\", b"\xff", b"\xc3", b"\xed\xa0\x80", b" ", b"\t", b"\r"]
_JUNK += [b"7", b"e9", b"null", b"] {", b",{}", b"\\u", b"\\u0065", b"\x00", b"\xef\xbb\xbf", b"inventory", b"/*x*/"]
_FIELDS = ("type", "product_id", "inventory", "timestamp", "path")


class Fuzzer:
    """Draws records, each in one line."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def good(self) -> bytes:
        """An event that the producer could have sent."""
        stock = self._random.randrange(40)
        product = f"SKU-{self._random.randrange(500):04}"
        second = self._random.randrange(60)
        return json.dumps(
            {
                "type": "inventory",
                "path": f"/inventory/{product}",
                "timestamp": f"2026-01-05T09:00:{second:02}.{self._random.randrange(1000):03}Z",
                "product_id": product,
                "inventory": stock,
            }
        ).encode()

    def records(self, count: int) -> Iterator[bytes]:
        """So many records; a tenth of them is good."""
        for _ in range(count):
            drawn = self._random.random()
            record = self.good() if drawn < 0.2 else self._odd()
            if drawn >= 0.1:
                record = self._mutated(record)
            # A record of a file is a line.
            yield record.replace(b"\n", b" ").rstrip(b"\r")

    def _odd(self) -> bytes:
        """An object whose fields are of any kind, and may be missing, stand twice or be spelt with escapes."""
        draw = self._random
        fields = [(name, self._value(name)) for name in _FIELDS if draw.random() < 0.95]
        if draw.random() < 0.2:
            name = draw.choice(_FIELDS)
            fields.append((name, self._value(name)))
        if draw.random() < 0.3:
            draw.shuffle(fields)
        colon, comma = draw.choice([":", ": ", " :\t"]), draw.choice([",", ", ", " , "])
        return ("{" + comma.join(self._name(name) + colon + value for name, value in fields) + "}").encode(
            "utf-8", "surrogatepass"
        )

    def _name(self, name: str) -> str:
        if self._random.random() < 0.05:
            at = self._random.randrange(len(name))
            return f'"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"'
        return f'"{name}"'

    def _value(self, name: str) -> str:
        draw = self._random
        if draw.random() < 0.75:
            usual = {
                "type": '"inventory"',
                "product_id": json.dumps(draw.choice(["A", "B", "it's", "ñ"])),
                "inventory": str(draw.randrange(40)),
                "timestamp": json.dumps(draw.choice(_TIMES)),
                "path": '"/inventory/A"',
            }
            return usual[name]
        return self._any(3)

    def _any(self, depth: int) -> str:
        draw = self._random
        kind = draw.randrange(7 if depth else 5)
        if kind == 0:
            return draw.choice(_NUMBERS)
        if kind == 1:
            return json.dumps(draw.choice(_NUMBERS))
        if kind == 2:
            return draw.choice(["true", "false", "null", "nul", "True"])
        if kind in (3, 4):
            return json.dumps(draw.choice(_TEXTS + _TIMES), ensure_ascii=draw.random() < 0.5)
        inner = [self._any(depth - 1) for _ in range(draw.randrange(3))]
        if kind == 5:
            return "[" + ",".join(inner) + "]"
        return "{" + ",".join(f"{self._name(draw.choice(_FIELDS))}:{value}" for value in inner) + "}"

    def _mutated(self, record: bytes) -> bytes:
        """The record after up to three changes of its bytes."""
        draw, changed = self._random, bytearray(record)
        for _ in range(draw.randrange(4)):
            at = draw.randrange(len(changed) + 1)
            kind = draw.randrange(5)
            if kind == 0:
                changed[at : at + draw.randrange(3)] = draw.choice(_JUNK)
            elif kind == 1 and at < len(changed):
                changed[at] ^= 1 << draw.randrange(8)
            elif kind == 2:
                del changed[at:]
            elif kind == 3:
                changed[at:at] = changed[: draw.randrange(20)]
            else:
                changed += draw.choice([b"", b" ", b"{}", b"]", b" xyz", bytes(changed[:30])])
        return bytes(changed)


def wrong(records: Sequence[bytes], job: Judge, oracle: Judge) -> list[int]:
    """The places of the records of which the job and the oracle do not say the same.

    Between them stand two records of ours, one that is an alert and one that is a dead letter, so that what comes of
    each record is known.
    """
    spaced: list[bytes] = []
    for place, record in enumerate(records):
        spaced += [record, _mark(place), _mark(place, product="")]
    said, expected = _parts(job(spaced), len(records)), _parts(oracle(spaced), len(records))
    return [place for place in range(len(records)) if said[place] != expected[place]]


_MARKED = "between-the-records"


def _mark(place: int, product: str = _MARKED) -> bytes:
    event = {"type": "inventory", "product_id": product, "inventory": -place - 1, "mark": _MARKED}
    return json.dumps(event | {"timestamp": "2026-01-05T09:00:00.000Z"}).encode()


def _parts(verdict: Verdict, count: int) -> list[Verdict]:
    """What came of each record, by the marks after it."""
    alerts, letters = (iter(rows) for rows in verdict)
    parts: list[Verdict] = []
    for place in range(count):
        mark = _mark(place, product="").decode()
        own = ([], [])  # type: Verdict
        for alert in alerts:
            if alert[:2] == (_MARKED, -place - 1):
                break
            own[0].append(alert)
        for letter in letters:
            if letter[1] == mark:
                break
            own[1].append(letter)
        parts.append(own)
    return parts


def reduced(record: bytes, job: Judge, oracle: Judge) -> bytes:
    """A record that is wrong, as short as it can be made by leaving out parts: no shorter one of these is wrong too."""
    size = max(1, len(record) // 2)
    while size:
        shorter = [record[:at] + record[at + size :] for at in range(0, len(record), size)]
        still = wrong(shorter, job, oracle)
        if still:
            record = shorter[still[0]]
        size = min(size, len(record)) if still else size // 2
    return record
