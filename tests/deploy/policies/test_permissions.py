"""The policies and the page of permissions are made from the calls that the commands make, so that they cannot rot."""

import io
import json
import os
import re
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.deploy.deployed import Account, tell_lag
from tests.deploy.playing import Playing, delivered, reject
from tests.deploy.policies import permissions

PHONE = "+15550100"
UPDATE = "UPDATE_PERMISSIONS"
EVENT = {"eventID": "shardId-000000000000:1", "kinesis": {"sequenceNumber": "1", "approximateArrivalTimestamp": 1.0}}


NOT_EMULATED = {
    # `--learner-lab`, and the roles of `--service-role-arn` and `--cloudformation-role-arn`
    "iam:GetRole",
    "iam:PassRole",
    # of an account in the SMS sandbox
    "sns:ListSMSSandboxPhoneNumbers",
    # why a change set was refused
    "cloudformation:DescribeEvents",
}


class Recorder:
    """Notes each call of the account's clients, by the command that makes it."""

    def __init__(self, account: Account, patch: pytest.MonkeyPatch) -> None:
        self.by_command: dict[str, set[tuple[str, str]]] = {}
        self.now: set[tuple[str, str]] = set()
        # A client is made when a command first needs it.
        make = account.connection.client

        def client(service: str) -> Any:
            made = make(service)
            made.meta.events.register("before-call", self._note, unique_id="recorder")
            return made

        patch.setattr(account.connection, "client", client)

    def _note(self, model: Any, **_: Any) -> Any:
        # The functions and the job are played by a thread with the same clients.
        if "_play" not in threading.current_thread().name:
            self.now.add((model.service_model.service_name, model.name))
        if model.name == "Invoke":
            # The emulator runs functions only in Docker.
            return SimpleNamespace(status_code=200), {"Payload": io.BytesIO(b"{}")}
        return None

    def run(self, account: Account, *arguments: str, status: int = 0) -> None:
        """Run a command, and keep what it calls."""
        self.now = set()
        outcome = account.run(*arguments)
        self.by_command.setdefault(arguments[0], set()).update(self.now)
        assert outcome.status == status, (arguments, outcome.out, outcome.err)


def lifetime(recorder: Recorder, account: Account) -> None:
    """All commands, with what makes them call something more."""
    account.client("iam").create_role(
        RoleName="LabRole", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []})
    )
    recorder.run(account, "up", "--plan", "--phone", PHONE)
    account.client("kinesis").create_stream(StreamName="http-requests", ShardCount=1)
    recorder.run(account, "up", status=1)
    account.client("kinesis").delete_stream(StreamName="http-requests")
    everybody = ("--phone", PHONE, "--alert-email", "a@example.com", "--email", "b@example.com")
    recorder.run(account, "up", "--threshold", "7", *everybody)
    recorder.run(account, "up", "--phone", "none", "--email", "none")
    account.application.taken += [account.flink.now() + timedelta(seconds=n) for n in range(12)]
    account.job_package("# new")
    account.package("kinesis-to-dynamo.zip", "# new")
    recorder.run(account, "up")
    recorder.run(account, "rollback")
    tell_lag(account, 0)
    recorder.run(account, "status")
    recorder.run(account, "dashboard")
    recorder.run(account, "up", "--reset-state")
    account.flink.fail("driver_dies")
    account.job_package("# dies")
    recorder.run(account, "up", status=1)
    account.job_package("# newer")
    recorder.run(account, "up")
    recorder.run(account, "stop")
    recorder.run(account, "start")
    delivered(account, 1)
    with Playing(account):
        recorder.run(account, "verify", "--timeout", "60")
    reject(account, {"Records": [EVENT]})
    recorder.run(account, "redrive", "kinesis-to-dynamo")
    recorder.run(account, "logs")
    recorder.run(account, "tail", "events", "--from-start", "--limit", "1")
    recorder.run(account, "stop", "--force")
    recorder.run(account, "down", "--yes", "--delete-failures")


def test_the_policies_are_what_the_commands_call(whole_account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account = whole_account
    recorder = Recorder(account, monkeypatch)
    lifetime(recorder, account)
    by_command = {name: permissions.actions(calls) for name, calls in sorted(recorder.by_command.items())}
    by_command["up"] |= NOT_EMULATED
    caller = permissions.caller(by_command)
    table = permissions.page(by_command)
    whole = permissions.PAGE.read_text(encoding="utf-8")
    made = re.sub(r"\| command \| actions \|\n(\|.*\n)*", lambda _: table, whole)
    files = {
        permissions.PAGE: made,
        permissions.CALLER: permissions.text(caller),
        permissions.CLOUDFORMATION: permissions.text(permissions.cloudformation()),
    }
    for path, content in files.items():
        if UPDATE in os.environ:
            path.write_text(content, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == content, f"out of date: run this test with {UPDATE}=1"


@pytest.mark.parametrize("path", permissions.MOST_CHARACTERS, ids=lambda path: path.name)
def test_a_policy_can_be_used(path: Any) -> None:
    """IAM knows each action, and takes a policy of this size."""
    policy = json.loads(path.read_text(encoding="utf-8"))
    assert permissions.unknown(action for one in policy["Statement"] for action in one["Action"]) == []
    assert permissions.size(policy) <= permissions.MOST_CHARACTERS[path]


def test_only_what_cannot_be_narrower_is_on_everything() -> None:
    policy = json.loads(permissions.CALLER.read_text(encoding="utf-8"))
    wide = [action for one in policy["Statement"] if one["Resource"] == "*" for action in one["Action"]]
    named = [action for action in wide if permissions._takes_resource(action)]
    # Alarms and dashboards are named by what monitoring.yaml calls them; their metrics have no resource.
    assert {action.partition(":")[0] for action in named} <= {"cloudwatch"}
