"""What a first hour on AWS brings that an emulator does not, on the stand-in made to behave so."""

import json
import sys
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from deploy import __main__ as deploy
from deploy.aws import flink_application, flink_job, session, stacks, topics
from deploy.aws.errors import DeployError
from deploy.deployment import Deployment
from deploy.up import subscribers
from deploy.up.state import Wanted
from emulator.flink.state import RefusedError
from tests.deploy.deployed import APPLICATION, Account, begins, code_key, tell_lag
from tests.deploy.scripted_flink import ScriptedFlink

REMINDER = "low-inventory-monitoring-left-running"
PHONE, OTHER = "+15550100", "+15550101"


# States


@pytest.mark.parametrize("state", ["ROLLED_BACK", "A_STATE_OF_TOMORROW"])
def test_an_application_can_rest_in_any_state(account: Account, state: str) -> None:
    """No command waits for a state that does not come."""
    assert account.run("up").status == 0
    account.application.status, account.application.up_since = state, None
    settled = flink_application.settled(account.client("kinesisanalyticsv2"), APPLICATION, seconds=1)
    assert settled is not None
    assert settled["ApplicationStatus"] == state
    assert account.run("stop", "--force").status == 0
    # Whether the service deletes an application in an unknown state, only it can tell.
    if state == "ROLLED_BACK":
        assert account.run("down", "--yes").status == 0


@pytest.mark.parametrize("command", [("up",), ("start",)])
def test_a_rolled_back_application_is_started_again(account: Account, command: tuple[str, ...]) -> None:
    assert account.run("up").status == 0
    account.application.status, account.application.up_since = "ROLLED_BACK", None
    outcome = account.run(*command)
    assert outcome.status == 0, outcome.err
    assert account.application.status == "RUNNING"


# The log of the service

ONE = {"message": "exit", "throwableInformation": "at PythonDriver\nPython process exits with code: 1"}
LIST = {"message": "exit", "throwableInformation": ["at PythonDriver", "Python process exits with code: 1"]}
CODE = {"message": "CodeError: see the cause", "throwableInformation": ["Caused by: no such table"]}


@pytest.mark.parametrize("event", [ONE, LIST, CODE])
def test_the_reason_is_read_in_both_forms(account: Account, event: dict[str, Any]) -> None:
    assert account.run("up").status == 0
    logs, group = account.client("logs"), f"/aws/kinesis-analytics/{APPLICATION}"
    at = account.flink.now()
    entry = {"timestamp": int(at.timestamp() * 1000), "message": json.dumps(event)}
    logs.put_log_events(logGroupName=group, logStreamName="kinesis-analytics-log-stream", logEvents=[entry])
    thrown = event["throwableInformation"]
    expected = [event["message"], *(thrown.splitlines() if isinstance(thrown, str) else thrown)]
    assert flink_job.message(json.dumps(event)).splitlines() == expected
    # The filter of moto's logs knows one word; the pattern itself is CloudWatch's.
    assert {"PythonDriver", "CodeError"} == {word.strip('?"') for word in flink_job._REASONS.split()}


# Roles


def test_a_role_that_is_too_new_is_waited_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's words while IAM does not know the role everywhere yet, at the creation and at the start."""
    create = ScriptedFlink._create_application
    refused: list[dict[str, Any]] = []

    def once(self: ScriptedFlink, request: dict[str, Any]) -> dict[str, Any]:
        if not refused:
            refused.append(request)
            raise RefusedError(
                "InvalidArgumentException",
                "Please check the role provided: unable to get the specified fileKey: job.zip",
            )
        return create(self, request)

    monkeypatch.setattr(ScriptedFlink, "_create_application", once)
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert outcome.err.count("the role is too new to be used") == 1
    assert account.application.status == "RUNNING"

    assert account.run("stop").status == 0
    account.flink.fail("start_falls_back")
    monkeypatch.setattr(flink_application, "last_failure", lambda *_: "Unable to get the specified fileKey: job.zip")
    again = account.run("start")
    assert again.status == 0, again.err
    assert "starting again" in again.err


# Where it begins


def test_latest_is_the_time_of_the_first_start(account: Account) -> None:
    before = account.flink.now()
    assert account.run("up", "--starting-position", "LATEST").status == 0
    first = begins(account)
    assert first["source.init.position"] == "AT_TIMESTAMP"
    assert before.replace(microsecond=0) <= datetime.fromisoformat(first["source.init.timestamp"])
    assert first["source.init.timestamp"].endswith("Z")
    assert len(first["source.init.timestamp"]) == len("2026-01-05T09:00:00.000Z")
    (mapping,) = account.client("lambda").list_event_source_mappings(FunctionName="KinesisToDynamo")[
        "EventSourceMappings"
    ]
    assert mapping["StartingPosition"] == "AT_TIMESTAMP"

    # Neither the same option, nor new code, nor none of both moves it.
    account.job_package("# new")
    for options in ([], ["--starting-position", "LATEST"], ["--threshold", "5"]):
        outcome = account.run("up", *options)
        assert outcome.status == 0, outcome.err
        assert begins(account) == first
    refused = account.run("up", "--starting-position", "TRIM_HORIZON")
    assert (refused.status, "--reset-state" in refused.err) == (2, True)

    tell_lag(account, 0)
    moved = account.run("up", "--starting-position", "LATEST", "--reset-state")
    assert moved.status == 0, moved.err
    assert "the job will begin anew at " in moved.err
    assert begins(account)["source.init.timestamp"] > first["source.init.timestamp"]


# Stacks


def test_a_creation_that_fails_leaves_no_stack(account: Account) -> None:
    account.client("kinesis").create_stream(StreamName="alerts-low-inventory", ShardCount=1)
    failed = account.run("up")
    assert failed.status == 1
    assert "alerts-low-inventory" in failed.err
    assert set(account.stacks()) == {"low-inventory-storage", "low-inventory-table"}


def test_tags_and_a_service_role_are_asked_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    cloudformation, asked = account.client("cloudformation"), []
    create = cloudformation.create_change_set

    def note(**request: Any) -> Any:
        asked.append(request)
        return create(**request)

    monkeypatch.setattr(cloudformation, "create_change_set", note)
    role = "arn:aws:iam::123456789012:role/cloudformation"
    assert account.run("up", "--tag", "team=shop", "--cloudformation-role-arn", role).status == 0
    assert [(one["Tags"], one["RoleARN"]) for one in asked] == [([{"Key": "team", "Value": "shop"}], role)] * 4
    asked.clear()
    assert account.run("up", "--threshold", "5").status == 0
    # Left out, both stay as they are.
    assert not any({"Tags", "RoleARN"} & one.keys() for one in asked)


def test_snapshots_are_pruned(account: Account) -> None:
    assert account.run("up").status == 0
    for n in range(15):
        account.job_package(f"# {n}")
        account.application.taken.append(account.flink.now())
    before = list(account.application.taken)
    assert account.run("up").status == 0
    # The newest, and the one that the update itself took.
    assert account.application.snapshots == flink_application.KEPT_SNAPSHOTS
    assert account.application.taken[:-1] == before[1 - flink_application.KEPT_SNAPSHOTS :]


def test_state_that_cannot_be_matched_may_be_dropped(account: Account) -> None:
    assert account.run("up").status == 0
    assert account.parameters("application")["AllowNonRestoredState"] == "false"
    account.job_package("# new")
    assert account.run("up", "--allow-non-restored-state").status == 0
    assert account.parameters("application")["AllowNonRestoredState"] == "true"
    # It alone restarts no job, and does not outlive the code that it was meant for.
    assert "no change\n" in account.run("up").out
    account.job_package("# newer")
    before = code_key(account)
    assert account.run("up").status == 0
    assert code_key(account) != before
    assert account.parameters("application")["AllowNonRestoredState"] == "false"


def test_fan_out_is_an_option(account: Account) -> None:
    outcome = account.run("up", "--reader", "efo")
    assert outcome.status == 0, outcome.err
    assert begins(account)["source.reader.type"] == "EFO"
    assert "enhanced fan-out" in outcome.out


@pytest.mark.parametrize(("policy", "said"), [("crossing", True), ("every", False)])
def test_more_shards_under_crossing(account: Account, policy: str, said: bool) -> None:
    assert account.run("up", "--policy", policy).status == 0
    planned = account.run("up", "--plan", "--shards", "2")
    assert planned.status == 0, planned.err
    assert ("out of order" in planned.err) == said
    assert "out of order" not in account.run("up", "--plan").err


# Who is told


def subscribed(account: Account) -> list[tuple[str, str]]:
    """Who gets the alerts."""
    found = account.client("sns").list_subscriptions()["Subscriptions"]
    return sorted((one["Protocol"], one["Endpoint"]) for one in found)


CHANGES = [
    (["--phone", PHONE, "--phone", OTHER], {("sms", PHONE), ("sms", OTHER)}),
    ([], {("sms", PHONE), ("sms", OTHER)}),
    (["--phone", OTHER], {("sms", OTHER)}),
    (["--alert-email", "shop@example.com"], {("sms", OTHER), ("email", "shop@example.com")}),
    (
        [part for n in range(7) for part in ("--phone", f"+1555010{n}")],
        {*(("sms", f"+1555010{n}") for n in range(7)), ("email", "shop@example.com")},
    ),
    (["--phone", "none"], {("email", "shop@example.com")}),
    (["--alert-email", "none"], set()),
]


def test_changes_of_who_gets_the_alerts(account: Account) -> None:
    for options, expected in CHANGES:
        outcome = account.run("up", *options)
        assert outcome.status == 0, outcome.err
        assert set(subscribed(account)) == expected
        assert ("no change\n" in outcome.out) == (not options)
        assert PHONE not in outcome.out + outcome.err


def test_a_mailbox_that_never_confirmed_gets_the_mail_again() -> None:
    calls: list[Any] = []

    class Sns:
        """SNS with a subscription that waits for its confirmation."""

        def get_paginator(self, _: str) -> Any:
            waiting = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "a@example.com", "Protocol": "email"}
            return type("Pages", (), {"paginate": lambda *_, **__: [{"Subscriptions": [waiting]}]})()

        def subscribe(self, **request: Any) -> None:
            calls.append(request["Endpoint"])

    assert topics.subscribe_exactly(Sns(), "arn", "email", ["a@example.com"])
    # It cannot be unsubscribed: it ends by itself.
    assert not topics.subscribe_exactly(Sns(), "arn", "email", [])
    assert calls == ["a@example.com"]


def test_the_sandbox_says_which_numbers_are_not_verified(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    sns = account.client("sns")
    numbers = [{"PhoneNumber": PHONE, "Status": "Verified"}, {"PhoneNumber": OTHER, "Status": "Pending"}]
    with Stubber(sns) as answers:
        answers.add_response("get_sms_sandbox_account_status", {"IsInSandbox": True})
        answers.add_response("list_sms_sandbox_phone_numbers", {"PhoneNumbers": numbers})
        subscribers.say_sandbox(account.connection, Wanted(Deployment("low-inventory"), phones=(PHONE, OTHER)))
    said = capsys.readouterr().err
    assert "SMS sandbox" in said
    assert "not verified: --phone number 2." in said
    assert "create-sms-sandbox-phone-number" in said
    assert OTHER not in said


def test_the_sandbox_is_told_first(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the price and the question: without verified phones there is little to agree to."""
    monkeypatch.setattr(subscribers, "say_sandbox", lambda *_: print("sandbox"))
    said = account.run("up", "--plan").out
    assert said.index("sandbox") < said.index("an hour")


def test_text_messages_are_logged_and_down_takes_that_back(account: Account) -> None:
    def role() -> str:
        attributes = account.client("sns").get_sms_attributes(attributes=["DeliveryStatusIAMRole"])["attributes"]
        return str(attributes.get("DeliveryStatusIAMRole", ""))

    assert account.run("up").status == 0
    assert "TextsLogRole" in role()
    assert account.run("down", "--yes").status == 0
    assert role() == ""


# Price and consent


def test_asks_on_a_terminal_only(account: Account, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    class Terminal:
        """A terminal with somebody at it."""

        answer = "no\n"

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return self.answer

    capsys.readouterr()
    assert deploy.main(["up"]) == 2
    assert "add --yes" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert deploy.main(["up"]) == 1
    printed = capsys.readouterr().out
    assert printed.index("an hour") < printed.index("type yes to go on") < printed.index("nothing was changed")
    assert account.stacks() == {}
    monkeypatch.setattr(Terminal, "answer", "yes\n")
    assert deploy.main(["up"]) == 0
    assert account.application.status == "RUNNING"


def test_a_learner_lab(whole_account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account = whole_account
    monkeypatch.setattr(account.connection, "region", "us-east-1")
    # The clients of the other tests are of another region.
    monkeypatch.setattr(account.connection, "_clients", {})
    missing = account.run("up", "--learner-lab")
    assert (missing.status, "LabRole" in missing.err) == (2, True)
    trust = {"Version": "2012-10-17", "Statement": []}
    account.client("iam").create_role(RoleName="LabRole", AssumeRolePolicyDocument=json.dumps(trust))
    outcome = account.run("up", "--learner-lab")
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert "the lab's budget of $50 lasts" in lines[0]
    assert [line.strip() for line in lines[-2:]] == ["python -m deploy stop", "python -m deploy down"]
    assert account.parameters("system")["RoleArn"].endswith(":role/LabRole")
    assert account.parameters("application")["AutoScaling"] == "false"
    assert account.parameters("monitoring")["Alarms"] == "essential"
    assert "on 10 metrics" in outcome.out
    # While the job reports, it says every four hours that it does; a stopped application has no metric.
    assert account.parameters("monitoring")["ReminderHours"] == "4"
    assert len(account.client("cloudwatch").describe_alarms(AlarmNames=[REMINDER])["MetricAlarms"]) == 1
    assert "--email" in lines[-3] + lines[-4]
    assert [one["RoleName"] for one in account.client("iam").list_roles()["Roles"]] == ["LabRole"]
    assert account.run("down", "--yes").status == 0
    assert account.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


@pytest.mark.parametrize(("name", "near"), [("eu-wset-1", "eu-west-1"), ("mars-north-1", "")])
def test_an_unknown_region_is_told_before_credentials_are_asked_for(name: str, near: str) -> None:
    with pytest.raises(DeployError, match="no such region") as error:
        session.connect(name)
    assert error.value.status == 2
    assert near in error.value.next_step


def test_an_option_of_another_form_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["up", "--policy", "sometimes"], ["up", "--threshold", "ten"], ["nothing"], ["up", "file"]):
        with pytest.raises(SystemExit) as ended:
            deploy.main(arguments)
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert (said.startswith("deploy: "), said.count("\n")) == (True, 1), said


def test_a_stack_that_cloudformation_has_deleted_tells_why(account: Account) -> None:
    body = json.dumps({"Resources": {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "one"}}}})
    account.client("kinesis").create_stream(StreamName="one", ShardCount=1)
    cloudformation = account.client("cloudformation")
    planned = stacks.plan(cloudformation, stacks.Request("shop", body, []))
    assert planned
    with pytest.raises(stacks.StackError, match="DELETE_COMPLETE: "):
        stacks.execute(cloudformation, planned)
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="shop")
