"""KinesisToDynamo: keeps each event of the stream as an item of the table.

Environment: `TABLE_NAME`, `FAILURES_BUCKET`; of Powertools, `POWERTOOLS_SERVICE_NAME`, `POWERTOOLS_METRICS_NAMESPACE`
and `POWERTOOLS_LOG_LEVEL`, each with a default. The event source mapping must have `ReportBatchItemFailures`.

A record that can never be an item is put into the bucket of failures and counts as done. Anything else that fails is
tried again until the invocation has no time left, and then reported, so that Lambda sends it again.

Metrics: `ItemsWritten` (an item that a retry writes again counts again), `RecordsRejected` and `RecordsFailed`.
"""

import base64
import os
import time
from collections.abc import Callable
from typing import Any

import event_items
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from batch_writer import BatchWriter, Items, Reasons
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.common import deadline, failure_store, whole_answers

CONNECT_SECONDS, READ_SECONDS = 1, 5
RESERVE_SECONDS = CONNECT_SECONDS + READ_SECONDS + 1
"""Left for the last request and the answer."""


def _variable(name: str, what: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ValueError(f"{name}: expected the name of {what}")
    return value


logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "KinesisToDynamo"))
metrics = Metrics(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "KinesisToDynamo"),
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "LowInventory"),
)
dynamodb, s3 = (whole_answers.client(name, CONNECT_SECONDS, READ_SECONDS) for name in ("dynamodb", "s3"))
writer = BatchWriter(dynamodb, _variable("TABLE_NAME", "the DynamoDB table that keeps the events"))
bucket = _variable("FAILURES_BUCKET", "the S3 bucket of failures")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Write the records of a batch; those that failed are in the answer, whatever became of the others."""
    with deadline.time_left(event, context, RESERVE_SECONDS) as time_left:
        failed = _write(event["Records"], time_left)
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _write(batch: list[dict[str, Any]], time_left: Callable[[], float]) -> Reasons:
    """Write what can be an item, store the rest as rejected; return what is neither, by sequence number."""
    records = {record["kinesis"]["sequenceNumber"]: record for record in batch}
    items: Items = {}
    rejected: Reasons = {}
    for number, record in records.items():
        logger.append_keys(shard_id=record["eventID"].partition(":")[0])
        time_left()
        try:
            items[number] = event_items.item(base64.b64decode(record["kinesis"]["data"]), number)
        except event_items.RecordError as error:
            rejected[number] = str(error)
    refused, failed = writer.write(items, time_left)
    written = len(items) - len(refused) - len(failed)
    rejected |= refused
    for number, reason in list(rejected.items()):
        problem = _store(records[number], reason, time_left)
        if problem:
            failed[number] = f"{rejected.pop(number)}; not stored as rejected: {problem}"
    for message, reasons in (("record rejected", rejected), ("record not written", failed)):
        for number, reason in reasons.items():
            logger.warning(message, sequence_number=number, reason=reason)
    logger.info("batch done", items_written=written, records_rejected=len(rejected), records_failed=len(failed))
    for name, count in (("ItemsWritten", written), ("RecordsRejected", len(rejected)), ("RecordsFailed", len(failed))):
        # A metric is paid for by the hours that have it, and one without metrics would be a warning.
        if count or name == "ItemsWritten":
            metrics.add_metric(name, MetricUnit.Count, count)
    return failed


def _store(record: dict[str, Any], reason: str, time_left: Callable[[], float]) -> str:
    """Store a rejected record, with retries while there is time; return why that did not work, or an empty text."""
    problem = "no time left in this invocation"
    while time_left() > 0:
        try:
            failure_store.put(s3, bucket, record, reason)
            return ""
        except (BotoCoreError, ClientError) as error:
            problem = str(error)
        time.sleep(1)
    return problem
