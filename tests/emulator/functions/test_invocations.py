"""`Invoke` of the emulator's Lambda, as a client calls it."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from emulator.functions.invocations import Invocations
from tests.emulated import REGION, eventually
from tests.emulator.mappings.lambda_account import LambdaAccount, package

SOURCE = """
import os, time
seen = []
def lambda_handler(event, context):
    seen.append(event)
    if event == "raise":
        raise ValueError("no stock")
    if event == "hang":
        print("hangs", flush=True)
        while True: time.sleep(1)
    return [event, len(seen), os.environ["KEPT"][:1]]
"""


@pytest.fixture(autouse=True)
def invocations(account: LambdaAccount) -> Iterator[Invocations]:
    invocations = Invocations(account.emulator.endpoint, REGION)
    invocations.serve()
    account.create_function(source=SOURCE, Timeout=900)
    yield invocations
    invocations.close()


def invoke(account: LambdaAccount, event: object) -> Any:
    answer = account.lambda_.invoke(FunctionName="recorder", Payload=json.dumps(event).encode())
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    content = json.loads(answer["Payload"].read())
    return (answer["FunctionError"], content["errorType"]) if "FunctionError" in answer else content


def test_invoke(account: LambdaAccount) -> None:
    """The function runs from its zip, in one process that is used again, and what it does is in its log."""
    assert invoke(account, {"a": [1, "ñ"]}) == [{"a": [1, "ñ"]}, 1, "/"]
    assert invoke(account, "raise") == ("Unhandled", "ValueError")
    assert invoke(account, None) == [None, 3, "/"]
    eventually(lambda: sum(line.startswith("REPORT") for line in account.log()) == 3, "the log")


def test_new_code(account: LambdaAccount) -> None:
    before = set(psutil.Process().children())
    assert invoke(account, 1) == [1, 1, "/"]
    old = set(psutil.Process().children()) - before
    code = package("def lambda_handler(event, context): return 'new'")
    account.s3.put_object(Bucket="code", Key="new.zip", Body=code)
    account.lambda_.update_function_code(FunctionName="recorder", S3Bucket="code", S3Key="new.zip")
    assert invoke(account, 1) == "new"
    assert not old & set(psutil.Process().children())


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"FunctionName": "none"}, "ResourceNotFoundException", "Function not found: arn:aws:lambda"),
        ({"Payload": b"{"}, "InvalidRequestContentException", "Could not parse request body into json"),
        ({"InvocationType": "Event"}, "InvalidParameterValueException", "the emulator has no Event; expected Request"),
    ],
)
def test_refused(account: LambdaAccount, request_: dict[str, Any], error: str, message: str) -> None:
    with pytest.raises(account.lambda_.exceptions.ClientError) as caught:
        account.lambda_.invoke(**{"FunctionName": "recorder"} | request_)
    assert caught.value.response["Error"]["Code"] == error
    assert message in caught.value.response["Error"]["Message"]


def test_code_that_is_gone(account: LambdaAccount) -> None:
    account.s3.delete_object(Bucket="code", Key="recorder.zip")
    with pytest.raises(account.lambda_.exceptions.InvalidParameterValueException, match="has its code"):
        invoke(account, 1)


def test_end_while_a_function_hangs(account: LambdaAccount, invocations: Invocations) -> None:
    """Another invocation has a process of its own; the end kills both."""
    before, answers = set(psutil.Process().children()), []
    thread = threading.Thread(target=lambda: answers.append(invoke(account, "hang")))
    thread.start()
    eventually(lambda: "hangs" in account.log(), "the hanging")
    assert invoke(account, 1) == [1, 1, "/"]
    assert len(set(psutil.Process().children()) - before) == 2
    invocations.close()
    thread.join()
    assert answers == [("Unhandled", "Runtime.ExitError")]
    eventually(lambda: set(psutil.Process().children()) <= before, "the end of both processes")
