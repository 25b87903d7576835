"""An account on the emulator."""

from pathlib import Path

import pytest

from tests.emulated import Emulator
from tests.emulator.mappings.lambda_account import LambdaAccount


@pytest.fixture
def account(emulator: Emulator, tmp_path: Path) -> LambdaAccount:
    """An account with the three streams, of one shard each."""
    emulator.create_streams(shards=1)
    return LambdaAccount(emulator, tmp_path)
