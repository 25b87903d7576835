"""What the Flink service needs of other services: S3, CloudWatch and its logs, all of moto in this process."""

import json
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

ACCOUNT = "123456789012"
_NAMESPACE = "AWS/KinesisAnalytics"
_LOGGER = "org.apache.flink.client.python.PythonDriver"


def _plain(at: datetime) -> datetime:
    """A time as moto's CloudWatch keeps it: UTC, which it does not say."""
    return at.astimezone(UTC).replace(tzinfo=None)


class MotoAccount:
    """The account in a region, as moto keeps it."""

    def __init__(self, region: str) -> None:
        self.region = region

    def content(self, bucket: str, key: str) -> bytes | None:
        """An object of S3, or None if it is not there."""
        try:
            found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
        except MissingBucket:
            return None
        return bytes(found.value) if found else None

    def sample(self, application: str, values: dict[str, float], at: datetime) -> None:
        """Put a sample of each of an application's metrics."""
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "Application", "Value": application}],
                "Timestamp": _plain(at),
                "Value": value,
            }
            for name, value in values.items()
        ]
        cloudwatch_backends[ACCOUNT][self.region].put_metric_data(_NAMESPACE, data)

    def delete_samples(self, application: str, after: datetime) -> None:
        """Delete an application's samples from after a time."""
        backend = cloudwatch_backends[ACCOUNT][self.region]

        def stays(sample: Any) -> bool:
            mine = any(one.name == "Application" and one.value == application for one in sample.dimensions)
            return not (mine and sample.namespace == _NAMESPACE and sample.timestamp > _plain(after))

        backend.metric_data = [sample for sample in backend.metric_data if stays(sample)]

    def log(self, stream_arn: str, lines: list[str], at: datetime) -> None:
        """Write lines to a log stream as the service does; if the stream does not exist they are lost."""
        group, _, stream = stream_arn.split(":log-group:")[1].partition(":log-stream:")
        events = [
            {
                "timestamp": int(at.timestamp() * 1000),
                "message": json.dumps({"logger": _LOGGER, "message": line, "messageType": "INFO"}),
            }
            for line in lines
        ]
        try:
            logs_backends[ACCOUNT][self.region].put_log_events(group, stream, events)
        except ResourceNotFoundException:
            return
