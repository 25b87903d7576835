"""A client of `deploy` asks again when an answer ends early, at any byte, whatever the service and its protocol."""

import time
from typing import Any

import boto3
import pytest

from deploy.aws.session import Aws
from tests.cutting_server import ANSWERS, cuts, cutting_server, http
from tests.emulated import REGION

CALLS = {
    **ANSWERS,
    "lambda": ('{"batchItemFailures": []}', "application/json"),
    "cloudformation": (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>'
        "<Stacks/></DescribeStacksResult></DescribeStacksResponse>",
        "text/xml",
    ),
}


def call(client: Any, service: str) -> Any:
    """A request whose answer is that of CALLS."""
    match service:
        case "dynamodb":
            return client.batch_write_item(RequestItems={"t": [{"PutRequest": {"Item": {"pk": {"S": "a"}}}}]})
        case "sns":
            return client.publish(TopicArn=f"arn:aws:sns:{REGION}:123456789012:t", Message="hello")
        case "s3":
            return client.put_object(Bucket="b", Key="k", Body=b"{}")
        case "lambda":
            # Its body is a stream, which botocore leaves to the caller to read.
            return client.invoke(FunctionName="f", Payload=b"{}")["Payload"].read()
    return client.describe_stacks()


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("service", sorted(CALLS))
def test_an_answer_that_was_cut_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, service: str, reset: bool) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    body, kind = CALLS[service]
    whole = http(body, kind)
    with cutting_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        client = Aws(boto3.session.Session(), REGION).client(service)
        for cut in cuts(whole, body):

            def answer(number: int, cut: int = cut) -> bytes:
                server.reset = reset and number == 1
                return whole[:cut] if number == 1 else whole

            server.requests, server.answer = 0, answer
            found = call(client, service)
            assert server.requests == 2, whole[:cut]
            assert service != "lambda" or found == body.encode()
