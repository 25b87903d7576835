"""What went wrong, as AWS says it, in a sentence, and what to do next."""

import re

from botocore import exceptions as botocore_errors

_PHONE = re.compile(r"\+[1-9]\d{6,14}\b")


class DeployError(RuntimeError):
    """A command cannot go on.

    Args:
        reason: one sentence, in AWS's words if AWS gave a reason.
        next_step: the next thing to do.
        status: the exit status of the command; 2 where the input was bad.
    """

    def __init__(self, reason: str, next_step: str = "", status: int = 1) -> None:
        super().__init__(reason)
        self.next_step = next_step
        self.status = status


_NEW_CREDENTIALS = "get new credentials (`aws sso login`, or the lab's AWS details) and run the command again"
_NEXT_STEPS = (
    (("ExpiredToken", "RequestExpired", "TokenRefreshRequired"), _NEW_CREDENTIALS),
    (
        ("InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthFailure"),
        "check the credentials with `aws sts get-caller-identity`",
    ),
    (
        ("toperform:iam:", "CreateRole"),
        "ask for that permission, or, where no roles can be made, name one with --service-role-arn",
    ),
    (
        ("AccessDenied", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized", "Forbidden"),
        "ask for that permission",
    ),
    (
        ("alreadyexist",),
        "delete what is there, such as the lab's, or take another name: `up --parameter SourceStreamName=…`, and so on",
    ),
    (
        ("LimitExceeded", "ServiceQuotaExceeded", "TooManyRequests"),
        "ask for a higher quota in the Service Quotas console, or ask for less",
    ),
    (("Throttl", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"), "run the command again in a minute"),
)


def code(error: Exception) -> str:
    """The error code of an AWS answer, or an empty text."""
    if isinstance(error, botocore_errors.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def redact(text: str) -> str:
    """A text without the phone numbers in it."""
    return _PHONE.sub("+…", text)


def next_step(reason: str) -> str:
    """What to do about an error, by the words of its code or message; empty if there is no good advice."""
    squeezed = reason.replace(" ", "")
    for words, step in _NEXT_STEPS:
        if any(word.lower() in squeezed.lower() for word in words):
            return step
    return ""


def sentence(error: Exception) -> str:
    """An error as one line: the reason, then what to do."""
    if isinstance(error, DeployError):
        reason, step = str(error), error.next_step
    elif isinstance(error, botocore_errors.ClientError):
        answer = error.response.get("Error", {})
        operation = f"{error.operation_name}: " if error.operation_name else ""
        reason = f"{operation}{answer.get('Message') or answer.get('Code', 'no reason given')}"
        step = next_step(f"{answer.get('Code', '')} {answer.get('Message', '')}")
    else:
        reason, step = _of_client(error)
    line = " ".join(reason.split()).rstrip(".")
    return redact(f"{line}; {step}" if step else line)


def _of_client(error: Exception) -> tuple[str, str]:
    """Errors that come before AWS is asked."""
    if isinstance(error, botocore_errors.NoCredentialsError | botocore_errors.PartialCredentialsError):
        return "there are no AWS credentials", "run `aws configure` or `aws sso login`, or set AWS_PROFILE"
    if isinstance(error, botocore_errors.NoRegionError):
        return "there is no AWS region", "name it with --region or AWS_REGION"
    if isinstance(error, botocore_errors.EndpointConnectionError | botocore_errors.ConnectTimeoutError):
        return str(error), "check the network, the region, and AWS_ENDPOINT_URL if it is set"
    if isinstance(error, botocore_errors.TokenRetrievalError | botocore_errors.SSOError):
        return str(error), _NEW_CREDENTIALS
    return str(error) or type(error).__name__, ""
