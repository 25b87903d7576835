"""The lines of the connector: which one `up` takes, what it says of it, and the way from one to another."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy import packages
from deploy.aws import stacks
from deploy.aws.errors import DeployError
from deploy.aws.stream_reader import StreamReader
from deploy.deployment import Deployment
from deploy.up import lines
from deploy.up.state import Deployed, Part, Wanted
from jobs.alerting.kinesis.lines import LINES
from tests.deploy.deployed import APPLICATION, Account, begins, code_key, tell_lag
from tests.deploy.scripted_flink import ScriptedFlink
from tests.emulated import REGION
from tests.lambdas import function_under_test

FIRST: dict[str, str] = {}
OLD = {"JobKey": "low-inventory-job-0123456789abcdef.zip", "Runtime": "FLINK-1_20"}


def with_line(line: str) -> dict[str, str]:
    """The parameters of an application that has a line."""
    return OLD | {"Line": line}


# What is built, what is deployed, what is asked for; and the line that is taken.
CHOICES: list[tuple[str, dict[str, str], dict[str, str], str]] = [
    ("", FIRST, {}, "connector-4"),
    ("connector-5", FIRST, {}, "connector-5"),
    ("connector-5 flink-2.2", FIRST, {"Line": "connector-4"}, "connector-4"),
    ("", FIRST, {"Runtime": "FLINK-2_2"}, "flink-2.2"),
    ("connector-5", FIRST, {"Runtime": "FLINK-1_20"}, "connector-5"),
    ("connector-5", OLD, {}, "connector-4"),
    ("connector-5", with_line("connector-4"), {"Runtime": "FLINK-1_20"}, "connector-4"),
    ("", with_line("connector-5"), {}, "connector-5"),
    ("connector-5", with_line("flink-2.2"), {}, "flink-2.2"),
    ("connector-5", with_line("flink-2.2"), {"Runtime": "FLINK-1_20"}, "connector-5"),
    ("connector-5", with_line("connector-5"), {"Line": "flink-2.2"}, "flink-2.2"),
]


@pytest.mark.parametrize(("built", "deployed", "asked", "expected"), CHOICES)
def test_which_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    built: str,
    deployed: dict[str, str],
    asked: dict[str, str],
    expected: str,
) -> None:
    def fail(line: str) -> None:
        raise DeployError("./build.sh failed, see above")

    monkeypatch.setattr(packages, "BUILD", tmp_path)
    monkeypatch.setattr(packages, "build", fail)
    for line in built.split():
        packages.job(line).touch()
    there = Deployed({"application": Part("a", "", deployed, {}, "", [])}, None)
    chosen = lines.choose(Wanted(Deployment("low-inventory"), asked), there)
    assert (chosen.values["Line"], chosen.values["Runtime"]) == (expected, packages.LINES[expected])


def test_a_first_deployment_tries_to_build_the_best(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def build(line: str) -> None:
        built.append(line)
        account.job_package("# built", line)

    monkeypatch.setattr(packages, "build", build)
    outcome = account.run("up")
    assert outcome.status == 0, outcome.err
    assert (built, code_key(account)[:30]) == (["connector-5"] * 2, "low-inventory-job-connector-5-")


def test_the_job_and_deploy_know_the_same_lines() -> None:
    assert {line: runtime[len("FLINK-")] for line, runtime in packages.LINES.items()} == LINES


@pytest.mark.parametrize(("line", "runtime"), [("connector-4", "FLINK-2_2"), ("flink-2.2", "FLINK-1_20")])
def test_a_line_and_a_runtime_that_do_not_fit(account: Account, line: str, runtime: str) -> None:
    outcome = account.run("up", "--line", line, "--runtime", runtime)
    assert (outcome.status, outcome.err.count("\n"), account.stacks()) == (2, 1, {})
    assert f"--line {line} runs on {packages.LINES[line]}, not on {runtime}" in outcome.err


def test_what_the_oldest_line_does_not_promise_is_said(account: Account) -> None:
    first = account.run("up", "--plan").err
    assert "v1, whose support ended" in first
    assert "`up --line connector-5`;" in first
    assert account.run("up").status == 0
    assert "`up --line connector-5 --reset-state`;" in account.run("up", "--plan").err
    account.job_package("# 5", "connector-5")
    assert "support ended" not in account.run("up", "--plan", "--line", "connector-5").err


@pytest.mark.parametrize(
    ("line", "reader", "alarms"),
    [
        ("connector-4", "polling", {"events-read-throttling"}),
        ("connector-5", "polling", {"job-lost-shards"}),
        ("flink-2.2", "efo", {"events-read-throttling", "job-lost-shards"}),
    ],
)
def test_alarms_of_a_line(whole_account: Account, line: str, reader: str, alarms: set[str]) -> None:
    account = whole_account
    account.job_package("# new", line)
    outcome = account.run("up", "--line", line, "--reader", reader)
    assert outcome.status == 0, outcome.err
    found = [one["AlarmName"] for one in account.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    ours = {name.removeprefix("low-inventory-monitoring-") for name in found}
    assert ours & {"events-read-throttling", "job-lost-shards"} == alarms
    assert f"alarms: {len(found)}, on " in outcome.out


def test_a_shard_that_was_lost_is_told(account: Account) -> None:
    account.job_package("# 5", "connector-5")
    assert account.run("up").status == 0
    assert "expired" not in account.run("status").out
    lost = {"MetricName": "ShardsLost", "Timestamp": account.flink.now() - timedelta(days=3), "Value": 1}
    for _ in range(2):
        account.client("cloudwatch").put_metric_data(Namespace="low-inventory-system", MetricData=[lost])
    assert "2 shards expired in 14 days before the job had read to the end" in account.run("status").out


# From one line to another


class Rehearsal:
    """A shop that goes on sending, and the job of each line, which is behind and which writes what it read in the end.

    Half a minute passes, and an event comes, each time that somebody looks at the application.

    Args:
        account: with a deployment that runs.
        behind: how far the job is behind its stream, as its metric says.
    """

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch, behind: timedelta) -> None:
        self._account, self._behind = account, behind
        self._kinesis = account.client("kinesis")
        self.sent: list[str] = []
        self.written: list[list[str]] = [[]]
        self._read: list[str] = []
        self._reader = StreamReader(self._kinesis, "http-requests", "TRIM_HORIZON")
        self._ahead: list[dict[str, Any]] = []
        # Records come when the flying clock says so.
        monkeypatch.setattr("moto.kinesis.models.utcnow", lambda: account.flink.now().replace(tzinfo=None))
        handle = ScriptedFlink.handle

        def handled(service: ScriptedFlink, operation: str, request: dict[str, Any]) -> dict[str, Any]:
            before = account.application.status
            answer = handle(service, operation, request)
            if operation == "StopApplication" and not request.get("Force"):
                self._write()
            if operation == "DescribeApplication":
                self._pass(before)
            return answer

        monkeypatch.setattr(ScriptedFlink, "handle", handled)

    def _pass(self, before: str) -> None:
        """Half a minute: an event, and what the job makes of those that it has come to."""
        self.sent.append(f"SKU-{len(self.sent):04}")
        self._kinesis.put_record(StreamName="http-requests", Data=self.sent[-1].encode(), PartitionKey="k")
        if before != "RUNNING":
            return
        tell_lag(self._account, self._behind.total_seconds())
        self.read(self._account.flink.now() - self._behind)

    def read(self, until: datetime) -> None:
        """Read what came before a time; what was read before is written now."""
        self._write()
        self._ahead += self._reader.poll()
        while self._ahead and self._ahead[0]["ApproximateArrivalTimestamp"] <= until:
            self._read.append(self._ahead.pop(0)["Data"].decode())

    def _write(self) -> None:
        self.written[-1] += self._read
        self._read = []

    def begin_anew(self) -> None:
        """The job of the other line, where its properties say."""
        position = begins(self._account)
        assert position["source.init.position"] == "AT_TIMESTAMP"
        start = datetime.fromisoformat(position["source.init.timestamp"])
        self._reader, self._ahead, self._read = StreamReader(self._kinesis, "http-requests", start), [], []
        self.written.append([])
        self.read(datetime.max.replace(tzinfo=UTC))
        self._write()


def messages(account: Account, monkeypatch: pytest.MonkeyPatch, alerts: list[str]) -> Iterator[str]:
    """What AlertsToSns publishes of alerts, with the topic and the table of the deployment."""
    system = stacks.outputs(stacks.describe(account.client("cloudformation"), "low-inventory-system"))
    sqs, topic = boto3.client("sqs", region_name=REGION), system["AlertsTopicArn"]
    queue = sqs.create_queue(QueueName="phone")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:123456789012:phone"
    account.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    function = function_under_test.load(
        monkeypatch, "alerts_to_sns", TOPIC_ARN=topic, IDEMPOTENCY_TABLE=system["IdempotencyTableName"]
    )
    common = {"inventory": 3, "ts": "2026-01-05T09:00:00.000Z", "reason": "LOW_STOCK"}
    records = [json.dumps({"product_id": one, **common}).encode() for one in alerts]
    assert function_under_test.invoke(function, records) == []
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for one in found:
            yield json.loads(one["Body"])["Message"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])


@pytest.mark.parametrize("behind", [0, 1800])
def test_from_one_line_to_another_nothing_is_lost_and_nothing_published_twice(
    account: Account, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    account.job_package("# 5", "connector-5")
    assert account.run("up", "--line", "connector-4").status == 0
    rehearsal = Rehearsal(account, monkeypatch, timedelta(seconds=behind))
    while len(rehearsal.written[0]) < 40:
        account.client("kinesisanalyticsv2").describe_application(ApplicationName=APPLICATION)

    refused = account.run("up", "--line", "connector-5")
    assert (refused.status, account.parameters("application")["Line"]) == (2, "connector-4")
    assert "Line: the state of one line may not be readable by another" in refused.err
    assert "--reset-state" in refused.err

    moved = account.run("up", "--line", "connector-5", "--reset-state")
    assert moved.status == 0, moved.err
    assert account.application.restored == "SKIP_RESTORE_FROM_SNAPSHOT"
    assert account.parameters("application")["Line"] == "connector-5"
    assert "what it had read by 20" in moved.err
    assert f"begin anew at {begins(account)['source.init.timestamp']}" in moved.err

    rehearsal.begin_anew()
    before, after = rehearsal.written
    assert sorted({*before, *after}) == rehearsal.sent
    # It begins a little before, and not at the beginning.
    assert 0 < len({*before} & {*after}) < len(before)
    published = list(messages(account, monkeypatch, before + after))
    assert sorted(published) == [f"ALERTA: {one} bajo inventario (3)" for one in rehearsal.sent]


def test_a_job_that_was_stopped_begins_where_its_snapshot_ends(account: Account) -> None:
    account.job_package("# 5", "connector-5")
    assert account.run("up", "--line", "connector-4").status == 0
    assert account.run("stop").status == 0
    snapshots = account.client("kinesisanalyticsv2").list_application_snapshots(ApplicationName=APPLICATION)
    (snapshot,) = snapshots["SnapshotSummaries"]
    stopped = snapshot["SnapshotCreationTimestamp"]
    move = ("up", "--line", "connector-5", "--reset-state")
    unknown = account.run(*move)
    assert (unknown.status, f"its snapshot of {stopped:%Y-%m-%dT%H:%M}" in unknown.err) == (2, True)
    for minutes, seconds in ((-3, 200), (-1, 45), (5, 0)):
        tell_lag(account, seconds, stopped + timedelta(minutes=minutes))
    moved = account.run(*move)
    assert moved.status == 0, moved.err
    # The last before it, the longest lag, and the margin.
    expected = stopped - timedelta(minutes=1, seconds=200) - timedelta(minutes=2)
    assert datetime.fromisoformat(begins(account)["source.init.timestamp"]) == expected
    assert account.application.status == "READY"
    assert account.run("start").status == 0
