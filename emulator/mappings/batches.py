"""Batches of a shard's records: when one is sent to the function, and what follows from the result.

Nothing here reads a clock, calls AWS or waits: these are Lambda's rules alone.
"""

import json
import zlib
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from emulator.mappings.settings import UNLIMITED, EventSourceMapping

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of a synchronous invocation's event: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_START, _END = b'{"Records": [', b"]}"
# All of the event but the records and the commas after each of them, of which there is one too many.
_FRAME = len(_START) + len(_END) - 1


@dataclass(frozen=True)
class Record:
    """A record of a shard.

    Args:
        sequence_number: its place in the shard, a decimal number.
        arrived: its approximate arrival, in seconds since 1970.
        event: the record as the function gets it, as JSON.
        key: its partition key.
    """

    sequence_number: str
    arrived: float
    event: bytes
    key: str = ""


@dataclass(frozen=True)
class Batch:
    """Records that go to the function together, and how often exactly these were sent already."""

    records: tuple[Record, ...]
    invocations: int = 0

    def payload(self) -> bytes:
        """The event of the invocation, as JSON."""
        return _START + b",".join(record.event for record in self.records) + _END

    def lanes(self, count: int) -> list["Batch"]:
        """At most so many batches that may be delivered at once: the records of a partition key are in one, in order.

        https://docs.aws.amazon.com/lambda/latest/dg/kinesis-stream-parallelization.html
        """
        lanes: dict[int, list[Record]] = defaultdict(list)
        for record in self.records:
            lanes[zlib.crc32(record.key.encode()) % count].append(record)
        return [Batch(tuple(records)) for records in lanes.values()]


@dataclass
class Gathering:
    """Records that wait to be sent in batches.

    Lambda invokes when one of three things holds: the batching window is over, the batch size is met, the payload
    reaches 6 MB. The next window begins when the previous invocation has completed; one that passes without a record
    is followed by the next. https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html

    Args:
        batch_size: the most records of a batch.
        window: the batching window, in seconds.
        began: when the first window begins, in seconds of any clock that all calls share.
    """

    batch_size: int
    window: float
    began: float
    _records: deque[Record] = field(default_factory=deque)
    _bytes: int = 0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Iterable[Record]) -> None:
        """Take records that were read, in the shard's order."""
        for record in records:
            self._records.append(record)
            self._bytes += len(record.event) + 1

    def restart(self, now: float) -> None:
        """Begin a window: an invocation has completed."""
        self.began = now

    def due_at(self, now: float) -> float | None:
        """When a batch is to be sent, `now` if there is a full one, None without a record."""
        if not self._records:
            if self.window:
                self.began += (now - self.began) // self.window * self.window
            return None
        full = len(self._records) >= self.batch_size or _FRAME + self._bytes > PAYLOAD_LIMIT
        return now if full else self.began + self.window

    def take(self) -> Batch:
        """The next batch: as many records as one may have, at least one."""
        size, records = _FRAME, list[Record]()
        while self._records and len(records) < self.batch_size:
            size += len(self._records[0].event) + 1
            if records and size > PAYLOAD_LIMIT:
                break
            records.append(self._records.popleft())
            self._bytes -= len(records[-1].event) + 1
        return Batch(tuple(records))


def first_failure(batch: Batch, response: bytes, reports: bool) -> int | None:
    """The index of the record from which the batch is to be retried; None if all records are processed.

    Several failures mean the lowest sequence number. An empty or null response or list is a success. An identifier that
    is empty, null, under another key, or of no record of the batch makes the whole batch a failure.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

    Args:
        batch: what was sent.
        response: what the function returned, as JSON.
        reports: whether the mapping has ReportBatchItemFailures; without it any response is a success.
    """
    if not reports or not response.strip():
        return None
    try:
        answer = json.loads(response)
    except ValueError:
        return 0
    if not answer:
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if not failures:
        return None
    if not isinstance(failures, list):
        return 0
    places = {record.sequence_number: index for index, record in enumerate(batch.records)}
    return min(places.get(_identifier(failure), 0) for failure in failures)


def _identifier(failure: object) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    return identifier if isinstance(identifier, str) else ""


@dataclass(frozen=True)
class Step:
    """What follows from one invocation.

    Args:
        done: how many records, from the first, are done with.
        following: the batches that come next, in this order.
        discarded: whether all records that are not done are given up.
    """

    done: int
    following: tuple[Batch, ...] = ()
    discarded: bool = False


def after(batch: Batch, failed: int | None, mapping: EventSourceMapping) -> Step:
    """What follows from an invocation whose first failed record has the index `failed` (None: none failed).

    - What comes before the failed record is done. The rest is a new batch, whose retries count from 0:
      only sending the same batch again is a retry.
    - If nothing is done, and the mapping bisects, a batch of several records is split in two halves. That is no retry:
      "Splitting batches doesn't consume the retry quota".
    - Else the batch is sent again, and given up after `maximum_retry_attempts` times.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and (Bisecting a batch)
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    if failed is None:
        return Step(done=len(batch.records))
    if failed > 0:
        return Step(done=failed, following=(Batch(batch.records[failed:]),))
    if mapping.bisect and len(batch.records) > 1:
        middle = len(batch.records) // 2
        return Step(done=0, following=(Batch(batch.records[:middle]), Batch(batch.records[middle:])))
    if mapping.maximum_retry_attempts == UNLIMITED or batch.invocations < mapping.maximum_retry_attempts:
        return Step(done=0, following=(Batch(batch.records, batch.invocations + 1),))
    return Step(done=0, discarded=True)


def without_expired(batch: Batch, now: float, maximum_record_age: int) -> tuple[Batch | None, Batch | None]:
    """Split a batch into its first records, which are too old to be sent, and the rest; either may be None.

    Args:
        batch: the records; those of a shard arrive in their order.
        now: the time, in seconds since 1970.
        maximum_record_age: in seconds, or `UNLIMITED`.
    """
    if maximum_record_age == UNLIMITED:
        return None, batch
    fresh = next((i for i, r in enumerate(batch.records) if now - r.arrived <= maximum_record_age), len(batch.records))
    if fresh == 0:
        return None, batch
    expired = Batch(batch.records[:fresh], batch.invocations)
    return expired, Batch(batch.records[fresh:]) if fresh < len(batch.records) else None
