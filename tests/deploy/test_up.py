"""`up`, through every path that it has, on an emulator and a Flink service with the real states."""

import json
from pathlib import Path

import pytest
from botocore.stub import Stubber

import artifacts
import aws
import flink_job
import up
from aws_errors import DeployError
from deployed import APPLICATION, Account
from deployment import Deployment

PHONE = "+15550100"
STACKS = [f"low-inventory-{part}" for part in ("storage", "system", "application", "monitoring")]


def groups(account: Account) -> dict[str, dict[str, str]]:
    """The property groups that the application has."""
    found = account.application.configuration["EnvironmentProperties"]["PropertyGroups"]
    return {group["PropertyGroupId"]: group["PropertyMap"] for group in found}


def code_key(account: Account) -> str:
    """The key of the code that is live."""
    content = account.application.configuration["ApplicationCodeConfiguration"]["CodeContent"]
    return str(content["S3ContentLocation"]["FileKey"])


def test_first_then_unchanged_then_new_code(whole_account: Account) -> None:
    account = whole_account
    first = account.run("up", "--threshold", "7", "--phone", PHONE, "--email", "ops@example.com")
    assert first.status == 0, first.err
    assert account.stacks() == dict.fromkeys(STACKS, "CREATE_COMPLETE")
    assert account.application.status == "RUNNING"
    assert groups(account)["Alerts"]["threshold"] == "7"
    assert "an hour" in first.out
    assert first.out.index("an hour") < first.out.index("changed")
    assert "key of the operators' topic" in first.out

    account.flink.calls.clear()
    again = account.run("up")
    assert (again.status, again.out.splitlines()[-2]) == (0, "no change"), again.err
    assert not {"UpdateApplication", "StartApplication", "CreateApplication"} & set(account.flink.calls)

    before = code_key(account)
    account.package("low-inventory-job.zip", "# new")
    new = account.run("up")
    assert new.status == 0, new.err
    assert code_key(account) != before
    assert account.application.restored == "RESTORE_FROM_LATEST_SNAPSHOT"
    assert groups(account)["Alerts"]["threshold"] == "7"
    assert "changed: low-inventory-application\n" in new.out
    topic = account.client("sns").list_subscriptions()["Subscriptions"]
    assert PHONE in [subscription["Endpoint"] for subscription in topic]
    for outcome in (first, again, new):
        assert PHONE not in outcome.out + outcome.err


def test_stopped_stays_stopped(account: Account) -> None:
    assert account.run("up").status == 0
    assert account.run("stop").status == 0
    account.package("low-inventory-job.zip", "# new")
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert account.application.status == "READY"
    assert "is left so" in outcome.err
    assert "its job runs" not in outcome.out
    assert account.run("start").status == 0
    assert account.application.status == "RUNNING"


UNFOLLOWED = [
    (["--policy", "crossing"], "Policy"),
    (["--runtime", "FLINK-2_2"], "Runtime"),
    (["--starting-position", "LATEST"], "StartingPosition"),
]


def mappings(account: Account) -> list[str]:
    """The mapping of KinesisToDynamo, by its id."""
    found = account.client("lambda").list_event_source_mappings(FunctionName="KinesisToDynamo")
    return [mapping["UUID"] for mapping in found["EventSourceMappings"]]


def test_what_the_state_cannot_follow(account: Account) -> None:
    assert account.run("up").status == 0
    for options, named in UNFOLLOWED:
        before = mappings(account)
        refused = account.run("up", *options)
        assert (refused.status, named in refused.err, "--reset-state" in refused.err) == (2, True, True)
        assert account.parameters("application")[named] != options[1]

        account.application.restored = ""
        done = account.run("up", *options, "--reset-state")
        assert done.status == 0, done.err
        assert account.parameters("application")[named] == options[1]
        assert account.application.restored == "SKIP_RESTORE_FROM_SNAPSHOT"
        assert account.application.status == "RUNNING"
        assert len(mappings(account)) == 1
        assert (mappings(account) != before) == (named == "StartingPosition")


def test_shards_go_in_steps(account: Account) -> None:
    assert account.run("up").status == 0
    outcome = account.run("up", "--shards", "5")
    assert outcome.status == 0, outcome.err
    assert "[2, 4, 5]" in outcome.err
    summary = account.client("kinesis").describe_stream_summary(StreamName="http-requests")
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 5


def test_rolled_back_is_a_failure_and_is_tried_again(account: Account) -> None:
    assert account.run("up").status == 0
    good = code_key(account)
    account.package("low-inventory-job.zip", "# new")
    account.flink.fail("update_rolls_back")
    failed = account.run("up")
    assert failed.status == 1
    assert "rolled back" in failed.err
    assert "the job of this version failed" in failed.err
    assert "Alerts.threshold: expected a whole number" in failed.err
    assert code_key(account) == good

    again = account.run("up")
    assert again.status == 0, again.err
    assert "-after-" in code_key(account)
    assert "no change\n" in account.run("up").out


@pytest.mark.parametrize("how", ["driver_dies", "start_falls_back"])
def test_a_start_that_fails(account: Account, how: str) -> None:
    account.flink.fail(how)
    failed = account.run("up")
    assert failed.status == 1
    assert "Python process exits with code: 2" in failed.err
    assert "Traceback (most recent call last)" in failed.err
    assert account.application.status == ("RUNNING" if how == "driver_dies" else "READY")
    account.package("low-inventory-job.zip", "# mended")
    mended = account.run("up")
    assert mended.status == 0, mended.err
    assert account.application.status == "RUNNING"


@pytest.mark.parametrize("how", ["driver_dies", "update_ends_ready"])
def test_an_update_that_fails(account: Account, how: str) -> None:
    assert account.run("up").status == 0
    account.package("low-inventory-job.zip", "# new")
    account.flink.fail(how)
    failed = account.run("up")
    assert failed.status == 1
    assert "Python process exits with code: 2" in failed.err
    assert "`up` again" in failed.err


def test_a_job_that_never_shows(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink_job, "SECONDS", 0.1)
    assert account.run("up").status == 0
    account.application.logging.clear()
    account.package("low-inventory-job.zip", "# new")
    account.flink.fail("driver_dies")
    failed = account.run("up")
    assert failed.status == 1
    assert "no line of the Python driver" in failed.err
    assert "not within" in failed.err


def test_waits_until_the_service_has_scaled(account: Account) -> None:
    assert account.run("up").status == 0
    account.flink.scale(APPLICATION)
    account.package("low-inventory-job.zip", "# new")
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert "AUTOSCALING" in outcome.err


def test_plan_leaves_nothing(whole_account: Account) -> None:
    account = whole_account
    planned = account.run("up", "--plan", "--phone", PHONE)
    assert planned.status == 0, planned.err
    assert "Add     Application (AWS::KinesisAnalyticsV2::Application)" in planned.out
    assert "Add     Table (AWS::DynamoDB::Table)" in planned.out
    assert account.stacks() == {}
    assert PHONE not in planned.out + planned.err

    assert account.run("up").status == 0
    before = account.stacks(), account.parameters("application")
    planned = account.run("up", "--plan", "--threshold", "5")
    assert planned.status == 0, planned.err
    assert "Modify  Application" in planned.out
    assert "stack low-inventory-system: no change" in planned.out
    assert (account.stacks(), account.parameters("application")) == before
    assert account.client("cloudformation").list_change_sets(StackName=STACKS[2])["Summaries"] == []


def test_leftovers_are_cleared(account: Account) -> None:
    cloudformation = account.client("cloudformation")
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    cloudformation.create_change_set(
        StackName=STACKS[0], ChangeSetName="someone", ChangeSetType="CREATE", TemplateBody=template
    )
    planned = account.run("up", "--plan")
    assert (planned.status, account.stacks()) == (0, {}), planned.err
    cloudformation.create_change_set(
        StackName=STACKS[0], ChangeSetName="someone", ChangeSetType="CREATE", TemplateBody=template
    )
    account.client("kinesis").create_stream(StreamName="http-requests", ShardCount=1)
    failed = account.run("up")
    assert failed.status == 1
    assert "REVIEW_IN_PROGRESS: clearing it" in failed.err
    assert "SourceStream" in failed.err or "http-requests" in failed.err
    assert account.stacks()[STACKS[1]] == "ROLLBACK_COMPLETE"
    assert f"{STACKS[1]}: left over in ROLLBACK_COMPLETE" in account.run("up", "--plan").out

    account.client("kinesis").delete_stream(StreamName="http-requests")
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert "ROLLBACK_COMPLETE: clearing it" in outcome.err


def test_one_role_for_everything(account: Account) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    account.client("iam").create_role(RoleName="LabRole", AssumeRolePolicyDocument=json.dumps(trust))
    role = "arn:aws:iam::123456789012:role/LabRole"
    outcome = account.run("up", "--role-arn", role)
    assert outcome.status == 0, outcome.err
    assert "key of the operators' topic" not in outcome.out
    assert [one["Arn"] for one in account.client("iam").list_roles()["Roles"]] == [role]
    assert account.application.request["ServiceExecutionRole"] == role
    for function in ("KinesisToDynamo", "AlertsToSns"):
        configuration = account.client("lambda").get_function_configuration(FunctionName=function)
        assert configuration["Role"] == role
        assert configuration["TracingConfig"]["Mode"] == "PassThrough"


def test_thresholds_by_product(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "thresholds.json"
    file.write_text(json.dumps({"SKU-1": 25, 'a "quoted" ñ': 3}))
    assert account.run("up", "--thresholds", str(file)).status == 0
    assert groups(account)["Thresholds"] == {"SKU-1": "25", 'a "quoted" ñ': "3"}
    assert account.run("up", "--threshold", "5").status == 0
    assert groups(account)["Thresholds"] == {"SKU-1": "25", 'a "quoted" ñ': "3"}
    file.write_text("{}")
    assert account.run("up", "--thresholds", str(file)).status == 0
    assert "Thresholds" not in groups(account)


BAD_INPUT = [
    (["--phone", "+15550100"] * 6, "at most 5"),
    (["--starting-position", "AT_TIMESTAMP"], "--starting-timestamp"),
    (["--starting-timestamp", "2026-01-05T09:00:00Z"], "AT_TIMESTAMP"),
    (["--starting-position", "AT_TIMESTAMP", "--starting-timestamp", "yesterday"], "ISO-8601"),
    (["--threshold", "7.5"], "whole number"),
    (["--shards", "0"], "from 1"),
    (["--policy", "sometimes"], "every"),
    (["--stack-name", "low_inventory"], "--stack-name"),
    (["--thresholds", "missing.json"], "missing.json"),
]


def test_bad_input(account: Account) -> None:
    for options, expected in BAD_INPUT:
        outcome = account.run("up", *options)
        assert (outcome.status, expected in outcome.err) == (2, True), (options, outcome.err)
        assert "+15550100" not in outcome.err
    assert account.stacks() == {}


def test_a_position_in_time(account: Account) -> None:
    at = "2026-01-05T10:00:00+01:00"
    outcome = account.run("up", "--starting-position", "AT_TIMESTAMP", "--starting-timestamp", at)
    assert outcome.status == 0, outcome.err
    assert groups(account)["InputStream0"]["source.init.timestamp"] == at
    assert account.parameters("system")["StartingTimestamp"] == "1767603600"


def test_says_when_the_account_is_in_the_sandbox(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    connection = aws.connect(None)
    with Stubber(connection.client("sns")) as sns:
        sns.add_response("get_sms_sandbox_account_status", {"IsInSandbox": True})
        up._sandbox(up.Up(connection, Deployment("low-inventory"), {}))
    assert "SMS sandbox" in capsys.readouterr().err


def test_a_build_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "build.sh"
    script.write_text("#!/bin/sh\necho building\nexit 2\n")
    script.chmod(0o755)
    monkeypatch.setattr(artifacts, "ROOT", tmp_path)
    with pytest.raises(DeployError, match=r"build\.sh failed") as error:
        artifacts.build()
    assert error.value.status == 2
    monkeypatch.setattr(artifacts, "BUILD", tmp_path / "build")
    with pytest.raises(DeployError, match="no such file"):
        artifacts.packages()
