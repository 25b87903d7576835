"""Items go into the table in batches, for as long as the invocation has time."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from event_items import Item

Items = dict[str, Item]
"""Sequence number of a record → its item."""

Reasons = dict[str, str]
"""Sequence number of a record → what is wrong with it."""

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
BATCH = 25
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0

# One item may be to blame, or their sum (a request is at most 16 MB). Everything else may work later: throttling and
# errors of the service pass, and an operator can give a missing permission or table back.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_REFUSED = ("ItemCollectionSizeLimitExceededException", "SerializationException", "ValidationException", "413")


class BatchWriter:
    """Puts items into one table; needs the permission dynamodb:BatchWriteItem and no other.

    An item is in the table whole or not at all. To put it twice is to put it once, so what is uncertain is put again.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table_name = table_name
        self._problem = ""

    def write(self, items: Items, time_left: Callable[[], float]) -> tuple[Reasons, Reasons]:
        """Put the items; what the table does not take is put again, after a pause, while there is time.

        Args:
            items: in the order to write them.
            time_left: seconds until this must return; asked before each request.

        Returns:
            The items that the table refuses for good, and those that may not be in it yet.
        """
        refused: Reasons = {}
        self._problem = ""
        for pause in _pauses():
            items = self._once(items, refused, time_left)
            if not items or time_left() <= pause:
                break
            time.sleep(pause)
        return refused, dict.fromkeys(items, f"not taken by the table in the time of the invocation{self._problem}")

    def _once(self, items: Items, refused: Reasons, time_left: Callable[[], float]) -> Items:
        """Try each item once, and return those to try again."""
        again: Items = {}
        numbers = list(items)
        for start in range(0, len(numbers), BATCH):
            batch = {number: items[number] for number in numbers[start : start + BATCH]}
            again |= self._put(batch, refused, time_left) if time_left() > 0 else batch
        return again

    def _put(self, batch: Items, refused: Reasons, time_left: Callable[[], float]) -> Items:
        """Make one request; of a batch that is refused, one for each half, so that only what is to blame fails."""
        requests = [{"PutRequest": {"Item": item}} for item in batch.values()]
        try:
            answer = self._client.batch_write_item(RequestItems={self._table_name: requests})
        except (BotoCoreError, ClientError) as error:
            code = str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
            if code not in _REFUSED:
                self._problem = f": {error}"
                return batch
            if len(batch) > 1:
                half = len(batch) // 2
                first, second = dict(list(batch.items())[:half]), dict(list(batch.items())[half:])
                return self._once(first, refused, time_left) | self._once(second, refused, time_left)
            # The service's message may repeat a part of the item.
            refused |= dict.fromkeys(batch, f"refused by the table: {code}")
            return {}
        by_sort_key = {item["sk"]["S"]: number for number, item in batch.items()}
        unprocessed = answer["UnprocessedItems"].get(self._table_name, [])
        numbers = [by_sort_key[request["PutRequest"]["Item"]["sk"]["S"]] for request in unprocessed]
        return {number: batch[number] for number in numbers}


def _pauses() -> Iterator[float]:
    """Seconds to wait: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/."""
    longest = _FIRST_PAUSE
    while True:
        yield random.uniform(0, longest)
        longest = min(2 * longest, _LONGEST_PAUSE)
