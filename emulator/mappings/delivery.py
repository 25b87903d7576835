"""Deliver a batch: invoke, and then retry, split or discard, until each of its records is done or discarded."""

from typing import Protocol

from emulator.functions.runtime import Invocation
from emulator.mappings.batches import Batch, Record, after, first_failure, without_expired
from emulator.mappings.on_failure import RECORD_AGE_EXCEEDED, RETRY_ATTEMPTS_EXHAUSTED
from emulator.mappings.settings import EventSourceMapping


class Effects(Protocol):
    """What a delivery does outside of this module."""

    def now(self) -> float:
        """The time, in seconds since 1970."""

    def wait(self, retries: int) -> None:
        """Wait before a batch is sent again; `retries` counts these times from 1."""

    def invoke(self, batch: Batch) -> Invocation | None:
        """Invoke the function; None, without an invocation, when the delivery is to stop."""

    def done(self, records: tuple[Record, ...]) -> None:
        """Note that these records, the next of the shard, are processed."""

    def discard(self, batch: Batch, condition: str, invocation: Invocation | None) -> bool:
        """Give a batch up, and send it to the on-failure destination; False if that did not work before a stop."""


def deliver(batch: Batch, mapping: EventSourceMapping, effects: Effects) -> None:
    """Deliver a batch, in order: no record is sent before all records before it are done or discarded.

    Returns early when the delivery is to stop; the records that are neither done nor discarded then must be read again.
    """
    waiting = [batch]
    while waiting:
        expired, current = without_expired(waiting.pop(), effects.now(), mapping.maximum_record_age)
        if expired and not effects.discard(expired, RECORD_AGE_EXCEEDED, None):
            return
        if current is None:
            continue
        invocation = effects.invoke(current)
        if invocation is None:
            return
        failed: int | None = 0
        if not invocation.function_error:
            failed = first_failure(current, invocation.payload, mapping.report_batch_item_failures)
        step = after(current, failed, mapping)
        effects.done(current.records[: step.done])
        if step.discarded and not effects.discard(current, RETRY_ATTEMPTS_EXHAUSTED, invocation):
            return
        if step.following and step.following[0].invocations:
            effects.wait(step.following[0].invocations)
        waiting.extend(reversed(step.following))
