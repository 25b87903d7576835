"""What all scenarios share."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.running.cluster import Cluster
from tests.faults.running.streams import Streams
from tests.faults.running.system import System


@dataclass
class Stage:
    """The emulator and its client, a folder, and a seed; a cluster and the functions once they are asked for.

    `make_cluster` and `make_system` give the same one each time. `after` is left when the scenario ends.
    """

    endpoint: str
    kinesis: Any
    folder: Path
    seed: int
    make_cluster: Callable[[], Cluster]
    make_system: Callable[[], System]
    days: Iterator[int]
    after: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        return self.make_cluster()

    @property
    def system(self) -> System:
        """The functions."""
        return self.make_system()

    def next_day(self) -> int:
        """A day that no other shop has: so no two events are the same."""
        return next(self.days)

    def streams(self, shards: int) -> Streams:
        """Make three streams that no other scenario has."""
        number = self.next_day()
        streams = Streams(*(f"{name}-{number}" for name in ("events", "alerts", "dead-letters")))
        for name, count in ((streams.events, shards), (streams.alerts, 1), (streams.dead_letters, 1)):
            self.kinesis.create_stream(StreamName=name, ShardCount=count)
        return streams
