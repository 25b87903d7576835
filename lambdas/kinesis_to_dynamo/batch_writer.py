"""Items go into the table in batches, for as long as the invocation has time."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from event_items import Item

Items = dict[str, Item]
"""Sequence number of a record → its item."""

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
BATCH = 25
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_TRANSIENT = (
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
)
# One item may be to blame, or their sum (a request is at most 16 MB).
_REFUSED = ("ItemCollectionSizeLimitExceededException", "SerializationException", "ValidationException", "413")


class BatchWriter:
    """Puts items into one table; needs the permission dynamodb:BatchWriteItem and no other.

    An item is in the table whole or not at all. To put it twice is to put it once, so what is uncertain is put again.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def write(self, items: Items, time_left: Callable[[], float]) -> dict[str, str]:
        """Put the items; what the table is too busy for is put again, after a pause, while there is time.

        Args:
            items: in the order to write them.
            time_left: seconds until this must return; asked before each request.

        Returns:
            The sequence numbers of the items that may not be in the table, each with the reason.
        """
        failed: dict[str, str] = {}
        for pause in _pauses():
            items = self._once(items, failed, time_left)
            if not items:
                break
            if time_left() <= pause:
                failed |= dict.fromkeys(items, "the table did not take it in the time of the invocation")
                break
            time.sleep(pause)
        return failed

    def _once(self, items: Items, failed: dict[str, str], time_left: Callable[[], float]) -> Items:
        """Try each item once: those to try again."""
        again: Items = {}
        numbers = list(items)
        for start in range(0, len(numbers), BATCH):
            batch = {number: items[number] for number in numbers[start : start + BATCH]}
            again |= self._put(batch, failed, time_left) if time_left() > 0 else batch
        return again

    def _put(self, batch: Items, failed: dict[str, str], time_left: Callable[[], float]) -> Items:
        """One request; of a batch that is refused, one for each half, so that only what is to blame fails."""
        requests = [{"PutRequest": {"Item": item}} for item in batch.values()]
        try:
            answer = self._client.batch_write_item(RequestItems={self._table_name: requests})
        except (HTTPClientError, ConnectionError):
            return batch
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _TRANSIENT or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                return batch
            if code in _REFUSED and len(batch) > 1:
                half = len(batch) // 2
                first, second = dict(list(batch.items())[:half]), dict(list(batch.items())[half:])
                return self._once(first, failed, time_left) | self._once(second, failed, time_left)
            failed |= dict.fromkeys(batch, _reason(error))
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


def _reason(error: ClientError) -> str:
    code = str(error.response["Error"]["Code"])
    # What is said of an item may repeat a part of it.
    return f"refused by the table: {code}" if code in _REFUSED else f"{code}: {error.response['Error']['Message']}"
