"""What functions print, on its way to CloudWatch Logs: in batches, from a thread of its own."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_MOST_EVENTS, _MOST_BYTES, _EVENT_OVERHEAD = 10_000, 1_048_576, 26
_LONGEST_MESSAGE = 256 * 1024 - _EVENT_OVERHEAD
# What waits while the emulator does not answer; the oldest goes first.
_MOST_WAITING = 100_000


@dataclass(frozen=True)
class LogEvent:
    """A log event: group and stream, milliseconds since 1970, text."""

    group: str
    stream: str
    timestamp: int
    message: str


def batches(events: list[LogEvent]) -> Iterator[list[LogEvent]]:
    """Part the events of one stream into what PutLogEvents takes at once, long messages cut into several."""
    batch, size = list[LogEvent](), 0
    for event in events:
        data = event.message.encode()
        for start in range(0, len(data) or 1, _LONGEST_MESSAGE):
            piece = data[start : start + _LONGEST_MESSAGE]
            if batch and (len(batch) == _MOST_EVENTS or size + len(piece) + _EVENT_OVERHEAD > _MOST_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(LogEvent(event.group, event.stream, event.timestamp, piece.decode(errors="replace")))
            size += len(piece) + _EVENT_OVERHEAD
    if batch:
        yield batch


class LogShipper:
    """Sends log events every half second, and the last ones when it stops.

    Args:
        client: a boto3 CloudWatch Logs client.
        say: told once, in a line, when events cannot be sent.
        interval: seconds between two sendings.
    """

    def __init__(self, client: Any, say: Callable[[str], None], interval: float = 0.5) -> None:
        self._client = client
        self._say = say
        self._interval = interval
        self._waiting: list[LogEvent] = []
        self._made: set[tuple[str, str]] = set()
        self._failed = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="function logs", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, once, and end."""
        self._stop.set()
        self._thread.join()

    def add(self, group: str, stream: str, message: str) -> None:
        """Take a log event of this moment; it is sent later. An empty text is none."""
        if message.strip():
            with self._lock:
                self._waiting.append(LogEvent(group, stream, int(time.time() * 1000), message))

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._send()
        self._send()

    def _send(self) -> None:
        with self._lock:
            events, self._waiting = self._waiting, []
        streams: dict[tuple[str, str], list[LogEvent]] = defaultdict(list)
        for event in events:
            streams[event.group, event.stream].append(event)
        for place, its_events in streams.items():
            try:
                self._put(place, its_events)
                self._failed = False
            except (ClientError, BotoCoreError) as error:
                self._keep(its_events, error)

    def _put(self, place: tuple[str, str], events: list[LogEvent]) -> None:
        group, stream = place
        if place not in self._made:
            self._make(self._client.create_log_group, logGroupName=group)
            self._make(self._client.create_log_stream, logGroupName=group, logStreamName=stream)
            self._made.add(place)
        for batch in batches(events):
            content = [{"timestamp": event.timestamp, "message": event.message} for event in batch]
            self._client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=content)

    def _make(self, create: Callable[..., Any], **names: str) -> None:
        try:
            create(**names)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise

    def _keep(self, events: list[LogEvent], error: Exception) -> None:
        with self._lock:
            self._waiting = (events + self._waiting)[-_MOST_WAITING:]
        if not self._failed:
            self._say(f"log group {events[0].group}: its events cannot be sent yet: {error}")
        self._failed = True
