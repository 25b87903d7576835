"""Send records to a Kinesis stream with PutRecords, those of a partition key in order."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from producer.keyed_queue import MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, KeyedQueue, Record
from producer.put_records import THROTTLED, Answer, PutRecords, SendError, kinesis_client
from producer.throttle import Throttle

__all__ = ["Counts", "Record", "SendError", "Sender", "kinesis_client"]

# https://docs.aws.amazon.com/streams/latest/dev/large-records.html: the default of a stream.
MAX_RECORD_BYTES = 1024 * 1024
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html
MAX_KEY_CHARACTERS = 256

_BUFFER_RECORDS = 4 * MAX_REQUEST_RECORDS
_BUFFER_BYTES = 6 * MAX_REQUEST_BYTES
_LONGEST_BACKOFF = 5.0


@dataclass(frozen=True)
class Counts:
    """Records so far: stored, sent once more, given up, and still to be sent."""

    sent: int
    retried: int
    given_up: int
    waiting: int
    maybe_stored: int = 0
    """Of those given up: how many may be stored, as the answer to them was lost or not awaited."""


class Sender:
    """Sends what is put, in threads of its own, as soon as a connection is free.

    Order: of two records with the same partition key, the one that was put first is stored first, whatever fails. A
    failed entry does not stop later ones of its request (PutRecords "doesn't guarantee the ordering of records",
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html), so a request holds one record of a key
    and the key's next record is sent when that one is stored or given up. Requests are as full as there are keys: many
    keys make few large requests, a single key is no faster than PutRecord.

    Delivery: at least once. Only entries that failed are sent again, after a random time up to a bound that doubles
    with each try (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). A request whose answer
    is lost is sent again, so its records may be stored twice. A record is given up after `tries`, or at once if it can
    never be stored; later ones of its key are sent all the same.

    Throughput: what the stream takes (`Throttle`). `put` waits while 2,000 records or 30 MiB are waiting.
    """

    def __init__(
        self,
        client: Any,
        stream: str,
        *,
        connections: int = 1,
        tries: int = 10,
        backoff: float = 0.1,
        on_sent: Callable[[Record, str, str], None] = lambda *_: None,
        on_given_up: Callable[[Record, str, int, bool], None] = lambda *_: None,
    ) -> None:
        """Start sending.

        Args:
            client: a boto3 Kinesis client, as `kinesis_client` makes it.
            stream: the stream's name.
            connections: requests at a time. More than one hides a long way to AWS; moto_server loses records that
                two connections write at once.
            tries: how often a record is sent at most.
            backoff: seconds that the first retry waits at most.
            on_sent: told of each stored record with its shard and sequence number, in a sending thread. Of the records
                of one key in their order.
            on_given_up: told of each record that is given up, with the error's code, the number of tries, and whether
                it may be stored because an answer was lost; in a sending thread, or in that of `put` if it was never
                sent.
        """
        self._put_records = PutRecords(client, stream)
        self._tries, self._backoff = tries, backoff
        self._on_sent, self._on_given_up = on_sent, on_given_up
        self._changed = threading.Condition()
        self._queue, self._throttle = KeyedQueue(), Throttle()
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
        with self._changed:
            left = len(self._queue)
            lost, unsure = (left, self._queue.count_maybe_stored()) if self._stopped else (0, 0)
            given_up, maybe_stored = self._given_up + lost, self._maybe_stored + unsure
            return Counts(self._sent, self._retried, given_up, left - lost, maybe_stored)

    def put(self, record: Record, timeout: float | None = None) -> bool:
        """Add a record, waiting for room up to so many seconds (None: for ever); False: there was none.

        Raises SendError if sending has stopped because the stream cannot be written.
        """
        refusal = _refusal(record)
        if refusal is not None:
            with self._changed:
                self._given_up += 1
            self._on_given_up(record, refusal, 0, False)
            return True
        with self._changed:
            if not self._changed.wait_for(lambda: self._stopped or self._has_room(), timeout):
                return False
            if self._stopped:
                raise self._failure or SendError("Stopped", "the sender was stopped")
            self._queue.put(record)
            self._changed.notify_all()
            return True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every record is stored or given up, up to so many seconds (None: for ever); False: not yet.

        Raises SendError if sending has stopped because the stream cannot be written.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: self._stopped or not len(self._queue), timeout)
            if self._stopped and len(self._queue):
                raise self._failure or SendError("Stopped", "the sender was stopped")
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
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._queue) < _BUFFER_RECORDS and self._queue.size < _BUFFER_BYTES

    def _work(self) -> None:
        try:
            while batch := self._next_batch():
                self._settle(batch, self._send(batch))
        except Exception as error:
            # Whatever it is, those who wait must hear of it.
            with self._changed:
                self._failure = self._failure or error
            self.abandon()

    def _next_batch(self) -> list[Record]:
        """Wait for records that may be sent; none: sending has stopped."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                allowed = self._throttle.allowance(now)
                if allowed == 0:
                    self._changed.wait(self._throttle.wait())
                    continue
                batch = self._queue.take(now, allowed or MAX_REQUEST_RECORDS)
                if batch:
                    self._throttle.spend(len(batch))
                    return batch
                at = self._queue.next_at()
                self._changed.wait(None if at is None else at - now)
            return []

    def _send(self, batch: list[Record]) -> list[Answer]:
        """Send a batch. Raises SendError if the stream cannot be written."""
        try:
            return self._put_records.send(batch)
        except SendError as error:
            with self._changed:
                for record in batch:
                    self._queue.again(record, time.monotonic(), error.maybe_stored)
            raise

    def _settle(self, batch: list[Record], answers: list[Answer]) -> None:
        """Report the results of a batch, then forget the records that are done.

        Raises SendError if a record has no tries left and there never was an answer of Kinesis.
        """
        again: list[tuple[Record, bool]] = []
        done: list[Record] = []
        sent = maybe_stored = 0
        exhausted = False
        is_kinesis = self._put_records.is_kinesis
        for record, answer in zip(batch, answers, strict=True):
            # No lock: while its record is under way, no other thread touches a key.
            tries = self._queue.tries(record)
            if answer.transient and (tries < self._tries or not is_kinesis):
                again.append((record, answer.maybe_stored))
                continue
            done.append(record)
            if answer.code is None:
                sent += 1
                self._on_sent(record, answer.shard, answer.sequence_number)
            else:
                unsure = answer.maybe_stored or self._queue.maybe_stored(record)
                maybe_stored += unsure
                self._on_given_up(record, answer.code, tries, unsure)
        with self._changed:
            now = time.monotonic()
            self._throttle.answered(sent, sum(answer.code in THROTTLED for answer in answers), now)
            self._sent += sent
            self._retried += len(again)
            self._given_up += len(done) - sent
            self._maybe_stored += maybe_stored
            for record in done:
                self._queue.done(record)
            for record, unsure in again:
                tries = self._queue.tries(record)
                bound = min(_LONGEST_BACKOFF, self._backoff * 2 ** (tries - 1))
                self._queue.again(record, now + random.uniform(0, bound), unsure)
                exhausted |= tries >= self._tries
            self._changed.notify_all()
        if exhausted:
            raise self._put_records.last_error


def _refusal(record: Record) -> str | None:
    """Why a record can never be stored."""
    if not 1 <= len(record.key) <= MAX_KEY_CHARACTERS:
        return "PartitionKeyLength"
    return "RecordTooLarge" if record.size > MAX_RECORD_BYTES else None
