"""The on-failure message."""

from datetime import datetime

import pytest

from emulator.functions.runtime import Invocation
from emulator.mappings import on_failure
from emulator.mappings.batches import Batch, Record
from emulator.mappings.settings import MappingError
from tests.emulator.mappings.lambda_account import LambdaAccount
from tests.emulator.mappings.sample_batches import mapping

# https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html (Example invocation record)
DOCUMENTED = {
    "requestContext": {
        "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
        "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 1,
    },
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "version": "1.0",
    "timestamp": "2019-11-14T00:38:06.021Z",
    "KinesisBatchInfo": {
        "shardId": "shardId-000000000001",
        "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
        "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
        "batchSize": 500,
        "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
    },
}
MAPPING = mapping(
    function_arn="arn:aws:lambda:us-east-2:123456789012:function:myfunction",
    stream_arn="arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


FIRST = Record(
    "49601189658422359378836298521827638475320189012309704722", seconds("2019-11-14T00:38:04.835+00:00"), b"{}"
)
LAST = Record(
    "49601189658422359378836298522902373528957594348623495186", seconds("2019-11-14T00:38:05.580+00:00"), b"{}"
)
BATCH = Batch((FIRST,) * 499 + (LAST,))
NOW = seconds("2019-11-14T00:38:06.021+00:00")


def test_documented() -> None:
    invocation = Invocation("c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5", b"{}", "Unhandled", 0)
    shard, condition = "shardId-000000000001", on_failure.RETRY_ATTEMPTS_EXHAUSTED
    content = on_failure.message(MAPPING, shard, BATCH, condition, invocation, "$LATEST", NOW)
    assert content == DOCUMENTED
    assert list(content) == list(DOCUMENTED)


def test_reported_failures() -> None:
    """The function returned, so it had no error; it was invoked once more often than it was retried."""
    batch, condition = Batch((FIRST,), invocations=3), on_failure.RETRY_ATTEMPTS_EXHAUSTED
    content = on_failure.message(MAPPING, "s", batch, condition, Invocation("r", b"{}", None, 0), "7", NOW)
    assert content["responseContext"] == {"statusCode": 200, "executedVersion": "7", "functionError": None}
    assert content["requestContext"]["approximateInvokeCount"] == 4


def test_too_old() -> None:
    content = on_failure.message(MAPPING, "s", BATCH, on_failure.RECORD_AGE_EXCEEDED, None, "$LATEST", NOW)
    assert "responseContext" not in content
    assert content["requestContext"]["condition"] == "RecordAgeExceeded"
    assert content["requestContext"]["approximateInvokeCount"] == 1
    retried = Batch(BATCH.records, invocations=2)
    content = on_failure.message(MAPPING, "s", retried, on_failure.RECORD_AGE_EXCEEDED, None, "$LATEST", NOW)
    assert content["requestContext"]["approximateInvokeCount"] == 2


def test_queue(account: LambdaAccount) -> None:
    arn = account.create_queue()
    url = on_failure.queue_url(account.sqs, mapping(on_failure_queue_arn=arn))
    assert url is not None
    on_failure.send(account.sqs, url, DOCUMENTED)
    assert account.failures() == [DOCUMENTED]
    assert on_failure.queue_url(account.sqs, mapping()) is None


def test_queue_that_is_not_there(account: LambdaAccount) -> None:
    arn = "arn:aws:sqs:eu-west-1:123456789012:nowhere"
    with pytest.raises(MappingError, match=r"mapping .*OnFailure: expected a queue that exists, got arn:.*nowhere"):
        on_failure.queue_url(account.sqs, mapping(on_failure_queue_arn=arn))
