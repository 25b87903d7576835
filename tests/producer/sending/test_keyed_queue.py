"""The queue as a model: order within a key, one record of a key under way, busy lanes, nothing lost, quotas kept."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producer.keyed_queue import MAX_REQUEST_BYTES, Backlog, KeyedQueue, Record


class Queue(RuleBasedStateMachine):
    """The queue beside a list for each key."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = False
        self.queue = KeyedQueue(self.lane_of)
        self.number, self.now = 0, 0.0
        self.expected: dict[str, list[Record]] = {}
        self.under_way: dict[str, Backlog] = {}
        self.resting: dict[str, float] = {}
        self.tries: dict[str, int] = {}
        self.unsure: set[str] = set()

    @rule(key=st.sampled_from("abcd"))
    def put(self, key: str) -> None:
        self.number += 1
        record = Record(self.number, key, b"x" * (self.number % 5))
        self.expected.setdefault(key, []).append(record)
        self.queue.put(record)

    def lane_of(self, key: str) -> str:
        return "AB" if self.joined and key in "ab" else key.upper()

    @rule(joined=st.booleans())
    def change_lanes(self, joined: bool) -> None:
        self.joined = joined
        self.queue.change_lanes(self.lane_of)

    @rule(most=st.integers(1, 4), later=st.floats(0, 2), busy=st.sets(st.sampled_from(["A", "B", "AB", "C"])))
    def take(self, most: int, later: float, busy: set[str]) -> None:
        self.now += later
        self.resting = {key: at for key, at in self.resting.items() if at > self.now}
        wait = self.queue.wake(self.now)
        assert wait == (min(self.resting.values()) - self.now if self.resting else None)
        free = [
            key
            for key, records in self.expected.items()
            if records and key not in self.under_way and key not in self.resting and self.lane_of(key) not in busy
        ]
        assert self.queue.ready(busy) == len(free)
        taken, lanes = self.queue.take(most, busy)
        assert len(taken) == min(most, len(free))
        assert lanes == {self.lane_of(backlog.records[0].key) for backlog in taken}
        for backlog in taken:
            record = backlog.records[0]
            assert record.key in free
            assert record is self.expected[record.key][0]
            self.under_way[record.key] = backlog
            self.tries[record.key] = self.tries.get(record.key, 0) + 1
            assert backlog.tries == self.tries[record.key]

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.under_way)))
        self.expected[key].pop(0)
        del self.tries[key]
        self.unsure.discard(key)
        self.queue.done(self.under_way.pop(key))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), delay=st.floats(0, 2), maybe_stored=st.booleans())
    def again(self, data: st.DataObject, delay: float, maybe_stored: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.under_way)))
        self.resting[key] = self.now + delay
        self.unsure |= {key} if maybe_stored else set()
        self.queue.again(self.under_way.pop(key), self.now + delay, maybe_stored)

    @invariant()
    def counts(self) -> None:
        left = [record for records in self.expected.values() for record in records]
        assert len(self.queue) == len(left)
        assert self.queue.size == sum(record.size for record in left)
        assert self.queue.maybe_stored() == len(self.unsure | self.under_way.keys())


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(0, 1024 * 1024 - 10), min_size=1, max_size=15))
def test_requests_keep_to_their_quota_of_bytes(sizes: list[int]) -> None:
    queue = KeyedQueue()
    for number, size in enumerate(sizes):
        queue.put(Record(number, f"key-{number}", bytes(size)))
    taken, _ = queue.take(500)
    total = sum(backlog.records[0].size for backlog in taken)
    assert total <= MAX_REQUEST_BYTES
    if len(taken) < len(sizes):
        assert total + len(f"key-{len(taken)}") + sizes[len(taken)] > MAX_REQUEST_BYTES


def test_requests_keep_to_their_quota_of_records() -> None:
    queue = KeyedQueue()
    for number in range(1200):
        queue.put(Record(number, f"key-{number}", b""))
    assert [len(queue.take(10_000)[0]) for _ in range(4)] == [500, 500, 200, 0]


def test_a_request_is_filled_lane_by_lane() -> None:
    queue = KeyedQueue(lambda key: key[0])
    for number in range(300):
        for lane in "abc":
            queue.put(Record(number, f"{lane}{number}", b""))
    first, lanes = queue.take(500)
    assert (len(first), lanes) == (500, {"a", "b"})
    second, others = queue.take(500, lanes)
    assert (len(second), others) == (300, {"c"})
    assert queue.ready() == 100
    assert queue.ready(lanes) == 0
