"""KinesisToDynamo: keeps each event of the stream as an item of the table.

Environment: `TABLE_NAME`; of Powertools, `POWERTOOLS_SERVICE_NAME`, `POWERTOOLS_METRICS_NAMESPACE` and
`POWERTOOLS_LOG_LEVEL`, each with a default. The event source mapping must have `ReportBatchItemFailures`.

Metrics: `ItemsWritten` (an item that a retry writes again counts again) and `RecordsFailed`.
"""

import os
import time
from typing import Any

import boto3
import event_items
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from batch_writer import BatchWriter, Items
from botocore.config import Config

CONNECT_SECONDS, READ_SECONDS = 1, 5
RESERVE_SECONDS = CONNECT_SECONDS + READ_SECONDS + 1
"""Left for the last request and the answer."""


def _table_name() -> str:
    name = os.environ.get("TABLE_NAME")
    if not name:
        raise ValueError("TABLE_NAME: expected the name of the DynamoDB table that keeps the events")
    return name


logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "KinesisToDynamo"))
metrics = Metrics(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "KinesisToDynamo"),
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "LowInventory"),
)
# The writer repeats requests itself, since it knows how much time is left.
_config = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 1},
)
writer = BatchWriter(boto3.client("dynamodb", config=_config), _table_name())


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Write the records of a batch; those that failed are in the answer, whatever became of the others."""
    left = context.get_remaining_time_in_millis() / 1000
    end = time.monotonic() + left - min(RESERVE_SECONDS, left / 2)
    items: Items = {}
    failed: dict[str, str] = {}
    for record in KinesisStreamEvent(event).records:
        logger.append_keys(shard_id=record.event_id.partition(":")[0])
        number = record.kinesis.sequence_number
        try:
            items[number] = event_items.item(record.kinesis.data_as_bytes(), number)
        except event_items.RecordError as error:
            failed[number] = str(error)
    unwritten = writer.write(items, lambda: end - time.monotonic())
    failed |= unwritten

    for number, reason in failed.items():
        logger.warning("record not written", sequence_number=number, reason=reason)
    logger.info("batch done", items_written=len(items) - len(unwritten), records_failed=len(failed))
    metrics.add_metric("ItemsWritten", MetricUnit.Count, len(items) - len(unwritten))
    metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
