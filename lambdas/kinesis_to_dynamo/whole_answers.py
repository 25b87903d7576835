"""An answer that was cut short is an error of the connection, and is tried again like one.

botocore does not compare an answer with its Content-Length (`enforce_content_length=False` in httpsession.py), so it
takes half of one for an answer; and an end within the headers may hide that there should be more.
"""

from typing import Any

from botocore.exceptions import ConnectionClosedError


def require(client: Any) -> Any:
    """Have a boto3 client, which is returned, raise ConnectionClosedError for an answer that was cut short."""
    session = client._endpoint.http_session
    send = session.send

    def checked(request: Any) -> Any:
        answer = send(request)
        if not request.stream_output and request.method != "HEAD" and not _whole(answer):
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    session.send = checked
    return client


def _whole(answer: Any) -> bool:
    """Whether all is there that the headers announce: https://www.rfc-editor.org/rfc/rfc9112#section-6.3."""
    length: str = answer.headers.get("Content-Length", "")
    if length.isdecimal():
        return len(answer.content) >= int(length)
    # http.client sees for itself that the last chunk came.
    return bool(answer.status_code == 204 or answer.headers.get("Transfer-Encoding", "").lower() == "chunked")
