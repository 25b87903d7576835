"""One thread a shard: read records, gather them in batches, deliver these. Shards never wait for one another.

With a parallelization factor a batch is delivered in so many parts at once, and the next one after it.
"""

import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulator.functions.description import Function
from emulator.functions.runtime import ExecutionEnvironment, Host, Invocation
from emulator.mappings import on_failure
from emulator.mappings.batches import Batch, Gathering, Record
from emulator.mappings.delivery import deliver
from emulator.mappings.settings import EventSourceMapping
from emulator.mappings.shards import Position, ShardReader

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How fast mappings work, in seconds. By default as fast as in AWS, as far as that is known.

    Args:
        poll: between two reads of a shard without new records; Lambda's base rate is one a second
            (https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html). A shard with more records is read at once.
        refresh: between two looks at the list of mappings, their functions and the shards of their streams.
        first_retry: before a batch is sent again for the first time; each further wait is twice as long. AWS does not
            publish this. In a recording, a batch that always failed was sent 8 times within 60 s
            (https://github.com/localstack/localstack, test_lambda_integration_kinesis.snapshot.json,
            `test_kinesis_maximum_record_age_exceeded[expire-while-retrying]`), as it is with 0.25 to 0.47 s, doubled.
        longest_retry: the longest such wait, which is not known of AWS.
    """

    poll: float = 1.0
    refresh: float = 2.0
    first_retry: float = 0.4
    longest_retry: float = 30.0

    def retry(self, times: int) -> float:
        """Seconds to wait before a retry; `times` counts the retries from 1."""
        return min(self.longest_retry, self.first_retry * 2.0 ** min(times - 1, 30))


@dataclass(frozen=True)
class Services:
    """What all mappings of an emulator use; `result` takes a mapping's UUID and its new LastProcessingResult.

    `say` and `result` are called from any thread.
    """

    kinesis: Any
    s3: Any
    host: Host
    pace: Pace
    say: Say
    result: Callable[[str, str], None]


@dataclass
class Progress:
    """What a mapping has done on a shard. One thread changes it, and any thread may read it.

    Args:
        function: the function's name.
        shard: the shard's id.
        done: records that the function has processed.
        discarded: records that were given up.
        waiting_since: when the oldest record arrived that was read and is neither, in seconds since 1970; 0 for none.
    """

    function: str
    shard: str
    done: int = 0
    discarded: int = 0
    waiting_since: float = 0.0


class ShardWorker:
    """Runs a mapping on a shard until it is stopped or all of a closed shard is done.

    `position` is where it begins; later, after the last record that is done or discarded, where another would begin.
    `finished` is called when it ends, from its thread.
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        function: Function,
        shard_id: str,
        position: Position,
        services: Services,
        finished: Callable[[], None],
    ) -> None:
        self.position = position
        self.progress = Progress(mapping.function, shard_id)
        self._mapping, self._function, self._shard_id = mapping, function, shard_id
        self._services, self._pace, self._finished = services, services.pace, finished
        self._stop, self._killed = threading.Event(), False
        self._failed_reads = 0
        self._lock = threading.Lock()
        # Records that were read, in order, from the first that is not settled; and those among them that are.
        self._open: deque[Record] = deque()
        self._settled: set[str] = set()
        self._environments = [ExecutionEnvironment(function, services.host) for _ in range(mapping.parallelization)]
        # The one that was used last comes first, so that few processes are started while there is little to do.
        self._idle: queue.LifoQueue[ExecutionEnvironment] = queue.LifoQueue()
        for environment in reversed(self._environments):
            self._idle.put(environment)
        self._thread = threading.Thread(target=self._run, name=f"{mapping.function} {shard_id}", daemon=True)

    def __str__(self) -> str:
        return f"{self._mapping} {self._shard_id}"

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further invocation. Returns at once; the one under way goes on until `join`."""
        self._stop.set()

    def join(self, until: float) -> None:
        """Wait until it has ended; from a moment of `time.monotonic` on, kill its function's process.

        An invocation that was killed counts as not made: its records are neither done nor discarded.
        """
        self._thread.join(max(0.0, until - time.monotonic()))
        # Again and again, since it may be about to start a process.
        while self._thread.is_alive():
            self._killed = True
            for environment in self._environments:
                environment.kill()
            self._thread.join(0.1)

    def _run(self) -> None:
        for times in itertools.count(1):
            try:
                self._environments[0].initialise()
                if self._work():
                    self.position = self.position.end()
                break
            except Exception as error:
                self._services.say(f"{self}: begins again after an error of the emulator: {error!r}")
                self._close()
                if self._stop.wait(self._pace.retry(times)):
                    break
        self._close()
        self._finished()

    def _close(self) -> None:
        for environment in self._environments:
            environment.close()

    def _work(self) -> bool:
        """Read and deliver; True when all of a closed shard is done, False when stopped."""
        now = time.monotonic()
        reader = ShardReader(
            self._services.kinesis, self._mapping, self._shard_id, self.position, self._function.role_arn
        )
        gathering = Gathering(self._mapping.batch_size, self._mapping.batching_window, now)
        self._open.clear()
        self._settled.clear()
        poll_at, ended = now, False
        while not self._stop.is_set():
            now = time.monotonic()
            due_at = gathering.due_at(now)
            if due_at is not None and due_at <= now:
                self._deliver(gathering.take())
                gathering.restart(time.monotonic())
            elif ended and not gathering:
                return True
            elif not ended and poll_at <= now:
                wait, ended = self._poll(reader, gathering)
                poll_at = time.monotonic() + wait
            else:
                times = [moment for moment in (due_at, None if ended else poll_at) if moment is not None]
                self._stop.wait(max(0.0, min(times) - now))
        return False

    def _deliver(self, batch: Batch) -> None:
        lanes = batch.lanes(self._mapping.parallelization)
        with ThreadPoolExecutor(len(lanes)) as pool:
            # Raises what one of them raised.
            list(pool.map(lambda lane: deliver(lane, self._mapping, self), lanes))

    def _poll(self, reader: ShardReader, gathering: Gathering) -> tuple[float, bool]:
        """Read once; return how long to wait before the next time, and whether the shard has ended."""
        try:
            reading = reader.read()
        except (ClientError, BotoCoreError) as error:
            self._failed_reads += 1
            if self._failed_reads == 1:
                self._services.say(f"{self}: cannot be read, tries again: {error}")
            return self._pace.retry(self._failed_reads), False
        self._failed_reads = 0
        gathering.add(reading.records)
        self._open.extend(reading.records)
        self._settle(())
        return (0.0 if reading.behind else self._pace.poll), reading.ended

    def _settle(self, records: tuple[Record, ...], done: int = 0, discarded: int = 0) -> None:
        """Note that records are done or discarded, and go on after the last one before which all are."""
        with self._lock:
            self.progress.done += done
            self.progress.discarded += discarded
            self._settled.update(record.sequence_number for record in records)
            while self._open and self._open[0].sequence_number in self._settled:
                number = self._open.popleft().sequence_number
                self._settled.remove(number)
                self.position = self.position.after(number)
            self.progress.waiting_since = self._open[0].arrived if self._open else 0.0

    # The effects of a delivery.

    def now(self) -> float:
        """The time, in seconds since 1970."""
        return time.time()

    def wait(self, retries: int) -> None:
        """Wait before a retry, or until a stop."""
        self._stop.wait(self._pace.retry(retries))

    def invoke(self, batch: Batch) -> Invocation | None:
        """Invoke the function, unless it was told to stop."""
        if self._stop.is_set():
            return None
        environment = self._idle.get()
        try:
            invocation = environment.invoke(batch.payload())
        finally:
            self._idle.put(environment)
        if self._killed:
            return None
        result = "PROBLEM: Function call failed" if invocation.function_error else "OK"
        self._services.result(self._mapping.uuid, result)
        return invocation

    def done(self, records: tuple[Record, ...]) -> None:
        """Note that these records are done."""
        self._settle(records, done=len(records))

    def discard(self, batch: Batch, condition: str, invocation: Invocation | None) -> bool:
        """Send a batch to the on-failure destination, however often that must be tried, and go on after it."""
        record = on_failure.invocation_record(
            self._mapping, self._shard_id, batch, condition, invocation, self._function.version, time.time()
        )
        for times in itertools.count(1):
            try:
                on_failure.send(self._services.s3, self._mapping, record, batch.payload())
                break
            except (ClientError, BotoCoreError) as error:
                if times == 1:
                    self._services.say(f"{self}: its on-failure destination fails, tries again: {error}")
                if self._stop.wait(self._pace.retry(times)):
                    return False
        self._settle(batch.records, discarded=len(batch.records))
        return True
