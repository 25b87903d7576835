"""How a record is printed, and the status lines of a run without a terminal."""

import json
import time

import pytest

from producer import output
from producer.output import StatusLines, printed
from producer.sender import Counts


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'{"a": 1}', '{"a": 1}'),
        ('{"a": "café"}'.encode(), '{"a": "café"}'),
        (b'{"a": 1', r'"{\"a\": 1"'),
        (b'{"a": 1}{"a": 1}', r'"{\"a\": 1}{\"a\": 1}"'),
        (b"[1]", '"[1]"'),
        (b'"text"', r'"\"text\""'),
        ('{"a": "café"}'.encode("iso-8859-1"), r'"{\"a\": \"caf\u00e9\"}"'),
        (b"two\nlines", r'"two\nlines"'),
    ],
)
def test_printed(data: bytes, line: str) -> None:
    assert printed(data) == line
    json.loads(line)


def test_status_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lines = StatusLines()
    for now, sent in ((104.0, 400), (105.0, 1000), (107.0, 1100), (110.0, 3000)):  # noqa: B007
        lines.tick(lambda sent=sent: Counts(sent, 7, 0, 0))  # type: ignore[misc]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["200 events/s, 1,000 sent, 7 retried", "400 events/s, 3,000 sent, 7 retried"]
    assert output._LINE_SECONDS == 5
