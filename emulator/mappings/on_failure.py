"""What an on-failure destination is told of records that were discarded."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from emulator.functions.runtime import Invocation
from emulator.mappings.batches import Batch
from emulator.mappings.settings import EventSourceMapping, MappingError

RETRY_ATTEMPTS_EXHAUSTED = "RetryAttemptsExhausted"
RECORD_AGE_EXCEEDED = "RecordAgeExceeded"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(
    mapping: EventSourceMapping,
    shard_id: str,
    batch: Batch,
    condition: str,
    invocation: Invocation | None,
    version: str,
    now: float,
) -> Mapping[str, Any]:
    """The message of a discarded batch, in the form of
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html.

    Args:
        mapping: whose records they are.
        shard_id: their shard.
        batch: what is discarded.
        condition: `RETRY_ATTEMPTS_EXHAUSTED` or `RECORD_AGE_EXCEEDED`.
        invocation: the last one; None if the records were too old for one, and then there is no `responseContext`.
        version: the function's version that was invoked.
        now: the time, in seconds since 1970.
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
    information = _information(mapping, shard_id, batch)
    return content | {"version": "1.0", "timestamp": _time(now), "KinesisBatchInfo": information}


def _information(mapping: EventSourceMapping, shard_id: str, batch: Batch) -> dict[str, Any]:
    first, last = batch.records[0], batch.records[-1]
    return {
        "shardId": shard_id,
        "startSequenceNumber": first.sequence_number,
        "endSequenceNumber": last.sequence_number,
        "approximateArrivalOfFirstRecord": _time(first.arrived),
        "approximateArrivalOfLastRecord": _time(last.arrived),
        "batchSize": len(batch.records),
        "streamArn": mapping.stream_arn,
    }


def queue_url(client: Any, mapping: EventSourceMapping) -> str | None:
    """The URL of a mapping's on-failure queue, None if it has none.

    Args:
        client: a boto3 SQS client.
        mapping: the mapping.

    Raises:
        MappingError: if there is no such queue.
    """
    if mapping.on_failure_queue_arn is None:
        return None
    name = mapping.on_failure_queue_arn.rpartition(":")[2]
    try:
        return str(client.get_queue_url(QueueName=name)["QueueUrl"])
    except client.exceptions.QueueDoesNotExist:
        arn = mapping.on_failure_queue_arn
        raise MappingError(f"{mapping}: DestinationConfig.OnFailure: expected a queue that exists, got {arn}") from None


def send(client: Any, url: str, content: Mapping[str, Any]) -> None:
    """Send a message to an on-failure queue. Raises botocore's errors."""
    client.send_message(QueueUrl=url, MessageBody=json.dumps(content))
