"""Errors are AWS's own reason in one line, with what to do next, and no number of a phone."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from deploy.aws import errors
from deploy.aws.errors import DeployError


def refused(code: str, message: str) -> ClientError:
    """An answer of AWS."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "StartApplication")


CASES = [
    (refused("ExpiredTokenException", "The security token included in the request is expired"), "aws sso login"),
    (refused("UnrecognizedClientException", "The security token is invalid."), "get-caller-identity"),
    (
        refused("AccessDeniedException", "User: x is not authorized to perform: kinesis:CreateStream"),
        "not authorized to perform: kinesis:CreateStream; ask for that permission",
    ),
    (
        refused("AccessDenied", "User: x is not authorized to perform: iam:CreateRole on resource: y"),
        "name one with --service-role-arn",
    ),
    (DeployError("SourceStream: it is there", errors.next_step("Stream already exists")), "--parameter"),
    (refused("LimitExceededException", "Exceeded the limit of 500 shards"), "Service Quotas"),
    (refused("ThrottlingException", "Rate exceeded"), "in a minute"),
    (refused("InvalidParameter", "Invalid parameter: Endpoint +15550100\n is no phone"), "Endpoint +… is no phone"),
    (NoCredentialsError(), "aws configure"),
    (NoRegionError(), "--region"),
    (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "AWS_ENDPOINT_URL"),
    (DeployError("this is so", "do that"), "this is so; do that"),
    (ClientError({}, "Anything"), "no reason given"),
]


@pytest.mark.parametrize(("error", "expected"), CASES)
def test_sentence(error: Exception, expected: str) -> None:
    line = errors.sentence(error)
    assert expected in line
    assert "\n" not in line
    assert "15550100" not in line
