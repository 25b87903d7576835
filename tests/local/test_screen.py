"""The live view at the sizes that terminals have, on a real pseudo-terminal."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from rich.console import Console, Group

from local.pipeline.advice import advice
from local.pipeline.figures import Figures
from local.pipeline.screen import Rates, screen

SHELL = "/tmp/pipeline-abcdefgh/env"
BUSY = Figures(
    at=30.0,
    stage="running",
    sent=1200,
    kept=1180,
    kept_lag=1.5,
    alerts=44,
    dead_letters=12,
    messages=43,
    texts=tuple(f"ALERTA: SKU-{number:04} bajo inventario (3)" for number in range(5)),
    refused=(("bad_inventory", '{"path": "' + "x" * 300 + '", "inventory": "seven"}'),) * 5,
    failures=21,
)

SHOWS = f"""
import dataclasses, sys
from pathlib import Path
from local.pipeline import screen
from local.pipeline.figures import Figures
busy = {BUSY!r}
first = Figures(at=1.0, stage="starting", waiting="The job starts.")
screen._LOOK_INTERVAL = 0.0
screen.show(iter([first, *(dataclasses.replace(busy, at=float(at)) for at in range(2, 9))]), [], Path({SHELL!r}), None)
print("reconciled", file=sys.stderr)
"""


def rendered(width: int, height: int) -> list[str]:
    rates = Rates()
    rates.add(BUSY)
    console = Console(width=width, height=height, file=io.StringIO())
    with console.capture() as captured:
        console.print(Group(screen(BUSY, rates, advice(BUSY, SHELL), width, height)))
    return captured.get().splitlines()


def words(lines: list[str]) -> str:
    """The text of a screen in one line, without frames."""
    return " ".join(re.sub("[\u2500-\u257f]", " ", " ".join(lines)).split())


@pytest.mark.parametrize(("width", "height"), [(200, 60), (100, 40), (80, 24), (60, 15), (60, 10)])
def test_what_to_do_next_is_whole(width: int, height: int) -> None:
    lines = rendered(width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert words(advice(BUSY, SHELL)) in words(lines)


def test_with_room_all_is_there() -> None:
    said = words(rendered(80, 24))
    for part in ("producer → http-requests", "1,200", "SKU-0004", 'bad_inventory inventory: "seven"'):
        assert part in said
    assert "per second" in said


def test_figures_stay_on_a_small_screen() -> None:
    said = words(rendered(60, 15))
    assert "1,200" in said
    assert "43" in said


def test_with_little_room_all_is_one_line() -> None:
    (line,) = rendered(80, 5)
    assert line.startswith("running: sent 1200, kept 1180")


class Terminal:
    """The lines that a terminal shows, scrolled ones first, of what rich's live display sends."""

    def __init__(self) -> None:
        self.lines, self.row, self.column = [""], 0, 0

    def feed(self, text: str) -> None:
        for code, argument, character in re.findall(r"\x1b\[\??((\d*)[\d;]*[A-Za-z])|([^\x1b])", text):
            if code.endswith("A"):
                self.row -= int(argument or 1)
            elif code.endswith("K"):
                self.lines[self.row] = ""
            elif character == "\r":
                self.column = 0
            elif character == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif character:
                before = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = before[: self.column] + character + before[self.column + 1 :]
                self.column += 1


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 15), (60, 6)])
def test_the_last_frame_stands_once(width: int, height: int) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    own = {"TERM": "xterm-256color", "PATH": os.environ["PATH"]}
    process = subprocess.Popen([sys.executable, "-c", SHOWS], stderr=follower, stdin=follower, env=own)
    os.close(follower)
    sent = b""
    try:
        while part := os.read(leader, 65536):
            sent += part
    except OSError:
        # Linux's way to say that the other end is closed.
        pass
    finally:
        os.close(leader)
    assert process.wait(60) == 0, sent
    terminal = Terminal()
    terminal.feed(sent.decode())
    said = words(terminal.lines)
    assert said.count("running") == 1
    assert "The job starts." not in said
    assert said.endswith("reconciled")
    if height > 6:
        assert said.count("21 records rejected by KinesisToDynamo.") == 1
        assert words(advice(BUSY, SHELL)) in said
    # Something stands out: colours are sent.
    assert (b"\x1b[31m" in sent) == (height > 6)
