"""One JVM for the whole session, and the three-line way to ask what the job makes of some records."""

import functools
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader
from xdist.scheduler import LoadScopeScheduling

from emulator.server import moto
from jobs.alerting import files
from jobs.alerting import jvm as gateway
from jobs.alerting.kinesis import connector as connectors
from jobs.alerting.settings import AlertSettings, SettingsError
from local.deploy_command import LINE
from tests.direct import Direct
from tests.emulated import Emulator
from tests.faults.running.cluster import PYTHON
from tests.jobs.detection import Detect, Rows, submit

# The emulator takes any credentials; set before the JVM starts, which inherits them.
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true")
# Many container images set it; then each of hundreds of processes compiles all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell that starts the tests in the background has Ctrl-C ignored, by whatever they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Every JVM of the tests is short-lived: without the optimizing compiler it takes two thirds of the processor time.
os.environ.setdefault("JDK_JAVA_OPTIONS", gateway.QUICK)
# Each of the hundreds of sessions of botocore would read the models of the services again.
JSONFileLoader.load_file = staticmethod(functools.cache(JSONFileLoader().load_file))


# What is in one process of a parallel run: the tests that share a JVM, a cluster, what was built, or a long import.
TOGETHER = {
    **dict.fromkeys(("test_contract", "test_dashboard", "test_prefilter", "test_property", "test_stream_order"), "jvm"),
    "test_fuzz": "jvm",
    "test_jvm": "jvm",
    "test_faults": "cluster",
    "test_function_faults": "functions",
    "test_lambda_packages": "packages",
    **dict.fromkeys(("test_templates", "test_permissions"), "cfn-lint"),
}
# What takes long is begun early, so that no process is left alone with it at the end.
LONG = (
    "tests/jobs/test_flink_2_2",
    "tests/jobs/kinesis/test_kinesis",
    "tests/jobs/test_options",
    "tests/local/test_pipeline",
    "tests/local/test_rehearsal",
    "tests/test_documented_output",
)


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Sends each file of TOGETHER to one process, and every other test to the process that is free.

    The groups of pytest-xdist (`--dist loadgroup`) set `_nodeid` of a test, which pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER.get(Path(nodeid.split("::")[0]).stem, nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What pytest-xdist asks for the distribution of the tests."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what starts a JVM; `make test-fast` leaves it out."""
    if {"jvm", "connector"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.jvm)


@pytest.fixture(scope="session")
def jvm() -> Iterator[Path]:
    with gateway.jvm({"AWS_CBOR_DISABLE": "true", "CBOR_ENABLED": "false"}) as folder:
        yield folder
        # py4j logs every object that outlives the JVM.
        logging.disable(logging.CRITICAL)


@pytest.fixture(scope="session")
def connector() -> Path:
    """The connector jar of the line CONNECTOR_LINE, from `./build.sh`; Maven may not have been able to get it."""
    jar = connectors.LIB / LINE / connectors.JAR
    if not jar.exists():
        pytest.skip(f"{jar} is missing: no connector of {LINE} (./build.sh --line {LINE} says why)")
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing: no Flink for {LINE} (make .venv-2.2/run installs it)")
    return jar


@pytest.fixture
def own_connector(connector: Path) -> connectors.Connector:
    """The connector for a job in the JVM of this process, whose Flink may not be that of the line."""
    try:
        return connectors.find()
    except SettingsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def direct() -> Iterator[Direct]:
    """One emulator for this session of pytest, on a free port, and the short way to it."""
    server = moto()
    host, port = server.get_host_and_port()
    yield Direct(f"http://{host}:{port}", server._server.app)
    server.stop()


@pytest.fixture
def emulator(direct: Direct, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Kinesis and the rest, empty."""
    emulator = Emulator(direct.endpoint, make_client=direct.client)
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint)
    emulator.reset()
    return emulator


@pytest.fixture(scope="session")
def detect(jvm: Path, tmp_path_factory: pytest.TempPathFactory) -> Detect:
    """`detect(records, **alert settings)` runs the job on the mini-cluster: alerts and dead letters, in order."""

    def run(records: list[bytes], **settings: Any) -> tuple[Rows, Rows]:
        folder = tmp_path_factory.mktemp("detect")
        source = folder / "records"
        source.write_bytes(b"".join(record + b"\n" for record in records))
        # Not `scan`, which looks at the form of the whole file: here each record is the job's to judge.
        events = files.Input((files.File(source),), len(records))
        alerts = AlertSettings(**settings)
        tables, written = files.tables(folder, events, in_order=alerts.policy == "crossing")
        submit(alerts, tables, {"parallelism.default": "1"}).wait()
        rows = [[json.loads(line) for line in files.lines(place)] for place in (written.alerts, written.dead_letters)]
        return rows[0], rows[1]

    return run
