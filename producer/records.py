"""Events as records of the stream, good and malformed."""

import json
import random
from collections.abc import Iterator
from itertools import count

from producer import response_pool
from producer.keyed_queue import Record
from producer.malformed import Spoiler


def records(seed: int, bad_ratio: float = 0.0) -> Iterator[Record]:
    """Endless records, each made when it is asked for; their numbers count from 1.

    The same seed gives the same records except for their timestamps, at any rate. `bad_ratio` of them (0 to 1) are
    malformed: other bytes made from the same event, so that the ratio changes neither the other records nor any
    partition key.
    """
    events = response_pool.draw(response_pool.get_pool(seed), seed + 1)
    chance, spoiler = random.Random(seed + 2), Spoiler(seed + 3)
    for number, event in zip(count(1), events, strict=False):
        is_bad = bad_ratio and chance.random() < bad_ratio
        data = spoiler.spoil(event)[1] if is_bad else json.dumps(event).encode()
        yield Record(number, f"path#{event['path']}", data)
