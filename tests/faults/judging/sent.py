"""What was sent, kept by the sender itself, and which alerts should come of it: a plain expectation of its own."""

import contextlib
import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

THRESHOLD, MARGIN = 10, 5
_FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)

Alert = tuple[str, int, str]
"""Product, stock, and the time of the event."""


@dataclass(frozen=True)
class Sent:
    """An event that the stream took: its alert, if it is one, where it was stored, and when (seconds since 1970)."""

    alert: Alert
    shard: str
    sequence_number: int
    at: float

    @property
    def product(self) -> str:
        """Whose stock it is."""
        return self.alert[0]

    @property
    def item(self) -> tuple[str, str]:
        """The path and the time of the event: by these the table has it."""
        return f"/inventory/{self.product}", self.alert[2]

    @property
    def low(self) -> bool:
        """Whether the stock is below the threshold."""
        return self.alert[1] < THRESHOLD

    @property
    def rearms(self) -> bool:
        """Whether the stock is so high that the next low one is an alert again."""
        return self.alert[1] >= THRESHOLD + MARGIN


def key(product: str) -> str:
    """The partition key of a product's events."""
    return f"path#/inventory/{product}"


def products(count: int, half: int | None = None) -> list[str]:
    """Names of products that the producer has not, all in one half of the hash keys (0 or 1) or, with None, in both.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html: MD5 maps a key to 128 bits.
    """
    found: list[str] = []
    number = 0
    while len(found) < count:
        name = f"SHOP-{number:04}"
        if half is None or hashlib.md5(key(name).encode()).digest()[0] >> 7 == half:
            found.append(name)
        number += 1
    return found


class Shop:
    """Sends changes of stock, and keeps what the stream took, in order. No two of its events have the same time.

    Args:
        kinesis: a boto3 Kinesis client that reaches the emulator itself, so that nothing is sent twice.
        stream: the stream's name.
        seed: draws products and stocks.
        day: the events' times are of this day, counted from the first; two shops of the same day have the same times.
    """

    def __init__(self, kinesis: Any, stream: str, seed: int, day: int) -> None:
        self._kinesis, self.stream = kinesis, stream
        self._random = random.Random(seed)
        self._first = _FIRST + timedelta(days=day)
        self._number = self._marks = 0
        self.sent: list[Sent] = []

    def event(self, product: str, stock: int) -> tuple[Alert, bytes]:
        """The next event, as it is sent."""
        self._number += 1
        moment = self._first + timedelta(milliseconds=self._number)
        ts = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = {
            "type": "inventory",
            "path": f"/inventory/{product}",
            "timestamp": ts,
            "product_id": product,
            "inventory": stock,
        }
        return (product, stock, ts), json.dumps(content).encode()

    def send(self, product: str, stock: int) -> Sent:
        """Send one event."""
        alert, data = self.event(product, stock)
        answer = self._kinesis.put_record(StreamName=self.stream, Data=data, PartitionKey=key(product))
        self.sent.append(Sent(alert, answer["ShardId"], int(answer["SequenceNumber"]), time.time()))
        return self.sent[-1]

    def mark(self, shard: dict[str, Any]) -> Sent:
        """Send a low stock of a product that no other event is of to a shard, as ListShards gives it."""
        keys = shard["HashKeyRange"]
        while True:
            self._marks += 1
            product = f"MARK-{self._marks:04}"
            place = int(hashlib.md5(key(product).encode()).hexdigest(), 16)
            if int(keys["StartingHashKey"]) <= place <= int(keys["EndingHashKey"]):
                return self.send(product, 1)

    def send_some(self, count: int, names: Sequence[str]) -> None:
        """Send so many events of some products, as fast as it goes."""
        for _ in range(count):
            self.send(self._random.choice(names), self._random.randrange(25))

    @contextlib.contextmanager
    def sending(self, rate: float, names: Sequence[str]) -> Iterator[None]:
        """Send events of some products all the time until the end of the block, so many a second."""
        stopping, failures = threading.Event(), list[BaseException]()

        def work() -> None:
            began, number = time.monotonic(), 0
            try:
                while not stopping.wait(max(0.0, began + number / rate - time.monotonic())):
                    number += 1
                    self.send_some(1, names)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=work, name="shop")
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
        if failures:
            raise failures[0]


def expected_every(sent: Sequence[Sent]) -> list[Alert]:
    """The alerts of the policy `every`."""
    return [event.alert for event in sent if event.low]


def expected_crossing(sent: Sequence[Sent]) -> list[Alert]:
    """The alerts of the policy `crossing`, when each product's events are read in the order in which they were sent."""
    return [episode[0].alert for episode in episodes(sent)]


def episodes(sent: Sequence[Sent]) -> list[list[Sent]]:
    """For each time that a product was low: its low events, from the crossing to the last one before it was rearmed."""
    found: list[list[Sent]] = []
    open_: dict[str, list[Sent]] = {}
    for event in sent:
        if event.rearms:
            open_.pop(event.product, None)
        elif event.low and event.product in open_:
            open_[event.product].append(event)
        elif event.low:
            open_[event.product] = [event]
            found.append(open_[event.product])
    return found
