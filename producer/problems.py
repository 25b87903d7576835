"""One line about why a stream cannot be written, which says what was expected."""

_CREDENTIALS_MISSING = frozenset({"NoCredentialsError", "PartialCredentialsError"})
_EXPECTED_CREDENTIALS = "no AWS credentials; expected them in the environment, a profile or a role"
# What botocore says of a login that ended is clear enough.
_CREDENTIALS_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_NOT_KINESIS = frozenset({"ConnectionClosedError", "IncompleteReadError", "UnexpectedAnswer"})
_UNREACHABLE = frozenset({"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError", "SSLError"})


def explain(code: str, message: str, stream: str, region: str, endpoint: str) -> str:
    """One line about an error: AWS's code, an HTTP status if there was none, or the name of botocore's exception."""
    if code == "ResourceNotFoundException":
        return f"stream {stream}: not there in {region}; expected an active stream (--stream or KDS_STREAM)"
    if code in _CREDENTIALS_MISSING:
        return _EXPECTED_CREDENTIALS
    if code in _CREDENTIALS_REFUSED:
        return f"AWS credentials: {code}; expected ones that are valid now"
    if code == "AccessDeniedException":
        return f"stream {stream}: access denied; expected credentials that allow kinesis:PutRecords on it"
    if code in _NOT_KINESIS or code.isdigit():
        return f"{endpoint}: its answer is not that of Kinesis; expected Kinesis there (AWS_ENDPOINT_URL)"
    if code in _UNREACHABLE:
        return f"{endpoint}: cannot be reached; expected Kinesis there (AWS_ENDPOINT_URL or --region)"
    return f"stream {stream}: {' '.join(message.split())}"


def explain_settings(name: str, message: str, region: str | None) -> str:
    """One line about why no client could be made: the exception's name and text, and the region that was asked for."""
    if name == "NoRegionError":
        return "no region; expected --region, AWS_REGION or one in the AWS configuration"
    if name == "InvalidRegionError":
        return f"region {region!r}: expected a name such as eu-west-1 (--region or AWS_REGION)"
    if name in _CREDENTIALS_MISSING:
        return _EXPECTED_CREDENTIALS
    return f"AWS configuration: {' '.join(message.split())}"
