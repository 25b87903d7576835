"""The producer, in a thread of this process, so that what the stream accepted is known record by record."""

import itertools
import threading
import time

from producer import records
from producer.sender import Counts, Record, Sender, SendError, kinesis_client

Taken = tuple[str, int, bytes]


class Shop:
    """Sends events at a rate (a second), from `start` until `stop` or for a duration (seconds).

    For `seed` and `bad_ratio` see `producer.records.records`.
    """

    def __init__(self, stream: str, rate: float, duration: float, seed: int, bad_ratio: float) -> None:
        self._pace = (rate, duration)
        self._records = records.records(seed, bad_ratio)
        self._taken: list[Taken] = []
        self._stopping = threading.Event()
        self._error: SendError | None = None
        self._sender = Sender(kinesis_client(None), stream, on_sent=self._note)
        self._thread = threading.Thread(target=self._send, name="shop")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and wait until all that was begun is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._sender.abandon()

    def busy(self) -> bool:
        """Whether there is more to send. Raises SendError if the stream cannot be written."""
        if self._error is not None:
            raise self._error
        return self._thread.is_alive()

    def counts(self) -> Counts:
        """Sent, retried, given up and waiting, so far."""
        return self._sender.counts

    def taken(self) -> list[Taken]:
        """Every event that the stream took: shard, sequence number, and what was sent."""
        return list(self._taken)

    def _note(self, record: Record, shard: str, sequence_number: str) -> None:
        self._taken.append((shard, int(sequence_number), record.data))

    def _send(self) -> None:
        rate, duration = self._pace
        began = time.monotonic()
        try:
            for number in itertools.count():
                due = number / rate
                if due >= duration or self._stopping.wait(max(0.0, began + due - time.monotonic())):
                    break
                self._sender.put(next(self._records))
            self._sender.flush()
        except SendError as error:
            self._error = error
