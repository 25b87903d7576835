"""What the Flink service needs of other services: S3 and CloudWatch's logs, both of moto in this process."""

import json
from datetime import datetime

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

ACCOUNT = "123456789012"
_LOGGER = "org.apache.flink.client.python.PythonDriver"


def content(bucket: str, key: str) -> bytes | None:
    """An object of S3, or None if it is not there."""
    try:
        found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
    except MissingBucket:
        return None
    return bytes(found.value) if found else None


def log(region: str, stream_arn: str, lines: list[str], at: datetime) -> None:
    """Write lines to a log stream as the service does; if the stream does not exist they are lost."""
    group, _, stream = stream_arn.split(":log-group:")[1].partition(":log-stream:")
    messages = [json.dumps({"logger": _LOGGER, "message": line, "messageType": "INFO"}) for line in lines]
    events = [{"timestamp": int(at.timestamp() * 1000), "message": message} for message in messages]
    try:
        logs_backends[ACCOUNT][region].put_log_events(group, stream, events)
    except ResourceNotFoundException:
        return
