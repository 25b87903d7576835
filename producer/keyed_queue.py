"""The records that wait to be sent, in order within a partition key."""

import heapq
from collections import deque
from collections.abc import Callable, Collection
from itertools import count
from typing import NamedTuple

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
# The quota of a request is 10 MiB today; it was 5 MiB, which emulators and other Kinesis-compatible servers still hold.
MAX_REQUEST_RECORDS = 500
MAX_REQUEST_BYTES = 5 * 1024 * 1024


class Record(NamedTuple):
    """A record to send; only its key and data are sent."""

    number: int
    """Its position in the run, which names it in messages."""
    key: str
    """Its partition key, 1 to 256 characters."""
    data: bytes

    @property
    def size(self) -> int:
        """Bytes that count towards the quotas: data and key."""
        return len(self.data) + len(self.key.encode())


class Backlog:
    """The records of one partition key, in order, and how far the first of them is."""

    __slots__ = ("maybe_stored", "records", "tries", "under_way")

    def __init__(self) -> None:
        self.records: deque[Record] = deque()
        self.tries = 0
        """How often the first record was taken."""
        self.under_way = False
        self.maybe_stored = False
        """Whether an answer to the first record was lost."""


class KeyedQueue:
    """Records in the order they were put, of which at most one per key is under way at any time.

    A key is ready (its first record may be taken), under way (its first record was taken), or resting (its first record
    is ready again later). Ready keys stand in lanes, which `lane_of` chooses. Nothing here waits or locks.
    """

    def __init__(self, lane_of: Callable[[str], str] = lambda _: "") -> None:
        self._backlogs: dict[str, Backlog] = {}
        self._ready: dict[str, deque[Backlog]] = {}
        self._resting: list[tuple[float, int, Backlog]] = []
        self._numbers = count()
        self._lane_of = lane_of
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
        backlog = self._backlogs.get(record.key)
        if backlog is None:
            backlog = self._backlogs[record.key] = Backlog()
            backlog.records.append(record)
            self._make_ready(backlog)
        else:
            backlog.records.append(record)

    def wake(self, now: float) -> float | None:
        """Make the keys ready that have rested until now; seconds until the next one is (None: no key rests)."""
        while self._resting and self._resting[0][0] <= now:
            self._make_ready(heapq.heappop(self._resting)[2], first=True)
        return self._resting[0][0] - now if self._resting else None

    def ready(self, busy: Collection[str] = ()) -> int:
        """How many keys are ready in lanes that are not busy."""
        return sum(len(ready) for lane, ready in self._ready.items() if lane not in busy)

    def take(self, most: int, busy: Collection[str] = ()) -> tuple[list[Backlog], set[str]]:
        """Ready keys for one request, and their lanes: at most `most` records, within the quotas of a request.

        It fills the request lane by lane, so that those that do not fit are left for another request.
        """
        taken: list[Backlog] = []
        lanes: set[str] = set()
        size, most = 0, min(most, MAX_REQUEST_RECORDS)
        for lane in [lane for lane in self._ready if lane not in busy]:
            # The lane goes behind the others.
            ready = self._ready[lane] = self._ready.pop(lane)
            while ready and len(taken) < most:
                size += ready[0].records[0].size
                if taken and size > MAX_REQUEST_BYTES:
                    return taken, lanes
                backlog = ready.popleft()
                backlog.tries += 1
                backlog.under_way = True
                taken.append(backlog)
                lanes.add(lane)
            if not ready:
                del self._ready[lane]
        return taken, lanes

    def done(self, backlog: Backlog) -> None:
        """Forget a record that was under way; the next of its key is ready."""
        record = backlog.records.popleft()
        self._count -= 1
        self.size -= record.size
        if backlog.records:
            backlog.tries, backlog.under_way, backlog.maybe_stored = 0, False, False
            self._make_ready(backlog)
        else:
            del self._backlogs[record.key]

    def again(self, backlog: Backlog, at: float, maybe_stored: bool) -> None:
        """Make a record that was under way ready again from that time on."""
        backlog.under_way = False
        backlog.maybe_stored |= maybe_stored
        heapq.heappush(self._resting, (at, next(self._numbers), backlog))

    def change_lanes(self, lane_of: Callable[[str], str]) -> None:
        """Choose the lanes of all keys anew."""
        self._lane_of = lane_of
        lanes, self._ready = self._ready, {}
        for ready in lanes.values():
            for backlog in ready:
                self._make_ready(backlog)

    def maybe_stored(self) -> int:
        """How many of the records may be stored: those under way, and those to which an answer was lost."""
        return sum(backlog.under_way or backlog.maybe_stored for backlog in self._backlogs.values())

    def _make_ready(self, backlog: Backlog, first: bool = False) -> None:
        ready = self._ready.setdefault(self._lane_of(backlog.records[0].key), deque())
        if first:
            ready.appendleft(backlog)
        else:
            ready.append(backlog)
