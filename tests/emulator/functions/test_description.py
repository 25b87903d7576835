"""A function as the emulator holds it."""

from pathlib import Path
from typing import Any

import pytest

from emulator.functions import description
from emulator.functions.description import Function, FunctionError
from tests.emulator.mappings.lambda_account import RECORDER, LambdaAccount, package

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:recorder"


def load(account: LambdaAccount, folder: Path, arn: str = ARN) -> Function:
    return description.load(account.lambda_, account.s3, arn, folder)


def test_settings_and_code(account: LambdaAccount, tmp_path: Path) -> None:
    account.create_function(Timeout=7, MemorySize=512)
    function = load(account, tmp_path)
    assert (function.name, function.version, function.runtime) == ("recorder", "$LATEST", "python3.11")
    assert (function.timeout, function.memory, function.role_arn) == (7, 512, account.role())
    assert function.environment == {"KEPT": str(account.kept)}
    assert (function.code / "lambda_function.py").read_text() == RECORDER
    assert function.remark == ""


def test_new_code(account: LambdaAccount, tmp_path: Path) -> None:
    """It has a folder of its own; what is known already is not fetched again."""
    account.create_function()
    before = load(account, tmp_path)
    account.s3.put_object(Bucket="code", Key="recorder.zip", Body=package("x = 1"))
    assert load(account, tmp_path) == before
    account.lambda_.update_function_code(FunctionName="recorder", S3Bucket="code", S3Key="recorder.zip")
    after = load(account, tmp_path)
    assert (before.code / "lambda_function.py").read_text() == RECORDER
    assert (after.code / "lambda_function.py").read_text() == "x = 1"


def test_code_among_other_buckets(account: LambdaAccount, tmp_path: Path) -> None:
    """The same key in another bucket holds something else: the digest tells."""
    account.create_function()
    for bucket in ("a-first", "z-last"):
        account.create_bucket(bucket)
    account.s3.put_object(Bucket="z-last", Key="recorder.zip", Body=package(RECORDER))
    for bucket in ("a-first", "code"):
        account.s3.put_object(Bucket=bucket, Key="recorder.zip", Body=package("x = 1"))
    assert (load(account, tmp_path).code / "lambda_function.py").read_text() == RECORDER


def test_another_python(account: LambdaAccount, tmp_path: Path) -> None:
    """It runs, and what is different is said."""
    account.create_function(Runtime="python3.13")
    assert load(account, tmp_path).remark == " on python3.11, although the function declares python3.13"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"Runtime": "nodejs22.x"}, "expected a zip for a Python runtime, got nodejs22.x"),
        ({"PackageType": "Image", "Runtime": "python3.11"}, "expected a zip for a Python runtime"),
    ],
)
def test_refused(account: LambdaAccount, tmp_path: Path, settings: dict[str, Any], expected: str) -> None:
    account.create_function(**settings)
    with pytest.raises(FunctionError, match=rf"function recorder: {expected}"):
        load(account, tmp_path)


def test_layers(account: LambdaAccount, tmp_path: Path) -> None:
    layer = account.lambda_.publish_layer_version(LayerName="l", Content={"ZipFile": package("x = 1")})
    account.create_function(Layers=[layer["LayerVersionArn"]])
    with pytest.raises(FunctionError, match=r"function recorder: has layers, .*; expected all its code in the zip"):
        load(account, tmp_path)


def test_code_that_is_gone(account: LambdaAccount, tmp_path: Path) -> None:
    account.create_function()
    account.s3.delete_object(Bucket="code", Key="recorder.zip")
    with pytest.raises(FunctionError, match=r"function recorder: no bucket .*'recorder.zip'.* zip in S3"):
        load(account, tmp_path)


def test_code_that_is_no_zip(account: LambdaAccount, tmp_path: Path) -> None:
    account.create_function()
    account.s3.put_object(Bucket="code", Key="recorder.zip", Body=b"text")
    account.lambda_.update_function_code(FunctionName="recorder", S3Bucket="code", S3Key="recorder.zip")
    with pytest.raises(FunctionError, match="function recorder: expected a zip as its code"):
        load(account, tmp_path)


def test_function_that_is_not_there(account: LambdaAccount, tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match=rf"function {ARN}: .*; expected a function that exists"):
        load(account, tmp_path)


def test_runtime_packages(tmp_path: Path) -> None:
    """The SDK and what it needs, and nothing else that is installed."""
    description.link_runtime(tmp_path / "runtime")
    names = {path.name for path in (tmp_path / "runtime").iterdir() if path.suffix != ".dist-info"}
    assert names == {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3"}
    assert all(path.exists() for path in (tmp_path / "runtime").iterdir())
