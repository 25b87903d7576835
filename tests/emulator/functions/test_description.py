"""A function as the emulator holds it."""

from pathlib import Path
from typing import Any

import pytest

from emulator.functions import description
from emulator.functions.description import FunctionError
from tests.emulator.mappings.lambda_account import RECORDER, LambdaAccount, package

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:recorder"


def test_settings_and_code(account: LambdaAccount, tmp_path: Path) -> None:
    account.create_function(Timeout=7, MemorySize=512)
    function = description.describe(account.lambda_, ARN)
    assert (function.name, function.version, function.runtime) == ("recorder", "$LATEST", "python3.11")
    assert (function.timeout, function.memory, function.role_arn) == (7, 512, account.role())
    assert function.environment == {"KEPT": str(account.kept)}
    description.unpack(description.code(account.s3, function), tmp_path / "code")
    assert (tmp_path / "code" / "lambda_function.py").read_text() == RECORDER


def test_code_among_other_buckets(account: LambdaAccount) -> None:
    """The same key in another bucket holds something else: the digest tells."""
    account.create_function()
    other = {"LocationConstraint": "eu-west-1"}
    for bucket in ("a-first", "z-last"):
        account.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=other)
    account.s3.put_object(Bucket="z-last", Key="recorder.zip", Body=package(RECORDER))
    for bucket in ("a-first", "code"):
        account.s3.put_object(Bucket=bucket, Key="recorder.zip", Body=package("x = 1"))
    function = description.describe(account.lambda_, ARN)
    assert description.code(account.s3, function) == package(RECORDER)


def test_code_that_is_gone(account: LambdaAccount) -> None:
    account.create_function()
    account.s3.delete_object(Bucket="code", Key="recorder.zip")
    function = description.describe(account.lambda_, ARN)
    with pytest.raises(FunctionError, match=r"function recorder: no bucket .*'recorder.zip'.* zip in S3"):
        description.code(account.s3, function)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"Runtime": "nodejs22.x"}, "expected a zip for a Python runtime, got nodejs22.x"),
        ({"PackageType": "Image", "Runtime": "python3.11"}, "expected a zip for a Python runtime"),
    ],
)
def test_refused(account: LambdaAccount, settings: dict[str, Any], expected: str) -> None:
    account.s3.put_object(Bucket="code", Key="f.zip", Body=package(RECORDER))
    code = {"S3Bucket": "code", "S3Key": "f.zip"}
    names = {"FunctionName": "f", "Role": account.role(), "Handler": "lambda_function.lambda_handler", "Code": code}
    account.lambda_.create_function(**names, **settings)
    with pytest.raises(FunctionError, match=rf"function f: {expected}"):
        description.describe(account.lambda_, ARN.replace("recorder", "f"))


def test_layers(account: LambdaAccount) -> None:
    layer = account.lambda_.publish_layer_version(LayerName="l", Content={"ZipFile": package("x = 1")})
    account.create_function(Layers=[layer["LayerVersionArn"]])
    with pytest.raises(FunctionError, match=r"function recorder: has layers, .*; expected all its code in the zip"):
        description.describe(account.lambda_, ARN)


def test_function_that_is_not_there(account: LambdaAccount) -> None:
    with pytest.raises(FunctionError, match=rf"function {ARN}: .*; expected a function that exists"):
        description.describe(account.lambda_, ARN)


def test_runtime_packages(tmp_path: Path) -> None:
    """The SDK and what it needs, and nothing else that is installed."""
    description.link_runtime(tmp_path / "runtime")
    names = {path.name for path in (tmp_path / "runtime").iterdir() if path.suffix != ".dist-info"}
    assert names == {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3"}
    assert all(path.exists() for path in (tmp_path / "runtime").iterdir())
