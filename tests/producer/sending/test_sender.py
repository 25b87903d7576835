"""The sender against a Kinesis that refuses: order, nothing lost, and only what failed is sent again."""

import base64
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from producer.keyed_queue import MAX_REQUEST_BYTES, Record
from producer.sender import MAX_RECORD_BYTES, Sender, SendError, kinesis_client
from tests.emulated import REGION, SOURCE, Emulator, eventually
from tests.producer.servers.refusing_kinesis import CLOSE, Entry, RefusingKinesis

THROTTLED = "ProvisionedThroughputExceededException"


class Log:
    """What a sender told."""

    def __init__(self) -> None:
        self.sent: list[tuple[Record, str, str]] = []
        self.given_up: list[tuple[int, str, int]] = []

    def on_sent(self, record: Record, shard: str, sequence_number: str) -> None:
        self.sent.append((record, shard, sequence_number))

    def on_given_up(self, record: Record, code: str, tries: int, maybe_stored: bool) -> None:
        self.given_up.append((record.number, code, tries))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def start(refusing: RefusingKinesis, log: Log) -> Iterator[Callable[..., Sender]]:
    """`start(**options)` starts a sender that talks to the refusing server."""
    senders: list[Sender] = []

    def make(**options: Any) -> Sender:
        told = {"on_sent": log.on_sent, "on_given_up": log.on_given_up}
        client = kinesis_client(REGION, options.get("connections", 1))
        sender = Sender(client, SOURCE, **({"backoff": 0.001} | told | options))
        senders.append(sender)
        return sender

    yield make
    refusing.gate.set()
    for sender in senders:
        sender.abandon()


def records(count: int, keys: int) -> list[Record]:
    return [Record(number, f"key-{number % keys}", b"%d" % number) for number in range(1, count + 1)]


def by_key(emulator: Emulator) -> dict[str, list[int]]:
    """The numbers that the stream holds, in its order, a key."""
    result: dict[str, list[int]] = {}
    for record in emulator.read(SOURCE):
        result.setdefault(record["PartitionKey"], []).append(int(record["Data"]))
    return result


def expected(some: list[Record]) -> dict[str, list[int]]:
    result: dict[str, list[int]] = {}
    for record in some:
        result.setdefault(record.key, []).append(record.number)
    return result


def number(entry: Entry) -> int:
    return int(base64.b64decode(entry["Data"]))


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("keys", [1, 7, 150])
def test_order_holds_when_entries_fail(
    refusing: RefusingKinesis, emulator: Emulator, start: Callable[..., Sender], log: Log, connections: int, keys: int
) -> None:
    chance = random.Random(keys)
    refusing.refuse = lambda entry: "InternalFailure" if chance.random() < 0.3 else None
    some = records(60 if keys == 1 else 400, keys)
    with start(connections=connections, tries=50) as sender:
        for record in some:
            sender.put(record)
    assert by_key(emulator) == expected(some)
    assert refusing.doubled == []
    assert refusing.refused > 0
    counts = sender.counts
    assert (counts.sent, counts.retried, counts.given_up, counts.waiting) == (len(some), refusing.refused, 0, 0)
    stored = {(r["PartitionKey"], r["SequenceNumber"]): int(r["Data"]) for r in emulator.read(SOURCE)}
    assert {(r.key, number): r.number for r, _, number in log.sent} == stored


def test_only_failed_entries_are_sent_again(
    refusing: RefusingKinesis, emulator: Emulator, start: Callable[..., Sender]
) -> None:
    refused: set[int] = set()

    def refuse(entry: Entry) -> str | None:
        if number(entry) % 3 or number(entry) in refused:
            return None
        refused.add(number(entry))
        return "InternalFailure"

    refusing.refuse = refuse
    with start() as sender:
        for record in records(90, 90):
            sender.put(record)
    tries = Counter(number(entry) for request in refusing.requests for entry in request)
    assert tries == {number: 1 if number % 3 else 2 for number in range(1, 91)}


@pytest.mark.parametrize(("code", "tries"), [(THROTTLED, 3), ("InternalFailure", 3), ("SomethingElse", 1)])
def test_given_up(
    refusing: RefusingKinesis, emulator: Emulator, start: Callable[..., Sender], log: Log, code: str, tries: int
) -> None:
    refusing.refuse = lambda entry: code if number(entry) == 4 else None
    some = records(9, 3)
    with start(tries=3) as sender:
        for record in some:
            sender.put(record)
    assert log.given_up == [(4, code, tries)]
    assert (sender.counts.sent, sender.counts.retried, sender.counts.given_up) == (8, tries - 1, 1)
    assert by_key(emulator) == expected([record for record in some if record.number != 4])


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (Record(1, "k", bytes(MAX_RECORD_BYTES - 1)), None),
        (Record(1, "k", bytes(MAX_RECORD_BYTES)), "RecordTooLarge"),
        (Record(1, "k" * 256, b"x"), None),
        (Record(1, "k" * 257, b"x"), "PartitionKeyLength"),
        (Record(1, "", b"x"), "PartitionKeyLength"),
    ],
    ids=["1 MiB", "1 MiB + 1", "key of 256", "key of 257", "no key"],
)
def test_what_can_never_be_stored_is_not_sent(
    refusing: RefusingKinesis, start: Callable[..., Sender], log: Log, record: Record, code: str | None
) -> None:
    with start() as sender:
        sender.put(record)
    assert log.given_up == ([(1, code, 0)] if code else [])
    assert len(refusing.requests) == (0 if code else 1)
    assert (sender.counts.sent, sender.counts.given_up) == ((0, 1) if code else (1, 0))


def test_requests_are_full_and_within_their_quotas(refusing: RefusingKinesis, start: Callable[..., Sender]) -> None:
    refusing.gate.clear()
    sender = start()
    sender.put(Record(0, "first", b"0"))
    eventually(lambda: len(refusing.requests) == 1, "a lone record is sent at once")
    for record in records(1100, 1100):
        sender.put(record)
    for place in range(6):
        sender.put(Record(place, f"large-{place}", bytes(MAX_RECORD_BYTES - 100)))
    refusing.gate.set()
    sender.close()
    assert [len(request) for request in refusing.requests[1:3]] == [500, 500]
    sizes = [
        sum(len(base64.b64decode(entry["Data"])) + len(entry["PartitionKey"]) for entry in request)
        for request in refusing.requests
    ]
    assert max(sizes) <= MAX_REQUEST_BYTES < sum(sizes)
    assert sender.counts.sent == 1107


@pytest.mark.parametrize(
    "failure",
    [(400, THROTTLED), (400, "KMSThrottlingException"), (500, "InternalFailure"), (503, "Whatever")],
)
def test_requests_that_fail_as_a_whole_are_tried_again(
    refusing: RefusingKinesis, emulator: Emulator, start: Callable[..., Sender], failure: tuple[int, str]
) -> None:
    left = [failure, failure]
    refusing.fail = lambda entries: left.pop() if left else None
    some = records(20, 5)
    with start() as sender:
        for record in some:
            sender.put(record)
    assert by_key(emulator) == expected(some)
    assert sender.counts.retried >= 2


def test_a_lost_answer_doubles_records_and_keeps_their_order(
    refusing: RefusingKinesis, emulator: Emulator, start: Callable[..., Sender]
) -> None:
    lost = [(CLOSE, "")]
    refusing.fail = lambda entries: lost.pop() if lost else None
    some = records(30, 1)
    with start() as sender:
        for record in some:
            sender.put(record)
    assert by_key(emulator) == {"key-0": [1, *range(1, 31)]}
    assert sender.counts.sent == 30


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "ExpiredTokenException"])
def test_a_stream_that_cannot_be_written_stops_all(
    refusing: RefusingKinesis, start: Callable[..., Sender], code: str
) -> None:
    refusing.fail = lambda entries: (400, code)
    sender = start()
    with pytest.raises(SendError) as caught:
        for record in records(5000, 100):
            sender.put(record)
    assert caught.value.code == code
    with pytest.raises(SendError):
        sender.flush()
    counts = sender.counts
    assert (counts.sent, counts.waiting) == (0, 0)
    assert counts.given_up > 0


def test_a_server_that_is_not_there(start: Callable[..., Sender], refusing: RefusingKinesis) -> None:
    refusing.close()
    sender = start()
    with pytest.raises(SendError) as caught:
        sender.put(records(1, 1)[0])
        sender.flush()
    assert caught.value.code == "EndpointConnectionError"


def test_put_waits_for_room(refusing: RefusingKinesis, start: Callable[..., Sender]) -> None:
    refusing.gate.clear()
    sender = start()
    put = [sender.put(record, timeout=0) for record in records(3000, 500)]
    assert put == [True] * 2000 + [False] * 1000
    assert not sender.flush(timeout=0)
    refusing.gate.set()
    sender.close()
    assert sender.counts.sent == 2000


def test_put_waits_for_room_in_bytes(refusing: RefusingKinesis, start: Callable[..., Sender]) -> None:
    refusing.gate.clear()
    sender = start()
    put = [sender.put(Record(n, f"key-{n}", bytes(1_000_000)), timeout=0) for n in range(40)]
    assert put == [True] * 32 + [False] * 8


def test_abandon_gives_up_what_is_waiting(refusing: RefusingKinesis, start: Callable[..., Sender]) -> None:
    refusing.gate.clear()
    sender = start()
    for record in records(10, 1):
        sender.put(record)
    threading.Timer(0, sender.abandon).start()
    with pytest.raises(SendError):
        sender.flush()
    assert (sender.counts.sent, sender.counts.given_up, sender.counts.waiting) == (0, 10, 0)
    with pytest.raises(SendError):
        sender.put(records(1, 1)[0])


def test_a_callback_that_fails_is_not_lost(start: Callable[..., Sender]) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    sender = start(on_sent=fail)
    sender.put(records(1, 1)[0])
    with pytest.raises(ZeroDivisionError):
        sender.flush()


def test_a_busy_stream_loses_nothing(
    refusing: RefusingKinesis, emulator: Emulator, start: Callable[..., Sender], log: Log
) -> None:
    taken: Counter[int] = Counter()

    def refuse(entry: Entry) -> str | None:
        second = int(time.monotonic())
        taken[second] += 1
        return None if taken[second] <= 100 else THROTTLED

    refusing.refuse = refuse
    some = records(300, 150)
    with start(backoff=0.1) as sender:
        for record in some:
            sender.put(record)
    assert by_key(emulator) == expected(some)
    assert sender.counts.retried == refusing.refused > 0
    assert log.given_up == []
