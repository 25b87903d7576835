"""Records that a function can never handle are kept in a bucket, so that they hold up no others."""

import json
from datetime import UTC, datetime
from typing import Any


class FailureStore:
    """The bucket of failures; needs the permission s3:PutObject and no other.

    Args:
        client: a boto3 S3 client.
        bucket: the name of the bucket.
        function: the name of the function.
    """

    def __init__(self, client: Any, bucket: str, function: str) -> None:
        self._client, self._bucket, self._function = client, bucket, function

    def put(self, record: dict[str, Any], reason: str) -> None:
        """Store a record whole. To store it again replaces the same object, as the key is the record's place.

        Args:
            record: as Lambda passed it to the function.
            reason: why it can never be handled; repeats nothing of the record.

        Raises:
            botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: if it may not be stored.
        """
        shard, _, number = record["eventID"].partition(":")
        arrived = datetime.fromtimestamp(record["kinesis"]["approximateArrivalTimestamp"], UTC)
        key = f"rejected/{self._function}/{arrived:%Y/%m/%d}/{shard}-{number}.json"
        content = {"reason": reason, "rejectedAt": datetime.now(UTC).isoformat(), "record": record}
        self._client.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(content).encode())
