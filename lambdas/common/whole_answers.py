"""An answer that was cut short is an error of the connection, and is tried again like one.

botocore does not compare an answer with its Content-Length (`enforce_content_length=False` in httpsession.py), so it
takes half of one for an answer; and an end within the headers may hide that there should be more.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError


def client(service: str, connect_seconds: float, read_seconds: float) -> Any:
    """A boto3 client that raises for an answer that was cut short, as `require` says.

    It sends each request once: the functions repeat requests themselves, since they know how much time is left.
    """
    once = {"mode": "standard", "total_max_attempts": 1}
    config = Config(connect_timeout=connect_seconds, read_timeout=read_seconds, retries=once)
    return require(boto3.client(service, config=config))


def require(client: Any) -> Any:
    """Have a boto3 client, which is returned, raise ConnectionClosedError for an answer that was cut short.

    For operations whose answers have a body or Content-Length: 0, and no stream.
    """
    session = client._endpoint.http_session
    send = session.send

    def checked(request: Any) -> Any:
        answer = send(request)
        length = answer.headers.get("Content-Length", "")
        # http.client sees for itself that the last chunk came.
        chunked = answer.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if len(answer.content) < int(length) if length.isdecimal() else not chunked:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    session.send = checked
    return client
