"""A function that hangs ends its process long before Lambda's time-out, and shows where it hung."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lambdas import function_under_test, invocation
from tests.lambdas.function_under_test import LAMBDAS
from tests.lambdas.invocation import REGION

# What a record could do to a function: keep the processor busy for ever, in Python or in C, or wait for ever.
HANGS = {
    "Python": "while True: pass",
    "C": "import re; re.fullmatch('(a|a)*b', 'a' * 100)",
    "wait": "import threading; threading.Event().wait()",
}
SCRIPT = """
import time
from invocation import Context
from lambdas.common import deadline
import lambda_function, {module}
deadline.HANG_SECONDS = 0.5
def hang(*arguments):
    {hang}
{module}.{name} = hang
lambda_function.lambda_handler({event}, Context(900))
time.sleep(1)
print("survived")
"""
PLACES = {"kinesis_to_dynamo": ("event_items", "item"), "alerts_to_sns": ("alert_records", "parse")}


def run(folder: str, hang: str, records: list[bytes]) -> "subprocess.CompletedProcess[str]":
    """Give records to a function in a process of its own, and then leave that alone for a while."""
    module, name = PLACES[folder]
    event = function_under_test.event(records)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module, name=name, hang=HANGS[hang], event=event)],
        env={
            **{key: value for key, value in os.environ.items() if key.startswith("AWS_") or key == "PATH"},
            "PYTHONPATH": ":".join(map(str, (LAMBDAS / folder, LAMBDAS.parent, Path(invocation.__file__).parent))),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_LAMBDA_FUNCTION_NAME": function_under_test.FUNCTION,
            "FAILURES_BUCKET": function_under_test.BUCKET,
            "TABLE_NAME": "events",
            "IDEMPOTENCY_TABLE": "known",
            "TOPIC_ARN": f"arn:aws:sns:{REGION}:{invocation.ACCOUNT}:alerts",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("hang", sorted(HANGS))
@pytest.mark.parametrize("folder", sorted(PLACES))
def test_a_record_that_hangs_ends_the_process(folder: str, hang: str) -> None:
    done = run(folder, hang, [b"secret-word"])
    assert (done.returncode, "survived" in done.stdout) == (1, False)
    assert "Timeout (" in done.stderr
    assert "in hang" in done.stderr
    assert "secret-word" not in done.stderr


@pytest.mark.parametrize("folder", sorted(PLACES))
def test_between_two_invocations_nothing_ends_it(folder: str) -> None:
    done = run(folder, "Python", [])
    assert (done.returncode, "survived" in done.stdout) == (0, True), done.stderr
