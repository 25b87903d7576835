"""What on-failure destinations are told."""

import re
from datetime import datetime
from typing import Any

import pytest

from emulator.functions.runtime import Invocation
from emulator.mappings import on_failure
from emulator.mappings.batches import Batch, Record
from emulator.mappings.settings import MappingError
from tests.emulator.mappings.lambda_account import LambdaAccount
from tests.emulator.mappings.sample_batches import mapping

# https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html (Example invocation record)
DOCUMENTED: dict[str, Any] = {
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
    content = on_failure.invocation_record(MAPPING, shard, BATCH, condition, invocation, "$LATEST", NOW)
    assert content == DOCUMENTED
    assert list(content) == list(DOCUMENTED)


def test_reported_failures() -> None:
    """The function returned, so it had no error; it was invoked once more often than it was retried."""
    batch, condition = Batch((FIRST,), invocations=3), on_failure.RETRY_ATTEMPTS_EXHAUSTED
    content = on_failure.invocation_record(MAPPING, "s", batch, condition, Invocation("r", b"{}", None, 0), "7", NOW)
    assert content["responseContext"] == {"statusCode": 200, "executedVersion": "7", "functionError": None}
    assert content["requestContext"]["approximateInvokeCount"] == 4


def test_too_old() -> None:
    content = on_failure.invocation_record(MAPPING, "s", BATCH, on_failure.RECORD_AGE_EXCEEDED, None, "$LATEST", NOW)
    assert "responseContext" not in content
    assert content["requestContext"]["condition"] == "RecordAgeExceeded"
    assert content["requestContext"]["approximateInvokeCount"] == 1
    retried = Batch(BATCH.records, invocations=2)
    content = on_failure.invocation_record(MAPPING, "s", retried, on_failure.RECORD_AGE_EXCEEDED, None, "$LATEST", NOW)
    assert content["requestContext"]["approximateInvokeCount"] == 2


def test_object_key() -> None:
    """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`, of the record's own time in UTC."""
    key, other = (on_failure.object_key(mapping(uuid="m-1"), DOCUMENTED) for _ in range(2))
    assert re.fullmatch(
        r"aws/lambda/m-1/shardId-000000000001/2019/11/14/2019-11-14T00\.38\.06-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        key,
    )
    assert key != other


def test_bucket(account: LambdaAccount) -> None:
    """An object has the record, and the whole event as text."""
    to = mapping(on_failure_arn=account.create_bucket())
    on_failure.check(account.s3, to)
    on_failure.send(account.s3, to, DOCUMENTED, b'{"Records": [{"a": "\xc3\xb1"}]}')
    (body,) = account.objects().values()
    assert body == DOCUMENTED | {"payload": '{"Records": [{"a": "ñ"}]}'}


def test_no_destination(account: LambdaAccount) -> None:
    on_failure.check(account.s3, mapping())
    on_failure.send(account.s3, mapping(), DOCUMENTED, b"{}")


def test_destination_that_is_not_there(account: LambdaAccount) -> None:
    with pytest.raises(
        MappingError, match=r"mapping .*OnFailure: expected a bucket that exists, got arn:aws:s3:::none"
    ):
        on_failure.check(account.s3, mapping(on_failure_arn="arn:aws:s3:::none"))
