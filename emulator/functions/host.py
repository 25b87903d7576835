"""Where the functions of an emulator run: their code, the packages of Lambda's runtime, and the way of their output."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from emulator.functions import description
from emulator.functions.description import Function
from emulator.functions.logs import LogShipper
from emulator.functions.runtime import Host


class FunctionHost:
    """Loads the functions of a region of an emulator, from `start` to `stop`; `say` is called from any thread."""

    def __init__(self, endpoint_url: str, region: str, say: Callable[[str], None]) -> None:
        self._endpoint_url, self._region = endpoint_url, region
        self._lambda, self._s3 = self.client("lambda"), self.client("s3")
        self._logs = LogShipper(self.client("logs"), say)
        self._folder = tempfile.TemporaryDirectory(prefix="functions-", ignore_cleanup_errors=True)
        self.host = Host(Path(self._folder.name), endpoint_url, self._logs.add)

    def client(self, service: str) -> Any:
        """A boto3 client that uses the emulator."""
        return boto3.client(
            service,
            region_name=self._region,
            endpoint_url=self._endpoint_url,
            # Fake: an emulator accepts any.
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(max_pool_connections=64, connect_timeout=5, retries={"mode": "standard"}),
        )

    def start(self) -> None:
        """Begin."""
        self._logs.start()
        description.link_runtime(self.host.home / "runtime")

    def load(self, arn: str) -> Function:
        """A function by its ARN, and its code. Raises the errors of `description.load`."""
        return description.load(self._lambda, self._s3, arn, self.host.home)

    def stop(self) -> None:
        """Send what functions printed, and remove their code; their processes must have ended."""
        self._logs.stop()
        self._folder.cleanup()
