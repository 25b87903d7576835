"""What is said of a stream that cannot be written."""

import pytest

from producer import problems

STREAM, REGION, ENDPOINT = "http-requests", "eu-west-1", "https://kinesis.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("ResourceNotFoundException", f"stream {STREAM}: not there in {REGION}; expected an active stream"),
        (
            "AccessDeniedException",
            f"stream {STREAM}: access denied; expected credentials that allow kinesis:PutRecords",
        ),
        ("ExpiredTokenException", "AWS credentials: ExpiredTokenException; expected ones that are valid now"),
        ("UnrecognizedClientException", "AWS credentials: UnrecognizedClientException; expected ones that are valid"),
        ("NoCredentialsError", "no AWS credentials; expected them in the environment, a profile or a role"),
        ("EndpointConnectionError", f"{ENDPOINT}: cannot be reached; expected Kinesis there"),
        ("KMSDisabledException", f"stream {STREAM}: one line of two"),
    ],
)
def test_explain(code: str, line: str) -> None:
    said = problems.explain(code, "one line\nof  two", STREAM, REGION, ENDPOINT)
    assert said.startswith(line)
    assert "\n" not in said
