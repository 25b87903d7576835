"""Deliver a batch: invoke, and then retry, split or discard, until each of its records is done or discarded."""

from typing import Protocol

from emulator.functions.runtime import Invocation
from emulator.mappings.batches import Batch, Record, after, first_failure, without_expired
from emulator.mappings.on_failure import RECORD_AGE_EXCEEDED, RETRY_ATTEMPTS_EXHAUSTED
from emulator.mappings.settings import EventSourceMapping


class Delivering(Protocol):
    """What a delivery needs of the world: the function, the clock, the on-failure destination."""

    def stopping(self) -> bool:
        """Whether no further invocation is to be made."""

    def now(self) -> float:
        """The time, in seconds since 1970."""

    def invoke(self, batch: Batch) -> Invocation | None:
        """Invoke the function; None if the invocation was broken off and says nothing of the function."""

    def done(self, records: tuple[Record, ...]) -> None:
        """These records, the next of the shard, are done."""

    def failed(self, batch: Batch, split: bool, retry: bool) -> None:
        """An invocation failed, in part or whole; it is split, or sent again, which is to be waited for a while."""

    def discard(self, batch: Batch, condition: str, invocation: Invocation | None) -> bool:
        """Tell the destination; False if it could not be told because of a stop."""


def deliver(batch: Batch, mapping: EventSourceMapping, world: Delivering) -> None:
    """Deliver a batch, in order: nothing of it is sent before all records before it are done or discarded.

    Returns early when `world` is stopping; what is neither done nor discarded then is to be read again.
    """
    waiting = [batch]
    while waiting and not world.stopping():
        expired, current = without_expired(waiting.pop(), world.now(), mapping.maximum_record_age)
        if expired and not world.discard(expired, RECORD_AGE_EXCEEDED, None):
            return
        if current is None:
            continue
        invocation = world.invoke(current)
        if invocation is None:
            return
        failed: int | None = 0
        if not invocation.function_error:
            failed = first_failure(current, invocation.payload, mapping.report_batch_item_failures)
        step = after(current, failed, mapping)
        world.done(current.records[: step.done])
        if failed is not None:
            world.failed(current, step.split, step.retry)
        if step.discarded and not world.discard(current, RETRY_ATTEMPTS_EXHAUSTED, invocation):
            return
        waiting.extend(reversed(step.following))
