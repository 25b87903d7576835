"""Send events of a shop to a Kinesis stream: the entry point."""

import math
import signal
import sys
import time
from collections import deque
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError

from producer import options as producer_options
from producer import problems
from producer import records as event_records
from producer.keyed_queue import Record
from producer.options import Options
from producer.output import Listing, Output, Progress
from producer.sender import Counts, Sender, SendError, kinesis_client

LISTED_RATE = 20.0
"""Up to this many events a second, each is printed."""
CONNECTIONS = 4
_TICK = 0.05
_SHORTEST_PAUSE = 0.005
_CHUNK = 100
_READER_ENDED = 141
"""The exit status of a command whose stdout nobody reads any more: 128 + SIGPIPE."""


class Signals:
    """Counts Ctrl-C and SIGTERM, which do nothing else, so that none interrupts a step that must be completed."""

    def __init__(self) -> None:
        self.seen = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, *_: object) -> None:
        self.seen += 1


class Run:
    """One run of the producer: give the sender events on schedule, then wait until all are stored."""

    def __init__(self, options: Options, client: Any, output: Output, signals: Signals) -> None:
        self._options, self._output, self._signals = options, output, signals
        self._given_up: deque[str] = deque()
        self.sender = Sender(
            client,
            options.stream,
            connections=CONNECTIONS,
            on_sent=output.sent,
            on_given_up=self._note_given_up,
        )

    def feed(self) -> None:
        """Send events at the rate until the count, the duration or a signal ends it.

        The n-th event is due n/rate seconds after the start, so that delays do not add up. Raises SendError.
        """
        rate, began = self._options.rate or math.inf, time.monotonic()
        end = began + self._options.duration
        limit = math.inf if self._options.count is None else self._options.count
        if rate * self._options.duration < limit:
            limit = math.ceil(rate * self._options.duration)
        records = event_records.records(self._options.seed, self._options.bad_ratio)
        number = 0
        while number < limit and not self._is_over(end):
            passed = time.monotonic() - began
            due = min(_CHUNK, limit - number, (math.inf if rate == math.inf else int(passed * rate) + 1) - number)
            if due > 0:
                chunk = list(islice(records, int(due)))
                while not self.sender.put(*chunk, timeout=_TICK):
                    self.show()
                    if self._is_over(end):
                        return
                number += len(chunk)
            else:
                time.sleep(min(_TICK, max(_SHORTEST_PAUSE, number / rate - passed)))
            self.show()

    def finish(self) -> None:
        """Wait until all events are stored or given up, or one more signal comes. Raises SendError."""
        say_at, seen = time.monotonic() + 2, self._signals.seen
        while not self.sender.flush(_TICK):
            self.show()
            waiting = _plural(self.sender.counts.waiting, "event")
            if self._signals.seen > seen:
                self._output.say(f"stopped while waiting for {waiting} to be stored: given up")
                self.sender.abandon()
                return
            if time.monotonic() >= say_at:
                say_at += 2
                self._output.say(f"waiting for {waiting} to be stored; Ctrl-C gives up")
        self.show()

    def show(self) -> None:
        """Show what is new."""
        while self._given_up:
            self._output.say(self._given_up.popleft())
        self._output.tick(lambda: self.sender.counts)

    def _is_over(self, end: float) -> bool:
        return bool(self._signals.seen) or self._output.failure is not None or time.monotonic() >= end

    def _note_given_up(self, record: Record, code: str, tries: int, maybe_stored: bool) -> None:
        doubt = "; it may have been stored" if maybe_stored else ""
        self._given_up.append(f"event {record.number} ({record.key}) given up: {code}, tries: {tries}{doubt}")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say_start(options: Options, client: Any, output: Output) -> None:
    pace = f"{options.rate:g} events/s" if options.rate else "events as fast as the stream accepts them"
    place = f"{client.meta.region_name}, {client.meta.endpoint_url}"
    output.say(f"sending {pace} to {options.stream} ({place}), seed {options.seed}; Ctrl-C stops")


def _totals(counts: Counts, seconds: float) -> str:
    unsure = f" ({counts.maybe_stored} may have been stored)" if counts.maybe_stored else ""
    totals = f"sent {counts.sent}, retried {counts.retried}, given up {counts.given_up}{unsure}"
    return f"{totals}, in {seconds:.1f} s ({counts.sent / seconds:.1f} events/s)"


def _send(options: Options, client: Any, signals: Signals) -> int:
    """Run, report, and return the exit status."""
    listed = 0 < options.rate <= LISTED_RATE
    output = Listing() if listed else Progress(options.count, redraw=sys.stderr.isatty())
    _say_start(options, client, output)
    began = time.monotonic()
    run = Run(options, client, output, signals)
    problem = None
    try:
        run.feed()
        run.finish()
    except SendError as error:
        run.show()
        meta = client.meta
        problem = problems.explain(error.code, str(error), options.stream, meta.region_name, meta.endpoint_url)
    finally:
        counts = run.sender.counts
        output.close(counts)
    reader_ended = isinstance(output.failure, BrokenPipeError)
    if problem is None and output.failure is not None and not reader_ended:
        problem = f"stdout: {output.failure.strerror}; expected to write each event there"
    if problem is not None:
        output.say(f"producer: {problem}")
    if counts.sent or problem is None:
        output.say(_totals(counts, time.monotonic() - began))
    if problem is not None:
        return 2
    if counts.given_up:
        return 1
    return _READER_ENDED if reader_ended else 0


def main(arguments: list[str] | None = None) -> int:
    """Send as the command line says; return the exit status."""
    options = producer_options.read(arguments)
    signals = Signals()
    try:
        client = kinesis_client(options.region, CONNECTIONS)
    except (BotoCoreError, ValueError) as error:
        problem = problems.explain_settings(type(error).__name__, str(error), options.region)
        print(f"producer: {problem}", file=sys.stderr)
        return 2
    return _send(options, client, signals)


if __name__ == "__main__":
    sys.exit(main())
