"""The way to AWS: one session, its region, and one client a service."""

import difflib
import io
import os
from typing import Any

from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, NoRegionError

from deploy.aws.errors import DeployError

_CONFIG = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10)


class Aws:
    """An account and region to work on; AWS_ENDPOINT_URL is honoured as every AWS SDK does.

    Args:
        session: a boto3 session.
        region: the name of a region.
    """

    def __init__(self, session: Any, region: str) -> None:
        self._session, self.region = session, region
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service, made once."""
        if service not in self._clients:
            client = self._session.client(service, region_name=self.region, config=_CONFIG)
            _require_whole_answers(client)
            self._clients[service] = client
        return self._clients[service]

    def account(self) -> str:
        """The account's id. Raises ClientError where the credentials are no good."""
        return str(self.client("sts").get_caller_identity()["Account"])


def _require_whole_answers(client: Any) -> None:
    """Have a client retry a request whose answer was cut short, as it does after a reset of the connection.

    botocore does not compare an answer with its Content-Length (`enforce_content_length=False` in httpsession.py), so
    it takes half of one for an answer; and an end within the headers may hide that there should be more.
    """
    session = client._endpoint.http_session
    send = session.send

    def checked(request: Any) -> Any:
        # A body that the caller would read as a stream is read here too, and given to the caller from memory.
        streamed, request.stream_output = request.stream_output, False
        answer = send(request)
        content, length = answer.content, answer.headers.get("Content-Length", "")
        if streamed:
            answer.raw = io.BytesIO(content)
        if length.isdecimal():
            whole = len(content) >= int(length) or request.method == "HEAD"
        else:
            # https://www.rfc-editor.org/rfc/rfc9112#section-6.3; http.client sees for itself that the last chunk came.
            chunked = answer.headers.get("Transfer-Encoding", "").lower() == "chunked"
            whole = chunked or answer.status_code == 204 or request.method == "HEAD"
        if not whole:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    session.send = checked


def connect(region: str | None) -> Aws:
    """Work in a region: the one given, or that of the environment or profile.

    Raises:
        botocore.exceptions.NoRegionError: if none is named anywhere.
        DeployError: if there is no region of that name; exit status 2.
    """
    # Not before a command works: boto3 takes longer to import than all of `--help`.
    import boto3

    session = boto3.session.Session()
    # boto3 reads AWS_DEFAULT_REGION alone; every other SDK, and Lambda, say AWS_REGION.
    name = region or os.environ.get("AWS_REGION") or session.region_name
    if not name:
        raise NoRegionError
    known = [one for partition in session.get_available_partitions() for one in _regions(session, partition)]
    if name not in known:
        near = difflib.get_close_matches(name, known)
        raise DeployError(f"{name}: no such region", f"did you mean {' or '.join(near)}?" if near else "", 2)
    return Aws(session, name)


def _regions(session: Any, partition: str) -> list[str]:
    """The regions of a partition in which CloudFormation is, by botocore's own list."""
    return list(session.get_available_regions("cloudformation", partition))
