"""AlertsToSns: publishes each alert of the stream once, as a text message.

Environment: see `alert_settings`; of Powertools, `POWERTOOLS_SERVICE_NAME`, `POWERTOOLS_METRICS_NAMESPACE` and
`POWERTOOLS_LOG_LEVEL`, each with a default. The event source mapping must have `ReportBatchItemFailures`.

The same alert (product, time, stock) is published once within the window: a record in the idempotency table (key `id`,
time-to-live `expiration`) says so. A function that dies after it published and before it completed that record
publishes again when the alert is retried; SNS has no means to prevent it.

Metrics: `MessagesPublished`, `DuplicatesSkipped` and `RecordsFailed`.
"""

import os
import time
from dataclasses import asdict
from functools import partial
from typing import Any

import alert_records
import alert_settings
import boto3
import sms
from alert_records import Alert, AlertError
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.base import FailureResponse
from aws_lambda_powertools.utilities.batch.exceptions import ExceptionInfo
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import BaseError, IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONNECT_SECONDS, READ_SECONDS = 1, 3
RESERVE_SECONDS = CONNECT_SECONDS + READ_SECONDS + 1
"""An alert is begun only with so much time left: one cut off halfway might be published again.

So long it also counts as under way. Of an invocation that was killed, the retry waits that out and publishes it.
"""
_PAUSE_SECONDS = 0.2

logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "AlertsToSns"))
metrics = Metrics(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "AlertsToSns"),
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "LowInventory"),
)
settings = alert_settings.read(os.environ)
_config = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 2},
)
sns = boto3.client("sns", config=_config)
dynamodb = boto3.client("dynamodb", config=_config)


class OutOfTimeError(Exception):
    """There is no time left to begin an alert."""


class Reservation:
    """What Powertools takes for the invocation's context when it notes how long an alert is under way."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context

    def get_remaining_time_in_millis(self) -> int:
        """The time that one alert may take, not that of the whole invocation."""
        return min(RESERVE_SECONDS * 1000, self._context.get_remaining_time_in_millis())


class PublishedAlerts(DynamoDBPersistenceLayer):
    """The idempotency table."""

    def _update_record(self, data_record: DataRecord) -> None:
        """Complete a record. The message is out by now: to fail its alert would have it sent again."""
        try:
            super()._update_record(data_record)
        except (BotoCoreError, ClientError) as error:
            logger.warning("published, but a later copy may be published too", reason=str(error))


class AlertProcessor(BatchProcessor):
    """Goes through a batch and logs what fails."""

    def failure_handler(self, record: KinesisStreamRecord, exception: ExceptionInfo) -> FailureResponse:
        """Log the reason of a failure, and the traceback of one that is not foreseen."""
        error = exception[1]
        if isinstance(error, AlertError | OutOfTimeError | BaseError | BotoCoreError | ClientError):
            logger.warning("alert not published", reason=str(error))
        else:
            logger.error("alert not published", reason=str(error), exc_info=error)
        return super().failure_handler(record, exception)


def _skipped(response: str, idempotent_data: DataRecord) -> str:
    metrics.add_metric("DuplicatesSkipped", MetricUnit.Count, 1)
    logger.info("alert was published before", message_id=response)
    return response


def _publish(alert: Alert) -> str:
    fields = {name: str(value) for name, value in asdict(alert).items()}
    answer = sns.publish(
        TopicArn=settings.topic_arn,
        Message=sms.message(settings.template, fields),
        # Subscriptions can filter on these.
        MessageAttributes={
            "product_id": {"DataType": "String", "StringValue": sms.clean(alert.product_id)},
            "inventory": {"DataType": "Number", "StringValue": fields["inventory"]},
            "ts": {"DataType": "String", "StringValue": sms.clean(alert.ts)},
        },
    )
    metrics.add_metric("MessagesPublished", MetricUnit.Count, 1)
    logger.info("alert published", message_id=answer["MessageId"])
    return str(answer["MessageId"])


idempotency = IdempotencyConfig(
    event_key_jmespath="[product_id, ts, inventory]",
    expires_after_seconds=settings.window,
    hash_function="sha256",
    response_hook=_skipped,
)
publish_once = idempotent_function(
    _publish,
    data_keyword_argument="alert",
    persistence_store=PublishedAlerts(settings.table_name, boto3_client=dynamodb),
    config=idempotency,
    key_prefix="alert",
)
processor = AlertProcessor(EventType.KinesisDataStreams, raise_on_entire_batch_failure=False)


def _handle(record: KinesisStreamRecord, end: float) -> None:
    shard_id, _, sequence_number = record.event_id.partition(":")
    logger.append_keys(shard_id=shard_id, sequence_number=sequence_number)
    alert = alert_records.parse(record.kinesis.data_as_bytes())
    free_at = time.monotonic() + RESERVE_SECONDS
    while True:
        if time.monotonic() > end:
            raise OutOfTimeError("no time left in this invocation; it will be retried")
        try:
            publish_once(alert=alert)
            return
        except IdempotencyAlreadyInProgressError:
            if time.monotonic() > free_at:
                raise
            time.sleep(_PAUSE_SECONDS)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish the alerts of a batch; those that failed are in the answer, whatever became of the others."""
    left = context.get_remaining_time_in_millis() / 1000
    end = time.monotonic() + left - min(RESERVE_SECONDS, left / 2)
    idempotency.register_lambda_context(Reservation(context))  # type: ignore[arg-type]
    answer = process_partial_response(event, partial(_handle, end=end), processor, context)
    metrics.add_metric("RecordsFailed", MetricUnit.Count, len(answer["batchItemFailures"]))
    return answer
