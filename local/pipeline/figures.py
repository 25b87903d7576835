"""The figures of the running system, collected each time they are asked for."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import boto3

from deploy.aws import on_failure
from deploy.aws.stream_reader import StreamReader
from emulator.mappings.mappings import EventSourceMappings
from local.pipeline.deployed import System
from local.pipeline.phone import Phone
from local.pipeline.shop import Shop

_LATEST = 5
_LIMIT = 10_000
"""Records of an answer at most: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""


@dataclass(frozen=True)
class Figures:
    """The state of the system at one moment.

    Args:
        at: seconds since the start.
        stage: what the pipeline is doing.
        waiting: while it starts: what it waits for, and for about how long.
        sent: events that the stream took; `retried` and `given_up` as the producer counts them.
        kept: events that KinesisToDynamo has finished with, failures included.
        kept_lag: how far it is behind, in seconds; `alerts_lag` is that of AlertsToSns.
        alerts: alerts that the job wrote.
        dead_letters: dead letters that the job wrote.
        texts: the latest messages to the phone, the last one last.
        refused: reason and payload of the latest dead letters.
        failures: objects of KinesisToDynamo in the bucket of failures, and `lost_alerts` those of AlertsToSns.
        dashboard: the line with the address of Flink's web dashboard; empty while there is none.
    """

    at: float
    stage: str
    waiting: str = ""
    sent: int = 0
    retried: int = 0
    given_up: int = 0
    kept: int = 0
    kept_lag: float = 0
    alerts: int = 0
    alerts_lag: float = 0
    dead_letters: int = 0
    texts: tuple[str, ...] = ()
    messages: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    failures: int = 0
    lost_alerts: int = 0
    dashboard: str = ""


class Watch:
    """Looks at every stage from outside, as an operator would."""

    def __init__(self, system: System, mappings: EventSourceMappings, phone: Phone, shop: Shop) -> None:
        kinesis: Any = boto3.client("kinesis")
        self._s3: Any = boto3.client("s3")
        self._system, self._mappings, self._phone, self._shop = system, mappings, phone, shop
        self._alerts = StreamReader(kinesis, system.stream("Alerts"), "TRIM_HORIZON")
        self._dead_letters = StreamReader(kinesis, system.stream("DeadLetter"), "TRIM_HORIZON")
        self._found = {"alerts": 0, "dead_letters": 0}
        self._refused: deque[tuple[str, str]] = deque(maxlen=_LATEST)

    def figures(self, at: float, stage: str, waiting: str) -> Figures:
        """The state now."""
        self._read()
        sent, messages = self._shop.counts(), self._phone.messages()
        kept, kept_lag = self._function("KinesisToDynamo")
        _, alerts_lag = self._function("AlertsToSns")
        return Figures(
            at=at,
            stage=stage,
            waiting=waiting,
            sent=sent.sent,
            retried=sent.retried,
            given_up=sent.given_up,
            kept=kept,
            kept_lag=kept_lag,
            alerts=self._found["alerts"],
            alerts_lag=alerts_lag,
            dead_letters=self._found["dead_letters"],
            texts=tuple(message.text for message in messages[-_LATEST:]),
            messages=len(messages),
            refused=tuple(self._refused),
            failures=self._failures("KinesisToDynamo"),
            lost_alerts=self._failures("AlertsToSns"),
            dashboard=self._system.dashboard,
        )

    def _read(self) -> None:
        self._found["alerts"] += len(self._alerts.poll(_LIMIT))
        for record in self._dead_letters.poll(_LIMIT):
            self._found["dead_letters"] += 1
            letter = json.loads(record["Data"])
            self._refused.append((letter["reason"], letter["payload"]))

    def _function(self, which: str) -> tuple[int, float]:
        """Records that a function is done with, and the age of the oldest one that it is not, in seconds."""
        name = self._system.outputs[f"{which}Name"]
        shards = [each for each in self._mappings.statistics() if each.function == name]
        oldest = min((shard.waiting_since for shard in shards if shard.waiting_since), default=0.0)
        lag = max(0.0, time.time() - oldest) if oldest else 0.0
        return sum(shard.done + shard.discarded for shard in shards), lag

    def _failures(self, function: str) -> int:
        outputs = self._system.outputs
        return sum(
            1 for _ in on_failure.keys(self._s3, outputs["FailuresBucket"], *on_failure.prefixes(outputs, function))
        )
