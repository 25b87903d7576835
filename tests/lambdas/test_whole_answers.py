"""An answer that ends early, at any byte, by FIN or RST, is an error of the connection for both functions."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from lambdas.common import whole_answers
from tests.cutting_server import ANSWERS, chunked, cuts, cutting_server, http
from tests.lambdas import function_under_test
from tests.lambdas.invocation import REGION

PROMPT = Config(retries={"mode": "standard", "total_max_attempts": 1})


def call(client: Any, service: str) -> dict[str, Any]:
    """The request of a function to a service."""
    if service == "dynamodb":
        return dict(client.batch_write_item(RequestItems={"t": [{"PutRequest": {"Item": {"pk": {"S": "a"}}}}]}))
    if service == "sns":
        return dict(client.publish(TopicArn=f"arn:aws:sns:{REGION}:123456789012:t", Message="hello"))
    return dict(client.put_object(Bucket="b", Key="k", Body=b"{}"))


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    # An empty body has no chunks.
    ("service", "framing"),
    [
        (service, framing)
        for service in sorted(ANSWERS)
        for framing in (http, chunked)
        if framing is http or ANSWERS[service][0]
    ],
)
def test_cut_at_every_byte(service: str, framing: Any, reset: bool) -> None:
    body, kind = ANSWERS[service]
    answer = framing(body, kind)
    with cutting_server() as server:
        client = whole_answers.require(
            boto3.client(service, region_name=REGION, endpoint_url=server.endpoint, config=PROMPT)
        )
        # With the 0 of the last chunk all of the body is there.
        for cut in cuts(answer, body)[: None if framing is http else -len("\r\n\r\n")]:
            server.answer, server.reset = (lambda _, cut=cut: answer[:cut]), reset  # type: ignore[misc]
            with pytest.raises(ConnectionClosedError):
                call(client, service)
        server.answer, server.reset = (lambda _: answer), False
        assert call(client, service)["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_kinesis_to_dynamo_writes_again_what_was_cut(monkeypatch: pytest.MonkeyPatch, reset: bool) -> None:
    answer = http(ANSWERS["dynamodb"][0])
    with cutting_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        server.reset = reset
        function = function_under_test.load(monkeypatch, "kinesis_to_dynamo", TABLE_NAME="t")
        monkeypatch.setattr(function.writer.write.__globals__["time"], "sleep", lambda _: None)
        server.answer = lambda number: answer[: (number - 1) * 7]
        event = json.dumps({"path": "/p", "timestamp": "t"}).encode()
        assert function_under_test.invoke(function, [event]) == []
        assert server.requests == -(-len(answer) // 7) + 1
