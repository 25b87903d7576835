"""Records that a function can never handle are kept in a bucket, so that they hold up no others."""

import json
import os
from datetime import UTC, datetime
from typing import Any


def put(client: Any, bucket: str, record: dict[str, Any], reason: str) -> None:
    """Store a record whole. To store it again replaces the same object, as the key is the record's place.

    Args:
        client: a boto3 S3 client; needs the permission s3:PutObject and no other.
        bucket: the name of the bucket.
        record: as Lambda passed it to the function.
        reason: why it can never be handled; repeats nothing of the record.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: if it may not be stored.
    """
    shard, _, number = record["eventID"].partition(":")
    arrived = datetime.fromtimestamp(record["kinesis"]["approximateArrivalTimestamp"], UTC)
    key = f"rejected/{os.environ['AWS_LAMBDA_FUNCTION_NAME']}/{arrived:%Y/%m/%d}/{shard}-{number}.json"
    content = {"reason": reason, "rejectedAt": datetime.now(UTC).isoformat(), "record": record}
    client.put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode())
