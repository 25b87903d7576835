"""How a record is printed, and how the progress of a run is shown."""

import json
import time
from collections.abc import Iterator

import pytest

from producer.output import Progress, printed
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now


def test_lines_for_a_log(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(5000, redraw=False)
    for clock[0], sent in ((104.0, 400), (105.0, 1000), (107.0, 1100), (110.0, 3000)):
        progress.tick(lambda sent=sent: Counts(sent, 7, 0, 0))  # type: ignore[misc]
    progress.close(Counts(5000, 7, 0, 0))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["200 events/s, 1,000 sent, 7 retried", "400 events/s, 3,000 sent, 7 retried"]


@pytest.mark.parametrize(
    ("total", "columns", "line"),
    [
        (4000, 100, "[#######.......................] 500 events/s, 1,000 sent, 0 retried"),
        (None, 100, "500 events/s, 1,000 sent, 0 retried"),
        (None, 20, "500 events/s, 1,000"),
    ],
)
def test_a_bar_for_a_terminal(
    clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    total: int | None,
    columns: int,
    line: str,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    progress = Progress(total, redraw=True)
    clock[0] += 2
    progress.tick(lambda: Counts(1000, 0, 0, 0))
    progress.say("event 7 given up")
    erase = "\r\x1b[K"
    assert capsys.readouterr().err == f"{erase}{line}{erase}event 7 given up\n"
