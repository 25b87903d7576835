"""`up`, through every path that it has, on an emulator and a Flink service with the real states."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from deploy import packages
from deploy.aws import flink_application, flink_job, stacks
from deploy.aws.errors import DeployError
from deploy.up import application
from emulator.flink.state import RefusedError
from tests.deploy.deployed import APPLICATION, Account, begins, code_key, groups, tell_lag
from tests.emulated import REGION

PHONE = "+15550100"
STACKS = [f"low-inventory-{part}" for part in ("storage", "table", "system", "application", "monitoring")]


def test_first_then_unchanged_then_new_code(whole_account: Account) -> None:
    account = whole_account
    first = account.run("up", "--threshold", "7", "--phone", PHONE, "--email", "ops@example.com")
    assert first.status == 0, first.err
    assert account.stacks() == dict.fromkeys(STACKS, "CREATE_COMPLETE")
    assert account.application.status == "RUNNING"
    assert groups(account)["Alerts"]["threshold"] == "7"
    assert "an hour" in first.out
    assert first.out.index("an hour") < first.out.index("changed")

    account.flink.calls.clear()
    again = account.run("up")
    assert (again.status, again.out.splitlines()[-2]) == (0, "no change"), again.err
    assert not {"UpdateApplication", "StartApplication", "CreateApplication"} & set(account.flink.calls)

    before = code_key(account)
    account.job_package("# new")
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


def test_a_stack_is_read_again_only_when_it_changes(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up").status == 0
    cloudformation, asked = account.client("cloudformation"), []
    describe = cloudformation.describe_stacks

    def note(**request: Any) -> Any:
        asked.append(request["StackName"].rpartition(":stack/")[2].split("/")[0])
        return describe(**request)

    monkeypatch.setattr(cloudformation, "describe_stacks", note)
    assert "no change\n" in account.run("up").out
    assert asked == STACKS[:4]
    asked.clear()
    account.job_package("# new")
    assert account.run("up").status == 0
    assert asked == [*STACKS[:4], STACKS[3]]


def test_stopped_stays_stopped(account: Account) -> None:
    assert account.run("up").status == 0
    assert account.run("stop").status == 0
    account.job_package("# new")
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert account.application.status == "READY"
    assert "stays stopped" in outcome.err
    assert "its job runs" not in outcome.out
    assert account.run("start").status == 0
    assert account.application.status == "RUNNING"


UNFOLLOWED = [
    (["--policy", "crossing"], "Policy"),
    (["--line", "connector-5"], "Line"),
    (["--starting-position", "LATEST"], "StartingPosition"),
]


def mappings(account: Account) -> list[str]:
    """The mapping of KinesisToDynamo, by its id."""
    found = account.client("lambda").list_event_source_mappings(FunctionName="KinesisToDynamo")
    return [mapping["UUID"] for mapping in found["EventSourceMappings"]]


def test_what_the_state_cannot_follow(account: Account) -> None:
    assert account.run("up").status == 0
    account.job_package("# 5", "connector-5")
    for options, named in UNFOLLOWED:
        before = mappings(account)
        refused = account.run("up", *options)
        assert (refused.status, named in refused.err, "--reset-state" in refused.err) == (2, True, True)
        assert account.parameters("application")[named] != options[1]

        account.application.restored = ""
        tell_lag(account, 0)
        done = account.run("up", *options, "--reset-state")
        assert done.status == 0, done.err
        assert account.parameters("application")[named] == options[1]
        assert account.application.restored == "SKIP_RESTORE_FROM_SNAPSHOT"
        assert account.application.status == "RUNNING"
        assert len(mappings(account)) == 1
        assert (mappings(account) != before) == (named == "StartingPosition")
    # A margin has a meaning with the policy that is deployed.
    assert account.run("up", "--rearm-margin", "3").status == 0
    assert account.parameters("application")["RearmMargin"] == "3"


def test_a_job_that_forgets_begins_where_it_is(account: Account) -> None:
    """Whatever changes, or nothing does."""
    assert account.run("up").status == 0
    account.job_package("# with a snapshot")
    assert account.run("up").status == 0
    before = mappings(account)
    tell_lag(account, 3600)
    read_to = account.flink.now() - timedelta(hours=1)
    outcome = account.run("up", "--reset-state")
    assert outcome.status == 0, outcome.err
    assert "2 snapshots deleted" in outcome.err
    assert "no snapshot" in account.run("rollback").err
    assert account.application.restored == "SKIP_RESTORE_FROM_SNAPSHOT"
    assert account.application.status == "RUNNING"
    assert mappings(account) == before
    first = begins(account)
    assert first["source.init.position"] == "AT_TIMESTAMP"
    at = datetime.fromisoformat(first["source.init.timestamp"])
    assert timedelta(minutes=-3) < at - read_to < timedelta(minutes=2)

    # What the mapping has is no change, and nothing else moves the job.
    assert "no change\n" in account.run("up", "--starting-position", "TRIM_HORIZON").out
    assert begins(account) == first
    account.job_package("# new")
    again = account.run("up", "--reset-state", "--starting-position", "TRIM_HORIZON")
    assert again.status == 0, again.err
    assert begins(account) == {"source.init.position": "TRIM_HORIZON"}
    assert "alerts older than a day that it reads again are sent again" in again.err
    assert mappings(account) == before


def test_a_job_that_has_read_to_an_unknown_place_is_not_reset(account: Account) -> None:
    assert account.run("up").status == 0
    account.job_package("# with a snapshot")
    assert account.run("up").status == 0
    calls = len(account.flink.calls)
    refused = account.run("up", "--reset-state")
    assert (refused.status, "how far behind its stream it is" in refused.err) == (2, True)
    assert "--starting-position" in refused.err
    account.application.up_since = None
    account.flink.passed += timedelta(hours=1)
    assert "the Flink job of low-inventory-application does not run" in account.run("up", "--reset-state").err
    assert account.run("stop").status == 0
    assert "how far behind its stream it was at its snapshot of" in account.run("up", "--reset-state").err
    assert account.application.snapshots == 2
    assert not {"UpdateApplication", "DeleteApplicationSnapshot"} & set(account.flink.calls[calls:])

    # One that its user stopped stays so, and begins anew when it is started.
    done = account.run("up", "--reset-state", "--starting-position", "TRIM_HORIZON")
    assert done.status == 0, done.err
    assert (account.application.status, account.application.snapshots) == ("READY", 0)


def test_a_change_that_is_refused_stops_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up").status == 0
    tell_lag(account, 0)
    planned = stacks.plan

    def refuse(cloudformation: Any, wanted: stacks.Request) -> Any:
        if wanted.name == STACKS[3]:
            raise stacks.RefusedError("Parameter 'Parallelism' must be at most 64")
        return planned(cloudformation, wanted)

    monkeypatch.setattr(stacks, "plan", refuse)
    outcome = account.run("up", "--parallelism", "100", "--reset-state")
    assert (outcome.status, account.application.status) == (1, "RUNNING")
    assert "must be at most 64" in outcome.err
    assert "rollback" not in outcome.err


def interrupt_creation(*_: object) -> None:
    """What the service says of a role that it may not assume."""
    raise RefusedError("InvalidArgumentException", "Please check the role provided")


def test_a_job_begins_where_the_mapping_does(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if `up` was broken off between their stacks."""
    given = ("--starting-position", "AT_TIMESTAMP", "--starting-timestamp", "2026-01-05T10:00:00+01:00")
    with monkeypatch.context() as patch:
        patch.setattr(application, "update", interrupt)
        assert account.run("up", *given).status == 130
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    expected = {"source.init.position": "AT_TIMESTAMP", "source.init.timestamp": "2026-01-05T09:00:00.000Z"}
    assert begins(account) == expected


def test_a_table_that_is_gone_is_told(account: Account) -> None:
    assert account.run("up").status == 0
    account.client("dynamodb").delete_table(TableName="HttpRequests")
    outcome = account.run("up")
    assert (outcome.status, "the table HttpRequests is gone" in outcome.err) == (1, True)
    assert account.run("down", "--yes").status == 0
    assert account.run("up").status == 0


def interrupt(*_: object, **__: object) -> None:
    """What Ctrl-C does."""
    raise KeyboardInterrupt


def test_a_reset_that_was_broken_off_goes_on(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up").status == 0
    tell_lag(account, 0)
    with monkeypatch.context() as patch:
        patch.setattr(flink_application, "start", interrupt)
        broken = account.run("up", "--policy", "crossing", "--reset-state")
    assert broken.status == 130
    first = begins(account)
    again = f"with --starting-position AT_TIMESTAMP --starting-timestamp {first['source.init.timestamp']}"
    assert again in broken.err
    assert (account.application.status, account.application.snapshots) == ("READY", 0)
    assert "was stopped, and stays stopped" in account.run("up", "--reset-state").err
    assert account.run("start").status == 0
    assert begins(account) == first


@pytest.mark.parametrize("function", ["KinesisToDynamo", "AlertsToSns"])
def test_a_mapping_that_somebody_removed_is_made_again(account: Account, function: str) -> None:
    assert account.run("up").status == 0
    client = account.client("lambda")
    mapping = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"][0]["UUID"]
    client.delete_event_source_mapping(UUID=mapping)
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert f"{function}Mapping: deleted, and then created again" in outcome.err
    assert len(client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]) == 1
    assert "no change\n" in account.run("up").out


def test_a_change_set_that_is_refused_names_the_resources(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CloudFormation answers when a name is taken; the emulator makes no such check."""
    cloudformation = account.client("cloudformation")
    identifier = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/deploy/1"
    failed = {
        "Status": "FAILED",
        "StatusReason": "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].",
        "ChangeSetId": identifier,
    }
    asked = {"ChangeSetName": identifier, "Filters": {"FailedEvents": True}}
    event = {
        "EventId": "e",
        "StackId": "s",
        "Timestamp": datetime(2026, 1, 5, tzinfo=UTC),
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "SourceStream",
        "ValidationStatusReason": "Resource of type 'AWS::Kinesis::Stream' with identifier 'x' already exists.",
    }
    monkeypatch.setattr(stacks, "_planned", lambda *_: failed)
    monkeypatch.setattr(stacks, "drop_plan", lambda *_: None)
    other = boto3.client("cloudformation", region_name=REGION)
    with Stubber(other) as answers:
        answers.add_response("describe_events", {"OperationEvents": [event]}, asked)
        monkeypatch.setattr(cloudformation, "describe_events", other.describe_events)
        with pytest.raises(stacks.StackError, match=r"SourceStream: .* already exists") as error:
            stacks.plan(cloudformation, stacks.Request(STACKS[2], json.dumps({"Resources": {}}), []))
    assert "--parameter" in error.value.next_step


ALARM_MAIL = [
    ([], "alarms reach nobody: `up --email ADDRESS`"),
    (["PendingConfirmation"], "until the owner of the mailbox confirms"),
    (["arn:aws:sns:eu-west-1:123456789012:operators:1"], ""),
    (["Deleted"], "alarms reach nobody: `up --email ADDRESS`"),
    (["Deleted", "PendingConfirmation"], "until the owner of the mailbox confirms"),
]


@pytest.mark.parametrize(("arns", "expected"), ALARM_MAIL)
def test_says_whether_alarms_reach_anybody(
    whole_account: Account, monkeypatch: pytest.MonkeyPatch, arns: list[str], expected: str
) -> None:
    account = whole_account
    assert "alarms reach nobody" in account.run("up").err
    sns = account.client("sns")
    subscriptions = [{"SubscriptionArn": arn, "Endpoint": "ops@example.com", "Protocol": "email"} for arn in arns]
    monkeypatch.setattr(
        sns, "get_paginator", lambda _: SimpleNamespace(paginate=lambda **_: [{"Subscriptions": subscriptions}])
    )
    shown = account.run("status").out
    assert expected in shown
    assert ("reach nobody" in shown) == bool(expected)
    assert "ops@" not in shown


def test_shards_go_in_steps(account: Account) -> None:
    assert account.run("up").status == 0
    outcome = account.run("up", "--shards", "5")
    assert outcome.status == 0, outcome.err
    assert "[2, 4, 5]" in outcome.err
    summary = account.client("kinesis").describe_stream_summary(StreamName="http-requests")
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 5


def test_a_stream_of_output_goes_in_steps_of_its_own(account: Account) -> None:
    assert account.run("up", "--parameter", "OutputShards=2").status == 0
    outcome = account.run("up", "--parameter", "OutputShards=5", "--shards", "2")
    assert outcome.status == 0, outcome.err
    assert "OutputShards from 2 in steps" in outcome.err
    for stream, shards in (("http-requests", 2), ("alerts-low-inventory", 5), ("http-requests-dead-letters", 5)):
        summary = account.client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        assert summary["OpenShardCount"] == shards


def test_another_deployment_beside_the_first(account: Account) -> None:
    assert account.run("up").status == 0
    names = {
        "SourceStreamName": "requests-2",
        "AlertsStreamName": "alerts-2",
        "DeadLetterStreamName": "dead-letters-2",
        "TableName": "Requests2",
        "KinesisToDynamoName": "Keep2",
        "AlertsToSnsName": "Text2",
    }
    given = [part for pair in names.items() for part in ("--parameter", "=".join(pair))]
    outcome = account.run("up", "--stack-name", "second", *given)
    assert outcome.status == 0, outcome.err
    assert {"HttpRequests", "Requests2"} <= set(account.client("dynamodb").list_tables()["TableNames"])
    assert account.run("up", "--stack-name", "second").status == 0

    refused = account.run("up", "--stack-name", "second", "--parameter", "TableName=Requests3")
    assert refused.status == 2
    assert "TableName: this deployment has Requests2, and Requests3 would begin empty" in refused.err
    assert account.run("down", "--stack-name", "second", "--yes").status == 0
    assert account.client("dynamodb").describe_table(TableName="HttpRequests")["Table"]["TableStatus"] == "ACTIVE"


def test_a_setting_that_was_rolled_back_is_tried_again(account: Account, tmp_path: Path) -> None:
    thresholds = tmp_path / "thresholds.json"
    thresholds.write_text('{"SKU-1": 25}')
    assert account.run("up").status == 0
    account.flink.fail("update_rolls_back")
    failed = account.run("up", "--threshold", "5", "--thresholds", str(thresholds))
    assert failed.status == 1
    assert 'rolled back: Threshold is 10, not 5; Thresholds is empty, not {"SKU-1":25}' in failed.err

    again = account.run("up")
    assert again.status == 0, again.err
    assert "updated again: Threshold is 10, not 5" in again.err
    assert groups(account)["Alerts"]["threshold"] == "5"
    assert groups(account)["Alerts"]["thresholds"] == '{"SKU-1":25}'
    assert "no change\n" in account.run("up").out

    assert account.run("up", "--threshold", "4").status == 0
    assert account.run("rollback").status == 0
    assert groups(account)["Alerts"]["threshold"] == "5"
    assert account.run("up").status == 0
    assert groups(account)["Alerts"]["threshold"] == "4"


def test_rolled_back_is_a_failure_and_is_tried_again(account: Account) -> None:
    assert account.run("up").status == 0
    good = code_key(account)
    account.job_package("# new")
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
    account.job_package("# mended")
    mended = account.run("up")
    assert mended.status == 0, mended.err
    assert account.application.status == "RUNNING"


@pytest.mark.parametrize("how", ["driver_dies", "update_ends_ready"])
def test_an_update_that_fails(account: Account, how: str) -> None:
    assert account.run("up").status == 0
    account.job_package("# new")
    account.flink.fail(how)
    failed = account.run("up")
    assert failed.status == 1
    assert "Python process exits with code: 2" in failed.err
    assert "`up` again" in failed.err


def test_a_job_that_never_shows(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink_job, "SECONDS", 0.1)
    assert account.run("up").status == 0
    account.application.logging.clear()
    account.job_package("# new")
    account.flink.fail("driver_dies")
    failed = account.run("up")
    assert failed.status == 1
    assert "no line of the Python driver" in failed.err
    assert "not within" in failed.err


def test_waits_until_the_service_has_scaled(account: Account) -> None:
    assert account.run("up").status == 0
    account.flink.scale(APPLICATION)
    account.job_package("# new")
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
    assert account.client("cloudformation").list_change_sets(StackName=STACKS[3])["Summaries"] == []


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
    assert "is in REVIEW_IN_PROGRESS, the state of a creation that failed: deleting it" in failed.err
    assert "SourceStream" in failed.err or "http-requests" in failed.err
    # What was created for it is gone too, so nothing is in the way of the next `up`.
    assert STACKS[2] not in account.stacks()

    account.client("kinesis").delete_stream(StreamName="http-requests")
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err


def test_one_role_for_everything(account: Account) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    account.client("iam").create_role(RoleName="LabRole", AssumeRolePolicyDocument=json.dumps(trust))
    role = "arn:aws:iam::123456789012:role/LabRole"
    outcome = account.run("up", "--service-role-arn", role)
    assert outcome.status == 0, outcome.err
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
    assert json.loads(groups(account)["Alerts"]["thresholds"]) == {"SKU-1": 25, 'a "quoted" ñ': 3}
    assert account.run("up", "--threshold", "5").status == 0
    assert json.loads(groups(account)["Alerts"]["thresholds"]) == {"SKU-1": 25, 'a "quoted" ñ': 3}
    file.write_text("{}")
    assert account.run("up", "--thresholds", str(file)).status == 0
    assert "thresholds" not in groups(account)["Alerts"]


BAD_INPUT = [
    (["--phone", "5550100"], "--phone, value 1: expected + and 7 to 15 digits"),
    (["--phone", PHONE, "--phone", PHONE], "--phone, value 2: expected each once"),
    (["--phone", "none", "--phone", PHONE], "--phone, value 1"),
    (["--email", "nobody"], "--email, value 1: expected name@domain"),
    (["--alert-email", "5550100@x"], "--alert-email, value 1: expected name@domain"),
    (["--learner-lab"], "allows only the regions us-east-1 and us-west-2, not eu-west-1"),
    (["--starting-position", "AT_TIMESTAMP"], "--starting-timestamp"),
    (["--starting-timestamp", "2026-01-05T09:00:00Z"], "AT_TIMESTAMP"),
    (["--starting-position", "AT_TIMESTAMP", "--starting-timestamp", "yesterday"], "ISO-8601"),
    (["--threshold", "7.5"], "whole number from 0 to 2147483647"),
    (["--threshold", "-1"], "whole number from 0"),
    (["--policy", "every", "--rearm-margin", "3"], "--rearm-margin: expected with --policy crossing"),
    (
        ["--message", "{product} is low"],
        "expected no fields but {product_id}, {inventory}, {ts}, {reason}, got {product}",
    ),
    (["--message", " "], "expected a text"),
    (["--message", "low: {product_id"], "a brace of the text itself is written twice"),
    (["--shards", "0"], "from 1"),
    (["--policy", "sometimes"], "every"),
    (["--stack-name", "low_inventory"], "--stack-name"),
    (["--thresholds", "missing.json"], "missing.json"),
    (["--runtime", "FLINK-1_15"], "FLINK-1_20"),
    (["--line", "connector-6"], "connector-5"),
    (["--parameter", "OutputShards"], "NAME=VALUE"),
    (["--parameter", "OutputShards=0"], "whole number from 1, got '0'"),
    (["--parameter", "SmsSpendAlarm=3"], "none of that name"),
    (["--parameter", "JobKey=x.zip"], "none of that name"),
    (["--parameter", "Thresholds={}"], "--thresholds"),
    (["--parameter", "AutoScaling=maybe"], "one of true, false, got 'maybe'"),
]


def test_bad_input(account: Account) -> None:
    # The policy of a deployment that has none yet is `every`.
    for options, expected in [*BAD_INPUT, (["--rearm-margin", "3"], "--policy crossing only, not every")]:
        outcome = account.run("up", *options)
        assert (outcome.status, expected in outcome.err) == (2, True), (options, outcome.err)
        assert "5550100" not in outcome.err
    assert account.stacks() == {}


def test_a_position_in_time(account: Account) -> None:
    at = "2026-01-05T10:00:00+01:00"
    outcome = account.run("up", "--starting-position", "AT_TIMESTAMP", "--starting-timestamp", at)
    assert outcome.status == 0, outcome.err
    assert groups(account)["InputStream0"]["source.init.timestamp"] == at
    assert account.parameters("system")["StartingTimestamp"] == "1767603600"


def test_a_build_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "build.sh"
    script.write_text("#!/bin/sh\necho building\nexit 2\n")
    script.chmod(0o755)
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    with pytest.raises(DeployError, match=r"build\.sh failed") as error:
        packages.build("connector-4")
    assert error.value.status == 2
    monkeypatch.setattr(packages, "BUILD", tmp_path / "build")
    with pytest.raises(DeployError, match="no such file"):
        packages.packages("connector-4")
