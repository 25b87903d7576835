"""Whether everything that was sent arrived: streams, table, bucket of failures and phones, record by record."""

import json
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from local.pipeline import oracle
from local.pipeline.phone import Message

Alert = tuple[str, int, str]
Place = tuple[str, int]
"""The shard and the sequence number of a record."""


@dataclass(frozen=True)
class Record:
    """One record of a stream, with what Kinesis says of it."""

    shard: str
    sequence_number: int
    partition_key: str
    data: bytes
    arrived: datetime


@dataclass(frozen=True)
class Policy:
    """The settings that decide which alerts should go out."""

    threshold: int
    policy: str
    rearm_margin: int


@dataclass
class Evidence:
    """What is found at the end of a run.

    Args:
        sent: shard, sequence number and data of the records that the stream took, as the producer was told.
        given_up: the number of records that it did not take.
        source: the stream of events, each shard in its order.
        items: the table, by (pk, sk).
        failed: the records of KinesisToDynamo in the bucket of failures.
        messages: what the phones got.
        dead_letters: the stream of dead letters as (reason, payload).
        lost_alerts: the number of records of AlertsToSns in the bucket of failures.
    """

    sent: list[tuple[str, int, bytes]]
    given_up: int
    source: list[Record]
    items: dict[tuple[str, str], dict[str, Any]]
    failed: set[Place]
    messages: list[Message]
    dead_letters: list[tuple[str, str]]
    lost_alerts: int


@dataclass
class Result:
    """What was found: one line for each difference.

    `refused` are records that hold no event, `failed` are events, both in the bucket of failures. `latencies` has for
    each message when its event arrived, and how long later it was published, both in milliseconds.
    """

    kept: int = 0
    refused: int = 0
    failed: int = 0
    alerts: int = 0
    dead_letters: int = 0
    differences: list[str] = field(default_factory=list)
    latencies: list[tuple[int, int]] = field(default_factory=list)

    def latency(self, percent: int, after: float = 0) -> float:
        """A percentile, in seconds, of events that arrived so many seconds after the first; 0 if there was none."""
        first = min((arrived for arrived, _ in self.latencies), default=0)
        waits = [wait for arrived, wait in self.latencies if arrived >= first + after * 1000]
        if len(waits) < 2:
            return sum(waits) / 1000
        return statistics.quantiles(waits, n=100, method="inclusive")[percent - 1] / 1000


def reconcile(evidence: Evidence, policy: Policy) -> Result:
    """Compare what was found with what should be."""
    result = Result()
    _sent(evidence, result)
    _kept(evidence, result)
    verdicts = _judge(evidence.source, policy)
    _alerts(evidence, verdicts[0], result)
    _dead_letters(evidence, verdicts[1], result)
    return result


def expected(source: list[Record], policy: Policy) -> tuple[int, int]:
    """How many alerts and dead letters there should be for the stream of events."""
    alerts, dead_letters = _judge(source, policy)
    return len(alerts), len(dead_letters)


def item(record: Record) -> dict[str, Any] | None:
    """The item that the table should hold for a record, or None if it holds no event."""
    try:
        event = json.loads(record.data.decode("utf-8"), parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("path"), str) or not event["path"]:
        return None
    if not isinstance(event.get("timestamp"), str) or not event["timestamp"]:
        return None
    return event | {"pk": f"path#{event['path']}", "sk": f"{event['timestamp']}#{record.sequence_number}"}


def plain(stored: dict[str, Any]) -> dict[str, Any]:
    """An item as JSON has it, from the form of the DynamoDB API."""
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in stored.items()}


def _name(record: Record) -> str:
    return f"{record.shard} {record.sequence_number} (key {record.partition_key!r})"


def _sent(evidence: Evidence, result: Result) -> None:
    if evidence.given_up:
        result.differences.append(f"events: {evidence.given_up} given up: the stream did not take them")
    there = {(record.shard, record.sequence_number): record.data for record in evidence.source}
    for shard, number, data in evidence.sent:
        found = there.pop((shard, number), None)
        if found is None:
            result.differences.append(f"event: {shard} {number}: sent, and not in the stream")
        elif found != data:
            result.differences.append(f"event: {shard} {number}: the stream holds other bytes than were sent")
    for shard, number in there:
        result.differences.append(f"event: {shard} {number}: in the stream, and not sent")


def _kept(evidence: Evidence, result: Result) -> None:
    left = dict(evidence.items)
    for record in evidence.source:
        wanted = item(record)
        found = left.pop((wanted["pk"], wanted["sk"]), None) if wanted else None
        if found is not None and found == wanted:
            result.kept += 1
        elif found is not None:
            result.differences.append(f"event: {_name(record)}: its item differs from it")
        elif (record.shard, record.sequence_number) in evidence.failed:
            result.failed += wanted is not None
            result.refused += wanted is None
        else:
            result.differences.append(f"event: {_name(record)}: not in the table, nor in the bucket of failures")
    for pk, sk in left:
        result.differences.append(f"item: {pk} {sk}: in the table, and of no event")


def _judge(source: list[Record], policy: Policy) -> tuple[dict[Alert, int], list[tuple[str, str]]]:
    """Alerts, each with the time its event arrived (milliseconds), and dead letters, shard by shard."""
    alerts: dict[Alert, int] = {}
    dead_letters: list[tuple[str, str]] = []
    for shard in sorted({record.shard for record in source}):
        records = [record for record in source if record.shard == shard]
        low, bad = oracle.judge(
            [record.data for record in records], policy.threshold, {}, policy.policy, policy.rearm_margin
        )
        dead_letters += bad
        arrived = _arrivals(records)
        alerts |= {alert: arrived[alert] for alert in low}
    return alerts, dead_letters


def _arrivals(records: Iterable[Record]) -> dict[Alert, int]:
    arrived: dict[Alert, int] = {}
    for record in records:
        alert = oracle.reading(record.data)
        if alert is not None:
            arrived.setdefault(alert, round(record.arrived.timestamp() * 1000))
    return arrived


def _alerts(evidence: Evidence, expected: dict[Alert, int], result: Result) -> None:
    got = Counter((m.product_id, m.inventory, m.ts) for m in evidence.messages)
    for alert in expected:
        if alert not in got:
            result.differences.append(f"alert: {alert}: no message")
    for alert, times in got.items():
        if alert not in expected:
            result.differences.append(f"alert: {alert}: a message, and no event for it")
        elif times > 1:
            result.differences.append(f"alert: {alert}: {times} messages")
        else:
            result.alerts += 1
    if evidence.lost_alerts:
        result.differences.append(f"alerts: {evidence.lost_alerts} in the bucket of failures")
    for message in evidence.messages:
        alert = (message.product_id, message.inventory, message.ts)
        text = f"ALERTA: {message.product_id} bajo inventario ({message.inventory})"
        if message.text != text:
            result.differences.append(f"alert: {alert}: the text is {message.text!r}, expected {text!r}")
        if alert in expected:
            result.latencies.append((expected[alert], message.published - expected[alert]))


def _dead_letters(evidence: Evidence, expected: list[tuple[str, str]], result: Result) -> None:
    wanted, got = Counter(expected), Counter(evidence.dead_letters)
    result.dead_letters = sum((wanted & got).values())
    for (reason, payload), times in (wanted - got).items():
        result.differences.append(f"dead letter: {reason} {payload[:80]!r}: {times} missing")
    # The stream is written at least once: a second one of the same record is no difference.
    for reason, payload in got.keys() - wanted.keys():
        result.differences.append(f"dead letter: {reason} {payload[:80]!r}: of no record")
