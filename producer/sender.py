"""Send records to a Kinesis stream with PutRecords, those of a partition key in order."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from producer.keyed_queue import MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, Backlog, KeyedQueue, Record
from producer.put_records import THROTTLED, Answer, PutRecords, SendError, kinesis_client
from producer.shards import shard_of_key
from producer.throttle import Throttle

__all__ = ["Counts", "Record", "SendError", "Sender", "kinesis_client"]

# https://docs.aws.amazon.com/streams/latest/dev/large-records.html: the default of a stream.
MAX_RECORD_BYTES = 1024 * 1024
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html
MAX_KEY_CHARACTERS = 256

_BUFFER_RECORDS = 4 * MAX_REQUEST_RECORDS
_BUFFER_BYTES = 6 * MAX_REQUEST_BYTES
_LONGEST_BACKOFF = 5.0
_LIST_SHARDS_SECONDS = 60.0


@dataclass(frozen=True)
class Counts:
    """Records so far: stored, retries, given up, and still to be sent."""

    sent: int
    retried: int
    given_up: int
    waiting: int
    maybe_stored: int = 0
    """Of those given up: how many may be stored, as the answer to them was lost or not awaited."""


class Sender:
    """Sends records in threads of its own, as soon as a connection is free.

    Order: of two records with the same partition key, the one that was put first is stored first, whatever fails. A
    failed entry does not stop later ones of its request (PutRecords "doesn't guarantee the ordering of records",
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html), so a request holds one record of a key
    and the key's next record is sent when that one is stored or given up. Requests are as full as there are keys: many
    keys make few large requests, a single key is no faster than PutRecord.

    Delivery: at least once. Only entries that failed are sent again, after a random time up to a bound that doubles
    with each try (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). A request whose answer
    is lost is sent again, so its records may be stored twice. A record is given up after `tries`, or at once if it can
    never be stored; later ones of its key are sent all the same.

    Throughput: as much as the stream accepts (`Throttle`). If ListShards is allowed and records are ready for more than
    one request, several shards are written at the same time. No two requests write to one shard at once, as an
    uncorrected moto_server would lose records. `put` waits while 2,000 records or 30 MiB are waiting.
    """

    def __init__(
        self,
        client: Any,
        stream: str,
        *,
        connections: int = 1,
        tries: int = 10,
        backoff: float = 0.1,
        on_sent: Callable[[Record, str, str], None] | None = None,
        on_given_up: Callable[[Record, str, int, bool], None] = lambda *_: None,
    ) -> None:
        """Start sending.

        Args:
            client: a client that `kinesis_client` made.
            stream: the stream's name.
            connections: how many requests there are at the same time, at most.
            tries: how often a record is sent at most.
            backoff: seconds that the first retry waits at most.
            on_sent: called with each stored record, its shard and its sequence number, in a sending thread; for the
                records of one key in their order.
            on_given_up: called with each record that is given up, the error's code, the number of tries, and whether it
                may be stored because an answer was lost; in a sending thread, or in that of `put` if it was never sent.
        """
        self._client, self._stream, self._put_records = client, stream, PutRecords(client, stream)
        self._tries, self._backoff = tries, backoff
        self._on_sent, self._on_given_up = on_sent, on_given_up
        self._lock = threading.RLock()
        self._progress = threading.Condition(self._lock)
        """Notified when records are stored or given up, and when sending stops."""
        self._ready = threading.Condition(self._lock)
        """Notified when a thread may have something to send, and when sending stops."""
        self._queue, self._throttle = KeyedQueue(), Throttle()
        self._busy: set[str] = set()
        self._list_shards_at = 0.0 if connections > 1 else float("inf")
        self._sent = self._retried = self._given_up = self._maybe_stored = 0
        self._stopped = False
        self._failure: Exception | None = None
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    @property
    def counts(self) -> Counts:
        """The progress so far. Once stopped, what was waiting is given up."""
        with self._lock:
            left = len(self._queue)
            lost, unsure = (left, self._queue.maybe_stored()) if self._stopped else (0, 0)
            given_up, maybe_stored = self._given_up + lost, self._maybe_stored + unsure
            return Counts(self._sent, self._retried, given_up, left - lost, maybe_stored)

    def put(self, *records: Record, timeout: float | None = None) -> bool:
        """Add records, waiting for room up to so many seconds (None: without limit); False: there was none.

        Where there is room for one record, all are added. Raises SendError if the stream cannot be written.
        """
        with self._lock:
            if not self._progress.wait_for(lambda: self._stopped or self._has_room(), timeout):
                return False
            self._raise_if_stopped()
            refused = []
            for record in records:
                if refusal := _refusal(record):
                    refused.append((record, refusal))
                else:
                    self._queue.put(record)
            self._given_up += len(refused)
            if self._may_send():
                self._ready.notify()
        for record, refusal in refused:
            self._on_given_up(record, refusal, 0, False)
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every record is stored or given up, up to so many seconds (None: without limit); False: not yet.

        Raises SendError if the stream cannot be written.
        """
        with self._lock:
            done = self._progress.wait_for(lambda: self._stopped or not len(self._queue), timeout)
            if len(self._queue):
                self._raise_if_stopped()
            return done

    def close(self) -> None:
        """Flush, and end the threads. Raises SendError as `flush` does."""
        try:
            self.flush()
        finally:
            self.abandon()
            for thread in self._threads:
                thread.join()

    def abandon(self) -> None:
        """Stop at once: what is waiting is given up; what is under way may be stored all the same."""
        with self._lock:
            self._stopped = True
            self._progress.notify_all()
            self._ready.notify_all()

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            raise self._failure or SendError("Stopped", "the sender was stopped")

    def _has_room(self) -> bool:
        return len(self._queue) < _BUFFER_RECORDS and self._queue.size < _BUFFER_BYTES

    def _may_send(self) -> bool:
        """Whether there is something for a request, or for a full one if another is under way.

        Otherwise the same records would be sent in more and smaller requests, which cost more.
        """
        return self._queue.ready(self._busy) >= (MAX_REQUEST_RECORDS if self._busy else 1)

    def _work(self) -> None:
        try:
            while taken := self._next_batch():
                batch, lanes = taken
                answers = self._send(batch)
                if any(answer.shard not in lanes for answer in answers if answer.code is None):
                    self._list_shards()
                self._settle(batch, answers)
                with self._lock:
                    self._busy -= lanes
        except Exception as error:
            # Those who wait must learn of every error.
            with self._lock:
                self._failure = self._failure or error
            self.abandon()

    def _next_batch(self) -> tuple[list[Backlog], set[str]] | None:
        """Wait for keys with a record that may be sent, and lock their lanes. None: sending has stopped."""
        with self._lock:
            while not self._stopped:
                now = time.monotonic()
                wait = self._queue.wake(now)
                allowed = self._throttle.allowance(now)
                if allowed == 0:
                    wait = self._throttle.wait()
                elif self._may_send():
                    batch, lanes = self._queue.take(allowed or MAX_REQUEST_RECORDS, self._busy)
                    self._throttle.spend(len(batch))
                    self._busy |= lanes
                    if self._may_send():
                        self._ready.notify()
                    return batch, lanes
                self._ready.wait(wait)
            return None

    def _send(self, batch: list[Backlog]) -> list[Answer]:
        """Send the first record of each key. Raises SendError if the stream cannot be written."""
        try:
            return self._put_records.send([backlog.records[0] for backlog in batch])
        except SendError as error:
            with self._lock:
                for backlog in batch:
                    self._queue.again(backlog, time.monotonic(), error.maybe_stored)
            raise

    def _settle(self, batch: list[Backlog], answers: list[Answer]) -> None:
        """Report the results of a request, then forget the records that are done.

        Raises SendError if a record has no tries left and there never was an answer of Kinesis.
        """
        again: list[tuple[Backlog, bool]] = []
        done: list[Backlog] = []
        given_up = maybe_stored = 0
        is_kinesis, on_sent = self._put_records.is_kinesis, self._on_sent
        # No lock: while a record is under way, no other thread touches its key.
        for backlog, answer in zip(batch, answers, strict=True):
            if answer.code is None:
                done.append(backlog)
                if on_sent is not None:
                    on_sent(backlog.records[0], answer.shard, answer.sequence_number)
            elif answer.transient and (backlog.tries < self._tries or not is_kinesis):
                again.append((backlog, answer.maybe_stored))
            else:
                done.append(backlog)
                unsure = answer.maybe_stored or backlog.maybe_stored
                given_up += 1
                maybe_stored += unsure
                self._on_given_up(backlog.records[0], answer.code, backlog.tries, unsure)
        with self._lock:
            now, sent = time.monotonic(), len(done) - given_up
            self._throttle.answered(sent, sum(answer.code in THROTTLED for answer in answers), now)
            self._sent += sent
            self._retried += len(again)
            self._given_up += given_up
            self._maybe_stored += maybe_stored
            for backlog in done:
                self._queue.done(backlog)
            for backlog, unsure in again:
                bound = min(_LONGEST_BACKOFF, self._backoff * 2 ** (backlog.tries - 1))
                self._queue.again(backlog, now + random.uniform(0, bound), unsure)
            self._progress.notify_all()
        if not is_kinesis and any(backlog.tries >= self._tries for backlog, _ in again):
            raise self._put_records.last_error

    def _list_shards(self) -> None:
        """Make each shard a lane of the queue, after the first answer and after resharding; at most once a minute."""
        with self._lock:
            now = time.monotonic()
            if now < self._list_shards_at:
                return
            self._list_shards_at = now + _LIST_SHARDS_SECONDS
        lane_of = shard_of_key(self._client, self._stream)
        if lane_of is not None:
            with self._lock:
                self._queue.change_lanes(lane_of)
                self._ready.notify_all()


def _refusal(record: Record) -> str | None:
    """Why a record can never be stored; None: it can."""
    if not 1 <= len(record.key) <= MAX_KEY_CHARACTERS:
        return "PartitionKeyLength"
    return "RecordTooLarge" if record.size > MAX_RECORD_BYTES else None
