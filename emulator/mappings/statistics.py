"""What a mapping has done on a shard, for whoever looks on from another thread."""

import threading
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class ShardStatistics:
    """Totals and the latest figures of one mapping and shard.

    Args:
        mapping: the mapping's UUID.
        function: the function's name.
        stream: the stream's name.
        shard: the shard's id.
        state: `reading`, `invoking`, `retrying`, `ended` (a closed shard is done), `stopped` or `failed`.
        read: records that were read.
        done: records that the function has processed.
        discarded: records that were given up.
        invocations: invocations that ended; `failures` of them failed, in part or whole, `retries` sent a batch again,
            `splits` split one.
        behind: how far reading is behind the end of the shard, in milliseconds.
        waiting_since: when the oldest record arrived that was read and is not done, in seconds since 1970; 0 for none.
        last_result: as LastProcessingResult of the mapping.
    """

    mapping: str
    function: str
    stream: str
    shard: str
    state: str = "reading"
    read: int = 0
    done: int = 0
    discarded: int = 0
    invocations: int = 0
    failures: int = 0
    retries: int = 0
    splits: int = 0
    behind: int = 0
    waiting_since: float = 0.0
    last_result: str = "No records processed"


class Counters:
    """Statistics that one thread changes and others read."""

    def __init__(self, first: ShardStatistics) -> None:
        self._now = first
        self._lock = threading.Lock()

    def set(self, **values: Any) -> None:
        """Change latest figures."""
        with self._lock:
            self._now = replace(self._now, **values)

    def add(self, **counts: int) -> None:
        """Add to totals."""
        with self._lock:
            self._now = replace(self._now, **{name: getattr(self._now, name) + count for name, count in counts.items()})

    def snapshot(self) -> ShardStatistics:
        """The statistics of this moment, all of the same one."""
        with self._lock:
            return self._now
