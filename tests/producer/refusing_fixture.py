"""The fixture of the tests that need a Kinesis that refuses: `pytest_plugins = ("refusing_fixture",)`."""

from collections.abc import Iterator

import pytest

from emulator import Emulator
from refusing_kinesis import RefusingKinesis


@pytest.fixture
def refusing(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[RefusingKinesis]:
    """The emulator with its streams, behind a server that can refuse; AWS_ENDPOINT_URL names the latter."""
    emulator.create_streams(shards=2)
    server = RefusingKinesis(emulator.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    yield server
    server.close()
