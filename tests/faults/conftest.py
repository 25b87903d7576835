"""An emulator and a cluster for all scenarios, and the table of their results at the end."""

import contextlib
import itertools
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import cast

import boto3
import pytest

from deploy import packages
from emulator.server import emulator, work_on
from local.deploy_command import LINE
from tests.faults.judging.outcome import COLUMNS, Outcome
from tests.faults.running.cluster import Cluster, cluster
from tests.faults.running.stage import Stage
from tests.faults.running.system import System, system

FULL = os.environ.get("FAULTS") == "full"
# A measurement, which is not for each run of the tests.
collect_ignore = [] if FULL else ["test_state.py"]
SEED = int(os.environ.get("FAULTS_SEED", "7"))
_outcomes: list[Outcome] = []
days = itertools.count()


def package(folder: Path) -> Path:
    """Unpack the job's zip into a folder."""
    with zipfile.ZipFile(packages.job(LINE)) as content:
        content.extractall(folder)
    return folder


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what a test has started, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An emulator in a process of its own."""
    with emulator() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def flink(endpoint: str, connector: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster, with the job's zip."""
    folder = tmp_path_factory.mktemp("cluster")
    with cluster(folder, package(folder / "package")) as running:
        yield running


@pytest.fixture(scope="module")
def functions(endpoint: str) -> Iterator[System]:
    """The stack, with its functions at work."""
    with system(endpoint, SEED) as running:
        yield running


@pytest.fixture
def stage(request: pytest.FixtureRequest, endpoint: str, tmp_path: Path) -> Iterator[Stage]:
    """What the scenarios share; a cluster and the functions begin when one needs them."""
    with work_on(endpoint), ended_by_signals():
        stage = Stage(
            endpoint,
            boto3.client("kinesis"),
            tmp_path,
            SEED,
            lambda: cast(Cluster, request.getfixturevalue("flink")),
            lambda: cast(System, request.getfixturevalue("functions")),
            days,
        )
        with stage.after:
            yield stage


@pytest.fixture
def record() -> Iterator[list[Outcome]]:
    """Takes outcomes, for the table."""
    yield _outcomes


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Of a full run, which takes an hour, tell at once what failed."""
    if FULL and report.failed:
        print(f"\nFAILED {report.nodeid}: {report.longreprtext[-2000:]}", flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The results so far."""
    if _outcomes:
        terminalreporter.section(f"faults, seed {SEED} (FAULTS_SEED)")
        rows = [COLUMNS, ["---"] * len(COLUMNS), *(outcome.cells() for outcome in _outcomes)]
        for row in rows:
            terminalreporter.write_line(f"| {' | '.join(row)} |")
