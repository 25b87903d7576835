"""AlertsToSns on an emulated topic and table: each alert is published once, whatever is wrong with the others."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from tests.emulated import Emulator, eventually
from tests.lambdas import function_under_test
from tests.lambdas.function_under_test import Failures
from tests.lambdas.invocation import ACCOUNT, REGION

TABLE, TOPIC, QUEUE = "published-alerts", "low-inventory", "subscriber"
MOMENT = "2026-01-05T09:00:00.000Z"


def alert(product: object = "SKU-1", inventory: object = 3, ts: object = MOMENT, **fields: object) -> bytes:
    content = {"product_id": product, "inventory": inventory, "ts": ts, "reason": "LOW_STOCK", **fields}
    return json.dumps(content).encode()


class Phones:
    """The topic, its subscribers, and the function that publishes to it."""

    def __init__(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dynamodb, self.sns, self.sqs = (emulator.client(name) for name in ("dynamodb", "sns", "sqs"))
        self.failures = Failures(emulator)
        self.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.topic = self.sns.create_topic(Name=TOPIC)["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        self.subscribe("sqs", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}")
        self._monkeypatch = monkeypatch
        self.load()

    def load(self, **environment: str) -> None:
        """Load the function, in a new environment."""
        self.function = function_under_test.load(
            self._monkeypatch, "alerts_to_sns", TOPIC_ARN=self.topic, IDEMPOTENCY_TABLE=TABLE, **environment
        )

    def subscribe(self, protocol: str, endpoint: str, **attributes: str) -> None:
        self.sns.subscribe(TopicArn=self.topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)

    def invoke(self, records: list[bytes], numbers: list[str] | None = None, seconds: float = 60) -> list[str]:
        return function_under_test.invoke(self.function, records, numbers, seconds)

    def received(self) -> list[dict[str, Any]]:
        """What the topic delivered since last asked, in order."""
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def texts(self) -> list[str]:
        return [message["Message"] for message in self.received()]

    def remembered(self) -> list[dict[str, Any]]:
        return list(self.dynamodb.scan(TableName=TABLE)["Items"])


@pytest.fixture
def phones(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Phones:
    return Phones(emulator, monkeypatch)


def text(product: str, inventory: int = 3) -> str:
    return f"ALERTA: {product} bajo inventario ({inventory})"


def test_publishes_an_alert_with_attributes_to_filter_on(phones: Phones) -> None:
    assert phones.invoke([alert()]) == []
    (message,) = phones.received()
    assert message["Message"] == text("SKU-1")
    assert message["MessageAttributes"] == {
        "product_id": {"Type": "String", "Value": "SKU-1"},
        "inventory": {"Type": "Number", "Value": "3"},
        "ts": {"Type": "String", "Value": MOMENT},
        "AWS.SNS.SMS.SMSType": {"Type": "String", "Value": "Transactional"},
    }


def test_a_subscription_can_filter(phones: Phones) -> None:
    few = phones.sqs.create_queue(QueueName="few")["QueueUrl"]
    endpoint = f"arn:aws:sqs:{REGION}:{ACCOUNT}:few"
    phones.subscribe("sqs", endpoint, FilterPolicy=json.dumps({"inventory": [{"numeric": ["<", 2]}]}))
    phones.invoke([alert(inventory=1), alert(inventory=2)])
    messages = phones.sqs.receive_message(QueueUrl=few, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["Message"] for message in messages] == [text("SKU-1", 1)]


def test_a_product_cannot_write_to_the_screen(phones: Phones) -> None:
    assert phones.invoke([alert("SKU\n\u202e-1\x00\ud83d"), alert("\u2028")]) == []
    messages = phones.received()
    assert [message["Message"] for message in messages] == [text("SKU-1"), text("?")]
    assert [message["MessageAttributes"]["product_id"]["Value"] for message in messages] == ["SKU-1", "?"]


def test_the_template_is_a_variable(phones: Phones) -> None:
    phones.load(MESSAGE_TEMPLATE="{reason}: {product_id} = {inventory}, {ts}")
    phones.invoke([alert()])
    assert phones.texts() == [f"LOW_STOCK: SKU-1 = 3, {MOMENT}"]


@pytest.mark.parametrize(
    "name", ["TOPIC_ARN", "IDEMPOTENCY_TABLE", "MESSAGE_TEMPLATE", "IDEMPOTENCY_WINDOW_SECONDS", "FAILURES_BUCKET"]
)
def test_does_not_load_with_a_bad_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    good = {"TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alerts", "IDEMPOTENCY_TABLE": TABLE}
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        function_under_test.load(monkeypatch, "alerts_to_sns", **{**good, name: ""})


def test_the_same_alert_is_published_once(phones: Phones) -> None:
    """In one batch, at other sequence numbers, and in a batch delivered again."""
    records = [alert("A"), alert("B"), alert("A"), alert("A", reason="AGAIN")]
    assert phones.invoke(records) == []
    assert phones.texts() == [text("A"), text("B")]
    assert phones.invoke(records) == []
    assert phones.invoke([alert("B")], ["7"]) == []
    assert phones.texts() == []


def test_another_product_time_or_stock_is_another_alert(phones: Phones) -> None:
    assert phones.invoke([alert("A"), alert("B"), alert("A", 2), alert("A", ts="2026-01-05T09:00:00.001Z")]) == []
    assert phones.texts() == [text("A"), text("B"), text("A", 2), text("A")]


def test_what_was_published_is_remembered_for_the_window(phones: Phones) -> None:
    phones.load(IDEMPOTENCY_WINDOW_SECONDS="600")
    before = time.time()
    phones.invoke([alert()])
    (item,) = phones.remembered()
    assert set(item) == {"id", "status", "expiration", "in_progress_expiration", "data"}
    assert item["status"] == {"S": "COMPLETED"}
    assert before + 599 <= int(item["expiration"]["N"]) <= time.time() + 600
    assert "SKU-1" not in json.dumps(item)


def test_it_is_published_again_after_the_window(phones: Phones) -> None:
    phones.invoke([alert()])
    phones.dynamodb.update_item(
        TableName=TABLE,
        Key={"id": phones.remembered()[0]["id"]},
        UpdateExpression="SET expiration = :past",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 2)}},
    )
    phones.invoke([alert()])
    assert phones.texts() == [text("SKU-1")] * 2


BAD = [
    (b"", "JSON object in UTF-8"),
    (b"not json", "JSON object in UTF-8"),
    (b"\xff", "JSON object in UTF-8"),
    (b"[" * 100_000, "JSON object in UTF-8"),
    (alert() + b"x", "JSON object in UTF-8"),
    (alert().replace(b": 3", b": " + b"3" * 5000), "inventory: expected a whole number"),
    (alert(ignored=float("nan")), "JSON object in UTF-8"),
    (alert(ignored=float("-inf")), "JSON object in UTF-8"),
    (alert(inventory=float("inf")), "JSON object in UTF-8"),
    (b"[]", "a JSON object"),
    (b"null", "a JSON object"),
    (b"{}", "product_id: expected a text"),
    (alert(product=None), "product_id: expected a text"),
    (alert(product=7), "product_id: expected a text"),
    (alert(product=""), "product_id: expected a text"),
    (alert(inventory=None), "inventory: expected a whole number"),
    (alert(inventory="3"), "inventory: expected a whole number"),
    (alert(inventory=True), "inventory: expected a whole number"),
    (alert(inventory=3.0), "inventory: expected a whole number"),
    (alert(inventory=2**31), "inventory: expected a whole number"),
    (alert(ts=None), "ts: expected a text"),
    (alert(ts=""), "ts: expected a text"),
    (alert(reason=None), "reason: expected a text"),
]


def test_bad_records_are_stored_whole_and_count_as_done(phones: Phones, capsys: pytest.CaptureFixture[str]) -> None:
    records = [record for number, (blunder, _) in enumerate(BAD) for record in (blunder, alert(f"SKU-{number}"))]
    assert phones.invoke(records) == []
    assert phones.failures.numbers() == function_under_test.numbers(2 * len(BAD))[::2]
    stored = [content["record"] for content in phones.failures.rejected().values()]
    assert stored == function_under_test.event(records)["Records"][::2]
    reasons = [line["reason"] for line in function_under_test.logs(capsys.readouterr().out) if "reason" in line]
    for (_, expected), reason in zip(BAD, reasons, strict=True):
        assert expected in reason
    assert phones.texts() == [text(f"SKU-{number}") for number in range(len(BAD))]
    assert len(phones.remembered()) == len(BAD)


def test_a_bad_record_that_cannot_be_stored_is_reported(phones: Phones) -> None:
    refused = iter([True, False])
    on(phones.function.s3, "before-call.s3.PutObject", lambda **_: refuse() if next(refused, True) else None)
    assert phones.invoke([b"not json", alert("A")]) == []
    assert phones.failures.numbers() == function_under_test.numbers(1)
    assert phones.invoke([b"not json"], ["7"], seconds=1) == ["7"]
    assert phones.texts() == [text("A")]


@pytest.mark.parametrize("ignored", ["9" * 5000, "-" + "9" * 5000, "1e999", "[" * 900 + "]" * 900])
def test_a_field_that_is_ignored_may_hold_anything(phones: Phones, ignored: str) -> None:
    assert phones.invoke([alert()[:-1] + f', "ignored": {ignored}}}'.encode()]) == []
    assert phones.texts() == [text("SKU-1")]
    assert phones.failures.rejected() == {}


def in_progress(phones: Phones, seconds: float) -> None:
    """Make the one remembered alert one that another invocation works on for so long."""
    phones.dynamodb.update_item(
        TableName=TABLE,
        Key={"id": phones.remembered()[0]["id"]},
        UpdateExpression="SET #status = :status, in_progress_expiration = :end REMOVE #data",
        ExpressionAttributeNames={"#status": "status", "#data": "data"},
        ExpressionAttributeValues={
            ":status": {"S": "INPROGRESS"},
            ":end": {"N": str(int((time.time() + seconds) * 1000))},
        },
    )


def test_an_alert_that_another_invocation_works_on_is_retried(phones: Phones) -> None:
    phones.invoke([alert("A")])
    in_progress(phones, seconds=60)
    assert phones.invoke([alert("A")], seconds=1) == function_under_test.numbers(1)
    assert phones.texts() == [text("A")]


def test_an_alert_whose_invocation_was_killed_is_waited_for(phones: Phones) -> None:
    """Its retry may come at once, and the next ones too: none of them would find it free."""
    phones.invoke([alert("A")])
    in_progress(phones, seconds=1)
    assert phones.invoke([alert("A")]) == []
    assert phones.texts() == [text("A")] * 2


def test_an_alert_is_not_reserved_for_the_whole_invocation(phones: Phones) -> None:
    phones.invoke([alert("A")])
    reserved = int(phones.remembered()[0]["in_progress_expiration"]["N"]) / 1000 - time.time()
    assert reserved <= phones.function.RESERVE_SECONDS


def test_an_alert_whose_invocation_is_over_is_taken_up(phones: Phones) -> None:
    phones.invoke([alert("A")])
    in_progress(phones, seconds=-1)
    assert phones.invoke([alert("A")]) == []
    assert phones.texts() == [text("A")] * 2


class Dead(BaseException):
    """The end of a process, which no function catches."""


def on(client: Any, moment: str, hook: Callable[..., Any]) -> None:
    client.meta.events.register(moment, hook)


def test_one_that_dies_after_it_published_publishes_again(phones: Phones) -> None:
    """Documented: there is no telling whether SNS took the message."""

    def die(**_: Any) -> None:
        raise Dead

    on(phones.function.dynamodb, "before-call.dynamodb.UpdateItem", die)
    with pytest.raises(Dead):
        phones.invoke([alert()], seconds=1)
    phones.load()
    eventually(lambda: phones.invoke([alert()]) == [], "the dead invocation's time passes")
    assert phones.texts() == [text("SKU-1")] * 2
    assert phones.invoke([alert()]) == []
    assert phones.texts() == []


def refuse(**_: Any) -> None:
    raise ConnectTimeoutError(endpoint_url="http://service")


def test_one_that_published_and_cannot_say_so_does_not_fail_the_alert(
    phones: Phones, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = []

    def refuse_each(**_: Any) -> None:
        tries.append(1)
        refuse()

    on(phones.function.dynamodb, "before-call.dynamodb.UpdateItem", refuse_each)
    assert phones.invoke([alert()]) == []
    assert phones.texts() == [text("SKU-1")]
    assert "a later copy may be published too" in capsys.readouterr().out
    assert len(tries) == 2


def test_one_that_can_say_so_at_the_second_try_is_not_published_again(
    phones: Phones, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = iter([True])
    on(phones.function.dynamodb, "before-call.dynamodb.UpdateItem", lambda **_: refuse() if next(refused, 0) else None)
    assert phones.invoke([alert(), alert()]) == []
    assert phones.texts() == [text("SKU-1")]
    assert "a later copy" not in capsys.readouterr().out
    assert [item["status"] for item in phones.remembered()] == [{"S": "COMPLETED"}]


def test_without_its_table_nothing_is_published(phones: Phones) -> None:
    on(phones.function.dynamodb, "before-call.dynamodb.PutItem", refuse)
    assert phones.invoke([alert("A"), alert("B")], seconds=1) == function_under_test.numbers(2)
    assert phones.texts() == []


@pytest.mark.parametrize("moment", ["dynamodb.PutItem", "sns.Publish"])
def test_what_is_away_for_a_while_is_waited_for_and_order_is_kept(phones: Phones, moment: str) -> None:
    refused = iter([True, True, True, False, True, False])
    client = phones.function.sns if moment == "sns.Publish" else phones.function.dynamodb
    on(client, f"before-call.{moment}", lambda **_: refuse() if next(refused, False) else None)
    assert phones.invoke([alert("A"), alert("B"), alert("C")]) == []
    assert phones.texts() == [text("A"), text("B"), text("C")]


def test_what_did_not_come_back_in_time_is_reported_and_published_later(phones: Phones) -> None:
    away = [True]
    on(phones.function.sns, "before-call.sns.Publish", lambda **_: refuse() if away else None)
    assert phones.invoke([alert("A"), alert("B")], seconds=1) == function_under_test.numbers(2)
    away.clear()
    assert phones.invoke([alert("A"), alert("B")]) == []
    assert phones.texts() == [text("A"), text("B")]
    assert phones.failures.rejected() == {}


@pytest.mark.parametrize(
    ("code", "stored"), [("InvalidParameter", True), ("AuthorizationError", False), ("NotFound", False)]
)
def test_only_what_sns_never_takes_is_stored(phones: Phones, code: str, stored: bool) -> None:
    def answer(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "secret"}}, "Publish")

    on(phones.function.sns, "before-call.sns.Publish", answer)
    assert phones.invoke([alert("A")], seconds=1) == ([] if stored else function_under_test.numbers(1))
    assert [content["reason"] for content in phones.failures.rejected().values()] == (
        ["refused by SNS: InvalidParameter"] if stored else []
    )


def test_no_alert_is_begun_that_cannot_be_ended(phones: Phones, capsys: pytest.CaptureFixture[str]) -> None:
    assert phones.invoke([alert("A"), alert("B")], seconds=0) == function_under_test.numbers(2)
    assert phones.texts() == []
    assert phones.remembered() == []
    assert "no time left" in capsys.readouterr().out


def test_needs_no_more_than_its_role_allows(phones: Phones) -> None:
    called: set[str] = set()
    for client in (phones.function.dynamodb, phones.function.sns, phones.function.s3):
        on(client, "before-call", lambda model, **_: called.add(model.name))
    phones.invoke([alert("A"), alert("A")])
    refused = iter([True])
    on(phones.function.sns, "before-call.sns.Publish", lambda **_: refuse() if next(refused, False) else None)
    phones.invoke([alert("B"), b"not json"])
    assert called >= {"PutItem", "UpdateItem", "DeleteItem", "Publish", "PutObject"}
    assert called <= {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Publish", "PutObject"}


def test_says_what_it_did_and_not_what_is_in_the_records(phones: Phones, capsys: pytest.CaptureFixture[str]) -> None:
    records = [alert("secret-word"), alert("secret-word"), alert("secret-word", None), b'{"secret-word']
    assert phones.invoke(records) == []
    output = capsys.readouterr().out
    assert "secret-word" not in output
    counts = {"MessagesPublished": 1, "DuplicatesSkipped": 1, "RecordsRejected": 2}
    assert function_under_test.metrics(output) == counts
    lines = function_under_test.logs(output)
    assert [(line["message"], line.get("reason")) for line in lines] == [
        ("alert published", None),
        ("alert was published before", None),
        ("record rejected", "inventory: expected a whole number that fits INT"),
        ("record rejected", "expected one JSON object in UTF-8"),
    ]
    assert [line["sequence_number"] for line in lines] == function_under_test.numbers(4)
    assert {line["shard_id"] for line in lines} == {"shardId-000000000006"}
    assert lines[0]["message_id"] == lines[1]["message_id"] == phones.received()[0]["MessageId"]


def test_what_is_not_foreseen_fails_its_alert_and_shows_where(
    phones: Phones, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> str:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(phones.function.sms, "message", broken)
    assert phones.invoke([alert()]) == function_under_test.numbers(1)
    (line,) = function_under_test.logs(capsys.readouterr().out)
    assert line["level"] == "ERROR"
    assert "ZeroDivisionError" in line["exception"]
    assert phones.remembered() == []
