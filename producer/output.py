"""What the producer shows: events on stdout when they are few, how far it is on stderr when they are many."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from producer.keyed_queue import Record
from producer.sender import Counts

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 5.0
_RATE_SECONDS = 3.0


class Output(Protocol):
    """A way to show a run. All but `sent` is called by the main thread."""

    @property
    def unread(self) -> bool:
        """Nobody reads the events any more, so the run may end."""

    def sent(self, record: Record, shard: str, sequence_number: str) -> None:
        """A record was stored."""

    def tick(self, counts: Callable[[], Counts]) -> None:
        """Show what is new. Called often, also when nothing happened."""

    def say(self, text: str) -> None:
        """Tell the person at the terminal a line."""

    def close(self, counts: Counts) -> None:
        """Show the end, and leave the terminal as it was."""


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


class Listing:
    """Each event that was stored, on stdout."""

    def __init__(self) -> None:
        self.unread = False
        self._new: deque[bytes] = deque()

    def sent(self, record: Record, shard: str, sequence_number: str) -> None:
        self._new.append(record.data)

    def tick(self, counts: Callable[[], Counts]) -> None:
        try:
            while self._new:
                print(printed(self._new.popleft()), flush=True)
        except BrokenPipeError:
            # Python would complain once more when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.unread = True

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self, counts: Counts) -> None:
        pass


class _Speed:
    """Events a second, of the last seconds."""

    def __init__(self) -> None:
        self._seen = deque([(time.monotonic(), 0)])

    def of(self, sent: int) -> float:
        """The speed when so many were sent up to now."""
        now = time.monotonic()
        self._seen.append((now, sent))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _RATE_SECONDS:
            self._seen.popleft()
        at, before = self._seen[0]
        return (sent - before) / max(now - at, 1e-3)


class StatusLines:
    """A line every few seconds, for a log."""

    unread = False

    def __init__(self) -> None:
        self._speed = _Speed()
        self._at = time.monotonic()

    def sent(self, record: Record, shard: str, sequence_number: str) -> None:
        pass

    def tick(self, counts: Callable[[], Counts]) -> None:
        if time.monotonic() - self._at < _LINE_SECONDS:
            return
        self._at = time.monotonic()
        now = counts()
        self.say(f"{self._speed.of(now.sent):,.0f} events/s, {now.sent:,} sent, {now.retried:,} retried")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self, counts: Counts) -> None:
        pass


class Bar:
    """A progress bar, with rate, sent and retried; it fills if it is known how many events there will be."""

    unread = False

    def __init__(self, total: int | None) -> None:
        fields = "{task.fields[speed]:,.0f} events/s  {task.completed:,.0f} sent  {task.fields[retried]:,} retried"
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            TextColumn(fields, markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=total, speed=0.0, retried=0)
        self._speed = _Speed()
        self._at = 0.0
        self._progress.start()

    def sent(self, record: Record, shard: str, sequence_number: str) -> None:
        pass

    def tick(self, counts: Callable[[], Counts]) -> None:
        if time.monotonic() - self._at < _REDRAW_SECONDS:
            return
        self._at = time.monotonic()
        self._draw(counts())

    def _draw(self, now: Counts) -> None:
        speed = self._speed.of(now.sent)
        self._progress.update(self._task, completed=now.sent, speed=speed, retried=now.retried, refresh=True)

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self, counts: Counts) -> None:
        self._draw(counts)
        self._progress.stop()
