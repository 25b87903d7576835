"""A function as the emulator holds it: its settings, its code, and the packages that Lambda's runtime brings."""

import base64
import hashlib
import importlib.metadata
import io
import re
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
    """What Lambda is told of a function.

    Args:
        name: its name.
        arn: the ARN that the mapping invokes.
        version: `$LATEST`, or a number.
        role_arn: the role that it runs as.
        runtime: such as `python3.11`.
        handler: module and function, with a dot between.
        timeout: seconds of an invocation.
        memory: megabytes.
        environment: its own variables.
        code_location: where GetFunction says that the code is.
        code_sha256: of the zip, in base64.
    """

    name: str
    arn: str
    version: str
    role_arn: str
    runtime: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    code_location: str
    code_sha256: str

    @property
    def log_group(self) -> str:
        """The log group of its output."""
        return f"/aws/lambda/{self.name}"


def describe(client: Any, arn: str) -> Function:
    """Ask for a function's settings.

    Args:
        client: a boto3 Lambda client.
        arn: the function, with or without a qualifier.

    Raises:
        FunctionError: if there is no such function, or it is not a zip of Python without layers.
        botocore.exceptions.BotoCoreError: if the emulator does not answer.
    """
    try:
        answer = client.get_function(FunctionName=arn)
    except ClientError as error:
        reason = error.response["Error"].get("Message") or error.response["Error"]["Code"]
        raise FunctionError(f"function {arn}: {reason}; expected a function that exists") from None
    settings = answer["Configuration"]
    name, runtime = settings["FunctionName"], str(settings.get("Runtime"))
    if settings.get("PackageType", "Zip") != "Zip" or not re.fullmatch(r"python3\.\d+", runtime):
        raise FunctionError(f"function {name}: expected a zip for a Python runtime, got {runtime}")
    if settings.get("Layers"):
        raise FunctionError(f"function {name}: has layers, which are not loaded here; expected all its code in the zip")
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
        code_location=answer.get("Code", {}).get("Location", ""),
        code_sha256=settings["CodeSha256"],
    )


def code(client: Any, function: Function) -> bytes:
    """Fetch a function's zip from the emulator's S3, where it was uploaded.

    The emulator tells the key and, in place of the bucket, the one that Lambda would copy it to. So each bucket is
    asked for the key, and the SHA-256 tells whether it is the code.

    Args:
        client: a boto3 S3 client.
        function: the function.

    Raises:
        FunctionError: if no bucket has it; the emulator keeps no copy of code that was not given by bucket and key.
    """
    key = unquote(urlparse(function.code_location).path.lstrip("/"))
    for bucket in client.list_buckets()["Buckets"] if key else ():
        try:
            content: bytes = client.get_object(Bucket=bucket["Name"], Key=key)["Body"].read()
        except ClientError:
            continue
        if base64.b64encode(hashlib.sha256(content).digest()).decode() == function.code_sha256:
            return content
    raise FunctionError(
        f"function {function.name}: no bucket of the emulator has its code (key {key!r}, SHA-256 "
        f"{function.code_sha256}); expected a function that was created from a zip in S3"
    )


def unpack(content: bytes, folder: Path) -> None:
    """Unpack a function's zip into a new folder. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        package.extractall(folder)


def link_runtime(folder: Path) -> None:
    """Make a folder with the packages that Lambda's Python has besides the standard library: boto3 and what it needs.

    Whatever else is installed here stays out of a function's sight, so that one whose zip lacks a package fails as it
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
