"""What waits to be sent, in order within a partition key."""

import heapq
from collections import deque
from typing import NamedTuple

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
# Today's quota of a request is 10 MiB; it was 5 MiB, which emulators and other Kinesis-compatible servers still hold.
MAX_REQUEST_RECORDS = 500
MAX_REQUEST_BYTES = 5 * 1024 * 1024


class Record(NamedTuple):
    """A record to send; only its key and data are sent."""

    number: int
    """Its place in the run, by which it is named in messages."""
    key: str
    """Its partition key, 1 to 256 characters."""
    data: bytes
    kind: str | None = None
    """What is wrong with it on purpose; None: nothing."""

    @property
    def size(self) -> int:
        """Bytes that count towards the quotas: data and key."""
        return len(self.data) + len(self.key.encode())


class KeyedQueue:
    """Records in the order they were put, of which at most one a key is under way at any time.

    A key is in one of three states: ready (its first record may be taken), under way (its first record was taken), or
    resting (its first record comes back after a while). Nothing here waits or locks.
    """

    def __init__(self) -> None:
        self._records: dict[str, deque[Record]] = {}
        self._ready: deque[str] = deque()
        self._resting: list[tuple[float, str]] = []
        self._tries: dict[str, int] = {}
        self._under_way: set[str] = set()
        self._unsure: set[str] = set()
        self._count = 0
        self.size = 0
        """Bytes of all records, with their keys."""

    def __len__(self) -> int:
        """How many records are not done, those under way included."""
        return self._count

    def put(self, record: Record) -> None:
        """Add a record behind all others of its key."""
        self._count += 1
        self.size += record.size
        if record.key in self._records:
            self._records[record.key].append(record)
        else:
            self._records[record.key] = deque([record])
            self._ready.append(record.key)

    def take(self, now: float, most: int) -> list[Record]:
        """The first records of keys that are ready, for one request: at most `most`, and within its quotas."""
        while self._resting and self._resting[0][0] <= now:
            self._ready.appendleft(heapq.heappop(self._resting)[1])
        taken: list[Record] = []
        size = 0
        while self._ready and len(taken) < min(most, MAX_REQUEST_RECORDS):
            key = self._ready[0]
            record = self._records[key][0]
            size += record.size
            if taken and size > MAX_REQUEST_BYTES:
                break
            self._ready.popleft()
            self._tries[key] = self._tries.get(key, 0) + 1
            self._under_way.add(key)
            taken.append(record)
        return taken

    def tries(self, record: Record) -> int:
        """How often a record that is under way was taken."""
        return self._tries[record.key]

    def done(self, record: Record) -> None:
        """Forget a record that was under way; the next of its key may be taken."""
        records = self._records[record.key]
        records.popleft()
        del self._tries[record.key]
        self._under_way.discard(record.key)
        self._unsure.discard(record.key)
        self._count -= 1
        self.size -= record.size
        if records:
            self._ready.append(record.key)
        else:
            del self._records[record.key]

    def again(self, record: Record, at: float, maybe_stored: bool = False) -> None:
        """Let a record that was under way be taken again, from that time on."""
        self._under_way.discard(record.key)
        if maybe_stored:
            self._unsure.add(record.key)
        heapq.heappush(self._resting, (at, record.key))

    def maybe_stored(self, record: Record) -> bool:
        """Whether the answer to an earlier try of a record that is under way was lost."""
        return record.key in self._unsure

    def count_maybe_stored(self) -> int:
        """How many of the records may be stored: those under way, and those of which an answer was lost."""
        return len(self._under_way | self._unsure)

    def next_at(self) -> float | None:
        """When the first resting key is ready; None: none rests."""
        return self._resting[0][0] if self._resting else None
