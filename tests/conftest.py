"""One JVM for the whole session, and the three-line way to ask what the job makes of some records."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import files
import gateway
import low_inventory
import pytest
from settings import AlertSettings

Rows = list[dict[str, Any]]
Detect = Callable[..., tuple[Rows, Rows]]

# The emulator takes any credentials; set before the JVM starts, which inherits them.
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true")


@pytest.fixture(scope="session")
def jvm() -> Iterator[Path]:
    with gateway.jvm({"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"}) as folder:
        yield folder


@pytest.fixture(scope="session")
def detect(jvm: Path, tmp_path_factory: pytest.TempPathFactory) -> Detect:
    """`detect(records, **alert settings)` runs the job on the mini-cluster: alerts and dead letters, in order."""

    def run(records: list[bytes], **settings: Any) -> tuple[Rows, Rows]:
        folder = tmp_path_factory.mktemp("detect")
        source = folder / "records"
        source.write_bytes(b"".join(record + b"\n" for record in records))
        events = files.scan(source)
        assert events.records == len(records)
        alerts, dead_letters = low_inventory.run_on_files(events, AlertSettings(**settings), 1, folder)
        rows = [[json.loads(line) for line in files.written(place)] for place in (alerts, dead_letters)]
        return rows[0], rows[1]

    return run
