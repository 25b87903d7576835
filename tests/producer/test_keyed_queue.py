"""The queue as a model: order within a key, one record of a key under way, nothing lost, quotas kept."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producer.keyed_queue import MAX_REQUEST_BYTES, KeyedQueue, Record


class Queue(RuleBasedStateMachine):
    """The queue beside lists a key."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = KeyedQueue()
        self.number, self.now = 0, 0.0
        self.expected: dict[str, list[Record]] = {}
        self.under_way: dict[str, Record] = {}
        self.resting: dict[str, float] = {}
        self.tries: dict[str, int] = {}

    @rule(key=st.sampled_from("abc"))
    def put(self, key: str) -> None:
        self.number += 1
        record = Record(self.number, key, b"x" * (self.number % 5))
        self.expected.setdefault(key, []).append(record)
        self.queue.put(record)

    @rule(most=st.integers(1, 4), later=st.floats(0, 2))
    def take(self, most: int, later: float) -> None:
        self.now += later
        taken = self.queue.take(self.now, most)
        self.resting = {key: at for key, at in self.resting.items() if at > self.now}
        free = [
            key
            for key, records in self.expected.items()
            if records and key not in self.under_way and key not in self.resting
        ]
        assert len(taken) == min(most, len(free))
        for record in taken:
            assert record.key in free
            assert record is self.expected[record.key][0]
            self.under_way[record.key] = record
            self.tries[record.key] = self.tries.get(record.key, 0) + 1
            assert self.queue.tries(record) == self.tries[record.key]

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        record = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        self.expected[record.key].pop(0)
        del self.tries[record.key]
        self.queue.done(record)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), delay=st.floats(0, 2))
    def again(self, data: st.DataObject, delay: float) -> None:
        record = self.under_way.pop(data.draw(st.sampled_from(sorted(self.under_way))))
        self.resting[record.key] = self.now + delay
        self.queue.again(record, self.now + delay)

    @invariant()
    def counts(self) -> None:
        left = [record for records in self.expected.values() for record in records]
        assert len(self.queue) == len(left)
        assert self.queue.size == sum(record.size for record in left)
        assert self.queue.next_at() == min(self.resting.values(), default=None)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(0, 1024 * 1024 - 10), min_size=1, max_size=15))
def test_requests_keep_to_their_quota_of_bytes(sizes: list[int]) -> None:
    queue = KeyedQueue()
    for number, size in enumerate(sizes):
        queue.put(Record(number, f"key-{number}", bytes(size)))
    taken = queue.take(0.0, 500)
    total = sum(record.size for record in taken)
    assert total <= MAX_REQUEST_BYTES
    if len(taken) < len(sizes):
        assert total + len(f"key-{len(taken)}") + sizes[len(taken)] > MAX_REQUEST_BYTES


def test_requests_keep_to_their_quota_of_records() -> None:
    queue = KeyedQueue()
    for number in range(1200):
        queue.put(Record(number, f"key-{number}", b""))
    assert [len(queue.take(0.0, 10_000)) for _ in range(4)] == [500, 500, 200, 0]
