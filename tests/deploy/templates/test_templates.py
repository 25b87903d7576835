"""The templates by themselves: what tools and AWS's published schemas say of them, and what they ask of each other."""

import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.aws import on_failure
from lambdas.common import deadline
from tests.deploy.templates import cfn

CHECKOV = cfn.ROOT / ".venv" / "scanner" / "bin" / "checkov"

REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "eu-south-1", "cn-north-1", "us-gov-west-1"]

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
TEMPLATE_BYTES = 51_200

BODIES = pytest.mark.parametrize(
    "body",
    [pytest.param(cfn.body(name), id=name) for name in cfn.TEMPLATES],
)


def lint(body: str) -> list[str]:
    """What cfn-lint, which has AWS's resource schemas of every region, finds in a template."""
    # It takes long to import, and each process of a parallel run reads this file.
    from cfnlint import api
    from cfnlint.config import ManualArgs

    found = api.lint(body, config=ManualArgs(regions=REGIONS))
    return [f"line {match.linenumber}: {match.rule.id} {match.message}" for match in found]


@BODIES
def test_lint(body: str) -> None:
    assert lint(body) == []


def test_lint_can_find() -> None:
    assert "E3012" in str(lint(cfn.body("storage").replace("NoncurrentDays: 30", "NoncurrentDays: thirty")))


@BODIES
def test_can_be_sent(body: str) -> None:
    """Small enough to be sent without S3, and in ASCII: GetTemplate gives all else back as question marks."""
    assert len(body.encode()) <= TEMPLATE_BYTES
    assert body.isascii()


@pytest.mark.skipif(not CHECKOV.exists() and "CI" not in os.environ, reason=f"{CHECKOV} is missing (make .venv/scan)")
def test_security_scan(tmp_path: Path) -> None:
    # It asks nothing of its makers' servers, and its home is empty, so that no file of the user's changes its checks.
    # It takes 40 letters and slashes in a row for an AWS secret, and puts the path of a template into what it reads:
    # a copy under pytest's folder, whose name has dashes, is safe wherever the project lies.
    templates = shutil.copytree(cfn.FOLDER, tmp_path / "templates")
    command = [str(CHECKOV), "-d", str(templates), "--framework", "cloudformation", "--skip-download", "-o", "json"]
    environment = os.environ | {"HOME": str(tmp_path), "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    failed = [
        (c["file_path"], c["resource"], c["check_id"], c["check_name"]) for c in report["results"]["failed_checks"]
    ]
    assert failed == []
    assert report["summary"]["parsing_errors"] == 0
    scanned = {c["resource"].rpartition(".")[2] for kind in report["results"].values() for c in kind}
    assert {"CodeBucket", "Table", "KinesisToDynamo", "AlertsToSnsRole", "ApplicationRole", "OperatorsTopic"} <= scanned
    for check in report["results"]["skipped_checks"]:
        assert len(check["check_result"]["suppress_comment"]) > 20, f"{check['resource']}: no reason is given"


# What `up` gives: the keys of what it uploads, and the name of the application.
UPLOADED = {"KinesisToDynamoKey", "AlertsToSnsKey", "JobKey", "ApplicationName"}


def test_what_a_template_asks_for_is_there() -> None:
    outputs: set[str] = set()
    for name in cfn.TEMPLATES:
        template = cfn.load(name)
        asked = {key for key, parameter in template.get("Parameters", {}).items() if "Default" not in parameter}
        assert asked <= outputs | UPLOADED, name
        outputs |= set(template["Outputs"])


def test_a_default_is_the_same_wherever_it_stands() -> None:
    seen: dict[str, dict[str, Any]] = {}
    for name in cfn.TEMPLATES:
        for key, parameter in cfn.load(name).get("Parameters", {}).items():
            definition = {field: value for field, value in parameter.items() if field != "Description"}
            # A mapping takes seconds, the job ISO-8601.
            if "Default" in definition and key != "StartingTimestamp":
                assert definition == seen.setdefault(key, definition), f"{name}: {key}"


def uses(value: Any, parameter: str, path: str = "") -> list[str]:
    """Where a value refers to a parameter."""
    if value == {"Ref": parameter} or (isinstance(value, str) and f"${{{parameter}}}" in value):
        return [path]
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in children for found in uses(child, parameter, f"{path}/{key}")]


def test_what_is_kept_is_encrypted_and_can_be_restored() -> None:
    """What the emulator takes no notice of."""
    resolver = cfn.Resolver(cfn.load("system"))
    for stream in ("SourceStream", "AlertsStream", "DeadLetterStream"):
        key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
        assert resolver.resource(stream)["StreamEncryption"] == key
    assert resolver.resource("AlertsTopic")["KmsMasterKeyId"] == "alias/aws/sns"
    assert cfn.Resolver(cfn.load("table")).resource("Table")["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }
    time_to_live = resolver.resource("IdempotencyTable")["TimeToLiveSpecification"]
    assert time_to_live == {"AttributeName": "expiration", "Enabled": True}
    for function in ("KinesisToDynamo", "AlertsToSns"):
        assert resolver.resource(function)["TracingConfig"] == {"Mode": "PassThrough"}
        traced = cfn.Resolver(cfn.load("system"), Tracing="true")
        assert traced.resource(function)["TracingConfig"] == {"Mode": "Active"}
    storage = cfn.load("storage")["Resources"]
    assert storage["CodeBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    (statement,) = storage["TlsOnly"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_failure_is_kept_longer_than_what_was_sent_again() -> None:
    bucket = cfn.load("system")["Resources"]["FailuresBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {rule.get("Prefix", ""): rule["ExpirationInDays"] for rule in rules}
    assert days == {"": 90, on_failure.REDRIVEN: 14}


# How long Lambda waits before the first retry, at most; then it doubles
# (emulator/mappings/worker.py has the observation).
FIRST_RETRY = 1.0


@pytest.mark.parametrize("function", ["KinesisToDynamo", "AlertsToSns"])
def test_an_outage_is_waited_for_and_a_record_that_kills_is_not(function: str) -> None:
    resources = cfn.load("system")["Resources"]
    mapping, timeout = resources[f"{function}Mapping"]["Properties"], resources[function]["Properties"]["Timeout"]
    hang, start = deadline.HANG_SECONDS, 2
    # Less what the function leaves for its last request and the answer, RESERVE_SECONDS; AlertsToSns leaves more.
    waits = timeout - 13
    attempts = 1 + mapping["MaximumRetryAttempts"]
    # Five minutes of outage are one invocation; an alert is tried for an hour, which is its longest age.
    assert waits > 300 + 60
    assert attempts * waits > 3600
    if function == "AlertsToSns":
        assert mapping["MaximumRecordAgeInSeconds"] == 3600
    splits = math.ceil(math.log2(mapping["BatchSize"]))
    backoff = FIRST_RETRY * (2 ** mapping["MaximumRetryAttempts"] - 1)
    assert mapping["BisectBatchOnFunctionError"]
    assert (splits + attempts) * (hang + start) + backoff < 600


def test_no_alert_is_sent_after_it_is_forgotten_that_it_was() -> None:
    resources = cfn.load("system")["Resources"]
    variables = resources["AlertsToSns"]["Properties"]["Environment"]["Variables"]
    age = resources["AlertsToSnsMapping"]["Properties"]["MaximumRecordAgeInSeconds"]
    assert age <= int(variables["IDEMPOTENCY_WINDOW_SECONDS"])


def test_a_position_in_time_needs_the_time() -> None:
    for name in ("system", "application"):
        template = cfn.load(name)
        rule = template["Rules"]["TimestampIsGiven"]
        never = str(template["Parameters"]["StartingTimestamp"]["Default"])
        for position, time, taken in (
            ("TRIM_HORIZON", never, True),
            ("LATEST", never, False),
            ("LATEST", "1", True),
            ("AT_TIMESTAMP", never, False),
            ("AT_TIMESTAMP", "1", True),
        ):
            resolver = cfn.Resolver(template, StartingPosition=position, StartingTimestamp=time)
            applies = resolver.condition(rule["RuleCondition"])
            assert (not applies or resolver.condition(rule["Assertions"][0]["Assert"])) == taken
