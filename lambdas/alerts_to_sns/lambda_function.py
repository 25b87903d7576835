"""AlertsToSns: publishes each alert of the stream once, as a text message.

Environment: see `alert_settings`; of Powertools, `POWERTOOLS_SERVICE_NAME`, `POWERTOOLS_METRICS_NAMESPACE` and
`POWERTOOLS_LOG_LEVEL`, each with a default. The event source mapping must have `ReportBatchItemFailures`.

The same alert (product, time, stock) is published once within the window: a record in the idempotency table (key `id`,
time-to-live `expiration`) says so. A function that dies after it published and before it completed that record
publishes again when the alert is retried; so does one that does not get the answer of SNS whole. SNS cannot prevent it.

A record that can never be published is put into the bucket of failures and counts as done. Anything else that fails is
tried again until the invocation has no time left, and then reported, so that Lambda sends it again.

Metrics: `MessagesPublished`, `DuplicatesSkipped`, `RecordsRejected` and `RecordsFailed`.
"""

import base64
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import alert_records
import alert_settings
import sms
from alert_records import Alert, AlertError
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import BaseError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.common import deadline, failure_store, whole_answers

CONNECT_SECONDS, READ_SECONDS = 1, 3
RESERVE_SECONDS = 4 * (CONNECT_SECONDS + READ_SECONDS) + 1
"""An alert is begun only with so much time left, enough for its three requests and a second try of the last one: an
alert that is cut off halfway might be published again. So long it also counts as under way; after an invocation that
was killed, the retry waits until that is over."""

_LONGEST_PAUSE, _NOTE_PAUSE = 5.0, 0.5
# What SNS says of a message that it will never take: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_REFUSED = ("InvalidParameter", "InvalidParameterValue", "ValidationException")

logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "AlertsToSns"))
metrics = Metrics(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "AlertsToSns"),
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "LowInventory"),
)
settings = alert_settings.read(os.environ)
sns, dynamodb, s3 = (whole_answers.client(name, CONNECT_SECONDS, READ_SECONDS) for name in ("sns", "dynamodb", "s3"))


class OutOfTimeError(Exception):
    """There is no time left to begin an alert, or to try it again."""


class Reservation:
    """What Powertools takes for the invocation's context when it notes how long an alert is under way."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context

    def get_remaining_time_in_millis(self) -> int:
        """The time that one alert may take, not that of the whole invocation."""
        return min(RESERVE_SECONDS * 1000, self._context.get_remaining_time_in_millis())


class PublishedAlerts(DynamoDBPersistenceLayer):
    """The idempotency table."""

    def _update_record(self, data_record: DataRecord, tries: int = 2) -> None:
        """Complete a record; when no try succeeds, a later copy of the alert is published too.

        The message is out by now: to fail its alert would have it sent again.
        """
        try:
            super()._update_record(data_record)
        except (BotoCoreError, ClientError) as error:
            if tries == 1:
                logger.warning("published, but a later copy may be published too", reason=str(error))
                return
            time.sleep(_NOTE_PAUSE)
            self._update_record(data_record, tries - 1)


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
            # Delivered with priority; the default, Promotional, may be held back.
            # https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-topic.html
            "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
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


def _handle(record: dict[str, Any], time_left: Callable[[], float]) -> None:
    """Publish the alert of a record, or store the record as rejected. Raises OutOfTimeError if neither worked."""
    rejected, problem, pause = "", "no time left in this invocation", 0.2
    while time_left() > 0:
        try:
            if not rejected:
                publish_once(alert=alert_records.parse(base64.b64decode(record["kinesis"]["data"])))
                return
            failure_store.put(s3, settings.failures_bucket, record, rejected)
            metrics.add_metric("RecordsRejected", MetricUnit.Count, 1)
            logger.warning("record rejected", reason=rejected)
            return
        except AlertError as error:
            rejected = str(error)
            continue
        except ClientError as error:
            problem, code = str(error), error.response["Error"]["Code"]
            if code in _REFUSED and error.operation_name == "Publish":
                # The service's message may repeat a part of the alert.
                rejected = f"refused by SNS: {code}"
                continue
        except (BotoCoreError, BaseError) as error:
            problem = str(error)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    raise OutOfTimeError(problem)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish the alerts of a batch; those that failed are in the answer, whatever became of the others."""
    idempotency.register_lambda_context(Reservation(context))  # type: ignore[arg-type]
    failed = []
    with deadline.time_left(event, context, RESERVE_SECONDS) as time_left:
        for record in event["Records"]:
            shard_id, _, number = record["eventID"].partition(":")
            logger.append_keys(shard_id=shard_id, sequence_number=number)
            try:
                _handle(record, time_left)
            except Exception as error:
                # Any other than this is a bug: Lambda tries the record again, and then puts it into the bucket.
                say = logger.warning if isinstance(error, OutOfTimeError) else logger.exception
                say("alert not published", reason=str(error))
                failed.append(number)
    # Only when there are some: a metric is paid for by the hours that have it.
    if failed:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
