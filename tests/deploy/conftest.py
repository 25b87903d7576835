"""The account that the tests of `deploy` work on."""

from pathlib import Path

import pytest

from deploy import __main__ as deploy
from deploy import deployment, packages
from deploy.aws import session, waiting
from deploy.commands import logs, tail, verify
from emulator.flink import endpoint
from tests.deploy.deployed import Account, Outcome
from tests.deploy.scripted_flink import ScriptedFlink
from tests.direct import Direct
from tests.emulated import REGION, Emulator


@pytest.fixture(scope="session")
def connection(direct: Direct) -> session.Aws:
    """One for all tests, since making a client takes long."""
    return session.Aws(direct.session, REGION)


@pytest.fixture(scope="session")
def flink() -> ScriptedFlink:
    """The stand-in for the Flink service."""
    service = ScriptedFlink(REGION)
    # A Learner Lab knows two regions alone.
    endpoint.serve({REGION: service, "us-east-1": service}.__getitem__)
    return service


@pytest.fixture
def account(
    emulator: Emulator,
    flink: ScriptedFlink,
    connection: session.Aws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Account:
    """An empty account; `up` makes four of the five stacks there, as the alarms take their time."""
    flink.reset()
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(session, "connect", lambda region: connection)
    monkeypatch.setattr(packages, "BUILD", tmp_path)
    # The build is Maven's and pip's; what is uploaded here is small.
    monkeypatch.setattr(packages, "build", lambda line: None)
    for module in (waiting, tail, logs, verify):
        monkeypatch.setattr(module, "INTERVAL", 0.005)
    monkeypatch.setattr(waiting, "now", flink.now)
    monkeypatch.setattr(waiting, "pause", lambda seconds: None)
    monkeypatch.setattr(deployment, "PARTS", ("storage", "table", "system", "application"))

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        # Nobody is there to be asked.
        agreed = ["--yes"] if arguments[0] == "up" else []
        try:
            status = deploy.main([*arguments, *agreed])
        except SystemExit as exit:
            status = int(exit.code or 0)
        out, err = capsys.readouterr()
        return Outcome(status, out, err)

    account = Account(emulator, flink, tmp_path, connection, run)
    for name in (packages.job("connector-4").name, *packages.FUNCTIONS.values()):
        account.package(name, "def lambda_handler(event, context): ...")
    return account


@pytest.fixture
def whole_account(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An empty account, in which `up` makes all five stacks."""
    monkeypatch.setattr(deployment, "PARTS", ("storage", "table", "system", "application", "monitoring"))
    return account
