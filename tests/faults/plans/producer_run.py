"""The producer as its user runs it, behind a proxy; what it sent is what it says itself that the stream took."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.faults.judging.sent import Sent
from tests.faults.running.proxy import Proxy
from tests.faults.running.streams import read

LISTED = 20.0
"""Events a second up to which the producer prints each that was stored."""


@dataclass(frozen=True)
class Listed:
    """An event that the producer printed, and when."""

    event: dict[str, Any]
    at: float


class ProducerRun:
    """A producer at work: `count` events, 20 a second.

    Args:
        proxy: what it takes for AWS.
        stream: the stream's name.
        count: how many events.
        seed: draws them.
    """

    def __init__(self, proxy: Proxy, stream: str, count: int, seed: int) -> None:
        self._count = count
        self.listed: list[Listed] = []
        command = [sys.executable, "-m", "producer", "--stream", stream, "--rate", f"{LISTED:g}"]
        self.process = subprocess.Popen(
            [*command, "--count", str(count), "--seed", str(seed)],
            env={**os.environ, "AWS_ENDPOINT_URL": proxy.endpoint, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: list[str] = []
        self._threads = [threading.Thread(target=work) for work in (self._read, self._listen)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.listed.append(Listed(json.loads(line), time.time()))

    def _listen(self) -> None:
        self._said += self.process.stderr or ()

    def wait(self, seconds: float) -> None:
        """Wait for its end; it must have sent all."""
        try:
            status = self.process.wait(seconds)
        finally:
            self.close()
        said = "".join(self._said)
        assert status == 0 and len(self.listed) == self._count, f"status {status}, {len(self.listed)} stored: {said}"

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()

    def sent(self) -> list[Sent]:
        """The events of stock among those that the stream took, in the order in which it did."""
        found = []
        for listed in list(self.listed):
            event = listed.event
            if event["type"] == "inventory":
                alert = (event["product_id"], event["inventory"], event["timestamp"])
                found.append(Sent(alert, "", 0, listed.at))
        return found


def stored_twice(kinesis: Any, stream: str, before: int, listed: list[Listed]) -> int:
    """How many events the stream holds more than once; each is there, and those of a key in the order they were sent.

    Args:
        kinesis: a boto3 client.
        stream: the stream's name.
        before: the number of records that were there before.
        listed: what the producer printed.
    """
    sent: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in listed:
        sent[f"path#{one.event['path']}"].append(one.event)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    twice = 0
    for record in read(kinesis, stream):
        event = json.loads(record["Data"])
        events = found[record["PartitionKey"]]
        # A request whose answer was lost is sent again before the key's next record is.
        if events and events[-1] == event:
            twice += 1
        else:
            events.append(event)
    for key, events in sent.items():
        assert found[key][-len(events) :] == events, f"{key}: the stream holds other events, or in another order"
    return twice
