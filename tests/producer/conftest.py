"""The fixture of the tests that need a Kinesis that refuses."""

from collections.abc import Iterator

import pytest

from tests.emulated import Emulator
from tests.producer.servers.refusing_kinesis import RefusingKinesis


@pytest.fixture
def refusing(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[RefusingKinesis]:
    """The emulator with its streams, behind a server that can refuse; AWS_ENDPOINT_URL names the latter."""
    emulator.create_streams(shards=2)
    server = RefusingKinesis(emulator.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    yield server
    server.close()
