"""One thread a shard: read, gather, deliver. Shards never wait for one another."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.functions.description import Function
from emulator.functions.runtime import INIT_LIMIT, ExecutionEnvironment, Invocation, Log, Place
from emulator.mappings import on_failure
from emulator.mappings.batches import Batch, Gathering, Record
from emulator.mappings.delivery import deliver
from emulator.mappings.settings import EventSourceMapping
from emulator.mappings.shards import Position, ShardReader
from emulator.mappings.statistics import Counters, ShardStatistics

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How mappings are run, where AWS leaves it open or a laptop asks for other figures. All times in seconds.

    Args:
        poll_interval: between two looks at a shard with nothing new. Lambda's base rate is one a second and shard
            (https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html); a shard with more is read on at once.
        refresh_interval: between two looks at the list of mappings, their functions and their shards.
        first_retry: before a batch is sent again for the first time, doubled each time after. AWS does not say how long
            Lambda waits.
        longest_retry: the most of that.
        initialise_early: start functions when their shard starts, not with the first batch, which Lambda does at times.
        init_limit: see `lambda_runtime.INIT_LIMIT`.
        clock: the time in seconds since 1970, to which the age of records is measured.
    """

    poll_interval: float = 1.0
    refresh_interval: float = 2.0
    first_retry: float = 0.1
    longest_retry: float = 10.0
    initialise_early: bool = False
    init_limit: float = INIT_LIMIT
    clock: Callable[[], float] = time.time


@dataclass(frozen=True)
class Job:
    """All that is needed to run a mapping on its shards.

    Args:
        mapping: its settings.
        function: its function.
        place: where the function runs.
    """

    mapping: EventSourceMapping
    function: Function
    place: Place


@dataclass(frozen=True)
class Surroundings:
    """What all workers share: clients of Kinesis, SQS and S3, where logs go, whom to tell of trouble, and options.

    `listener` is told of each invocation, from the worker's thread: mapping, shard, batch, what came of it.
    """

    kinesis: Any
    sqs: Any
    s3: Any
    log: Log
    say: Say
    options: Options
    listener: Callable[[EventSourceMapping, str, Batch, Invocation], None] | None = None


class ShardWorker:
    """Runs a mapping on a shard until it is stopped or all of a closed shard is done.

    Args:
        job: the mapping.
        shard_id: the shard.
        position: where to begin.
        around: what it shares with others.
        finished: called when it ends, from its thread.
    """

    def __init__(
        self, job: Job, shard_id: str, position: Position, around: Surroundings, finished: Callable[[], None]
    ) -> None:
        self.shard_id = shard_id
        self._job = job
        self._mapping = job.mapping
        self._position = position
        self._around = around
        self._options = around.options
        self._finished = finished
        self._stop = threading.Event()
        self._broken_off = False
        # How many times in a row the shard could not be read.
        self._unread = 0
        self._arrivals: deque[float] = deque()
        mapping = job.mapping
        self.counters = Counters(ShardStatistics(mapping.uuid, mapping.function, mapping.stream, shard_id))
        self._environment = ExecutionEnvironment(job.function, job.place, around.log, self._options.init_limit)
        self._reader = ShardReader(around.kinesis, mapping, shard_id, position, job.function.role_arn)
        self._thread = threading.Thread(target=self._run, name=f"{mapping.function} {shard_id}", daemon=True)

    @property
    def position(self) -> Position:
        """After the last record that is done or discarded: where another worker would go on."""
        return self._position

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further invocation; the one under way is finished. Returns at once."""
        self._stop.set()

    def kill(self) -> None:
        """Break off the invocation under way; its records are not done. Returns at once."""
        self._broken_off = True
        self._stop.set()
        self._environment.kill()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _run(self) -> None:
        try:
            if self._options.initialise_early:
                self._environment.initialise()
            ended = self._work()
            self.counters.set(state="ended" if ended else "stopped")
            if ended:
                self._position = self._position.end()
        except Exception as error:
            self.counters.set(state="failed")
            self._around.say(f"{self._mapping} {self.shard_id}: stopped by an error of its own: {error!r}")
        finally:
            self._environment.close()
            self._finished()

    def _work(self) -> bool:
        """Read and deliver; True when all of a closed shard is done, False when stopped."""
        now = time.monotonic()
        gathering = Gathering(self._mapping.batch_size, self._mapping.batching_window, now)
        poll_at, ended = now, False
        while not self._stop.is_set():
            now = time.monotonic()
            due_at = gathering.due_at(now)
            if due_at is not None and due_at <= now:
                deliver(gathering.take(), self._mapping, self)
                self.counters.set(state="reading")
                gathering.restart(time.monotonic())
            elif ended and not gathering:
                return True
            elif not ended and poll_at <= now:
                wait, ended = self._poll(gathering)
                poll_at = time.monotonic() + wait
            else:
                times = [moment for moment in (due_at, None if ended else poll_at) if moment is not None]
                self._stop.wait(max(0.0, min(times) - now))
        return False

    def _poll(self, gathering: Gathering) -> tuple[float, bool]:
        """Read once; return how long to wait before the next time, and whether the shard has ended."""
        try:
            reading = self._reader.read()
        except (ClientError, BotoCoreError) as error:
            if self._unread == 0:
                self._around.say(f"{self._mapping} {self.shard_id}: cannot be read, tries again: {error}")
            self._unread += 1
            return self._pause(self._unread - 1), False
        self._unread = 0
        gathering.add(reading.records)
        self._arrivals.extend(record.arrived for record in reading.records)
        self._settle(0)
        self.counters.add(read=len(reading.records))
        self.counters.set(behind=reading.behind)
        return (0.0 if reading.behind else self._options.poll_interval), reading.ended

    def _pause(self, times: int) -> float:
        """Seconds to wait when something has failed and was tried again so many times."""
        return min(self._options.longest_retry, self._options.first_retry * float(2 ** min(times, 30)))

    # What a delivery needs.

    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def now(self) -> float:
        """The time, in seconds since 1970."""
        return self._options.clock()

    def invoke(self, batch: Batch) -> Invocation | None:
        """Invoke the function; None if that was broken off."""
        self.counters.set(state="invoking")
        invocation = self._environment.invoke(batch.payload())
        if self._broken_off:
            return None
        result = "PROBLEM: Function call failed" if invocation.function_error else "OK"
        self.counters.add(invocations=1)
        self.counters.set(last_result=result)
        if self._around.listener:
            self._around.listener(self._mapping, self.shard_id, batch, invocation)
        return invocation

    def done(self, records: tuple[Record, ...]) -> None:
        """Go on after these records."""
        if records:
            self._position = self._position.after(records[-1].sequence_number)
            self.counters.add(done=len(records))
            self._settle(len(records))

    def failed(self, batch: Batch, split: bool, retry: bool) -> None:
        """Count a failure, and wait if the same batch is sent again."""
        self.counters.add(failures=1, splits=int(split), retries=int(retry))
        if retry:
            self.counters.set(state="retrying")
            self._stop.wait(self._pause(batch.invocations))

    def discard(self, batch: Batch, condition: str, invocation: Invocation | None) -> bool:
        """Tell the on-failure destination, for as long as it takes, and go on after the batch."""
        version, now = self._job.function.version, time.time()
        record = on_failure.invocation_record(self._mapping, self.shard_id, batch, condition, invocation, version, now)
        if not self._tell(record, batch.payload()):
            return False
        self._position = self._position.after(batch.records[-1].sequence_number)
        self.counters.add(discarded=len(batch.records))
        self._settle(len(batch.records))
        return True

    def _settle(self, count: int) -> None:
        """Note that so many of the oldest records are done or discarded."""
        for _ in range(count):
            self._arrivals.popleft()
        self.counters.set(waiting_since=self._arrivals[0] if self._arrivals else 0.0)

    def _tell(self, record: dict[str, Any], payload: bytes) -> bool:
        """Send a record to the on-failure destination; False if it was stopped before that worked."""
        for times in itertools.count():
            try:
                on_failure.send(self._around.s3, self._around.sqs, self._mapping, record, payload)
                return True
            except (ClientError, BotoCoreError) as error:
                if times == 0:
                    self._around.say(f"{self._mapping}: its on-failure destination fails, tries again: {error}")
                if self._stop.wait(self._pause(times)):
                    break
        return False
