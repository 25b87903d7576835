"""KinesisToDynamo on an emulated table: every good record is in it, whatever is wrong with the others or the table."""

import json
import socket
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.awsrequest import AWSResponse

from tests.emulated import Emulator
from tests.lambdas import function_under_test
from tests.lambdas.function_under_test import Failures, failed
from tests.lambdas.invocation import Context

TABLE = "HttpRequests"
MOMENT = "2026-01-05T09:00:00.000Z"


def request(number: int, **fields: Any) -> bytes:
    return json.dumps({"type": "request", "path": "/cart", "timestamp": MOMENT, "number": number, **fields}).encode()


class Table:
    """The table, and the function that writes it."""

    def __init__(self, emulator: Emulator, function: ModuleType) -> None:
        self.function = function
        self.client = emulator.client("dynamodb")
        self.failures = Failures(emulator)
        keys = {"pk": "HASH", "sk": "RANGE"}
        self.client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        self.sizes: list[int] = []
        self.on("provide-client-params", lambda params, **_: self.sizes.append(len(params["RequestItems"][TABLE])))

    def on(self, moment: str, hook: Callable[..., Any]) -> None:
        """Stand between the function's client and the service."""
        self.function.writer._client.meta.events.register(f"{moment}.dynamodb.BatchWriteItem", hook)

    def invoke(self, records: list[bytes], numbers: list[str] | None = None, seconds: float = 60) -> list[str]:
        return function_under_test.invoke(self.function, records, numbers, seconds)

    def items(self) -> list[dict[str, Any]]:
        deserialize = TypeDeserializer().deserialize
        pages = self.client.get_paginator("scan").paginate(TableName=TABLE)
        return [deserialize({"M": item}) for page in pages for item in page["Items"]]

    def numbers(self) -> list[int]:
        return sorted(int(item["number"]) for item in self.items())


@pytest.fixture
def table(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(emulator, function_under_test.load(monkeypatch, "kinesis_to_dynamo", TABLE_NAME=TABLE))


def test_an_item_is_the_event_and_its_keys(table: Table) -> None:
    assert table.invoke([request(0, latency_ms=12.5)]) == []
    assert table.items() == [
        {
            **json.loads(request(0, latency_ms=12.5)),
            "pk": "path#/cart",
            "sk": f"{MOMENT}#{function_under_test.FIRST_SEQUENCE_NUMBER}",
        }
    ]


def test_items_are_found_by_path_and_time(table: Table) -> None:
    """Two events of one path and millisecond are two items."""
    table.invoke([request(0), request(1), request(2, timestamp="2026-01-05T10:00:00.000Z"), request(3, path="/home")])
    found = table.client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :path AND begins_with(sk, :hour)",
        ExpressionAttributeValues={":path": {"S": "path#/cart"}, ":hour": {"S": "2026-01-05T09"}},
    )
    assert [item["number"]["N"] for item in found["Items"]] == ["0", "1"]


def test_writes_in_batches_of_25(table: Table) -> None:
    assert table.invoke([request(number) for number in range(60)]) == []
    assert table.sizes == [25, 25, 10]
    assert table.numbers() == list(range(60))


def test_a_record_delivered_again_writes_the_same_item(table: Table) -> None:
    records = [request(number) for number in range(30)]
    table.invoke(records)
    once = table.items()
    table.invoke(records[10:], function_under_test.numbers(30)[10:])
    assert table.items() == once


def test_a_record_that_stands_twice_in_a_batch_is_no_error(table: Table) -> None:
    assert table.invoke([request(0), request(0), request(1)], ["7", "7", "8"]) == []
    assert table.numbers() == [0, 1]


def test_bad_records_are_stored_whole_and_count_as_done(table: Table) -> None:
    bad = [b"not json", b"\xff", b"", b"[]", b"{}", request(0, path=7), request(0, timestamp=None), b'{"a":1e999}']
    bad += [request(0, blob="x" * 410_000), request(0, text="\ud83d")]
    records = [record for number, blunder in enumerate(bad) for record in (request(number), blunder)]
    assert table.invoke(records) == []
    assert table.numbers() == list(range(len(bad)))
    stored = table.failures.rejected()
    folder = f"rejected/{function_under_test.FUNCTION}/2026/01/05/shardId-000000000006"
    numbers = function_under_test.numbers(2 * len(bad))[1::2]
    assert list(stored) == [f"{folder}-{number}.json" for number in numbers]
    assert [content["record"] for content in stored.values()] == function_under_test.event(records)["Records"][1::2]
    assert all(content["reason"] for content in stored.values())


def test_a_record_that_is_rejected_again_is_the_same_object(table: Table) -> None:
    for _ in range(2):
        assert table.invoke([b"not json"]) == []
    assert table.failures.numbers() == function_under_test.numbers(1)


def test_a_bad_record_that_cannot_be_stored_is_reported(table: Table) -> None:
    refused = [True, False, True, True, True]
    table.function.s3.meta.events.register("before-send.s3", lambda **_: denied() if refused.pop(0) else None)
    assert table.invoke([b"not json", request(0)]) == []
    assert (table.failures.numbers(), table.numbers()) == (function_under_test.numbers(1), [0])
    refused[:] = [True] * 1000
    assert table.invoke([request(1), b"not json"], ["7", "8"], seconds=0.6) == ["8"]
    assert table.numbers() == [0, 1]
    refused[:] = [False] * 1000
    assert table.invoke([b"not json"], ["8"]) == []
    assert "8" in table.failures.numbers()


def test_an_empty_event_does_nothing(table: Table) -> None:
    assert table.invoke([]) == []
    assert table.sizes == []


def test_what_only_the_table_refuses_is_stored_alone(table: Table) -> None:
    """The emulator takes 405,000 bytes an item, a little less than the service."""
    records = [request(number) for number in range(30)]
    records[3] = request(3, blob="x" * 408_000)
    assert table.invoke(records) == []
    assert table.failures.numbers() == [function_under_test.numbers(30)[3]]
    assert table.numbers() == [number for number in range(30) if number != 3]


def unprocessed(table: Table, taken: list[int]) -> None:
    """Let each request take so many of its items, in turn, and hand back the others; after the last, all."""
    kept_back: list[Any] = []

    def take(params: dict[str, Any], **_: Any) -> None:
        requests = params["RequestItems"][TABLE]
        count = taken.pop(0) if taken else len(requests)
        kept_back[:] = requests[count:]
        # A request for nothing is none: one item is taken after all.
        params["RequestItems"][TABLE] = requests[:count] or requests[:1]

    def hand_back(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedItems"] = {TABLE: list(kept_back)} if kept_back else {}

    table.on("provide-client-params", take)
    table.on("after-call", hand_back)


def test_unprocessed_items_are_written_again(table: Table) -> None:
    unprocessed(table, taken=[20, 1, 3, 2, 0])
    assert table.invoke([request(number) for number in range(40)]) == []
    # 40 items: 25 and 15, of which 5 and 14 are handed back; 19, of which 16; 16, of which 14; then none, then all.
    assert table.sizes == [25, 15, 19, 16, 14, 14]
    assert table.numbers() == list(range(40))


def test_what_stays_unprocessed_is_reported(table: Table) -> None:
    unprocessed(table, taken=[10] + [0] * 1000)
    reported = table.invoke([request(number) for number in range(25)], seconds=0.6)
    missing = [number for number in range(25) if number not in table.numbers()]
    assert missing
    assert set(reported) >= {function_under_test.numbers(25)[number] for number in missing}
    assert not set(reported) & set(function_under_test.numbers(10))


def denied() -> AWSResponse:
    """An answer of S3 that is an error."""
    body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    return AWSResponse("http://service", 403, {"content-type": "application/xml"}, Raw(body))


class Raw:
    """The body of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


def error(status: int, code: str) -> Callable[..., AWSResponse]:
    """An answer of the service that is an error."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "said by the service"}).encode()
    headers = {"content-type": "application/x-amz-json-1.0"}
    return lambda **_: AWSResponse("http://service", status, headers, Raw(body))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (502, "BadGateway"),
        # What an operator can mend while the records wait.
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
    ],
)
def test_a_busy_table_is_asked_again(table: Table, status: int, code: str) -> None:
    answers = [error(status, code), error(status, code)]
    table.on("before-send", lambda **_: answers.pop()() if answers else None)
    assert table.invoke([request(0), request(1)]) == []
    assert table.sizes == [2, 2, 2]
    assert table.numbers() == [0, 1]


def test_a_table_that_stays_out_of_reach_fails_every_record_and_says_why(
    table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    table.on("before-send", error(400, "AccessDeniedException"))
    assert table.invoke([request(number) for number in range(30)], seconds=0.6) == function_under_test.numbers(30)
    assert table.failures.rejected() == {}
    reasons = {line["reason"] for line in function_under_test.logs(capsys.readouterr().out) if "reason" in line}
    (reason,) = reasons
    assert "not taken by the table in the time of the invocation" in reason
    assert "AccessDeniedException" in reason
    assert "said by the service" in reason


def test_a_table_that_is_not_there_is_said(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    function = function_under_test.load(monkeypatch, "kinesis_to_dynamo", TABLE_NAME="missing")
    assert function_under_test.invoke(function, [request(0)], seconds=0.6) == function_under_test.numbers(1)
    assert "ResourceNotFoundException" in capsys.readouterr().out


def test_a_service_out_of_reach_leaves_the_function_time_to_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
    function = function_under_test.load(monkeypatch, "kinesis_to_dynamo", TABLE_NAME=TABLE)
    context = Context(0.5)
    answer = function.lambda_handler(function_under_test.event([request(0), request(1)]), context)
    assert failed(answer) == function_under_test.numbers(2)
    assert context.get_remaining_time_in_millis() > 0


def test_says_what_it_did_and_not_what_is_in_the_records(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [b'{"secret-word', request(0, path=["secret-word"]), request(0, a="secret-word", blob="x" * 408_000)]
    table.invoke([request(0, a="secret-word"), request(1), *bad])
    output = capsys.readouterr().out
    assert "secret-word" not in output
    assert function_under_test.metrics(output) == {"ItemsWritten": 2, "RecordsRejected": 3}
    *warnings, done = function_under_test.logs(output)
    assert [line["sequence_number"] for line in warnings] == function_under_test.numbers(5)[2:]
    assert [line["reason"] for line in warnings] == [
        "expected one JSON object and nothing after it",
        "path: expected a text that is not empty",
        "refused by the table: ValidationException",
    ]
    assert {line["shard_id"] for line in warnings} == {"shardId-000000000006"}
    assert (done["items_written"], done["records_rejected"], done["records_failed"]) == (2, 3, 0)


def test_metrics_stand_at_zero_when_all_is_well(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    table.invoke([request(0)])
    found = function_under_test.metrics(capsys.readouterr().out)
    assert found == {"ItemsWritten": 1}


@pytest.mark.parametrize("variable", ["TABLE_NAME", "FAILURES_BUCKET"])
def test_does_not_load_without_a_table_or_a_bucket(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with pytest.raises(ValueError, match=f"{variable}: expected the name"):
        function_under_test.load(monkeypatch, "kinesis_to_dynamo", **{"TABLE_NAME": TABLE, variable: ""})
