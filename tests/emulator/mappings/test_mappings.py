"""Mappings at work on the emulator, with functions that do well, fail, hang and die."""

import base64
import dataclasses
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator.functions.description import FunctionError
from emulator.functions.runtime import Invocation
from emulator.mappings.batches import Batch
from emulator.mappings.mappings import EventSourceMappings
from emulator.mappings.settings import EventSourceMapping, MappingError
from emulator.mappings.worker import Options
from tests.emulated import REGION, SOURCE, Emulator, eventually
from tests.emulator.mappings.lambda_account import QUICK, LambdaAccount

FAILURE_HANDLING: dict[str, Any] = {
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 1,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


def on_failure(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def ranges(failures: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    infos = [failure["KinesisBatchInfo"] for failure in failures]
    return [(info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) for info in infos]


def settled(mappings: EventSourceMappings, count: int) -> Callable[[], bool]:
    return lambda: sum(each.done + each.discarded for each in mappings.statistics()) == count


def test_records_reach_the_function(account: LambdaAccount) -> None:
    account.create_function()
    account.create_mapping(BatchSize=2)
    account.put("k/1", "k/2", "k/3")
    with account.running() as mappings:
        eventually(settled(mappings, 3), "three records", 20)
        (statistics,) = mappings.statistics()
        account.put("k/4")
        eventually(settled(mappings, 4), "the fourth", 20)
    assert account.batches() == [["k/1", "k/2"], ["k/3"], ["k/4"]]
    assert (statistics.function, statistics.stream) == ("recorder", SOURCE)
    assert (statistics.read, statistics.invocations, statistics.failures) == (3, 2, 0)
    assert (statistics.last_result, statistics.behind, statistics.waiting_since) == ("OK", 0, 0)
    # What it printed, and when, is in its log group.
    log = account.log()
    assert [sum(line.startswith(word) for line in log) for word in ("START", "END", "REPORT")] == [3, 3, 3]


def test_batching_window(account: LambdaAccount) -> None:
    """Records that come apart go together."""
    account.create_function()
    account.create_mapping(MaximumBatchingWindowInSeconds=1)
    with account.running() as mappings:
        account.put("k/1")
        eventually(lambda: mappings.statistics()[0].read == 1, "the first is read", 20)
        account.put("k/2")
        eventually(settled(mappings, 2), "both", 20)
        assert mappings.statistics()[0].invocations <= 2
    assert account.seen() == ["k/1", "k/2"]


@pytest.mark.parametrize("bad", ["k/bad", "k/raise", "k/exit"])
def test_bad_record(account: LambdaAccount, bad: str) -> None:
    """Reported, raised or deadly: it is told of alone, and the others are processed in their order."""
    account.create_function()
    account.create_mapping(**FAILURE_HANDLING, **on_failure(account.create_queue()))
    account.put("k/1", "k/2", bad, "k/4", "k/5")
    with account.running() as mappings:
        eventually(settled(mappings, 5), "all records", 30)
        (statistics,) = mappings.statistics()
    (failure,) = account.failures()
    assert ranges([failure]) == [("3", "3", 1)]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    assert failure["requestContext"]["functionArn"].endswith(":function:recorder")
    assert failure["responseContext"]["functionError"] == (None if bad == "k/bad" else "Unhandled")
    assert failure["KinesisBatchInfo"]["streamArn"] == account.stream_arn()
    assert (statistics.done, statistics.discarded, statistics.retries) == (4, 1, 1)
    alone = [batch for batch in account.batches() if batch == [bad]]
    assert len(alone) == 2
    first_times = list(dict.fromkeys(account.seen()))
    assert first_times == ["k/1", "k/2", bad, "k/4", "k/5"]


@pytest.mark.parametrize("bad", ["k/bad", "k/raise"])
def test_bad_record_to_a_bucket(account: LambdaAccount, bad: str) -> None:
    """The object has all that the function was given, so that the stream is not needed any more."""
    account.create_function()
    uuid = account.create_mapping(**FAILURE_HANDLING, **on_failure(account.create_bucket()))
    account.put("k/1", bad, "k/3")
    with account.running() as mappings:
        eventually(settled(mappings, 3), "all records", 30)
    ((key, body),) = account.objects().items()
    assert key.startswith(f"aws/lambda/{uuid}/shardId-000000000000/")
    assert list(body) == [
        "requestContext",
        "responseContext",
        "version",
        "timestamp",
        "KinesisBatchInfo",
        "payload",
    ]
    (record,) = json.loads(body["payload"])["Records"]
    assert base64.b64decode(record["kinesis"]["data"]).decode() == bad
    assert (record["eventID"], record["eventSourceARN"]) == ("shardId-000000000000:2", account.stream_arn())


def test_hanging_record(account: LambdaAccount) -> None:
    account.create_function(Timeout=1)
    account.create_mapping(BatchSize=1, MaximumRetryAttempts=0, **on_failure(account.create_queue()))
    account.put("k/1", "k/hang", "k/3")
    with account.running() as mappings:
        eventually(settled(mappings, 3), "all records", 30)
    assert account.seen() == ["k/1", "k/hang", "k/3"]
    assert ranges(account.failures()) == [("2", "2", 1)]
    assert any("Task timed out after 1.00 seconds" in line for line in account.log())


def test_nonsense(account: LambdaAccount) -> None:
    """A function that answers with no report, where one is expected, has failed for the whole batch."""
    account.create_function(source="def lambda_handler(event, context): return {'batchItemFailures': [{'id': 1}]}")
    settings = FAILURE_HANDLING | {"BisectBatchOnFunctionError": False}
    account.create_mapping(**settings, **on_failure(account.create_queue()))
    account.put("k/1", "k/2")
    with account.running() as mappings:
        eventually(settled(mappings, 2), "both", 20)
    assert ranges(account.failures()) == [("1", "2", 2)]


def test_no_destination(account: LambdaAccount) -> None:
    """Discarded all the same."""
    account.create_function()
    account.create_mapping(MaximumRetryAttempts=0)
    account.put("k/raise")
    with account.running() as mappings:
        eventually(settled(mappings, 1), "the record", 20)
        assert mappings.statistics()[0].last_result == "PROBLEM: Function call failed"


def test_record_age(account: LambdaAccount) -> None:
    """Two minutes later the record is too old."""
    account.create_function()
    account.create_mapping(MaximumRecordAgeInSeconds=60, **on_failure(account.create_queue()))
    account.put("k/1")
    options = dataclasses.replace(QUICK, clock=lambda: time.time() + 120)
    with account.running(options) as mappings:
        eventually(settled(mappings, 1), "the record", 20)
    (failure,) = account.failures()
    assert failure["requestContext"]["condition"] == "RecordAgeExceeded"
    assert account.batches() == []


def test_starting_positions(account: LambdaAccount) -> None:
    account.create_function()
    account.put("k/old")
    moment = time.time()
    account.create_mapping(StartingPosition="LATEST")
    with account.running() as mappings:
        eventually(lambda: bool(mappings.statistics()), "a worker", 20)
        account.put("k/new")
        eventually(settled(mappings, 1), "the new record", 20)
    assert account.seen() == ["k/new"]
    (uuid,) = (mapping["UUID"] for mapping in account.lambda_.list_event_source_mappings()["EventSourceMappings"])
    account.lambda_.delete_event_source_mapping(UUID=uuid)
    account.create_mapping(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    with account.running() as mappings:
        eventually(settled(mappings, 1), "the new record once more", 20)
    assert account.seen() == ["k/new", "k/new"]


def test_shards_do_not_wait_for_one_another(emulator: Emulator, account: LambdaAccount) -> None:
    """While one shard's function hangs, the other's works."""
    emulator.kinesis.update_shard_count(StreamName=SOURCE, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    account.create_function(Timeout=30)
    account.create_mapping()
    keys = [f"key{number}" for number in range(30)]
    shard_of = {
        key: emulator.kinesis.put_record(StreamName=SOURCE, Data=key.encode(), PartitionKey=key)["ShardId"]
        for key in keys
    }
    hanging = next(key for key in keys if shard_of[key] != shard_of[keys[0]])
    account.put(f"{hanging}/hang")
    with account.running() as mappings:
        eventually(lambda: f"{hanging}/hang" in account.seen(), "one shard's function hangs", 20)
        account.put(f"{keys[0]}/well")
        eventually(lambda: f"{keys[0]}/well" in account.seen(), "the other goes on", 20)
        mappings.kill()


def test_resharding(emulator: Emulator, account: LambdaAccount) -> None:
    """Split and merged while it runs: all records, those of a key in their order, closed shards ended."""
    account.create_function()
    account.create_mapping(BatchSize=10)
    keys, expected = [f"key{number}" for number in range(8)], list[str]()

    def put_round(number: int) -> None:
        texts = [f"{key}/{number}" for key in keys]
        account.put(*texts)
        expected.extend(texts)

    with account.running() as mappings:
        put_round(1)
        split(emulator)
        put_round(2)
        eventually(settled(mappings, 16), "two rounds", 30)
        merge(emulator)
        put_round(3)
        eventually(settled(mappings, 24), "three rounds", 30)
        states = {each.shard: each.state for each in mappings.statistics()}
    assert sorted(account.seen()) == sorted(expected)
    for key in keys:
        assert [text for text in account.seen() if text.startswith(f"{key}/")] == [
            f"{key}/{number}" for number in (1, 2, 3)
        ]
    assert [states[f"shardId-{number:012}"] for number in range(3)] == ["ended"] * 3
    assert states["shardId-000000000003"] == "reading"


def split(emulator: Emulator) -> None:
    emulator.kinesis.split_shard(StreamName=SOURCE, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))


def merge(emulator: Emulator) -> None:
    emulator.kinesis.merge_shards(
        StreamName=SOURCE, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
    )


def test_parent_that_blocks(emulator: Emulator, account: LambdaAccount) -> None:
    """Children wait while their parent's batch is retried."""
    account.create_function()
    account.create_mapping()
    account.put("k/raise")
    split(emulator)
    account.put("k/child")
    with account.running() as mappings:
        eventually(lambda: mappings.statistics()[0].retries >= 3, "retries of the parent", 20)
        assert [each.shard for each in mappings.statistics()] == ["shardId-000000000000"]
    assert set(account.seen()) == {"k/raise"}


def test_disabled_and_enabled(account: LambdaAccount) -> None:
    """It resumes after the last record that was processed."""
    account.create_function()
    uuid = account.create_mapping()
    account.put("k/1")
    with account.running() as mappings:
        eventually(settled(mappings, 1), "the first", 20)
        account.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
        eventually(lambda: not mappings.statistics(), "the mapping's end", 20)
        account.put("k/2")
        account.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)
        eventually(settled(mappings, 1), "the second", 20)
    assert account.seen() == ["k/1", "k/2"]


def test_changes_take_effect(account: LambdaAccount) -> None:
    """New settings of the mapping, new code and settings of the function, a mapping that comes later."""
    account.create_function()
    with account.running() as mappings:
        assert mappings.statistics() == []
        uuid = account.create_mapping()
        account.put("k/1")
        eventually(lambda: account.seen() == ["k/1"], "the first", 20)
        account.lambda_.update_event_source_mapping(UUID=uuid, BatchSize=1)
        eventually(lambda: begun(account) == 2, "the mapping's new settings", 20)
        account.put("k/2", "k/3")
        eventually(lambda: account.batches() == [["k/1"], ["k/2"], ["k/3"]], "the next two, one by one", 20)
        later = account.kept.with_name("later")
        variables = {"Variables": {"KEPT": str(later)}}
        account.lambda_.update_function_configuration(FunctionName="recorder", Environment=variables)
        eventually(lambda: begun(account) == 3, "the function's new settings", 20)
        account.put("k/4")
        eventually(lambda: later.exists() and later.read_text() == "k/4\n", "the fourth", 20)


def begun(account: LambdaAccount) -> int:
    """How often a mapping was said to run."""
    return sum(line.endswith("): runs") for line in account.said)


def test_refused_at_the_start(account: LambdaAccount) -> None:
    account.create_function()
    uuid = account.create_mapping(ParallelizationFactor=4)
    with pytest.raises(MappingError, match=rf"mapping .*{uuid}\): ParallelizationFactor: is not carried out"):
        account.running().__enter__()


def test_refused_later(account: LambdaAccount) -> None:
    """The others go on; it is said once, and shown."""
    account.create_function()
    account.create_mapping()
    with account.running() as mappings:
        uuid = account.create_mapping(TumblingWindowInSeconds=30)
        eventually(lambda: bool(mappings.problems()), "the problem", 20)
        account.put("k/1")
        eventually(settled(mappings, 1), "the record", 20)
        assert uuid in mappings.problems()[0]
    assert [line for line in account.said if line.startswith("does not run:")] == [
        f"does not run: {mappings.problems()[0]}"
    ]


def test_disabled_mapping_may_be_anything(account: LambdaAccount) -> None:
    account.create_function()
    account.create_mapping(TumblingWindowInSeconds=30, Enabled=False)
    with account.running() as mappings:
        assert (mappings.statistics(), mappings.problems()) == ([], [])


def test_function_without_code(account: LambdaAccount) -> None:
    account.create_function()
    account.create_mapping()
    account.s3.delete_object(Bucket="code", Key="recorder.zip")
    with pytest.raises(FunctionError, match="function recorder: no bucket"):
        account.running().__enter__()


def test_code_that_is_no_zip(account: LambdaAccount) -> None:
    account.create_function()
    account.create_mapping()
    account.s3.put_object(Bucket="code", Key="recorder.zip", Body=b"text")
    account.lambda_.update_function_code(FunctionName="recorder", S3Bucket="code", S3Key="recorder.zip")
    with pytest.raises(FunctionError, match="function recorder: its code is no zip"):
        account.running().__enter__()


TEMPLATE = {
    "Parameters": {"BatchSize": {"Type": "Number", "Default": 100}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "failures"}},
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": "recorder",
                "EventSourceArn": f"arn:aws:kinesis:{REGION}:123456789012:stream/{SOURCE}",
                "StartingPosition": "AT_TIMESTAMP",
                "StartingPositionTimestamp": 1541139109,
                "BatchSize": {"Ref": "BatchSize"},
                "MaximumBatchingWindowInSeconds": 1,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 5,
                "MaximumRecordAgeInSeconds": 86400,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Queue", "Arn"]}}},
            },
        },
    },
}


def test_mapping_from_a_template(account: LambdaAccount) -> None:
    """All that a template sets is what runs."""
    account.create_function()
    account.cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(TEMPLATE))
    account.put("k/1")
    ran: list[EventSourceMapping] = []

    def listener(mapping: EventSourceMapping, shard_id: str, batch: Batch, invocation: Invocation) -> None:
        ran.append(mapping)

    with account.running(listener=listener):
        eventually(lambda: bool(ran), "an invocation", 20)
    assert ran[0] == EventSourceMapping(
        uuid=ran[0].uuid,
        function_arn=f"arn:aws:lambda:{REGION}:123456789012:function:recorder",
        stream_arn=account.stream_arn(),
        starting_position="AT_TIMESTAMP",
        starting_timestamp=1541139109,
        batch_size=100,
        batching_window=1,
        bisect=True,
        maximum_retry_attempts=5,
        maximum_record_age=86400,
        report_batch_item_failures=True,
        on_failure_arn=f"arn:aws:sqs:{REGION}:123456789012:failures",
    )


def test_listener(account: LambdaAccount) -> None:
    """Told of each invocation: whose, of which shard and records, and what came of it."""
    account.create_function()
    account.create_mapping(MaximumRetryAttempts=0)
    account.put("k/raise")
    told: list[tuple[str, str, int, str | None]] = []

    def listener(mapping: EventSourceMapping, shard_id: str, batch: Batch, invocation: Invocation) -> None:
        told.append((mapping.function, shard_id, len(batch.records), invocation.function_error))

    with account.running(listener=listener) as mappings:
        eventually(settled(mappings, 1), "the record", 20)
    assert told == [("recorder", "shardId-000000000000", 1, "Unhandled")]


def test_queue_that_comes_back(account: LambdaAccount) -> None:
    """The shard waits until its on-failure queue can be told, so that no range is lost."""
    account.create_function()
    account.create_mapping(MaximumRetryAttempts=0, **on_failure(account.create_queue()))
    url = account.sqs.get_queue_url(QueueName="failures")["QueueUrl"]
    with account.running() as mappings:
        account.sqs.delete_queue(QueueUrl=url)
        account.put("k/raise")
        eventually(
            lambda: any("on-failure destination fails" in line for line in account.said), "what is said of it", 20
        )
        account.create_queue()
        eventually(settled(mappings, 1), "the record", 20)
    assert ranges(account.failures()) == [("1", "1", 1)]


SLOW = """
import os, pathlib, time

def lambda_handler(event, context):
    time.sleep(0.5)
    pathlib.Path(os.environ["KEPT"]).write_text("finished")
"""


def threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if "shardId" in name or name in ("event source mappings", "function logs")]


def test_nothing_is_left(account: LambdaAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No thread, process or folder; the invocation under way is finished first."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    account.create_function(source=SLOW)
    account.create_mapping()
    account.put("k/1")
    before = set(psutil.Process().children(recursive=True))
    with account.running(dataclasses.replace(QUICK, initialise_early=True)) as mappings:
        eventually(lambda: mappings.statistics()[0].state == "invoking", "an invocation", 20)
        assert 0 < mappings.statistics()[0].waiting_since <= time.time()
        assert set(psutil.Process().children(recursive=True)) > before
        assert list(temporary.iterdir())
    assert account.seen() == ["finished"]
    assert set(psutil.Process().children(recursive=True)) <= before
    assert threads() == []
    assert list(temporary.iterdir()) == []


def test_broken_off(account: LambdaAccount) -> None:
    """An invocation that is broken off says nothing of its records: they are not discarded."""
    account.create_function(Timeout=60)
    account.create_mapping(MaximumRetryAttempts=0, **on_failure(account.create_queue()))
    account.put("k/hang")
    with account.running() as mappings:
        eventually(lambda: account.seen() == ["k/hang"], "an invocation", 20)
        mappings.kill()
    assert (account.failures(), mappings.statistics()[0].discarded) == ([], 0)


def test_defaults_are_lambdas() -> None:
    assert Options().poll_interval == 1.0
