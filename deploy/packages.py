"""The code that is uploaded: built from this tree, under keys that name its content."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.aws.errors import DeployError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

LINES = {"connector-4": "FLINK-1_20", "connector-5": "FLINK-1_20", "flink-2.2": "FLINK-2_2"}
"""The lines of the Kinesis connector that the job is packed with (docs/lines.md), and the runtime that each needs."""

FUNCTIONS = {"KinesisToDynamoKey": "kinesis-to-dynamo.zip", "AlertsToSnsKey": "alerts-to-sns.zip"}
"""The parameter of a template that takes the key → the function's package in `build/`."""


def job(line: str) -> Path:
    """The package of the job with the connector of a line."""
    return BUILD / f"low-inventory-job-{line}.zip"


def build(line: str) -> None:
    """Run `./build.sh`, which builds what has changed, and shows what it does; it ends with this process.

    Args:
        line: of the connector.

    Raises:
        DeployError: if it fails; it has said why.
    """
    command = [str(ROOT / "build.sh"), "--line", line]
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_later():
            # A group of its own, to end what it runs too: Maven, pip.
            process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr, start_new_session=True)
        status = process.wait()
    except BaseException:
        if process:
            # It may have ended just now.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        raise
    if status:
        raise DeployError("./build.sh failed, see above", "correct that and run the command again", status)


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Hold signals back until the end of the block: one in the middle would leave the new process running."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for one in came:
        signal.raise_signal(one)


def packages(line: str) -> dict[str, Path]:
    """The packages by parameter, the job's for a line. Raises DeployError if one was not built."""
    found = {"JobKey": job(line)} | {parameter: BUILD / name for parameter, name in FUNCTIONS.items()}
    for package in found.values():
        if not package.is_file():
            raise DeployError(f"{package}: no such file; expected a package", f"run ./build.sh --line {line}", 2)
    return found


def key(package: Path, retry_of: int | None = None) -> str:
    """The key of a package in the bucket: its name and the SHA-256 of its bytes, so that new code has a new key.

    Args:
        package: a zip in `build/`.
        retry_of: the application's version that runs after this code was rolled back. CloudFormation believes that
            the code it gave is live, and only a key of its own makes it try again.
    """
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    retry = "" if retry_of is None else f"-after-{retry_of}"
    return f"{package.stem}-{digest[:16]}{retry}{package.suffix}"


def same_code(one: str, other: str) -> bool:
    """Whether two keys name the same bytes."""
    return _without_retry(one) == _without_retry(other)


def _without_retry(name: str) -> str:
    return Path(name).stem.partition("-after-")[0]


def upload(s3: Any, bucket: str, package: Path, name: str | None = None) -> str:
    """Put a package into the bucket, unless it is there, and return its key.

    Args:
        s3: a boto3 S3 client.
        bucket: the bucket's name.
        package: a zip in `build/`.
        name: its key, if it is not `key(package)`.

    Raises:
        botocore.exceptions.ClientError: if the bucket cannot be read.
        DeployError: if it cannot be written.
    """
    name = name or key(package)
    there = s3.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1)
    if not there.get("Contents"):
        from boto3.exceptions import Boto3Error

        try:
            s3.upload_file(str(package), bucket, name)
        except Boto3Error as error:
            raise DeployError(str(error), "run the command again") from None
    return name
