"""The bucket of failures: records that could not be handled, each with all that is needed to send it again.

Two kinds of objects are in it. `aws/lambda/<mapping>/…` is what Lambda writes when it gives up on a batch, with the
whole event in `payload`: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html.
`rejected/<function>/…` is one record that a function itself found impossible to handle, with the reason
(failure_store.py of the functions). `redriven/…` is what was sent again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.aws.errors import DeployError

REDRIVEN = "redriven/"


@dataclass(frozen=True)
class Failure:
    """An object of the bucket: its key, its version as S3 tells it, whose it is, and the records as that gets them."""

    key: str
    etag: str
    function: str
    records: list[dict[str, Any]]

    @property
    def oldest(self) -> float:
        """When the first of its records arrived in the stream, in seconds since 1970."""
        return min(float(record["kinesis"]["approximateArrivalTimestamp"]) for record in self.records)


def buckets(s3: Any, stack: str) -> list[str]:
    """The buckets of failures of a system's stack, by the names that CloudFormation gives: they may outlive it."""
    name = f"{stack}-failuresbucket-".lower()
    return [one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith(name)]


def bucket(outputs: dict[str, str]) -> str:
    """The bucket's name, by the outputs of the system's stack. Raises DeployError if they have none."""
    if "FailuresBucket" not in outputs:
        raise DeployError("the system's stack has no bucket of failures yet", "update it with `python -m deploy up`")
    return outputs["FailuresBucket"]


def prefixes(outputs: dict[str, str], function: str) -> tuple[str, str]:
    """Where the failures of a function are, by the outputs of the system's stack; `function` such as `AlertsToSns`."""
    return f"aws/lambda/{outputs[f'{function}Mapping']}/", f"rejected/{outputs[f'{function}Name']}/"


def keys(s3: Any, bucket: str, *wanted: str) -> Iterator[str]:
    """The keys that begin with one of these prefixes, in order; without a prefix, all but what was sent again."""
    for prefix in wanted or ("",):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (one["Key"] for one in page.get("Contents", []) if not one["Key"].startswith(REDRIVEN))


def etag(s3: Any, bucket: str, key: str) -> str:
    """The version of an object: another one after it was written again. Raises ClientError if it is not there."""
    return str(s3.head_object(Bucket=bucket, Key=key)["ETag"])


def read(s3: Any, bucket: str, key: str) -> Failure:
    """Read an object.

    Raises:
        DeployError: if it is of neither form.
    """
    answer = s3.get_object(Bucket=bucket, Key=key)
    try:
        content = json.loads(answer["Body"].read())
        function, records = key.split("/")[1], [content["record"]] if "record" in content else []
        if "payload" in content:
            function = content["requestContext"]["functionArn"].split(":")[6]
            records = json.loads(content["payload"])["Records"]
        failure = Failure(key, answer["ETag"], function, records)
        if failure.oldest > 0:
            return failure
    except (ValueError, LookupError, TypeError, AttributeError):
        pass
    raise DeployError(
        "expected what Lambda or a function writes when it gives up", f"look at s3://{bucket}/{key}, and delete it"
    )


def move(s3: Any, bucket: str, key: str) -> None:
    """Move an object to those that were sent again."""
    s3.copy_object(Bucket=bucket, Key=f"{REDRIVEN}{key}", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
