"""Run the event source mappings of an emulator, as AWS Lambda does, until they are closed."""

import re
import shutil
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from emulator.functions import description
from emulator.functions.description import Function, FunctionError
from emulator.functions.logs import LogShipper
from emulator.functions.runtime import Invocation, Place
from emulator.mappings import on_failure, settings, shards
from emulator.mappings.batches import Batch
from emulator.mappings.settings import EventSourceMapping, MappingError
from emulator.mappings.shards import Position
from emulator.mappings.statistics import ShardStatistics
from emulator.mappings.worker import Job, Options, Say, ShardWorker, Surroundings

Listener = Callable[[EventSourceMapping, str, Batch, Invocation], None]


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


class RunningMapping:
    """A mapping at work: a worker for each shard that may be read.

    Args:
        job: the mapping.
        around: what its workers share.
        positions: where each shard goes on; of shards that are not in it, they are there from the first.
        changed: called when a worker has ended.
    """

    def __init__(
        self, job: Job, around: Surroundings, positions: dict[str, Position], changed: Callable[[], None]
    ) -> None:
        self.job = job
        self._around = around
        self._positions = positions
        self._changed = changed
        self._workers: dict[str, ShardWorker] = {}

    def refresh(self) -> None:
        """Begin with the shards that may now be read. Raises botocore's errors."""
        at_first = not self._positions
        listed = shards.list_shards(self._around.kinesis, self.job.mapping.stream_arn)
        for shard in listed:
            if shard.shard_id not in self._positions:
                begin = shards.start(self.job.mapping, shard, at_first, self._around.options.clock())
                self._positions[shard.shard_id] = begin
        self._collect()
        ended = {shard_id for shard_id, position in self._positions.items() if position.ended}
        for shard_id in shards.readable(listed, ended):
            if shard_id not in self._workers:
                worker = ShardWorker(self.job, shard_id, self._positions[shard_id], self._around, self._changed)
                self._workers[shard_id] = worker
                worker.start()

    def _collect(self) -> None:
        for shard_id, worker in self._workers.items():
            self._positions[shard_id] = worker.position

    def stop(self) -> None:
        """Make no further invocation. Returns at once."""
        for worker in self._workers.values():
            worker.stop()

    def kill(self) -> None:
        """Break off what is under way. Returns at once."""
        for worker in list(self._workers.values()):
            worker.kill()

    def join(self) -> dict[str, Position]:
        """Wait until all workers have ended; return where each shard goes on."""
        for worker in self._workers.values():
            worker.join()
        self._collect()
        return self._positions

    def statistics(self) -> list[ShardStatistics]:
        """Of each shard, those that have ended included."""
        return [worker.counters.snapshot() for worker in list(self._workers.values())]


class EventSourceMappings:
    """All enabled mappings of an emulator, from `start` to `stop`; also a context manager.

    It follows the emulator: a mapping that is created, changed, disabled, enabled or deleted, a function's new code or
    settings, and a stream's new shards take effect within `options.refresh_interval`. A mapping that is disabled, or
    changed, goes on after the last record that was done or discarded.

    Args:
        endpoint_url: the emulator.
        region: whose mappings.
        options: see `Options`.
        say: takes a line for people, from any thread.
        listener: told of each invocation, from a worker's thread; it must return soon, and raise nothing.
    """

    def __init__(
        self,
        endpoint_url: str,
        region: str,
        options: Options | None = None,
        say: Say = say,
        listener: Listener | None = None,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._options = options or Options()
        self._say = say
        self._lambda, self._s3 = self._client("lambda"), self._client("s3")
        self._logs = LogShipper(self._client("logs"), say)
        kinesis, sqs = self._client("kinesis"), self._client("sqs")
        self._around = Surroundings(kinesis, sqs, self._s3, self._logs.add, say, self._options, listener)
        self._home = Path()
        self._running: dict[str, RunningMapping] = {}
        self._positions: dict[str, dict[str, Position]] = {}
        self._problems: dict[str, str] = {}
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="event source mappings", daemon=True)

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self._region,
            endpoint_url=self._endpoint_url,
            # Nobody's: an emulator takes any.
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(max_pool_connections=64, connect_timeout=5, retries={"mode": "standard"}),
        )

    def start(self) -> None:
        """Begin with all enabled mappings.

        Raises:
            MappingError: if one of them cannot be carried out as it is set.
            FunctionError: if its function cannot be run.
            botocore.exceptions.BotoCoreError: if the emulator does not answer.
        """
        self._home = Path(tempfile.mkdtemp(prefix="event-source-mappings-"))
        self._logs.start()
        try:
            description.link_runtime(self._home / "runtime")
            self._reconcile(strict=True)
            self._thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let invocations under way finish, at most until their timeout, and leave nothing behind."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        for running in self._running.values():
            running.stop()
        for running in self._running.values():
            running.join()
        self._logs.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def kill(self) -> None:
        """Break off the invocations that `stop` waits for. For any thread, or a signal's handler."""
        for running in list(self._running.values()):
            running.kill()

    def __enter__(self) -> "EventSourceMappings":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def statistics(self) -> list[ShardStatistics]:
        """What each mapping has done on each shard so far. For any thread."""
        return [each for running in list(self._running.values()) for each in running.statistics()]

    def problems(self) -> list[str]:
        """The mappings that are enabled and do not run, each with the reason. For any thread."""
        return list(self._problems.values())

    def _watch(self) -> None:
        answering = True
        while not self._stopping.is_set():
            self._changed.wait(self._options.refresh_interval)
            self._changed.clear()
            if self._stopping.is_set():
                return
            try:
                self._reconcile(strict=False)
                answering = True
            except (BotoCoreError, ClientError) as error:
                if answering:
                    self._say(f"the list of mappings cannot be read, tries again: {error}")
                answering = False

    def _reconcile(self, strict: bool) -> None:
        """Have just those mappings running that are enabled, as they are set."""
        jobs, listed = self._jobs(strict)
        for uuid, running in list(self._running.items()):
            if jobs.get(uuid) != running.job:
                running.stop()
                self._positions[uuid] = running.join()
                del self._running[uuid]
        for uuid in self._positions.keys() - listed:
            del self._positions[uuid]
        for uuid, job in jobs.items():
            if uuid not in self._running:
                positions = self._positions.pop(uuid, {})
                self._running[uuid] = RunningMapping(job, self._around, positions, self._changed.set)
                self._say(f"{job.mapping}: runs")
            self._running[uuid].refresh()

    def _jobs(self, strict: bool) -> tuple[dict[str, Job], set[str]]:
        """The enabled mappings by UUID, and the UUIDs of all there are."""
        jobs: dict[str, Job] = {}
        listed: set[str] = set()
        problems: dict[str, str] = {}
        for page in self._lambda.get_paginator("list_event_source_mappings").paginate():
            for configuration in page["EventSourceMappings"]:
                uuid = configuration["UUID"]
                listed.add(uuid)
                if not settings.enabled(configuration):
                    continue
                try:
                    jobs[uuid] = self._job(settings.parse(configuration))
                except (MappingError, FunctionError) as error:
                    if strict:
                        raise
                    problems[uuid] = str(error)
                    if self._problems.get(uuid) != str(error):
                        self._say(f"does not run: {error}")
        self._problems = problems
        return jobs, listed

    def _job(self, mapping: EventSourceMapping) -> Job:
        function = description.describe(self._lambda, mapping.function_arn)
        place = Place(self._home, self._code(function), self._home / "runtime", self._endpoint_url)
        on_failure.check(self._s3, self._around.sqs, mapping)
        return Job(mapping, function, place)

    def _code(self, function: Function) -> Path:
        """The folder of a function's code, unpacked once."""
        folder = self._home / f"{function.name}-{re.sub('[^A-Za-z0-9]', '', function.code_sha256)}"
        if not folder.exists():
            content = description.code(self._s3, function)
            try:
                description.unpack(content, folder)
            except zipfile.BadZipFile as error:
                raise FunctionError(f"function {function.name}: its code is no zip: {error}") from None
        return folder
