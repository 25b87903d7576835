"""What functions print, on its way to CloudWatch Logs, from a thread of its own."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_INTERVAL = 0.5


class LogShipper:
    """Sends log events twice a second, and the last ones when it stops; `say` is told of those that are lost."""

    def __init__(self, client: Any, say: Callable[[str], None]) -> None:
        self._client = client
        self._say = say
        self._waiting: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="function logs", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, and end."""
        self._stop.set()
        self._thread.join()

    def add(self, group: str, stream: str, message: str) -> None:
        """Take a log event of this moment, which is sent later; white space alone is not logged."""
        if message.strip():
            with self._lock:
                self._waiting[group, stream].append({"timestamp": int(time.time() * 1000), "message": message})

    def _run(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stop.wait(_INTERVAL)
            with self._lock:
                waiting, self._waiting = self._waiting, defaultdict(list)
            for (group, stream), events in waiting.items():
                try:
                    self._put(group, stream, events)
                except (ClientError, BotoCoreError) as error:
                    self._say(f"log group {group}: {len(events)} log events are lost: {error}")

    def _put(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        place = {"logGroupName": group, "logStreamName": stream}
        try:
            self._client.put_log_events(**place, logEvents=events)
        except self._client.exceptions.ResourceNotFoundException:
            self._create(self._client.create_log_group, logGroupName=group)
            self._create(self._client.create_log_stream, **place)
            self._client.put_log_events(**place, logEvents=events)

    def _create(self, create: Callable[..., Any], **names: str) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            create(**names)
