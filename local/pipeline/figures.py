"""The figures of the running system, collected each time they are asked for."""

import json
import time
from collections import deque
from typing import Any

import boto3

from deploy.aws import on_failure
from emulator.mappings.mappings import EventSourceMappings
from local.pipeline.deployed import System
from local.pipeline.phone import Phone
from local.pipeline.screen import Figures
from local.pipeline.shop import Shop
from local.pipeline.streams import Reader

_LATEST = 5


class Watch:
    """Looks at every stage from outside, as an operator would."""

    def __init__(self, system: System, mappings: EventSourceMappings, phone: Phone, shop: Shop, began: float) -> None:
        kinesis: Any = boto3.client("kinesis")
        self._s3: Any = boto3.client("s3")
        self._system, self._mappings, self._phone, self._shop, self._began = system, mappings, phone, shop, began
        self._alerts = Reader(kinesis, system.stream("Alerts"))
        self._dead_letters = Reader(kinesis, system.stream("DeadLetter"))
        self._found = {"alerts": 0, "dead_letters": 0}
        self._refused: deque[tuple[str, str]] = deque(maxlen=_LATEST)

    def figures(self, stage: str) -> Figures:
        """The state now."""
        self._read()
        sent, messages = self._shop.counts(), self._phone.messages()
        kept, kept_lag = self._function("KinesisToDynamo")
        _, alerts_lag = self._function("AlertsToSns")
        return Figures(
            at=time.monotonic() - self._began,
            stage=stage,
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
        )

    def _read(self) -> None:
        self._found["alerts"] += sum(1 for _ in self._alerts.read())
        for record in self._dead_letters.read():
            self._found["dead_letters"] += 1
            letter = json.loads(record.data)
            self._refused.append((letter["reason"], letter["payload"]))

    def _function(self, which: str) -> tuple[int, float]:
        """Records that a function is done with, and the age of the oldest one it is not, in seconds."""
        name = self._system.outputs[f"{which}Name"]
        shards = [each for each in self._mappings.statistics() if each.function == name]
        oldest = min((shard.waiting_since for shard in shards if shard.waiting_since), default=0.0)
        lag = max(0.0, time.time() - oldest) if oldest else 0.0
        return sum(shard.done + shard.discarded for shard in shards), lag

    def _failures(self, function: str) -> int:
        prefixes = on_failure.prefixes(self._system.outputs, function)
        return sum(1 for _ in on_failure.keys(self._s3, self._system.outputs["FailuresBucket"], *prefixes))
