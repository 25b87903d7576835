"""A function as the emulator has it: its settings, its code, and the packages that Lambda's runtime brings."""

import base64
import hashlib
import importlib.metadata
import io
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError


class FunctionError(ValueError):
    """A function that cannot be run here; the message is one line that names it and says what was expected."""


@dataclass(frozen=True)
class Function:
    """A function that can be run here: `timeout` in seconds, `memory` in megabytes, `code` a folder with its zip."""

    name: str
    arn: str
    version: str
    role_arn: str
    runtime: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    code: Path

    @property
    def log_group(self) -> str:
        """The log group of its output."""
        return f"/aws/lambda/{self.name}"

    @property
    def remark(self) -> str:
        """What is different here from what the function declares; empty if nothing is."""
        here = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return "" if self.runtime == here else f" on {here}, although the function declares {self.runtime}"


def load(client: Any, s3: Any, arn: str, folder: Path) -> Function:
    """Describe a function, with or without a qualifier, and unpack its code into a folder of its own in `folder`.

    Raises:
        FunctionError: if the function does not exist, is not a zip of Python without layers, or its code
            cannot be found or unpacked.
        botocore.exceptions.BotoCoreError: if the emulator does not answer.
    """
    try:
        answer = client.get_function(FunctionName=arn)
    except ClientError as error:
        reason = error.response["Error"].get("Message") or error.response["Error"]["Code"]
        raise FunctionError(f"function {arn}: {reason}; expected a function that exists") from None
    settings = answer["Configuration"]
    name, runtime, digest = settings["FunctionName"], str(settings.get("Runtime")), settings["CodeSha256"]
    if settings.get("PackageType", "Zip") != "Zip" or not re.fullmatch(r"python3\.\d+", runtime):
        raise FunctionError(f"function {name}: expected a zip for a Python runtime, got {runtime}")
    if settings.get("Layers"):
        raise FunctionError(f"function {name}: has layers, which are not loaded here; expected all its code in the zip")
    code = folder / f"{name}-{re.sub('[^A-Za-z0-9]', '', digest)}"
    if not code.exists():
        key = unquote(urlparse(answer.get("Code", {}).get("Location", "")).path.lstrip("/"))
        unpack(name, _content(s3, name, key, digest), code)
    return Function(
        name=name,
        arn=arn,
        version=settings["Version"],
        role_arn=settings["Role"],
        runtime=runtime,
        handler=settings["Handler"],
        timeout=int(settings["Timeout"]),
        memory=int(settings["MemorySize"]),
        environment=settings.get("Environment", {}).get("Variables", {}),
        code=code,
    )


def _content(s3: Any, name: str, key: str, digest: str) -> bytes:
    """A function's zip, from the emulator's S3.

    Moto says under which key the zip was uploaded, and does not say in which bucket. So each bucket is asked for the
    key, and the SHA-256 tells whether it is the code.
    """
    for bucket in s3.list_buckets()["Buckets"] if key else ():
        try:
            content: bytes = s3.get_object(Bucket=bucket["Name"], Key=key)["Body"].read()
        except ClientError:
            continue
        if base64.b64encode(hashlib.sha256(content).digest()).decode() == digest:
            return content
    raise FunctionError(
        f"function {name}: no bucket of the emulator has its code (key {key!r}, SHA-256 {digest}); expected a function "
        "that was created from a zip in S3"
    )


def unpack(name: str, content: bytes, folder: Path) -> None:
    """Unpack a function's zip into a new folder. Raises FunctionError if it is not a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            package.extractall(folder)
    except zipfile.BadZipFile as error:
        raise FunctionError(f"function {name}: expected a zip as its code: {error}") from None


def link_runtime(folder: Path) -> None:
    """Make a folder with the packages that Lambda's Python has besides the standard library: boto3 and what it needs.

    A function cannot import anything else that is installed here, so that one whose zip lacks a package fails as it
    would in AWS. https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html (Runtime-included SDK versions)
    """
    folder.mkdir()
    wanted, seen = ["boto3"], set[str]()
    while wanted:
        distribution = importlib.metadata.distribution(wanted.pop())
        if distribution.name in seen:
            continue
        seen.add(distribution.name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            folder.joinpath(top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
        plain = [requirement for requirement in distribution.requires or () if "extra ==" not in requirement]
        wanted += [re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in plain]
