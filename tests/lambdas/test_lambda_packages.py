"""The zips of `./build.sh`: what is in them, that they are reproducible, and that they run as they are."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.emulated import Emulator
from tests.lambdas import function_under_test, invocation
from tests.lambdas.invocation import REGION

REPOSITORY = Path(__file__).parents[2]
JOB = "low-inventory-job-connector-4"
NAMES = {"kinesis-to-dynamo": "kinesis_to_dynamo", "alerts-to-sns": "alerts_to_sns"}
# What https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html says the runtime has: boto3 and what it needs.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
LINE = re.compile(
    r"build/(?P<name>[a-z0-9.-]+)\.zip  (?P<size>\d+) bytes  sha256 (?P<sha>[0-9a-f]{64})(  \(unchanged\))?"
)

ITS_OWN = {
    "AWS_LAMBDA_FUNCTION_NAME": function_under_test.FUNCTION,
    "FAILURES_BUCKET": function_under_test.BUCKET,
}
# What Lambda does: imports the module, calls the handler with the event and a context.
INVOKE = """
import json, sys
from invocation import Context
import lambda_function
for event in json.load(sys.stdin):
    print("answer", json.dumps(lambda_function.lambda_handler(event, Context())))
"""


def copy(folder: Path) -> Path:
    """The sources that are built, where Maven has been already, with this Python as the repository's."""
    for name in ("jobs", "lambdas", "connectors"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target"))
    shutil.copy(REPOSITORY / "build.sh", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    lib = folder / "lib" / "connector-4"
    lib.mkdir(parents=True)
    (lib / "pyflink-dependencies.jar").write_bytes(b"a jar")
    (lib / "connector-line.txt").write_text("connector-4\n")
    digest = hashlib.sha256((folder / "connectors" / "pom.xml").read_bytes()).hexdigest()
    (lib / "made-from").write_text(f"{digest}  connectors/pom.xml\n")
    return folder


def build(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "build.sh", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where everything was built."""
    folder = copy(tmp_path_factory.mktemp("built"))
    done = build(folder)
    assert done.returncode == 0, done.stderr
    lines = [LINE.fullmatch(line) for line in done.stdout.splitlines()]
    assert [line and line["name"] for line in lines] == ["kinesis-to-dynamo", "alerts-to-sns", JOB]
    for line in lines:
        assert line
        content = (folder / "build" / f"{line['name']}.zip").read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (int(line["size"]), line["sha"])
    return folder


def zips(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "build").glob("*.zip")}


def test_the_same_sources_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    other = copy(tmp_path / "elsewhere")
    for file in (other / "lambdas").rglob("*"):
        os.utime(file, (1, 1))
    assert build(other, PYTHONDONTWRITEBYTECODE="", TZ="Asia/Tokyo").returncode == 0
    assert zips(other) == zips(built)


def test_builds_again_only_what_changed(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built, folder, symlinks=True)
    # What running the sources leaves is no change.
    (folder / "lambdas" / "alerts_to_sns" / "__pycache__").mkdir()
    (folder / "lambdas" / "alerts_to_sns" / "__pycache__" / "sms.cpython-311.pyc").touch()
    done = build(folder, PIP_INDEX_URL="http://127.0.0.1:1")
    assert [line.endswith("  (unchanged)") for line in done.stdout.splitlines()] == [True] * 3
    assert done.stderr == ""

    (folder / "jobs" / "cli.py").write_text("changed = True\n")
    done = build(folder, PIP_INDEX_URL="http://127.0.0.1:1")
    assert [line.endswith("  (unchanged)") for line in done.stdout.splitlines()] == [True, True, False]
    (folder / "lambdas" / "alerts_to_sns" / "sms.py").unlink()
    done = build(folder)
    assert [line.endswith("  (unchanged)") for line in done.stdout.splitlines()] == [True, False, True]
    assert "sms.py" not in zipfile.ZipFile(folder / "build" / "alerts-to-sns.zip").namelist()


@pytest.mark.parametrize("name", NAMES)
def test_has_the_function_and_nothing_that_the_runtime_has(built: Path, name: str) -> None:
    package = zipfile.ZipFile(built / "build" / f"{name}.zip")
    places = package.namelist()
    assert places == sorted(places, key=lambda place: Path(place))
    own = {file.name for file in (REPOSITORY / "lambdas" / NAMES[name]).glob("*.py")}
    top = {place.partition("/")[0] for place in places}
    packages = {"aws_lambda_powertools", "typing_extensions.py"}
    assert {place for place in top if not place.endswith(".dist-info")} == own | packages | {"lambdas"}
    assert not [place for place in places if place.endswith((".pyc", ".so", "/RECORD", "/INSTALLER"))]
    assert {entry.external_attr >> 16 for entry in package.infolist()} == {0o100644}


class Unpacked:
    """A function as Lambda has it: its zip, the runtime's packages, and no other."""

    def __init__(self, built: Path, name: str, folder: Path) -> None:
        self.task, runtime = folder / "task", folder / "runtime"
        zipfile.ZipFile(built / "build" / f"{name}.zip").extractall(self.task)
        runtime.mkdir()
        for package in RUNTIME:
            spec = importlib.util.find_spec(package)
            assert spec and spec.origin
            place = Path(spec.origin)
            place = place.parent if spec.submodule_search_locations else place
            (runtime / place.name).symlink_to(place)
        (runtime / "invocation.py").symlink_to(Path(invocation.__file__))
        self.path = f"{self.task}:{runtime}"

    def invoke(self, *events: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
        """Invoke it in a process of its own, once for each event: the answers."""
        kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_") or name == "PATH"}
        done = subprocess.run(
            # -S: none of the packages beside this Python's.
            [sys.executable, "-S", "-P", "-B", "-W", "error", "-c", INVOKE],
            input=json.dumps(events),
            capture_output=True,
            text=True,
            env={**kept, "PYTHONPATH": self.path, "AWS_DEFAULT_REGION": REGION, **ITS_OWN, **environment},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [
            json.loads(line.removeprefix("answer ")) for line in done.stdout.splitlines() if line.startswith("answer ")
        ]


def create_table(client: Any, name: str, **keys: str) -> None:
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


def test_kinesis_to_dynamo_runs_from_its_zip(built: Path, emulator: Emulator, tmp_path: Path) -> None:
    client, failures = emulator.client("dynamodb"), function_under_test.Failures(emulator)
    create_table(client, "events", pk="HASH", sk="RANGE")
    good = [json.dumps({"path": "/p", "timestamp": "t", "n": number / 2}).encode() for number in range(30)]
    event = function_under_test.event([*good, b"bad"])
    answers = Unpacked(built, "kinesis-to-dynamo", tmp_path).invoke(event, event, TABLE_NAME="events")
    assert [function_under_test.failed(answer) for answer in answers] == [[], []]
    assert failures.numbers() == function_under_test.numbers(31)[30:]
    assert sorted(float(item["n"]["N"]) for item in client.scan(TableName="events")["Items"]) == [
        n / 2 for n in range(30)
    ]


def test_alerts_to_sns_runs_from_its_zip(built: Path, emulator: Emulator, tmp_path: Path) -> None:
    dynamodb, sns, sqs = (emulator.client(name) for name in ("dynamodb", "sns", "sqs"))
    create_table(dynamodb, "published", id="HASH")
    failures = function_under_test.Failures(emulator)
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="phone")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=topic.replace(":sns:", ":sqs:").replace("alerts", "phone"))
    alert = {"product_id": "SKU-1", "inventory": 3, "ts": "2026-01-05T09:00:00.000Z", "reason": "LOW_STOCK"}
    event = function_under_test.event([json.dumps(alert).encode(), b"bad"])
    answers = Unpacked(built, "alerts-to-sns", tmp_path).invoke(
        event, event, TOPIC_ARN=topic, IDEMPOTENCY_TABLE="published"
    )
    assert [function_under_test.failed(answer) for answer in answers] == [[], []]
    assert failures.numbers() == function_under_test.numbers(2)[1:]
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["Message"] for message in messages] == ["ALERTA: SKU-1 bajo inventario (3)"]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of stand-ins for tools; first on the PATH of `build`."""
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


def stand_in(tools: Path, name: str, script: str) -> str:
    (tools / name).write_text(f"#!/bin/sh\n{script}\n")
    (tools / name).chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"


def test_without_the_connector_the_functions_are_built(built: Path, tools: Path, tmp_path: Path) -> None:
    folder = copy(tmp_path / "copy")
    (folder / "lib" / "connector-4" / "made-from").unlink()
    path = stand_in(tools, "mvn", "exit 1")
    shutil.copytree(built / "build", folder / "build")
    (folder / "build" / f"{JOB}.zip").unlink()
    done = build(folder, "--if-possible", PATH=path)
    assert done.returncode == 0
    assert "going on without the connector" in done.stderr
    assert {LINE.fullmatch(line)["name"] for line in done.stdout.splitlines()} == set(NAMES)  # type: ignore[index]
    assert build(folder, PATH=path).returncode == 2


@pytest.mark.parametrize(
    ("version", "environment"),
    [
        ("3.37.0", {"PIP_INDEX_URL": "http://127.0.0.1:1", "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0"}),
        # Another version than the one whose hash is locked.
        ("3.36.0", {}),
    ],
)
def test_packages_that_cannot_be_had_are_said(tmp_path: Path, version: str, environment: dict[str, str]) -> None:
    folder = copy(tmp_path / "copy")
    requirements = folder / "lambdas" / "kinesis_to_dynamo" / "requirements.txt"
    requirements.write_text(requirements.read_text().replace("3.37.0", version))
    done = build(folder, **environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "build.sh: pip could not get the packages of lambdas/kinesis_to_dynamo"
    )
    assert not list(folder.glob("build/*"))


def test_a_python_without_pip_is_said(tools: Path, tmp_path: Path) -> None:
    folder = copy(tmp_path / "copy")
    (folder / ".venv").unlink()
    done = build(folder, PATH=stand_in(tools, "python3.11", "exit 1"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"build.sh: pip is missing for {tools}/python3.11; ")


WHICH_LINE = "--connector-jar: expected with exactly one --line, which says what the jar is"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--fast"], "unknown argument --fast; expected --line LINE, --connector-jar FILE or --if-possible"),
        (["--line", "connector-3"], "--line connector-3: expected connector-4, connector-5 or flink-2.2"),
        (["--line"], "--line : expected connector-4, connector-5 or flink-2.2"),
        (["--connector-jar", "gone.jar"], "--connector-jar gone.jar: no such file; expected a jar of the connector"),
        (["--connector-jar", "build.sh"], WHICH_LINE),
        (["--line", "connector-4", "--line", "connector-5", "--connector-jar", "build.sh"], WHICH_LINE),
    ],
)
def test_a_wrong_argument_is_said(tmp_path: Path, arguments: list[str], expected: str) -> None:
    done = build(copy(tmp_path / "copy"), *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"build.sh: {expected}\n")


def job_zip(folder: Path, line: str) -> dict[str, bytes]:
    """What is in the lib folder of the job's zip of a line."""
    package = zipfile.ZipFile(folder / "build" / f"low-inventory-job-{line}.zip")
    return {name: package.read(name) for name in package.namelist() if name.startswith("lib/")}


def test_a_zip_for_each_line(built: Path, tools: Path, tmp_path: Path) -> None:
    """Maven makes the jar of the line's profile; the zip names the line beside it."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder, symlinks=True)
    script = 'mkdir connectors/target; echo "$*" >connectors/target/pyflink-dependencies.jar; printf "\\033[0m" >&2'
    path = stand_in(tools, "mvn", script)
    done = build(folder, "--line", "connector-5", "--line", "flink-2.2", PATH=path)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "building lib/connector-5/pyflink-dependencies.jar with Maven",
        "building lib/flink-2.2/pyflink-dependencies.jar with Maven",
    ]
    for line in ("connector-5", "flink-2.2"):
        found = job_zip(folder, line)
        assert set(found) == {"lib/pyflink-dependencies.jar", "lib/connector-line.txt"}
        assert found["lib/connector-line.txt"].decode() == f"{line}\n"
        assert f"-P {line} package" in found["lib/pyflink-dependencies.jar"].decode()
    assert job_zip(folder, "connector-4")["lib/pyflink-dependencies.jar"] == b"a jar"


RESOLVING = "Failed to execute goal on project x: Could not resolve dependencies for project a:x:jar:1"
NOT_THERE = "Could not find artifact a:b:jar:5.1.0-1.20 in central"


def test_one_line_says_that_maven_cannot_get_a_connector(built: Path, tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built, folder, symlinks=True)
    script = f"printf '\\033[0m[ERROR] {RESOLVING}: {NOT_THERE} -> [Help 1]\n[ERROR] more\n' >&2; exit 1"
    done = build(folder, "--line", "connector-5", PATH=stand_in(tools, "mvn", script))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "building lib/connector-5/pyflink-dependencies.jar with Maven",
        f"build.sh: Maven could not get or build the connector of connector-5: {NOT_THERE} "
        "(with a jar from elsewhere: ./build.sh --line connector-5 --connector-jar FILE)",
    ]


def jar_of(line: str, file: Path) -> Path:
    """What tells the line of a connector's jar."""
    sink = b"Sink$InitContext" if line == "connector-5" else b"WriterInitContext"
    with zipfile.ZipFile(file, "w") as jar:
        if line == "connector-4":
            jar.writestr("org/apache/flink/streaming/connectors/kinesis/FlinkKinesisConsumer.class", b"")
        jar.writestr("org/apache/flink/connector/kinesis/source/KinesisStreamsSource.class", b"")
        jar.writestr("org/apache/flink/connector/kinesis/sink/KinesisStreamsSink.class", sink)
    return file


@pytest.mark.parametrize("line", ["connector-4", "connector-5", "flink-2.2"])
def test_a_jar_from_elsewhere_is_kept(built: Path, tools: Path, tmp_path: Path, line: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built, folder, symlinks=True)
    jar, path = jar_of(line, tmp_path / "a.jar"), stand_in(tools, "mvn", "exit 1")
    done = build(folder, "--line", line, "--connector-jar", str(jar), PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert job_zip(folder, line)["lib/pyflink-dependencies.jar"] == jar.read_bytes()
    again = build(folder, "--line", line, PATH=path)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines()[-1].endswith("  (unchanged)")


@pytest.mark.parametrize(
    ("made", "wanted"),
    [("connector-4", "connector-5"), ("connector-5", "flink-2.2"), ("flink-2.2", "connector-4"), (None, "connector-5")],
)
def test_a_jar_of_another_line_is_refused(built: Path, tmp_path: Path, made: str | None, wanted: str) -> None:
    folder, jar = tmp_path / "copy", tmp_path / "a.jar"
    shutil.copytree(built, folder, symlinks=True)
    if made:
        jar_of(made, jar)
    else:
        jar.write_bytes(b"no jar")
    done = build(folder, "--if-possible", "--line", wanted, "--connector-jar", str(jar))
    assert done.returncode == 2
    expected = f"expected a Kinesis connector of the line {wanted}; it is {made or 'none'}"
    assert done.stderr == f"build.sh: {jar}: {expected}\n"
