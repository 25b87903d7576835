"""Mappings at work on the emulator, with functions that do well, fail, hang and die."""

import base64
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator.mappings import settings
from emulator.mappings.delivery import deliver
from emulator.mappings.mappings import EventSourceMappings
from emulator.mappings.settings import EventSourceMapping
from emulator.mappings.worker import Pace, ShardWorker
from tests.emulated import ALERTS, REGION, SOURCE, Emulator, eventually
from tests.emulator.mappings.lambda_account import RECORDER, LambdaAccount

FAILURE_HANDLING: dict[str, Any] = {
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 1,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


def on_failure(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def ranges(failures: list[dict[str, Any]]) -> list[tuple[int, int, int]]:
    """The first and last record of each failure, counted from 1, and how many there are."""
    infos = [failure["KinesisBatchInfo"] for failure in failures]
    return [
        (int(info["startSequenceNumber"]) % 100, int(info["endSequenceNumber"]) % 100, info["batchSize"])
        for info in infos
    ]


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
    assert (statistics.function, statistics.shard) == ("recorder", "shardId-000000000000")
    assert (statistics.done, statistics.discarded, statistics.waiting_since) == (4, 0, 0)
    # What it printed, and when, is in its log group.
    log = account.log()
    assert [sum(line.startswith(word) for line in log) for word in ("START", "END", "REPORT")] == [3, 3, 3]


def test_batches_of_a_shard_at_once(account: LambdaAccount) -> None:
    """A key that waits holds up its own records alone; after a change the mapping goes on behind what is done."""
    account.create_function()
    uuid = account.create_mapping(ParallelizationFactor=2)
    # These two keys do not wait for one another.
    account.put("a/1", "a/wait", "d/3", "a/4", "d/5")
    with account.running() as mappings:
        eventually(settled(mappings, 2), "the records of d")
        assert sorted(account.batches()) == [["a/1", "a/wait", "a/4"], ["d/3", "d/5"]]
        assert mappings.statistics()[0].waiting_since > 0
        account.go_on()
        eventually(settled(mappings, 5), "all records")
        assert mappings.statistics()[0].waiting_since == 0
        account.lambda_.update_event_source_mapping(UUID=uuid, BatchSize=50)
        account.put("a/6")
        eventually(lambda: "a/6" in account.seen(), "the last")
    assert account.seen()[5:] == ["a/6"]


def test_batching_window(account: LambdaAccount) -> None:
    """Records that come apart go together."""
    account.create_function()
    account.create_mapping(MaximumBatchingWindowInSeconds=1)
    with account.running() as mappings:
        account.put("k/1")
        eventually(lambda: mappings.statistics()[0].waiting_since > 0, "the first is read", 20)
        account.put("k/2")
        eventually(settled(mappings, 2), "both", 20)
    assert account.batches() in ([["k/1", "k/2"]], [["k/1"], ["k/2"]])


@pytest.mark.parametrize("bad", ["k/bad", "k/raise", "k/exit"])
def test_bad_record(account: LambdaAccount, bad: str) -> None:
    """Reported, raised or deadly: it is told of alone, and the others are processed in their order."""
    account.create_function()
    account.create_mapping(**FAILURE_HANDLING, **on_failure(account.create_bucket()))
    account.put("k/1", "k/2", bad, "k/4", "k/5")
    with account.running() as mappings:
        eventually(settled(mappings, 5), "all records", 30)
        (statistics,) = mappings.statistics()
    (failure,) = account.failures()
    assert ranges([failure]) == [(3, 3, 1)]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    assert failure["requestContext"]["functionArn"].endswith(":function:recorder")
    assert failure["responseContext"]["functionError"] == (None if bad == "k/bad" else "Unhandled")
    assert failure["KinesisBatchInfo"]["streamArn"] == account.stream_arn()
    assert (statistics.done, statistics.discarded) == (4, 1)
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
    assert record["eventSourceARN"] == account.stream_arn()
    shard, _, number = record["eventID"].partition(":")
    assert (shard, int(number) % 100) == ("shardId-000000000000", 2)


def test_hanging_record(account: LambdaAccount) -> None:
    account.create_function(Timeout=1)
    account.create_mapping(BatchSize=1, MaximumRetryAttempts=0, **on_failure(account.create_bucket()))
    account.put("k/1", "k/hang", "k/3")
    with account.running() as mappings:
        eventually(settled(mappings, 3), "all records", 30)
    assert account.seen() == ["k/1", "k/hang", "k/3"]
    assert ranges(account.failures()) == [(2, 2, 1)]
    assert any("Task timed out after 1.00 seconds" in line for line in account.log())


def test_nonsense(account: LambdaAccount) -> None:
    """A function that answers with no report, where one is expected, has failed for the whole batch."""
    account.create_function(source="def lambda_handler(event, context): return {'batchItemFailures': [{'id': 1}]}")
    handling = FAILURE_HANDLING | {"BisectBatchOnFunctionError": False}
    account.create_mapping(**handling, **on_failure(account.create_bucket()))
    account.put("k/1", "k/2")
    with account.running() as mappings:
        eventually(settled(mappings, 2), "both", 20)
    assert ranges(account.failures()) == [(1, 2, 2)]


def test_no_destination(account: LambdaAccount) -> None:
    """Discarded all the same."""
    account.create_function()
    account.create_mapping(MaximumRetryAttempts=0)
    account.put("k/raise")
    with account.running() as mappings:
        eventually(settled(mappings, 1), "the record", 20)


def test_last_result(account: LambdaAccount) -> None:
    """Whoever asks Lambda's API sees what came of the last invocation."""

    def result() -> str:
        return str(account.lambda_.get_event_source_mapping(UUID=uuid)["LastProcessingResult"])

    account.create_function()
    uuid = account.create_mapping(BatchSize=1, MaximumRetryAttempts=0)
    with account.running():
        account.put("k/1")
        eventually(lambda: result() == "OK", "the result of the first")
        account.put("k/raise")
        eventually(lambda: result() == "PROBLEM: Function call failed", "the result of the second")
        account.put("k/3")
        eventually(lambda: result() == "OK", "the result of the third")


def test_record_age(account: LambdaAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes later the record is too old."""
    account.create_function()
    account.create_mapping(MaximumRecordAgeInSeconds=60, **on_failure(account.create_bucket()))
    account.put("k/1")
    monkeypatch.setattr(ShardWorker, "now", lambda _: time.time() + 120)
    with account.running() as mappings:
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
    account.create_function(Timeout=60)
    account.create_mapping()
    keys = [f"key{number}" for number in range(30)]
    shard_of = {
        key: emulator.kinesis.put_record(StreamName=SOURCE, Data=key.encode(), PartitionKey=key)["ShardId"]
        for key in keys
    }
    hanging = next(key for key in keys if shard_of[key] != shard_of[keys[0]])
    account.put(f"{hanging}/wait")
    with account.running() as mappings:
        eventually(lambda: f"{hanging}/wait" in account.seen(), "one shard's function hangs", 20)
        account.put(f"{keys[0]}/well")
        eventually(lambda: f"{keys[0]}/well" in account.seen(), "the other goes on", 20)
        account.go_on()
        eventually(settled(mappings, len(keys) + 2), "all records")


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
        eventually(lambda: threads() == ["recorder shardId-000000000003"], "the end of all closed shards")
    assert sorted(account.seen()) == sorted(expected)
    for key in keys:
        assert [text for text in account.seen() if text.startswith(f"{key}/")] == [
            f"{key}/{number}" for number in (1, 2, 3)
        ]


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
        eventually(lambda: len(account.batches()) > 3, "retries of the parent", 20)
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


def test_changed_while_its_function_hangs(account: LambdaAccount) -> None:
    """Other mappings do not wait for the end of that invocation."""
    account.create_function(Timeout=60)
    account.create_function("other")
    uuid = account.create_mapping()
    account.put("k/wait")
    with account.running():
        eventually(lambda: account.seen() == ["k/wait"], "the invocation that hangs")
        account.lambda_.update_event_source_mapping(UUID=uuid, BatchSize=1)
        account.create_mapping("other")
        eventually(lambda: account.seen() == ["k/wait", "k/wait"], "the other mapping's invocation")
        account.go_on()
        eventually(lambda: begun(account) == 3, "the mapping's new settings")
        account.put("k/2")
        eventually(lambda: sorted(account.seen()) == ["k/2", "k/2", "k/wait", "k/wait"], "the second, of both")


def problem_is_said_and_shown(account: LambdaAccount, mappings: EventSourceMappings, uuid: str, text: str) -> None:
    """In one line, once, among the problems, and by Lambda's API."""
    eventually(lambda: bool(mappings.problems()), "the problem")
    (problem,) = mappings.problems()
    assert problem.startswith("mapping ")
    assert f"({uuid}): " in problem
    assert text in problem
    assert [line for line in account.said if line.startswith("problem:")] == [f"problem: {problem}"]
    result = account.lambda_.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]
    assert result == f"PROBLEM: {problem}"


# What is done to an account before it has a mapping, settings of the mapping, and what is said of it.
_PROBLEMS: dict[str, tuple[Callable[[LambdaAccount], object], dict[str, Any], str]] = {
    "setting": (lambda _: None, {"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds: is not supported"),
    "code": (
        lambda account: account.s3.delete_object(Bucket="code", Key="bad.zip"),
        {},
        "function bad: no bucket of the emulator has its code",
    ),
    "destination": (lambda _: None, on_failure("arn:aws:s3:::nowhere"), "expected a bucket that exists"),
    "permission": (
        lambda account: account.lambda_.update_function_configuration(
            FunctionName="bad",
            Role=account.role("kinesis:Describe*", "kinesis:GetRecords", "kinesis:ListShards", name="less"),
        ),
        {},
        "expected the function's role less to allow kinesis:GetShardIterator on arn:aws:kinesis:",
    ),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("case", _PROBLEMS)
def test_mapping_that_cannot_run(account: LambdaAccount, case: str, when: str) -> None:
    """The same before the start and after it: it is skipped, and the others run."""
    change, changes, text = _PROBLEMS[case]
    account.create_function()
    account.create_function("bad")

    def create() -> str:
        change(account)
        return account.create_mapping("bad", **changes)

    account.create_mapping()
    uuid = create() if when == "before" else ""
    with account.running() as mappings:
        if when == "after":
            eventually(lambda: begun(account) == 1, "the healthy mapping")
            uuid = create()
        problem_is_said_and_shown(account, mappings, uuid, text)
        account.put("k/1")
        eventually(settled(mappings, 1), "the record")
    assert account.seen() == ["k/1"]


def test_problem_that_is_solved(account: LambdaAccount) -> None:
    """The mapping begins as soon as it can."""
    account.create_function()
    account.create_mapping()
    account.lambda_.update_function_configuration(FunctionName="recorder", Runtime="nodejs22.x")
    account.put("k/1")
    with account.running() as mappings:
        eventually(lambda: bool(mappings.problems()), "the problem")
        account.lambda_.update_function_configuration(FunctionName="recorder", Runtime="python3.11")
        eventually(settled(mappings, 1), "the record")
        eventually(lambda: mappings.problems() == [], "no problem")


def test_disabled_mapping_may_be_anything(account: LambdaAccount) -> None:
    account.create_function()
    account.create_mapping(TumblingWindowInSeconds=30, Enabled=False)
    with account.running() as mappings:
        assert (mappings.statistics(), mappings.problems()) == ([], [])


def test_another_python(account: LambdaAccount) -> None:
    account.create_function(Runtime="python3.13")
    account.create_mapping()
    with account.running():
        (line,) = account.said
    assert line.endswith("): runs on python3.11, although the function declares python3.13")


def test_deleted_stream(emulator: Emulator, account: LambdaAccount) -> None:
    """Its mapping is named; the others go on, also one that is changed meanwhile and one that is new."""
    account.create_function()
    account.create_function("other")
    alerts = {"EventSourceArn": account.stream_arn(ALERTS), "StartingPosition": "TRIM_HORIZON"}
    gone = account.lambda_.create_event_source_mapping(FunctionName="recorder", **alerts)["UUID"]
    uuid = account.create_mapping()
    with account.running() as mappings:
        emulator.kinesis.delete_stream(StreamName=ALERTS)
        problem_is_said_and_shown(account, mappings, gone, "its stream does not exist any more")
        account.lambda_.update_event_source_mapping(UUID=uuid, BatchSize=1)
        eventually(lambda: begun(account) == 3, "the changed mapping")
        account.create_mapping("other")
        account.put("k/1")
        eventually(lambda: account.seen() == ["k/1", "k/1"], "the record, from both functions")
        assert len(mappings.problems()) == 1


def test_stream_that_comes_back(emulator: Emulator, account: LambdaAccount) -> None:
    """It is another stream: all its records are read, whose sequence numbers are those of the first one."""
    account.create_function()
    account.create_mapping(StartingPosition="LATEST")
    with account.running() as mappings:
        eventually(lambda: begun(account) == 1, "the mapping")
        account.put("k/1", "k/2")
        eventually(settled(mappings, 2), "the records of the first stream")
        emulator.kinesis.delete_stream(StreamName=SOURCE)
        eventually(lambda: bool(mappings.problems()), "the problem")
        emulator.kinesis.create_stream(StreamName=SOURCE, ShardCount=1)
        account.put("k/3")
        eventually(lambda: account.seen() == ["k/1", "k/2", "k/3"], "the record of the second stream")
        assert mappings.problems() == []


def test_error_of_the_emulator(account: LambdaAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the shard goes on after the last record that was done."""
    left = [2]

    def fail_twice(*arguments: Any) -> None:
        if left and account.seen():
            left[0] -= 1
            if not left[0]:
                left.clear()
            raise RuntimeError("no more files")
        deliver(*arguments)

    monkeypatch.setattr("emulator.mappings.worker.deliver", fail_twice)
    account.create_function()
    account.create_mapping(BatchSize=1)
    account.put("k/1", "k/2", "k/3")
    with account.running() as mappings:
        eventually(settled(mappings, 3), "all records")
    assert account.seen() == ["k/1", "k/2", "k/3"]
    assert (
        sum("begins again after an error of the emulator: RuntimeError('no more" in line for line in account.said) == 2
    )


TEMPLATE = {
    "Parameters": {"BatchSize": {"Type": "Number", "Default": 100}},
    "Resources": {
        "Failures": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "failures"}},
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
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failures", "Arn"]}}},
            },
        },
    },
}


def test_mapping_from_a_template(account: LambdaAccount) -> None:
    """All that a template sets is what runs."""
    account.create_function()
    account.cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(TEMPLATE))
    (configuration,) = account.lambda_.list_event_source_mappings()["EventSourceMappings"]
    assert settings.parse(configuration) == EventSourceMapping(
        uuid=configuration["UUID"],
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
        on_failure_arn="arn:aws:s3:::failures",
    )


def test_bucket_that_comes_back(account: LambdaAccount) -> None:
    """The shard waits until its on-failure bucket can be written, so that no record is lost."""
    account.create_function()
    account.create_mapping(MaximumRetryAttempts=0, **on_failure(account.create_bucket()))
    with account.running() as mappings:
        account.s3.delete_bucket(Bucket="failures")
        account.put("k/raise")
        eventually(
            lambda: any("on-failure destination fails" in line for line in account.said), "what is said of it", 20
        )
        account.create_bucket()
        eventually(settled(mappings, 1), "the record", 20)
    assert ranges(account.failures()) == [(1, 1, 1)]


def threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if "shardId" in name]


def test_nothing_is_left(account: LambdaAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No thread, process or folder; the invocation under way is finished first."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    account.create_function(Timeout=60)
    account.create_mapping()
    account.put("k/wait")
    monkeypatch.setattr("emulator.mappings.mappings.GRACE", 60)
    before, names = set(psutil.Process().children(recursive=True)), {thread.name for thread in threading.enumerate()}
    with account.running() as mappings:
        eventually(lambda: account.seen() == ["k/wait"], "an invocation", 20)
        assert 0 < mappings.statistics()[0].waiting_since <= time.time()
        assert set(psutil.Process().children(recursive=True)) > before
        assert list(temporary.iterdir())
        threading.Timer(0.2, account.go_on).start()
    assert mappings.statistics()[0].done == 1
    assert set(psutil.Process().children(recursive=True)) <= before
    assert {thread.name for thread in threading.enumerate()} <= names
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("text", ["k/hang", "k/1"])
def test_end_while_a_function_hangs(account: LambdaAccount, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """It is killed, handling a record or loading its code; its record is not discarded, though it has no retry left."""
    source = RECORDER if text == "k/hang" else f"{RECORDER}\nprint('loading', flush=True)\nwhile True: time.sleep(1)"
    account.create_function(source=source, Timeout=900)
    account.create_mapping(MaximumRetryAttempts=0, **on_failure(account.create_bucket()))
    account.put(text)
    monkeypatch.setattr("emulator.mappings.mappings.GRACE", 0)
    with account.running() as mappings:
        eventually(lambda: account.seen() == [text] or "loading" in account.log(), "the hanging")
    assert (threads(), account.objects()) == ([], {})
    assert [(each.done, each.discarded) for each in mappings.statistics()] == [(0, 0)]


def test_retries_are_paced_as_lambdas() -> None:
    """As recorded from AWS: 8 invocations within 60 s (`Pace`)."""
    moments = list(itertools.accumulate((Pace().retry(times) for times in range(1, 20)), initial=0.0))
    assert sum(moment <= 60 for moment in moments) == 8
    assert Pace().poll == 1.0
