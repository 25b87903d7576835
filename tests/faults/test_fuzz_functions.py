"""Any record at all: each function handles it or stores it as rejected, as an oracle that shares no code with it says.

The services are replaced below botocore, so that 20,000 records take seconds.
"""

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.faults.conftest import FULL, SEED
from tests.faults.fuzzing import function_oracle
from tests.faults.fuzzing.fuzzed import Fuzzer
from tests.lambdas import function_under_test
from tests.lambdas.invocation import ACCOUNT, REGION, Context

COUNT = 20_000 if FULL else 2_000
_BATCH = 100

Verdicts = Callable[[list[bytes]], list[Any]]
"""From records to what became of each: what the function made of it, or None if it was rejected."""


class Services:
    """What the functions call, in memory: the table of events, the topic, the idempotency table, the bucket."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.published: list[tuple[str, int, str]] = []
        self.known: dict[str, dict[str, Any]] = {}
        self.rejected: list[str] = []

    def replace(self, patch: pytest.MonkeyPatch, *clients: Any) -> None:
        """Let these clients call this."""
        for client in clients:
            patch.setattr(client, "_make_api_call", lambda name, params, c=client: getattr(self, name)(c, **params))

    def BatchWriteItem(self, _: Any, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N802, N803
        for request in RequestItems["events"]:
            item = {name: function_oracle.of_wire(value) for name, value in request["PutRequest"]["Item"].items()}
            self.items[item["sk"].rpartition("#")[2]] = item
        return {"UnprocessedItems": {}}

    def PutObject(self, _: Any, Key: str, Body: bytes, **__: Any) -> dict[str, Any]:  # noqa: N802, N803
        assert json.loads(Body)["reason"]
        self.rejected.append(Key.rpartition("-")[2].removesuffix(".json"))
        return {}

    def Publish(self, _: Any, MessageAttributes: dict[str, Any], Message: str, **__: Any) -> dict[str, Any]:  # noqa: N802, N803
        assert Message.startswith("ALERTA: ")
        product, stock, at = (MessageAttributes[name]["StringValue"] for name in ("product_id", "inventory", "ts"))
        self.published.append((product, int(stock), at))
        return {"MessageId": str(len(self.published))}

    def PutItem(self, client: Any, Item: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        known = self.known.setdefault(Item["id"]["S"], Item)
        if known is not Item:
            answer = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": known}
            raise client.exceptions.ConditionalCheckFailedException(answer, "PutItem")
        return {}

    def UpdateItem(  # noqa: N802
        self,
        _: Any,
        Key: dict[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ExpressionAttributeNames: dict[str, str],  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        **__: Any,
    ) -> dict[str, Any]:
        for name, value in re.findall(r"(#\w+) = (:\w+)", UpdateExpression):
            self.known[Key["id"]["S"]][ExpressionAttributeNames[name]] = ExpressionAttributeValues[value]
        return {}


def invoke(function: Any, records: list[bytes]) -> None:
    """Give records to a function, in batches; none may be reported as failed. What it logs is thrown away."""
    log = io.StringIO()
    function.logger.registered_handler.setStream(log)
    numbers = [str(number) for number in range(1, len(records) + 1)]
    for start in range(0, len(records), _BATCH):
        part = slice(start, start + _BATCH)
        event = function_under_test.event(records[part], numbers[part])
        with contextlib.redirect_stdout(log):
            assert function.lambda_handler(event, Context()) == {"batchItemFailures": []}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Verdicts:
    """What KinesisToDynamo makes of records: items."""
    function = function_under_test.load(monkeypatch, "kinesis_to_dynamo", TABLE_NAME="events")

    def judge(records: list[bytes]) -> list[Any]:
        services = Services()
        services.replace(monkeypatch, function.dynamodb, function.s3)
        invoke(function, records)
        places = [str(number) for number in range(1, len(records) + 1)]
        assert sorted([*services.items, *services.rejected]) == sorted(places)
        return [services.items.get(place) for place in places]

    return judge


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Verdicts:
    """What AlertsToSns makes of records: messages, where the first of each alert has it."""
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
    function = function_under_test.load(monkeypatch, "alerts_to_sns", TOPIC_ARN=topic, IDEMPOTENCY_TABLE="known")

    def judge(records: list[bytes]) -> list[Any]:
        services = Services()
        services.replace(monkeypatch, function.dynamodb, function.s3, function.sns)
        invoke(function, records)
        rejected = {int(place) - 1 for place in services.rejected}
        messages = iter(services.published)
        first, verdicts = set[Any](), list[Any]()
        for place, record in enumerate(records):
            alert = function_oracle.alert(record)
            if place in rejected:
                verdicts.append(None)
            elif alert in first:
                verdicts.append("known")
            else:
                first.add(alert)
                verdicts.append(next(messages, "no message"))
        assert next(messages, None) is None
        return verdicts

    return judge


def items(records: list[bytes]) -> list[Any]:
    """What KinesisToDynamo should make of records."""
    found = [function_oracle.item(record, str(number)) for number, record in enumerate(records, 1)]
    return [function_oracle.plain(item) for item in found]


def messages(records: list[bytes]) -> list[Any]:
    """What AlertsToSns should make of records."""
    first, verdicts = set[Any](), list[Any]()
    for alert in map(function_oracle.alert, records):
        if alert is None:
            verdicts.append(None)
        elif alert in first:
            verdicts.append("known")
        else:
            first.add(alert)
            verdicts.append((function_oracle.shown(alert[0]), alert[1], function_oracle.shown(alert[2])))
    return verdicts


class AlertFuzzer(Fuzzer):
    """Draws records of the stream of alerts."""

    def good(self) -> bytes:
        """An alert that the job could have written."""
        draw = self._random
        product, ts = f"SKU-{draw.randrange(500):04}", f"2026-01-05T09:00:{draw.randrange(60):02}.000Z"
        content = {"product_id": product, "inventory": draw.randrange(10), "ts": ts, "reason": "LOW_STOCK"}
        return json.dumps(content).encode()

    def _odd(self) -> bytes:
        draw = self._random
        usual = {"product_id": '"A"', "inventory": str(draw.randrange(10)), "ts": '"now"', "reason": '"LOW_STOCK"'}
        names = [*usual, *draw.choices([*usual, "more"], k=draw.randrange(3))]
        fields = [f'"{name}":{usual.get(name) if draw.random() < 0.7 else self._any(3)}' for name in names]
        if draw.random() < 0.3:
            draw.shuffle(fields)
        return ("{" + ", ".join(fields) + "}").replace("None", "null").encode("utf-8", "surrogatepass")


NUMBERS = """1e125 9.9e125 1e126 -1e-130 1e-131 0e99999999999999999999 0e-99999999999999999999
1e99999999999999999999""".split()  # noqa: SIM905
NUMBERS += ["1" * 38, "1" * 39, "1" + "0" * 125, "1" + "0" * 126, f"0.{'0' * 129}1", f"0.{'0' * 130}1", "1." + "0" * 60]
VALUES = [*NUMBERS, '1e999,"n":1', r'"\ud83d","n":"\ud83d\ude00"', r'"\ud83d"']
VALUES += ["[" * 31 + "]" * 31, "[" * 32 + "]" * 32, "[" * 200 + "]" * 200 + ',"n":0']
EXTREMES = [f'{{"path":"/p","timestamp":"t","n":{value}}}'.encode() for value in VALUES]
EXTREMES += [
    b'{"path":"%s","timestamp":"t"}' % (b"p" * 2043),
    b'{"path":"%s","timestamp":"t"}' % (b"p" * 2044),
    b'{"path":"/p","timestamp":"t","pk":1e999}',
    *(
        b'{"product_id":"A","inventory":%s,"ts":"t","reason":"r"}' % stock
        for stock in (b"-0", b"2147483647", b"2147483648", b"9" * 5000, b"1e0", b'1e400,"inventory":5', b"Infinity")
    ),
    b'{"product_id":"A","inventory":4,"ts":"t","reason":"r","more":%s}' % (b"9" * 5000),
]


def reduced(record: bytes, differs: Callable[[bytes], bool]) -> bytes:
    """The record, as short as it can be made by leaving out parts."""
    size = max(1, len(record) // 2)
    while size:
        shorter = [record[:at] + record[at + size :] for at in range(0, len(record), size)]
        still = next((one for one in shorter if differs(one)), None)
        record, size = (record, size // 2) if still is None else (still, min(size, len(still)))
    return record


def hold(function: Verdicts, oracle: Verdicts, records: Iterable[bytes]) -> list[Any]:
    """Compare what the function and the oracle say of records; if they differ, fail with a short record."""
    given = list(records)
    said, expected = function(given), oracle(given)
    wrong = [place for place, pair in enumerate(zip(said, expected, strict=True)) if pair[0] != pair[1]]
    if wrong:
        record = given[wrong[0]]
        shortest = reduced(record, lambda one: function([one]) != oracle([one]))
        pytest.fail(
            f"seed {SEED}: {len(wrong)} records differ, such as {shortest!r}, reduced from {record!r}:"
            f" the function says {function([shortest])}, the oracle {oracle([shortest])}"
        )
    return said


def test_kinesis_to_dynamo(kept: Verdicts) -> None:
    said = hold(kept, items, [*EXTREMES, *Fuzzer(SEED).records(COUNT)])
    print(f"\nseed {SEED}: {len(said)} records, {sum(one is not None for one in said)} items", flush=True)
    assert 0.1 < sum(one is not None for one in said) / len(said) < 0.9


def test_alerts_to_sns(published: Verdicts) -> None:
    said = hold(published, messages, [*EXTREMES, *AlertFuzzer(SEED).records(COUNT)])
    print(f"\nseed {SEED}: {len(said)} records, {sum(isinstance(one, tuple) for one in said)} messages", flush=True)
    assert 0.1 < sum(one is None for one in said) / len(said) < 0.9


def test_a_record_that_differs_is_found_and_reduced(kept: Verdicts) -> None:
    def flawed(records: list[bytes]) -> list[Any]:
        return [None if b"9" in record else verdict for record, verdict in zip(records, kept(records), strict=True)]

    with pytest.raises(pytest.fail.Exception) as failure:
        hold(flawed, items, Fuzzer(SEED).records(200))
    said = re.search(r"such as (.+), reduced from (.+): the function", str(failure.value))
    assert said
    assert "9" in said[1]
    assert len(said[1]) < len(said[2])
