"""Which shard of a stream a partition key belongs to."""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from hashlib import md5
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


def shard_of_key(client: Any, stream: str) -> Callable[[str], str] | None:
    """A function from a partition key to its open shard; None if the shards cannot be listed.

    A key's MD5 as a 128-bit number lies in the hash key range of its shard:
    https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#partition-key
    """
    try:
        pages = client.get_paginator("list_shards").paginate(StreamName=stream)
        # A closed shard has an end.
        ranges = sorted(
            (int(shard["HashKeyRange"]["StartingHashKey"]), str(shard["ShardId"]))
            for page in pages
            for shard in page["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        )
    except (BotoCoreError, ClientError, KeyError):
        return None
    if not ranges:
        return None
    starts, names = [start for start, _ in ranges], [name for _, name in ranges]

    @lru_cache(maxsize=10_000)
    def shard(key: str) -> str:
        number = int.from_bytes(md5(key.encode(), usedforsecurity=False).digest())
        return names[bisect_right(starts, number) - 1]

    return shard
