"""`stop`, `start`, `rollback`, `dashboard`, `status`, `logs` and `tail`."""

import json
import time

import pytest

from tests.deploy.deployed import APPLICATION, Account, code_key
from tests.deploy.playing import give_up, reject, store
from tests.lambdas import function_under_test

COMMANDS = ("stop", "start", "rollback", "dashboard", "verify", "logs", "tail events", "redrive kinesis-to-dynamo")


def test_without_a_deployment(account: Account) -> None:
    for command in COMMANDS:
        outcome = account.run(*command.split())
        assert (outcome.status, outcome.err.count("\n"), "deploy up" in outcome.err) == (1, 1, True), command


def test_stop_start_and_dashboard(account: Account) -> None:
    assert account.run("up").status == 0
    link = account.run("dashboard")
    assert "/flinkdashboard?authToken=" in link.out
    assert link.out.count("\n") == 1
    assert "already" in account.run("start").out

    stopped = account.run("stop")
    assert (stopped.status, "low-inventory-monitoring-job-down says meanwhile" in stopped.out) == (0, True)
    assert (account.application.status, account.application.snapshots) == ("READY", 1)
    assert "already" in account.run("stop").out
    refused = account.run("dashboard")
    assert (refused.status, refused.out) == (1, "")
    assert "READY" in refused.err

    account.flink.fail("driver_dies")
    failed = account.run("start")
    assert failed.status == 1
    assert "Python process exits with code: 2" in failed.err
    forced = account.run("stop", "--force")
    assert forced.status == 0
    assert "from its snapshot of 2026-01-05 09:00:00 UTC" in forced.out
    assert "alerts older than a day are sent again" in forced.out
    account.flink.fail("start_falls_back")
    failed = account.run("start")
    assert failed.status == 1
    assert "CodeError: jobs/low_inventory.py failed" in failed.err
    assert account.run("start").status == 0
    assert account.application.restored == "RESTORE_FROM_LATEST_SNAPSHOT"


def test_a_forced_stop_without_any_snapshot(account: Account) -> None:
    assert account.run("up").status == 0
    assert "from the starting position, as it has no snapshot" in account.run("stop", "--force").out


def test_rollback(account: Account) -> None:
    assert account.run("up").status == 0
    first = code_key(account)
    refused = account.run("rollback")
    assert refused.status == 1
    assert "no snapshot" in refused.err

    account.job_package("# new")
    assert account.run("up").status == 0
    second = code_key(account)
    outcome = account.run("rollback")
    assert outcome.status == 0, outcome.err
    assert code_key(account) == first
    assert "ROLLING_BACK" in outcome.err

    again = account.run("up")
    assert again.status == 0, again.err
    assert code_key(account).startswith(second.removesuffix(".zip"))
    assert account.run("stop").status == 0
    assert "is READY" in account.run("rollback").err


def test_status(whole_account: Account) -> None:
    account = whole_account
    assert account.run("status").status == 1
    assert account.run("up", "--threshold", "7", "--phone", "+15550100").status == 0
    for failure in (reject, give_up):
        failure(account, function_under_test.event([b"bad"]))
    store(account, "redriven/rejected/KinesisToDynamo/2026/01/05/shardId-000000000006-1.json", {})
    shown = account.run("status")
    assert shown.status == 0, shown.err
    for part in (
        f"{APPLICATION}: RUNNING",
        "threshold 7, policy every",
        "job: up for",
        "http-requests: ACTIVE, 1 shard, kept for 24 h",
        "KinesisToDynamo: mapping Enabled",
        ", 2 failures\n",
        ", 0 failures\n",
    ):
        assert part in shown.out
    assert len(shown.out.splitlines()) <= 24
    assert "+15550100" not in shown.out
    assert "authToken" not in shown.out
    account.application.up_since = None
    assert "none that Flink knows of" in account.run("status").out


def test_logs(account: Account) -> None:
    account.flink.fail("driver_dies")
    assert account.run("up").status == 1
    shown = account.run("logs")
    assert shown.status == 0, shown.err
    assert "Alerts.threshold: expected a whole number" in shown.out
    assert '"logger"' not in shown.out

    client = account.client("logs")
    client.create_log_stream(logGroupName="/aws/lambda/AlertsToSns", logStreamName="one")
    now = int(time.time() * 1000)
    rejected = {"level": "WARNING", "message": "record rejected", "reason": "expected UTF-8", "sequence_number": "17"}
    lines = ["sent to +15550100", "sent to nobody", json.dumps(rejected)]
    events = [{"timestamp": now, "message": line} for line in lines]
    client.put_log_events(logGroupName="/aws/lambda/AlertsToSns", logStreamName="one", logEvents=events)
    shown = account.run("logs", "alerts-to-sns")
    assert "sent to nobody" in shown.out
    assert "+15550100" not in shown.out
    assert "record rejected: sequence_number 17, reason expected UTF-8\n" in shown.out


def test_logs_go_on_until_interrupted(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up").status == 0
    client, waits = account.client("logs"), []

    def write(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            raise KeyboardInterrupt
        event = {"timestamp": int(time.time() * 1000), "message": f"line {len(waits)}"}
        client.put_log_events(
            logGroupName=f"/aws/kinesis-analytics/{APPLICATION}",
            logStreamName="kinesis-analytics-log-stream",
            logEvents=[event],
        )

    monkeypatch.setattr(time, "sleep", write)
    shown = account.run("logs", "--follow")
    assert shown.status == 130
    assert [line.partition(" ")[2] for line in shown.out.splitlines()] == ["line 1", "line 2", "line 3"]


def test_tail(account: Account) -> None:
    assert account.run("up", "--shards", "2").status == 0
    kinesis = account.client("kinesis")
    for n in range(5):
        kinesis.put_record(StreamName="http-requests", Data=f'{{"n": {n}}}'.encode(), PartitionKey=f"k{n}")
    kinesis.put_record(StreamName="http-requests", Data=b"\x1b[31m \xff", PartitionKey="k")
    shown = account.run("tail", "events", "--from-start", "--limit", "3")
    assert (shown.status, len(shown.out.splitlines())) == (0, 3)
    shown = account.run("tail", "events", "--from-start", "--limit", "100")
    assert sorted(shown.out.splitlines()) == sorted([*(f'{{"n":{n}}}' for n in range(5)), "\\x1b[31m \\xff"])
    shown = account.run("tail", "alerts", "--from-start", "--limit", "1")
    assert (shown.status, shown.out) == (0, "")
