"""Send what happens in a shop to a Kinesis stream: the entry point."""

import signal
import sys
import time
from collections import deque
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError

from producer import options as producer_options
from producer import problems
from producer import records as event_records
from producer.keyed_queue import Record
from producer.options import Options
from producer.output import Bar, Listing, Output, StatusLines
from producer.sender import Sender, SendError, kinesis_client

LISTED_RATE = 20.0
"""Up to so many events a second, each is printed."""
_TICK = 0.05
AWS_CONNECTIONS = 4


class Signals:
    """Counts Ctrl-C and SIGTERM, which do nothing else; so none of them strikes where it would do harm."""

    def __init__(self) -> None:
        self.seen = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, *_: object) -> None:
        self.seen += 1


class Run:
    """One run of the producer over a client: feed the sender by the schedule, then wait until all is stored."""

    def __init__(self, options: Options, client: Any, output: Output, signals: Signals) -> None:
        # AWS may be far; an emulator may take no more than one request at a time.
        connections = AWS_CONNECTIONS if is_aws(client.meta.endpoint_url) else 1
        self._options, self._output, self._signals = options, output, signals
        self._lost: deque[str] = deque()
        self.sender = Sender(
            client,
            options.stream,
            connections=connections,
            on_sent=output.sent,
            on_given_up=self._give_up,
        )

    def feed(self) -> None:
        """Send events at the rate until the count, the duration or a signal ends it.

        The n-th event is due at n/rate seconds from the start, so no delay adds up. Raises SendError.
        """
        rate, amount = self._options.rate, self._options.count
        records = event_records.records(self._options.seed, self._options.bad_ratio)
        began = time.monotonic()
        end = began + self._options.duration
        for number in count() if amount is None else range(amount):
            due = began + number / rate if rate else began
            if due >= end or not self._wait(due, end):
                return
            record = next(records)
            while not self.sender.put(record, _TICK):
                self.show()
                if self._is_over(end):
                    return
            self.show()

    def finish(self) -> None:
        """Wait until all is stored or given up, or one more signal comes. Raises SendError."""
        began, told, seen = time.monotonic(), 0, self._signals.seen
        while not self.sender.flush(_TICK):
            self.show()
            if self._signals.seen > seen:
                self._output.say(f"{self.sender.counts.waiting} events that were waiting are given up")
                self.sender.abandon()
                return
            if time.monotonic() - began >= 2 * (told + 1):
                told += 1
                self._output.say(f"waiting until {self.sender.counts.waiting} events are stored; Ctrl-C gives them up")
        self.show()

    def show(self) -> None:
        """Show what is new."""
        while self._lost:
            self._output.say(self._lost.popleft())
        self._output.tick(lambda: self.sender.counts)

    def _wait(self, due: float, end: float) -> bool:
        """Wait until an event is due; False: the run is over."""
        while True:
            if self._is_over(end):
                return False
            early = due - time.monotonic()
            if early <= 0:
                return True
            self.show()
            time.sleep(min(early, _TICK))

    def _is_over(self, end: float) -> bool:
        return bool(self._signals.seen) or self._output.unread or time.monotonic() >= end

    def _give_up(self, record: Record, code: str, tries: int, maybe_stored: bool) -> None:
        doubt = "; it may have been stored" if maybe_stored else ""
        self._lost.append(f"event {record.number} ({record.key}) given up: {code}, tries: {tries}{doubt}")


def _output(options: Options) -> Output:
    if 0 < options.rate <= LISTED_RATE:
        return Listing()
    return Bar(options.count) if sys.stderr.isatty() else StatusLines()


def is_aws(endpoint: str) -> bool:
    """Whether a URL is one of AWS's own, rather than an emulator's."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def _say_start(options: Options, client: Any, output: Output) -> None:
    region, endpoint = client.meta.region_name, client.meta.endpoint_url
    pace = f"{options.rate:g} events/s" if options.rate else "events as fast as they are taken"
    where = region if is_aws(endpoint) else f"{region}, {endpoint}"
    output.say(f"sending {pace} to {options.stream} ({where}), seed {options.seed}; Ctrl-C stops")


def _send(options: Options, client: Any, signals: Signals) -> int:
    """Run, report, and give the exit status."""
    output = _output(options)
    _say_start(options, client, output)
    run = Run(options, client, output, signals)
    began = time.monotonic()
    status = 0
    try:
        run.feed()
        run.finish()
    except SendError as error:
        run.show()
        meta = client.meta
        problem = problems.explain(error.code, str(error), options.stream, meta.region_name, meta.endpoint_url)
        output.say(f"producer: {problem}")
        status = 2
    finally:
        counts, took = run.sender.counts, time.monotonic() - began
        output.close(counts)
    totals = f"sent {counts.sent}, retried {counts.retried}, given up {counts.given_up}"
    if counts.maybe_stored:
        totals += f" ({counts.maybe_stored} may have been stored)"
    if counts.sent or status != 2:
        print(f"{totals}, in {took:.1f} s ({counts.sent / took:.1f} events/s)", file=sys.stderr, flush=True)
    if status or counts.given_up:
        return status or 1
    return 141 if output.unread else 0


def main(arguments: list[str] | None = None) -> int:
    """Send as the command line says; return the exit status."""
    options = producer_options.read(arguments)
    signals = Signals()
    try:
        client = kinesis_client(options.region, AWS_CONNECTIONS)
    except (BotoCoreError, ValueError) as error:
        problem = problems.explain_settings(type(error).__name__, str(error), options.region)
        print(f"producer: {problem}", file=sys.stderr)
        return 2
    return _send(options, client, signals)


if __name__ == "__main__":
    sys.exit(main())
