"""The PutRecords request: its body, whether its answer is whole, and which failures are worth another try.

botocore does not compare an answer with its Content-Length (it passes `enforce_content_length=False` to urllib3), and
takes JSON that was cut for an empty answer. So the answer is checked before botocore parses it. Records are encoded
and decoded here as well: botocore looks up the shape of each field of each record, which takes three times as long.
"""

import json
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)

from producer.keyed_queue import Record

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "KMSThrottlingException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)
_TRANSIENT = THROTTLED | {"InternalFailure", "InternalFailureException", "ServiceUnavailable"}
_TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})


class Answer(NamedTuple):
    """The result for one record of a request."""

    code: str | None
    """The code of the error; None: the record is stored."""
    transient: bool = False
    """Another try may succeed."""
    maybe_stored: bool = False
    """The answer was lost, so the record may be stored although this is an error."""
    shard: str = ""
    sequence_number: str = ""


class SendError(Exception):
    """The stream cannot be written at all, so sending has stopped."""

    def __init__(self, code: str, message: str, maybe_stored: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        """The error's code as AWS names it, or the name of botocore's exception."""
        self.maybe_stored = maybe_stored
        """Whether the records of the failed request may be stored all the same."""


def kinesis_client(region: str | None, connections: int = 1) -> Any:
    """A client for `PutRecords`, without retries. Raises BotoCoreError if the AWS configuration cannot be used."""
    # Without boto3, whose import takes as long as all the others.
    session = botocore.session.get_session()
    client = session.create_client(
        "kinesis",
        region_name=region,
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=5,
            read_timeout=10,
            max_pool_connections=connections,
            parameter_validation=False,
        ),
    )
    if session.get_credentials() is None:
        raise NoCredentialsError
    client.meta.events.register("provide-client-params.kinesis.PutRecords", _set_records_aside)
    client.meta.events.register("before-call.kinesis.PutRecords", _encode)
    client.meta.events.register("before-parse.kinesis.PutRecords", _decode)
    return client


class PutRecords:
    """Sends requests over a client of `kinesis_client`; several threads may do so at once."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client, self._stream = client, stream
        self.is_kinesis = False
        """Whether there was an answer that only Kinesis gives. After it, no other answer is a reason to stop."""
        self.last_error = SendError("NoAnswer", "no request was sent")
        """The last error of a request as a whole."""

    def send(self, batch: Sequence[Record]) -> list[Answer]:
        """Send records in one request; one answer a record, in their order. Raises SendError if no retry can help."""
        try:
            answers = self._client.put_records(StreamName=self._stream, Records=batch)["Records"]
        except ClientError as error:
            code, status = str(error.response["Error"]["Code"]), error.response["ResponseMetadata"]["HTTPStatusCode"]
            # A status in place of a code: the answer is not in the form of Kinesis.
            unknown = code == str(status)
            self.is_kinesis |= not unknown
            transient = code in _TRANSIENT or status in _TRANSIENT_STATUSES or (unknown and self.is_kinesis)
            return self._failed(code, str(error), len(batch), transient, status >= 500 or unknown)
        except BotoCoreError as error:
            # ConnectionError: the request was not sent. Before the first answer the endpoint is likely to be wrong.
            maybe_stored = isinstance(error, HTTPClientError | IncompleteReadError)
            transient = maybe_stored or (self.is_kinesis and isinstance(error, ConnectionError))
            return self._failed(type(error).__name__, str(error), len(batch), transient, maybe_stored)
        try:
            results = [_answer(answer) for answer in answers]
        except (AttributeError, KeyError):
            results = []
        if len(results) != len(batch):
            message = f"{len(results)} answers to {len(batch)} records"
            return self._failed("UnexpectedAnswer", message, len(batch), self.is_kinesis, True)
        self.is_kinesis = True
        return results

    def _failed(self, code: str, message: str, records: int, transient: bool, maybe_stored: bool) -> list[Answer]:
        """The same answer for all records, or SendError."""
        self.last_error = SendError(code, message, maybe_stored)
        if not transient:
            raise self.last_error
        return [Answer(code, True, maybe_stored)] * records


def _answer(answer: dict[str, Any]) -> Answer:
    code = answer.get("ErrorCode")
    if code is None:
        return Answer(None, False, False, answer["ShardId"], answer["SequenceNumber"])
    return Answer(code, code in _TRANSIENT)


def _set_records_aside(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context["records"] = params["Records"]
    return params | {"Records": []}


def _encode(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Write the records into the body: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
    entries = ",".join(
        f'{{"Data":"{b2a_base64(record.data, newline=False).decode()}","PartitionKey":{json.dumps(record.key)}}}'
        for record in context["records"]
    )
    request = json.loads(params["body"])
    del request["Records"]
    params["body"] = f'{json.dumps(request)[:-1]},"Records":[{entries}]}}'.encode()


def _decode(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Read the answer in place of botocore's parser. Raises IncompleteReadError if its end is missing."""
    headers, body = response_dict["headers"], response_dict["body"]
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    length = headers.get("Content-Length", "")
    if length.isdigit():
        is_whole = int(length) == len(body)
    else:
        # An answer that is cut within its head has no body and may lack its length.
        is_cut = answer is None and body[:1] in (b"", b"{")
        is_whole = "Transfer-Encoding" in headers or not is_cut
    if not is_whole:
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=length or "more")
    is_object = isinstance(answer, dict)
    if response_dict["status_code"] >= 300:
        if not is_object:
            response_dict["body"] = b""
        return
    records = answer.get("Records") if is_object else None
    response_dict["body"] = b""
    customized_response_dict["Records"] = records if isinstance(records, list) else []
