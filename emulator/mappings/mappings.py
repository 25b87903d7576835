"""Run the event source mappings of an emulator, as AWS Lambda does, until they are closed."""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from emulator.functions.description import Function, FunctionError
from emulator.functions.host import FunctionHost
from emulator.mappings import on_failure, permissions, settings, shards
from emulator.mappings.settings import EventSourceMapping, MappingError
from emulator.mappings.shards import Position
from emulator.mappings.worker import Pace, Progress, Say, Services, ShardWorker

Wanted = tuple[EventSourceMapping, Function]

GRACE = 3.0
"""Seconds that invocations have to finish when the mappings end. A function may wait for minutes while another service
is away; Lambda sends the records of an invocation that did not finish again."""


class RunningMapping:
    """A mapping at work, with a worker for each shard that may be read; `changed` is called when one has ended.

    `positions` is where to begin each shard that an earlier run has seen; None if there was no earlier run.
    """

    def __init__(
        self,
        wanted: Wanted,
        services: Services,
        positions: dict[str, Position] | None,
        changed: Callable[[], None],
    ) -> None:
        self.wanted = wanted
        self._services, self._changed = services, changed
        self._at_first = positions is None
        self._positions = dict(positions or {})
        self._workers: dict[str, ShardWorker] = {}
        self._stopped = False

    def refresh(self) -> None:
        """Begin with the shards that may now be read. Raises botocore's errors."""
        if self._stopped:
            return
        mapping, function = self.wanted
        listed = shards.list_shards(self._services.kinesis, mapping.stream_arn)
        for shard in listed:
            if shard.shard_id not in self._positions:
                self._positions[shard.shard_id] = shards.start(mapping, shard, self._at_first, time.time())
        self._at_first = False
        ended = {shard_id for shard_id, position in self.positions().items() if position.ended}
        for shard_id in shards.readable(listed, ended):
            if shard_id not in self._workers:
                position = self._positions[shard_id]
                worker = ShardWorker(mapping, function, shard_id, position, self._services, self._changed)
                self._workers[shard_id] = worker
                worker.start()

    def positions(self) -> dict[str, Position]:
        """Where each shard goes on."""
        return self._positions | {shard_id: worker.position for shard_id, worker in self._workers.items()}

    def stop(self) -> None:
        """Make no further invocation. Returns at once."""
        self._stopped = True
        for worker in self._workers.values():
            worker.stop()

    @property
    def ended(self) -> bool:
        """Whether it was stopped, and no invocation is under way any more."""
        return self._stopped and not any(worker.alive for worker in self._workers.values())

    def join(self, until: float) -> None:
        """Wait until all workers have ended; see `ShardWorker.join`."""
        for worker in self._workers.values():
            worker.join(until)

    def progress(self) -> list[Progress]:
        """Of each shard, ended ones included."""
        return [worker.progress for worker in list(self._workers.values())]


class EventSourceMappings:
    """All enabled mappings of an emulator, from `start` to `stop`; also a context manager.

    It follows the emulator: a mapping that is created, changed, disabled, enabled or deleted, a function's new code or
    settings, and a stream's new shards take effect within `pace.refresh`. A mapping that is disabled, or changed, goes
    on after the last record that was done or discarded. A mapping that cannot be run is skipped until it can, at the
    start as well as later: `say` gets one line about it, from any thread, and `problems` lists it. The others are not
    affected.
    """

    def __init__(self, endpoint_url: str, region: str, say: Say, pace: Pace | None = None) -> None:
        self._endpoint_url, self._region, self._say = endpoint_url, region, say
        self._functions = FunctionHost(endpoint_url, region, say)
        self._lambda, self._iam = self._functions.client("lambda"), self._functions.client("iam")
        self._services = Services(
            kinesis=self._functions.client("kinesis"),
            s3=self._functions.client("s3"),
            host=self._functions.host,
            pace=pace or Pace(),
            say=say,
            result=self._report,
        )
        self._running: dict[str, RunningMapping] = {}
        self._positions: dict[str, dict[str, Position]] = {}
        self._problems: dict[str, str] = {}
        self._results: dict[str, str] = {}
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="event source mappings", daemon=True)

    def start(self) -> None:
        """Begin with all enabled mappings. Raises botocore's errors if the emulator does not answer."""
        self._functions.start()
        try:
            self._reconcile()
            self._thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End within seconds, and leave nothing behind: invocations under way may finish in `GRACE`, or are killed."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()
        for running in self._running.values():
            running.stop()
        until = time.monotonic() + GRACE
        for running in self._running.values():
            running.join(until)
        self._functions.stop()

    def __enter__(self) -> "EventSourceMappings":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def statistics(self) -> list[Progress]:
        """What each mapping that runs has done on each shard. For any thread."""
        return [progress for running in list(self._running.values()) for progress in running.progress()]

    def problems(self) -> list[str]:
        """The mappings that are enabled and cannot be run, each with the reason. For any thread."""
        return list(self._problems.values())

    def _watch(self) -> None:
        answering = True
        while not self._stopping.is_set():
            self._changed.wait(self._services.pace.refresh)
            self._changed.clear()
            if self._stopping.is_set():
                return
            try:
                self._reconcile()
                answering = True
            except (BotoCoreError, ClientError) as error:
                if answering:
                    self._say(f"the list of mappings cannot be read, tries again: {error}")
                answering = False

    def _reconcile(self) -> None:
        """Have exactly those mappings running that are enabled, with their present settings."""
        wanted, listed, problems = self._wanted()
        for uuid, running in list(self._running.items()):
            # One whose function cannot be described now is stopped as well: AWS could not invoke it either.
            if wanted.get(uuid) != running.wanted:
                running.stop()
            if running.ended:
                self._positions.setdefault(uuid, running.positions())
                del self._running[uuid]
        for uuid in self._positions.keys() - listed:
            del self._positions[uuid]
        for uuid, one in wanted.items():
            try:
                self._refresh(uuid, one)
            except MappingError as error:
                problems[uuid] = str(error)
            except Exception as error:
                problems[uuid] = f"{one[0]}: {error!r}"
        for uuid, problem in problems.items():
            if self._problems.get(uuid) != problem:
                self._say(f"problem: {problem}")
                self._report(uuid, f"PROBLEM: {problem}")
        self._problems = problems

    def _wanted(self) -> tuple[dict[str, Wanted], set[str], dict[str, str]]:
        """By UUID: the enabled mappings with their functions, all there are, and what is wrong with enabled ones."""
        wanted: dict[str, Wanted] = {}
        listed: set[str] = set()
        problems: dict[str, str] = {}
        for page in self._lambda.get_paginator("list_event_source_mappings").paginate():
            for configuration in page["EventSourceMappings"]:
                uuid = configuration["UUID"]
                listed.add(uuid)
                if settings.enabled(configuration):
                    try:
                        mapping = settings.parse(configuration)
                        function = self._functions.load(mapping.function_arn)
                        wanted[uuid] = mapping, function
                    except MappingError as error:
                        problems[uuid] = str(error)
                    except FunctionError as error:
                        problems[uuid] = f"{mapping}: {error}"
        return wanted, listed, problems

    def _refresh(self, uuid: str, wanted: Wanted) -> None:
        """Start a mapping, or begin with new shards of one that runs. Raises MappingError and botocore's errors."""
        mapping, function = wanted
        running = self._running.get(uuid)
        try:
            if running:
                running.refresh()
                return
            on_failure.check(self._services.s3, mapping)
            permissions.check(self._iam, function.role_arn, mapping)
            running = RunningMapping(wanted, self._services, self._positions.get(uuid), self._changed.set)
            running.refresh()
        except self._services.kinesis.exceptions.ResourceNotFoundException:
            if running:
                running.stop()
            # A new stream with the same name is read from its first record.
            self._positions[uuid] = {}
            raise MappingError(f"{mapping}: its stream does not exist any more") from None
        self._running[uuid] = running
        self._positions.pop(uuid, None)
        self._say(f"{mapping}: runs{function.remark}")

    def _report(self, uuid: str, result: str) -> None:
        """Let the API show the last result of a mapping; it is sent again with the next one if that does not work."""
        if self._results.get(uuid) == result:
            return
        # Lambda has no such call; our correction of moto takes it (emulator/corrections/mappings.py).
        request = urllib.request.Request(
            f"{self._endpoint_url}/2015-03-31/event-source-mappings/{uuid}",
            json.dumps({"LastProcessingResult": result}).encode(),
            {
                "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{self._region}/lambda/aws4_request",
                "Content-Type": "application/json",
            },
            method="PUT",
        )
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, timeout=10).close()
            self._results[uuid] = result
