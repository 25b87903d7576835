"""`redrive`: send what is in the bucket of failures to its function again."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.aws import on_failure, waiting
from deploy.aws.errors import DeployError
from deploy.aws.on_failure import Failure
from deploy.aws.session import Aws
from deploy.deployment import Deployment
from deploy.progress import counted, say

_FUNCTIONS = {"kinesis-to-dynamo": "KinesisToDynamo", "alerts-to-sns": "AlertsToSns"}
_KNOWN_SENT = timedelta(days=1)
"""How long it is known of an alert that it was sent (IDEMPOTENCY_WINDOW_SECONDS of system.yaml)."""

_SECONDS = 45
"""How long a function may try. The client waits a minute for the answer, and would then invoke it a second time."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `redrive`."""
    parser.add_argument("function", choices=list(_FUNCTIONS), help="whose failures to send again")
    parser.add_argument(
        "--older", action="store_true", help="alerts older than a day too: those that were sent are sent again"
    )


def run(options: argparse.Namespace, aws: Aws) -> int:
    """Send every failure of the function again, and move what worked to redriven/; 1 if something stays."""
    outputs = Deployment(options.stack_name).must_have(aws.client("cloudformation"), "system")
    name, bucket, s3 = outputs[f"{_FUNCTIONS[options.function]}Name"], on_failure.bucket(outputs), aws.client("s3")
    once = options.function == "alerts-to-sns" and not options.older
    records = stay = 0
    # What an earlier mapping gave up on is here too: an update may replace a mapping.
    for key in list(on_failure.keys(s3, bucket, "aws/lambda/", f"rejected/{name}/")):
        try:
            failure = on_failure.read(s3, bucket, key)
            if failure.function != name:
                continue
            _send(aws, name, bucket, failure, once)
        except DeployError as error:
            stay += 1
            say(f"{key}: stays: {error}{f'; {error.next_step}' if error.next_step else ''}")
        else:
            records += len(failure.records)
            on_failure.move(s3, bucket, key)
            say(f"{key}: {counted(len(failure.records), 'record')} sent again")
    remain = f"{counted(stay, 'object')} {'stays' if stay == 1 else 'stay'} in the bucket {bucket}"
    print(f"{counted(records, 'record')} sent again; {remain}")
    return 1 if stay else 0


def _send(aws: Aws, function: str, bucket: str, failure: Failure, once: bool) -> None:
    """Invoke the function with the records of an object.

    Args:
        aws: the account and region.
        function: its name.
        bucket: the bucket of failures.
        failure: the object.
        once: whether nothing is to be sent again that may have been sent.

    Raises:
        DeployError: if not every record was handled; says why.
    """
    if once and datetime.fromtimestamp(failure.oldest, UTC) < waiting.now() - _KNOWN_SENT:
        raise DeployError(
            "its alerts are older than a day, so that it is not known which were sent", "--older sends them all"
        )
    look = f"see `python -m deploy logs` of {function}"
    event = {"Records": failure.records, "seconds": _SECONDS}
    failed = _invoke(aws.client("lambda"), function, event)
    if failed:
        raise DeployError(f"{len(failed)} of {len(failure.records)} records failed again, the first {failed[0]}", look)
    s3 = aws.client("s3")
    if failure.key.startswith("rejected/") and on_failure.etag(s3, bucket, failure.key) != failure.etag:
        raise DeployError("the function rejected it again", look)


def _invoke(client: Any, function: str, event: dict[str, Any]) -> list[str]:
    """Invoke a function; the sequence numbers that it reports as failed. Raises DeployError if it fails as a whole."""
    answer = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=json.dumps(event).encode())
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise DeployError(f"function {function}: {answer['FunctionError']}: {text[:500]}", "look at its `logs`")
    try:
        return [item["itemIdentifier"] for item in (json.loads(text or "null") or {}).get("batchItemFailures", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        raise DeployError(f"function {function}: expected batchItemFailures in its answer") from None
