"""`down`: what goes, what stays, and that nothing is left."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.aws import stacks, waiting
from deploy.commands import down
from local import leftovers
from tests.deploy.deployed import APPLICATION, Account
from tests.deploy.playing import bucket, store
from tests.emulated import REGION


def everything(account: Account) -> dict[str, list[Any]]:
    """All that the account holds; tables and stacks by their names."""
    found = leftovers.everything(account.client)
    if "stacks" in found:
        found["stacks"] = [stack["StackName"] for stack in found["stacks"]]
    return found


def put_item(account: Account) -> None:
    item = {"pk": {"S": "path#/inventory/SKU-1"}, "sk": {"S": "2026-01-05T09:00:00.000Z#1"}}
    account.client("dynamodb").put_item(TableName="HttpRequests", Item=item)


def test_nothing_is_left(whole_account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account = whole_account
    assert account.run("up", "--phone", "+15550100").status == 0
    put_item(account)
    account.job_package("# new")
    assert account.run("up").status == 0
    assert set(everything(account)) == {*leftovers.LOOKS}
    delete = down._delete

    def with_a_late_flush(cloudformation: Any, found: down.Inventory, part: str) -> None:
        delete(cloudformation, found, part)
        if part == "system":
            account.client("logs").create_log_group(logGroupName="/aws/lambda/KinesisToDynamo")

    monkeypatch.setattr(down, "_delete", with_a_late_flush)
    outcome = account.run("down", "--yes")
    assert outcome.status == 0, outcome.err
    assert "HttpRequests is deleted, with 1 item" in outcome.out
    assert "/aws/lambda/KinesisToDynamo is there again" in outcome.err
    assert outcome.out.endswith("\nnothing is left\n")
    assert everything(account) == {}
    assert "nothing of low-inventory" in account.run("down", "--yes").out


def test_failures_go_only_when_it_is_told(account: Account) -> None:
    assert account.run("up").status == 0
    name = bucket(account)
    store(account, "redriven/rejected/KinesisToDynamo/2026/01/05/shardId-000000000006-1.json", {})
    kept = store(account, "rejected/KinesisToDynamo/2026/01/05/shardId-000000000006-2.json", {})
    outcome = account.run("down", "--yes")
    assert outcome.status == 0, outcome.err
    assert f"the bucket of failures {name} is kept (--delete-failures deletes it), with 1 object" in outcome.out
    left = f"but the bucket {name} with 1 failure, which `down --delete-failures` deletes"
    assert f"nothing is left {left}" in outcome.out
    assert [one["Name"] for one in everything(account).pop("buckets")] == [name]
    assert set(everything(account)) == {"buckets"}
    # It is known after the stack is gone, and beside the bucket of the next one.
    assert f"nothing of low-inventory is in {REGION} {left}" in account.run("down", "--yes").out
    assert kept in [one["Key"] for one in account.client("s3").list_objects_v2(Bucket=name)["Contents"]]
    assert account.run("up").status == 0
    outcome = account.run("down", "--yes", "--delete-failures")
    assert outcome.status == 0, outcome.err
    assert f"the bucket of failures {name} goes, with 1 object" in outcome.out
    assert everything(account) == {}


def test_what_was_sent_again_keeps_nothing(account: Account) -> None:
    assert account.run("up").status == 0
    store(account, "redriven/rejected/KinesisToDynamo/2026/01/05/shardId-000000000006-1.json", {})
    assert account.run("down", "--yes").status == 0
    assert everything(account) == {}


def test_a_kept_table_comes_back(account: Account) -> None:
    assert account.run("up").status == 0
    put_item(account)
    outcome = account.run("down", "--keep-table", "--yes")
    assert outcome.status == 0, outcome.err
    assert "nothing is left but the table HttpRequests" in outcome.out
    kept = {"stacks": ["low-inventory-table"], "tables": ["HttpRequests"]}
    assert everything(account) == kept
    planned = account.run("up", "--plan")
    assert planned.status == 0, planned.err
    assert "stack low-inventory-table: no change" in planned.out
    assert everything(account) == kept
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert account.client("dynamodb").scan(TableName="HttpRequests")["Count"] == 1
    assert "no change\n" in account.run("up").out
    assert account.run("down", "--yes").status == 0
    assert everything(account) == {}


@pytest.mark.parametrize("state", ["STARTING", "FORCE_STOPPING", "ROLLING_BACK", "ROLLED_BACK"])
def test_an_application_on_its_way_is_forced_to_stop(account: Account, state: str) -> None:
    assert account.run("up").status == 0
    account.application.status = state
    if state in ("FORCE_STOPPING", "ROLLING_BACK"):
        after = "READY" if state == "FORCE_STOPPING" else "RUNNING"
        account.application.ahead = [(state, None), (after, None)]
    outcome = account.run("down", "--yes")
    assert outcome.status == 0, outcome.err
    assert everything(account) == {}


def test_a_failed_up_can_be_taken_down(account: Account) -> None:
    account.client("kinesis").create_stream(StreamName="http-requests-dead-letters", ShardCount=1)
    assert account.run("up").status == 1
    account.client("kinesis").delete_stream(StreamName="http-requests-dead-letters")
    outcome = account.run("down", "--yes")
    assert outcome.status == 0, outcome.err
    assert outcome.out.endswith("nothing is left\n")
    assert everything(account) == {}


@pytest.mark.parametrize("last", ["table", "system"])
def test_an_interrupted_down_is_finished_by_the_next(
    account: Account, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    assert account.run("up").status == 0
    put_item(account)
    delete = down._delete

    def interrupted(cloudformation: Any, found: down.Inventory, part: str) -> None:
        delete(cloudformation, found, part)
        if part == last:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(down, "_delete", interrupted)
        assert account.run("down", "--yes").status == 130
    outcome = account.run("down", "--yes")
    assert outcome.status == 0, outcome.err
    assert everything(account) == {}


class Answers:
    """A call about a thing that still answers so many times after the thing is deleted."""

    def __init__(self, call: Any, late: int) -> None:
        self._call, self.late = call, late

    def __call__(self, **arguments: Any) -> Any:
        try:
            return self._call(**arguments)
        except ClientError:
            self.late -= 1
            if self.late < 0:
                raise
            return {}


def test_what_still_answers_is_waited_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up").status == 0
    lambda_ = account.client("lambda")
    answers = Answers(lambda_.get_function, late=5)
    monkeypatch.setattr(lambda_, "get_function", answers)
    outcome = account.run("down", "--yes")
    assert outcome.status == 0, outcome.err
    assert answers.late < 0
    monkeypatch.setattr(down, "_GONE_SECONDS", 0)
    assert account.run("up").status == 0
    answers.late = 5
    outcome = account.run("down", "--yes")
    assert outcome.status == 1
    assert "AWS::Lambda::Function" in outcome.err
    assert "to be gone" in outcome.err


def test_asks_first(account: Account) -> None:
    assert account.run("up").status == 0
    outcome = account.run("down")
    assert outcome.status == 2
    assert "--yes" in outcome.err
    assert APPLICATION in account.flink.applications
    assert account.application.status == "RUNNING"


class LateStacks:
    """CloudFormation, whose description of a stack is behind what it does."""

    def __init__(self, *said: str) -> None:
        self.said = list(said)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if not self.said:
            raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
        return {"Stacks": [{"StackId": "arn", "StackStatus": self.said.pop(0)}]}

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        """Answers at once, as AWS does."""


@pytest.mark.parametrize("end", [["DELETE_COMPLETE"], []])
def test_a_stack_is_gone_only_when_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch, end: list[str]) -> None:
    monkeypatch.setattr(waiting, "INTERVAL", 0)
    late = LateStacks("CREATE_COMPLETE", "CREATE_COMPLETE", "DELETE_IN_PROGRESS", *end)
    stacks.delete(late, "low-inventory-system")
    assert late.said == []
