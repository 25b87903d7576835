"""On-failure destinations: what a bucket gets when records are discarded.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html. A bucket gets the whole event that the
function was, or would have been, invoked with. The form was compared with what LocalStack's tests recorded from AWS
(https://github.com/localstack/localstack, tests/aws/services/lambda_/event_source_mapping, `…_on_failure_destination`).
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from emulator.functions.runtime import Invocation
from emulator.mappings.batches import Batch
from emulator.mappings.settings import EventSourceMapping, MappingError

RETRY_ATTEMPTS_EXHAUSTED = "RetryAttemptsExhausted"
RECORD_AGE_EXCEEDED = "RecordAgeExceeded"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invocation_record(
    mapping: EventSourceMapping,
    shard_id: str,
    batch: Batch,
    condition: str,
    invocation: Invocation | None,
    version: str,
    now: float,
) -> dict[str, Any]:
    """Describe a discarded batch, without its payload.

    Args:
        mapping: whose records they are, and `shard_id` whose shard.
        batch: what is discarded, at the time `now` in seconds since 1970.
        condition: `RETRY_ATTEMPTS_EXHAUSTED` or `RECORD_AGE_EXCEEDED`.
        invocation: the last one, of this version of the function; None if the records were too old for one, and then
            there is no `responseContext`.
    """
    content: dict[str, Any] = {
        "requestContext": {
            "requestId": invocation.request_id if invocation else str(uuid.uuid4()),
            "functionArn": mapping.function_arn,
            "condition": condition,
            "approximateInvokeCount": max(1, batch.invocations + bool(invocation)),
        }
    }
    if invocation:
        # A function that returned, and reported failures, had no error.
        error = invocation.function_error
        content["responseContext"] = {"statusCode": 200, "executedVersion": version, "functionError": error}
    first, last = batch.records[0], batch.records[-1]
    return content | {
        "version": "1.0",
        "timestamp": _time(now),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _time(first.arrived),
            "approximateArrivalOfLastRecord": _time(last.arrived),
            "batchSize": len(batch.records),
            "streamArn": mapping.stream_arn,
        },
    }


def object_key(mapping: EventSourceMapping, record: dict[str, Any]) -> str:
    """The key of the object with an invocation record; its last part is random."""
    at = datetime.fromisoformat(record["timestamp"])
    folder = f"aws/lambda/{mapping.uuid}/{record['KinesisBatchInfo']['shardId']}"
    return f"{folder}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def check(s3: Any, mapping: EventSourceMapping) -> None:
    """Check with a boto3 S3 client that a mapping's destination, if it has one, is there. Raises MappingError."""
    if mapping.bucket:
        try:
            s3.head_bucket(Bucket=mapping.bucket)
        except ClientError:
            raise MappingError(
                f"{mapping}: DestinationConfig.OnFailure: expected a bucket that exists, got {mapping.on_failure_arn}"
            ) from None


def send(s3: Any, mapping: EventSourceMapping, record: dict[str, Any], payload: bytes) -> None:
    """Send an invocation record, with the event in it as text, to the mapping's destination, if it has one.

    Raises botocore's errors.
    """
    if mapping.bucket:
        body = json.dumps(record | {"payload": payload.decode()})
        s3.put_object(Bucket=mapping.bucket, Key=object_key(mapping, record), Body=body.encode())
