"""What the producer shows: each event on stdout when they are few, its progress on stderr when they are many."""

import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable

from producer.keyed_queue import Record
from producer.sender import Counts

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 5.0
_RATE_SECONDS = 3.0
_BAR_CHARACTERS = 30


def printed(data: bytes) -> str:
    """A record as a line of JSON: itself if it is a JSON object, else a string of its text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return json.dumps(data.decode("iso-8859-1"))
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    return text if is_object else json.dumps(text)


class Output:
    """Shows a run. All methods but `sent` are called by the main thread."""

    failure: OSError | None = None
    """Why events cannot be printed any more, so that the run must end."""
    sent: Callable[[Record, str, str], None] | None = None
    """Called with each stored record, its shard and its sequence number; None: not needed."""

    def tick(self, counts: Callable[[], Counts]) -> None:
        """Show what is new. Called often, also when nothing happened."""

    def say(self, text: str) -> None:
        """Print a line on stderr."""
        # In one piece, so that neither a signal nor another thread gets between the line and its end.
        print(f"{text}\n", end="", file=sys.stderr, flush=True)

    def close(self, counts: Counts) -> None:
        """Show the final state, and leave the terminal as it was."""


class Listing(Output):
    """Prints each stored event on stdout."""

    def __init__(self) -> None:
        self._new: deque[bytes] = deque()
        self.sent = lambda record, _shard, _number: self._new.append(record.data)

    def tick(self, counts: Callable[[], Counts]) -> None:
        try:
            while self._new and self.failure is None:
                print(printed(self._new.popleft()), flush=True)
        except OSError as error:
            # Python flushes stdout once more at exit, which would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.failure = error


class Progress(Output):
    """Shows the progress: a line that is redrawn, with a bar if the total is known, or a new line every few seconds."""

    def __init__(self, total: int | None, redraw: bool) -> None:
        self._total, self._redraw = total, redraw
        self._seen = deque([(time.monotonic(), 0)])
        self._shown_at = time.monotonic()

    def tick(self, counts: Callable[[], Counts]) -> None:
        if time.monotonic() - self._shown_at >= (_REDRAW_SECONDS if self._redraw else _LINE_SECONDS):
            self._show(counts())

    def say(self, text: str) -> None:
        super().say(f"\r\x1b[K{text}" if self._redraw else text)

    def close(self, counts: Counts) -> None:
        if self._redraw:
            self._show(counts)
            super().say("")

    def _show(self, counts: Counts) -> None:
        self._shown_at = time.monotonic()
        line = f"{self._rate(counts.sent):,.0f} events/s, {counts.sent:,} sent, {counts.retried:,} retried"
        if not self._redraw:
            self.say(line)
            return
        if self._total is not None:
            done = _BAR_CHARACTERS * counts.sent // self._total
            line = f"[{'#' * done:.<{_BAR_CHARACTERS}}] {line}"
        # A line that wraps could not be redrawn.
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)

    def _rate(self, sent: int) -> float:
        """Events a second, over the last seconds."""
        now = time.monotonic()
        self._seen.append((now, sent))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _RATE_SECONDS:
            self._seen.popleft()
        at, before = self._seen[0]
        return (sent - before) / max(now - at, 1e-3)
