"""An account on the emulator with functions, mappings and buckets, and a way to run the mappings."""

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.mappings.mappings import EventSourceMappings
from emulator.mappings.worker import Pace
from tests.emulated import REGION, SOURCE, Emulator

# Short, so that tests are.
QUICK = Pace(poll=0.02, refresh=0.05, first_retry=0.01, longest_retry=0.02)

# Keeps what it is sent, a line a record, and does what a record's text says.
RECORDER = """
import base64, os, pathlib, sys, time

def lambda_handler(event, context):
    failed = []
    with pathlib.Path(os.environ["KEPT"]).open("a") as kept:
        texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
        kept.write(" ".join(texts) + "\\n")
    for record, text in zip(event["Records"], texts):
        if "raise" in text:
            raise ValueError(text)
        if "exit" in text:
            sys.exit(3)
        while "hang" in text:
            time.sleep(0.05)
        while "wait" in text and not pathlib.Path(os.environ["KEPT"] + ".go").exists():
            time.sleep(0.01)
        if "bad" in text:
            failed.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
    return {"batchItemFailures": failed}
"""


def package(source: str) -> bytes:
    """A function's zip, of the same bytes each time."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("lambda_function.py"), source)
    return content.getvalue()


class LambdaAccount:
    """Clients of an emulator, and what a test makes with them; `folder` is where functions keep what they saw."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.kept = folder / "kept"
        self.kept.touch()
        self.lambda_, self.s3, self.logs, self.iam, self.cloudformation = (
            emulator.client(service) for service in ("lambda", "s3", "logs", "iam", "cloudformation")
        )
        self.said: list[str] = []
        self.create_bucket("code")

    def stream_arn(self, name: str = SOURCE) -> str:
        """The ARN of a stream."""
        summary = self.emulator.kinesis.describe_stream_summary(StreamName=name)
        return str(summary["StreamDescriptionSummary"]["StreamARN"])

    def create_function(self, name: str = "recorder", source: str = RECORDER, **settings: Any) -> None:
        """Create a function from a zip in S3."""
        self.s3.put_object(Bucket="code", Key=f"{name}.zip", Body=package(source))
        self.lambda_.create_function(
            FunctionName=name,
            Role=self.role(),
            Handler="lambda_function.lambda_handler",
            Code={"S3Bucket": "code", "S3Key": f"{name}.zip"},
            Environment={"Variables": {"KEPT": str(self.kept)}},
            **{"Runtime": "python3.11", "Timeout": 5, **settings},
        )

    def role(self, *actions: str, name: str = "function") -> str:
        """A role for functions, which may do these actions; without one, all that a mapping needs."""
        actions = actions or ("kinesis:Describe*", "kinesis:Get*", "kinesis:ListShards", "s3:*")
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.iam.put_role_policy(RoleName=name, PolicyName="mapping", PolicyDocument=document)
        return str(self.iam.get_role(RoleName=name)["Role"]["Arn"])

    def go_on(self) -> None:
        """End the waiting of records that say `wait`."""
        self.kept.with_name("kept.go").touch()

    def create_mapping(self, function: str = "recorder", **settings: Any) -> str:
        """Map the source stream to a function; the mapping's UUID."""
        answer = self.lambda_.create_event_source_mapping(
            FunctionName=function,
            EventSourceArn=self.stream_arn(),
            **{"StartingPosition": "TRIM_HORIZON", **settings},
        )
        return str(answer["UUID"])

    def put(self, *texts: str, stream: str = SOURCE) -> None:
        """Write records in one call, so that they have one arrival; the part before a `/` is the partition key."""
        records = [{"Data": text.encode(), "PartitionKey": text.partition("/")[0]} for text in texts]
        self.emulator.kinesis.put_records(StreamName=stream, Records=records)

    def batches(self) -> list[list[str]]:
        """What the recorder was sent, invocation by invocation."""
        return [line.split() for line in self.kept.read_text().splitlines()]

    def seen(self) -> list[str]:
        """All the records of all batches."""
        return [text for batch in self.batches() for text in batch]

    def failures(self) -> list[dict[str, Any]]:
        """What is in the on-failure bucket."""
        return list(self.objects().values())

    def create_bucket(self, name: str = "failures") -> str:
        """Create a bucket; its ARN."""
        # A bucket's default region is us-east-1, and cannot be named.
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self.emulator.region}}
        self.s3.create_bucket(Bucket=name, **({} if self.emulator.region == "us-east-1" else elsewhere))
        return f"arn:aws:s3:::{name}"

    def objects(self, bucket: str = "failures") -> dict[str, dict[str, Any]]:
        """The objects of a bucket by their keys, as JSON."""
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}

    def log(self, function: str = "recorder") -> list[str]:
        """The messages of a function's log group."""
        try:
            events = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]

    @contextmanager
    def running(self) -> Iterator[EventSourceMappings]:
        """Run the account's mappings."""
        with EventSourceMappings(self.emulator.endpoint, REGION, self.said.append, QUICK) as mappings:
            yield mappings
