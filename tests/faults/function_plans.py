"""Scenarios of the functions: killed at the worst moments, and without SNS or DynamoDB for a while."""

import time
from collections.abc import Callable, Sequence

from tests.emulated import eventually
from tests.faults import twice
from tests.faults.conftest import FULL
from tests.faults.outcome import LATE, Outcome, seconds_to_recover
from tests.faults.proxy import Faults
from tests.faults.sent import Alert, Sent, Shop, expected_every, products
from tests.faults.stage import Stage
from tests.faults.system import System

SNS = frozenset({"Publish"})
DYNAMODB = frozenset({"BatchWriteItem", "GetItem", "PutItem", "UpdateItem"})
_RATE = 4.0
_QUIET = 60.0
# All that was held up is out a minute after the end of an outage.
_WITHIN = 60.0

# What is killed, at which call, before or after it is done; and whether that may send a message twice.
MOMENTS = {
    "AlertsToSns killed before publish": ("Publish", False, False),
    "AlertsToSns killed between publish and its answer": ("Publish", True, True),
    "AlertsToSns killed between publish and the note": ("UpdateItem", False, True),
    "AlertsToSns killed after the note": ("UpdateItem", True, False),
    "KinesisToDynamo killed before a write": ("BatchWriteItem", False, False),
    "KinesisToDynamo killed after a write": ("BatchWriteItem", True, False),
}
_KILLS = 3 if FULL else 1


class FunctionRun:
    """Events for KinesisToDynamo and alerts for AlertsToSns, and what came of them.

    Every low event is written to the alerts' stream, so that these scenarios need no job.
    """

    def __init__(self, stage: Stage) -> None:
        self.system: System = stage.system
        self.system.proxy.counts.clear()
        self._known = len(self.system.messages())
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

    def finish(self, scenario: str, allowed_twice: int = 0) -> Outcome:
        """Wait until all has arrived, or nothing comes any more, and judge it."""
        sent: Sequence[Sent] = self.shop.sent
        expected = set(expected_every(sent))
        outcome = Outcome(scenario, "", sent=len(sent), expected=len(expected), allowed_twice=allowed_twice)
        seen, changed, kept_at = (-1, -1), time.monotonic(), 0.0
        while True:
            messages = self.system.messages()[self._known :]
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
        outcome.recovered = max(seconds_to_recover(sent, messages, self.faults), kept_at - max(self.faults))
        outcome.to_redrive = self.system.left_to_redrive() - self._redrive
        outcome.injected = self.system.proxy.injected()
        return outcome


def killed(moment: str) -> Callable[[Stage, str], Outcome]:
    """A function is killed, some times over, at one of `MOMENTS`."""
    operation, done, twice = MOMENTS[moment]

    def scenario(stage: Stage, name: str) -> Outcome:
        run = FunctionRun(stage)
        run.send(20)
        for _ in range(_KILLS):
            strike = run.system.proxy.strike(operation, done)
            run.faults.append(time.time())
            run.send(20)
            eventually(strike.struck.is_set, f"a call of {operation}", 120)
        return run.finish(name, allowed_twice=_KILLS if twice else 0)

    return scenario


def away(operations: frozenset[str], seconds: float) -> Callable[[Stage, str], Outcome]:
    """A service does not answer for so many seconds, while events and alerts go on."""

    def scenario(stage: Stage, name: str) -> Outcome:
        run = FunctionRun(stage)
        run.send(20)
        before = len(run.system.proxy.exchanges)
        with run.system.proxy.doing(Faults(away=operations)):
            run.send(int(seconds * _RATE), _RATE)
        run.faults.append(time.time())
        run.send(20)
        # A silence may hide a message that was published: none is here, as nothing was passed on.
        assert not twice.unheard(run.system.proxy.exchanges[before:])
        outcome = run.finish(name)
        outcome.within = _WITHIN
        return outcome

    return scenario
