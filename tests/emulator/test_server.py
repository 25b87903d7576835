"""The server of the emulator, in its own process."""

import io

import boto3
import pytest
from botocore.parsers import ResponseParserError

from emulator.server import emulator, work_on
from tests.emulated import eventually

REASON = "NotImplementedError: The list_sms_sandbox_phone_numbers action"


def test_its_own_errors_are_seen(capfd: pytest.CaptureFixture[str]) -> None:
    """What the emulator cannot do is on stderr, where its user looks for the reason, and nothing else is."""
    with emulator() as endpoint, work_on(endpoint):
        sns = boto3.client("sns")
        assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
        assert capfd.readouterr().err == ""
        with pytest.raises(ResponseParserError):
            sns.list_sms_sandbox_phone_numbers()
        # It is written after the answer.
        said = io.StringIO()
        eventually(lambda: said.write(capfd.readouterr().err) >= 0 and REASON in said.getvalue(), "the reason")
