"""Scenarios of the whole system: the producer, the job and the functions, each behind a proxy of its own."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator

from deploy.packages import BUILD
from tests.emulated import eventually
from tests.faults.judging import twice
from tests.faults.judging.outcome import LATE, Outcome, judge, seconds_to_recover
from tests.faults.judging.sent import Alert, products
from tests.faults.plans.job_run import JobRun
from tests.faults.plans.producer_run import LISTED, ProducerRun, stored_twice
from tests.faults.running.memory import sampled
from tests.faults.running.proxy import Faults, Proxy
from tests.faults.running.stage import Stage
from tests.faults.running.streams import read

UNREST = Faults(throttle=0.04, entries=0.15, error=0.06, cut_fin=0.06, cut_rst=0.06, delay=0.06)
# The producer makes few requests of few entries, so that more of them are struck; and not so many that an event is
# among them at all of its ten tries, after which the producer gives it up, says so, and ends with status 1.
PRODUCER_UNREST = Faults(throttle=0.05, entries=0.1, error=0.05, cut_fin=0.1, cut_rst=0.05, delay=0.1)
BLACK_SECONDS = 15.0
_QUIET = 60.0
_SOAK_RATE = 60.0


class WholeRun:
    """All of it at work, without faults yet; `proxies` are the producer's, the job's and the functions'."""

    def __init__(self, stage: Stage, policy: str) -> None:
        self.stage, self.system = stage, stage.system
        self.system.proxy.counts.clear()
        self._stored = len(read(stage.kinesis, self.system.streams.events))
        # A second copy of an alert of an earlier run can come as late as now; it is not of this run.
        self._earlier = {message.alert for message in self.system.messages()}
        self._redrive = self.system.left_to_redrive()
        self._exchanges = len(self.system.proxy.exchanges)
        self._proxies = [Proxy(stage.endpoint, stage.seed + number, whole_heads=number == 2) for number in (1, 2)]
        for proxy in self._proxies:
            stage.after.callback(proxy.close)
        self.job = JobRun(stage, policy, "LATEST", endpoint=self._proxies[1].endpoint, streams=self.system.streams)
        self.job.start()

    @property
    def proxies(self) -> dict[str, Proxy]:
        """By whom they are in front of."""
        return {"producer": self._proxies[0], "job": self._proxies[1], "functions": self.system.proxy}

    def produce(self, count: int) -> ProducerRun:
        """Start the producer."""
        producer = ProducerRun(self.proxies["producer"], self.system.streams.events, count, self.stage.seed)
        self.stage.after.callback(producer.close)
        return producer

    @contextlib.contextmanager
    def unrest(self) -> Iterator[None]:
        """Strike the requests of all three until the end of the block."""
        with contextlib.ExitStack() as stack:
            for name, proxy in self.proxies.items():
                stack.enter_context(proxy.doing(PRODUCER_UNREST if name == "producer" else UNREST))
            yield

    def finish(self, scenario: str, producer: ProducerRun) -> Outcome:
        """Wait until all has arrived everywhere, or nothing comes any more, and judge it."""
        sent = producer.sent()
        # What the producer sent comes before the marks that the shop sends now.
        self.job.shop.sent[:0] = sent
        self.job.wait_alerts()
        self.stage.cluster.next_checkpoint(self.job.job)
        everything = self.job.shop.sent
        items = Counter((one.event["path"], one.event["timestamp"]) for one in producer.listed)
        items.update(event.item for event in everything[len(sent) :])
        seen, changed = (-1, -1), time.monotonic()
        while True:
            written = self.job.written()
            outcome = judge(Outcome(scenario, ""), everything, written, self.job.policy)
            expected = {one.alert for one in written} - set(outcome.unexpected) | set(outcome.lost)
            messages = [message for message in self.system.messages() if message.alert not in self._earlier]
            got: list[Alert] = [one.alert for one in messages]
            unkept = items - Counter(self.system.items())
            silent = expected - set(got)
            if (len(got), len(unkept)) != seen:
                seen, changed = (len(got), len(unkept)), time.monotonic()
            quiet = time.monotonic() - changed
            if (not silent and not unkept and quiet > LATE) or quiet > _QUIET:
                break
            time.sleep(0.2)
        outcome.lost += sorted(silent - set(outcome.lost))
        outcome.lost += [(path, 0, ts) for path, ts in unkept]
        outcome.sent = len(producer.listed) + len(everything) - len(sent)
        outcome.published_twice = len(got) - len(set(got))
        outcome.allowed_twice = twice.allowed(self.system.proxy.exchanges[self._exchanges :], got)
        outcome.to_redrive = self.system.left_to_redrive() - self._redrive
        outcome.recovered = seconds_to_recover(everything, messages, self.job.faults)
        stored = stored_twice(self.stage.kinesis, self.system.streams.events, self._stored, producer.listed)
        outcome.injected = "; ".join(f"{name}: {proxy.injected()}" for name, proxy in self.proxies.items())
        outcome.injected += f"; events stored twice: {stored}; job restarted {self.job.restarts()} times"
        return outcome


def unrest(policy: str, seconds: float, black: bool) -> Callable[[Stage, str], Outcome]:
    """Every kind of fault for all three callers at once for so long; and then a black-out for each of them."""

    def scenario(stage: Stage, name: str) -> Outcome:
        run = WholeRun(stage, policy)
        producer = run.produce(int((seconds + (BLACK_SECONDS * 6 if black else 5)) * LISTED))
        with run.unrest():
            eventually(
                lambda: len(producer.listed) >= seconds * LISTED or _ended(producer), "the events", seconds + 240
            )
        run.job.fault()
        if black:
            for proxy in run.proxies.values():
                with proxy.black():
                    time.sleep(BLACK_SECONDS)
                run.job.fault()
        producer.wait(600)
        return run.finish(name, producer)

    return scenario


def soak(seconds: float) -> Callable[[Stage, str], Outcome]:
    """Nothing is struck for so long, and no process grows."""

    def scenario(stage: Stage, name: str) -> Outcome:
        run = WholeRun(stage, "crossing")
        producer = run.produce(int(seconds * LISTED))

        def ended() -> bool:
            # The emulator's queue becomes slow if all messages of a soak wait in it.
            stage.system.messages()
            return _ended(producer)

        with sampled(stage.cluster) as samples, run.job.shop.sending(_SOAK_RATE, products(200)):
            eventually(ended, "the events", seconds + 300)
        producer.wait(60)
        outcome = run.finish(name, producer)
        outcome.injected += f"; MiB in each third: {samples.text()}"
        samples.save(BUILD / "benchmarks" / "memory.json")
        growing = samples.growing()
        assert not growing, f"{growing}: {samples.text()}"
        return outcome

    return scenario


def _ended(producer: ProducerRun) -> bool:
    return producer.process.poll() is not None
