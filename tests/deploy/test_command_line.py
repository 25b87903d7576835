"""`deploy` as a process: its help, its signals, and where it works."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoRegionError

from deploy import __main__ as deploy
from deploy import packages
from deploy.aws import session
from tests.emulated import REGION, Emulator, eventually

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "deploy"]
ALL = [
    *("up", "status", "dashboard", "verify", "stop", "start"),
    *("rollback", "redrive", "logs", "tail", "down"),
]


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(deploy.COMMANDS) == ALL
    for command in deploy.COMMANDS:
        with pytest.raises(SystemExit) as ended:
            deploy.main([command, "--help"])
        assert ended.value.code == 0
        assert "--stack-name" in capsys.readouterr().out


def test_the_old_name_of_an_option() -> None:
    assert deploy.parser().parse_args(["up", "--role-arn", "arn"]).service_role_arn == "arn"


@pytest.mark.parametrize("module", ["deploy", "emulator", "local.pipeline"])
def test_help_needs_no_boto3(module: str) -> None:
    """Which takes most of a second to import on a slow machine."""
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert not {"boto3", "rich", "moto"} & imported


@pytest.mark.parametrize(
    ("option", "variables", "expected"),
    [
        ("eu-west-1", {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        (None, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-west-2"}, "us-east-1"),
        (None, {"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        (None, {}, None),
    ],
)
def test_region(
    monkeypatch: pytest.MonkeyPatch, option: str | None, variables: dict[str, str], expected: str | None
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if expected is None:
        with pytest.raises(NoRegionError):
            session.connect(option)
    else:
        assert session.connect(option).region == expected


@pytest.mark.parametrize(
    "arguments", [["tail", "events", "--limit", "0"], ["logs", "--minutes", "-5"], ["verify", "--timeout", "-1"]]
)
def test_numbers_that_mean_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        deploy.main(arguments)
    assert ended.value.code == 2
    assert f"deploy: {arguments[-2]}: expected a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "there is no AWS region; name it with --region or AWS_REGION"),
        (
            {"AWS_REGION": REGION},
            "there are no AWS credentials; run `aws configure` or `aws sso login`, or set AWS_PROFILE",
        ),
        ({"AWS_REGION": REGION, "AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
    ],
)
def test_what_an_account_needs_is_bad_input(variables: dict[str, str], expected: str) -> None:
    """And nothing is said before it."""
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **nowhere, **variables}
    done = subprocess.run([*COMMAND, "status"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"deploy: {expected}\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it(emulator: Emulator, tmp_path: Path, number: signal.Signals, status: int) -> None:
    cloudformation = session.connect(REGION).client("cloudformation")
    template = (ROOT / "deploy" / "templates" / "storage.yaml").read_text(encoding="utf-8")
    cloudformation.create_stack(StackName="low-inventory-storage", TemplateBody=template)
    emulator.create_streams(1)
    body = (
        "Outputs:\n  AlertsStreamName: {Value: alerts-low-inventory}\nResources: {Queue: {Type: 'AWS::SQS::Queue'}}\n"
    )
    cloudformation.create_stack(StackName="low-inventory-system", TemplateBody=body)
    errors = tmp_path / "errors"
    with errors.open("wb") as file:
        command = [*COMMAND, "tail", "alerts", "--region", REGION]
        process = subprocess.Popen(command, stderr=file, stdout=subprocess.DEVNULL)
        eventually(lambda: b"Ctrl-C ends it" in errors.read_bytes(), "tail begins")
        process.send_signal(number)
        assert process.wait(30) == status
    assert "Traceback" not in errors.read_text()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_build_ends_with_it(emulator: Emulator, tmp_path: Path, number: signal.Signals, status: int) -> None:
    """What the build runs ends too, and nothing was made."""
    begun, whole = tmp_path / "begun", tmp_path / "whole"
    shutil.copytree(ROOT / "deploy", whole / "deploy")
    script = whole / "build.sh"
    script.write_text(f"#!/bin/sh\nsleep 600 &\ntouch {begun}\nwait\n")
    script.chmod(0o755)
    command = [*COMMAND, "up", "--yes", "--region", REGION]
    process = subprocess.Popen(command, cwd=whole, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    eventually(begun.exists, "the build begins")
    process.send_signal(number)
    # The pipe ends when the last process that has it is gone.
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert b"Traceback" not in said
    assert session.connect(REGION).client("cloudformation").describe_stacks()["Stacks"] == []


def test_the_build_ends_with_a_signal_that_comes_while_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "build.sh"
    script.write_text("#!/bin/sh\nsleep 600\n")
    script.chmod(0o755)
    builds: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            builds.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(packages, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        packages.build("connector-4")
    assert [build.returncode for build in builds] == [-signal.SIGTERM]
