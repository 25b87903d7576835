"""Events as records of the stream, good and malformed."""

import json
import random
from collections.abc import Iterator
from itertools import count

from producer import response_pool
from producer.keyed_queue import Record
from producer.malformed import Spoiler


def records(seed: int, bad_ratio: float = 0.0) -> Iterator[Record]:
    """Records without end, each made when it is asked for; their numbers count from 1.

    The same seed gives the same records but for their timestamps, whatever the pace. `bad_ratio` of them (0 to 1) are
    malformed: those are other bytes for the same event, so the other records do not depend on the ratio, and nor do
    partition keys. A malformed record has the key of the event that it was made from.
    """
    events = response_pool.draw(response_pool.get_pool(seed), seed + 1)
    chance, spoiler = random.Random(seed + 2), Spoiler(seed + 3)
    for number in count(1):
        event = next(events)
        key = f"path#{event['path']}"
        if chance.random() < bad_ratio:
            kind, data = spoiler.spoil(event)
            yield Record(number, key, data, kind)
        else:
            yield Record(number, key, json.dumps(event).encode())
