"""Scenarios of the functions: killed at the worst moments, and without SNS or DynamoDB for a while."""

import time
from collections.abc import Callable, Sequence

from tests.emulated import eventually
from tests.faults.judging import twice
from tests.faults.judging.outcome import LATE, Outcome, seconds_to_recover
from tests.faults.judging.sent import Alert, Sent, Shop, expected_every, products
from tests.faults.running.proxy import Faults
from tests.faults.running.stage import Stage
from tests.faults.running.system import System

SNS = frozenset({"Publish"})
DYNAMODB = frozenset({"BatchWriteItem", "GetItem", "PutItem", "UpdateItem"})
_RATE = 4.0
_QUIET = 60.0
# All that was held up is out a minute after the end of an outage.
_WITHIN = 60.0

# What is killed, at which call, before or after it is done.
MOMENTS = {
    "AlertsToSns killed before publish": ("Publish", False),
    "AlertsToSns killed between publish and its answer": ("Publish", True),
    "AlertsToSns killed between publish and the note": ("UpdateItem", False),
    "AlertsToSns killed after the note": ("UpdateItem", True),
    "KinesisToDynamo killed before a write": ("BatchWriteItem", False),
    "KinesisToDynamo killed after a write": ("BatchWriteItem", True),
}
_KILLS = 3


class FunctionRun:
    """Events for KinesisToDynamo and alerts for AlertsToSns, and what came of them.

    Every low event is written to the alerts' stream, so that these scenarios need no job.
    """

    def __init__(self, stage: Stage) -> None:
        self.system: System = stage.system
        self.system.proxy.counts.clear()
        # A second copy of an alert of an earlier run can come as late as now; it is not of this run.
        self._earlier = {message.alert for message in self.system.messages()}
        self._exchanges = len(self.system.proxy.exchanges)
        self._redrive = self.system.left_to_redrive()
        self.shop = Shop(self.system.client("kinesis"), self.system.streams.events, stage.seed, stage.next_day())
        self.faults: list[float] = []

    def send(self, count: int, rate: float = 0.0) -> None:
        """Send so many events, and the alerts that come of them; `rate` a second, or as fast as it goes."""
        began = time.monotonic()
        for number in range(count):
            before = len(self.shop.sent)
            self.shop.send_some(1, products(20))
            self.system.put_alerts(expected_every(self.shop.sent[before:]))
            if rate:
                time.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))

    def finish(self, scenario: str) -> Outcome:
        """Wait until all has arrived, or nothing comes any more, and judge it."""
        sent: Sequence[Sent] = self.shop.sent
        expected = set(expected_every(sent))
        outcome = Outcome(scenario, "", sent=len(sent), expected=len(expected))
        seen, changed, kept_at = (-1, -1), time.monotonic(), 0.0
        while True:
            messages = [message for message in self.system.messages() if message.alert not in self._earlier]
            items = self.system.items()
            got = [one.alert for one in messages]
            lost: set[Alert] = expected - set(got)
            unkept = {event.alert for event in sent if event.item not in items}
            if len(unkept) != seen[1]:
                kept_at = time.time() if seen[1] > 0 else 0.0
            if seen != (len(got), len(unkept)):
                seen, changed = (len(got), len(unkept)), time.monotonic()
            # A message that comes twice comes late.
            quiet = time.monotonic() - changed
            if (not lost and not unkept and quiet > LATE) or quiet > _QUIET:
                break
            time.sleep(0.2)
        outcome.lost = sorted(lost | unkept)
        outcome.unexpected = sorted(set(got) - expected)
        outcome.published_twice = len(got) - len(set(got))
        outcome.allowed_twice = twice.allowed(self.system.proxy.exchanges[self._exchanges :], got)
        outcome.recovered = max(seconds_to_recover(sent, messages, self.faults), kept_at - max(self.faults))
        outcome.to_redrive = self.system.left_to_redrive() - self._redrive
        outcome.injected = self.system.proxy.injected()
        return outcome


def killed(moment: str) -> Callable[[Stage, str], Outcome]:
    """A function is killed, some times over, at one of `MOMENTS`."""
    operation, done = MOMENTS[moment]

    def scenario(stage: Stage, name: str) -> Outcome:
        run = FunctionRun(stage)
        run.send(20)
        for _ in range(_KILLS):
            strike = run.system.proxy.strike(operation, done)
            run.faults.append(time.time())
            run.send(20)
            eventually(strike.struck.is_set, f"a call of {operation}", 120)
        return run.finish(name)

    return scenario


def killed_then_away(stage: Stage, name: str) -> Outcome:
    """AlertsToSns is killed after it published an alert; while that one waits for another try, SNS is away for 20 s."""
    operation, done = MOMENTS["AlertsToSns killed between publish and the note"]
    run = FunctionRun(stage)
    run.send(20)
    strike = run.system.proxy.strike(operation, done)
    run.send(20)
    eventually(strike.struck.is_set, f"a call of {operation}", 120)
    return _away(run, SNS, 20, name)


def away(operations: frozenset[str], seconds: float) -> Callable[[Stage, str], Outcome]:
    """A service does not answer for so many seconds, while events and alerts go on."""

    def scenario(stage: Stage, name: str) -> Outcome:
        run = FunctionRun(stage)
        run.send(20)
        return _away(run, operations, seconds, name)

    return scenario


def _away(run: FunctionRun, operations: frozenset[str], seconds: float, name: str) -> Outcome:
    with run.system.proxy.doing(Faults(away=operations)):
        run.send(int(seconds * _RATE), _RATE)
    run.faults.append(time.time())
    run.send(20)
    outcome = run.finish(name)
    outcome.within = _WITHIN
    return outcome
