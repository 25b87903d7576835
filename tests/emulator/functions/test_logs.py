"""Function output on its way to CloudWatch Logs."""

from emulator.functions.logs import LogShipper
from tests.emulated import eventually
from tests.emulator.mappings.lambda_account import LambdaAccount


def test_shipping(account: LambdaAccount) -> None:
    """While it runs, and what is left when it stops; a group that exists already is used."""
    account.logs.create_log_group(logGroupName="/aws/lambda/recorder")
    shipper = LogShipper(account.logs, account.said.append)
    shipper.start()
    shipper.add("/aws/lambda/recorder", "one", "first")
    shipper.add("/aws/lambda/recorder", "one", "  ")
    eventually(lambda: account.log() == ["first"], "the first event")
    shipper.add("/aws/lambda/recorder", "one", "again")
    shipper.add("/aws/lambda/recorder", "two", "second")
    shipper.add("/aws/lambda/other", "one", "third")
    shipper.stop()
    assert (sorted(account.log()), account.log("other")) == (["again", "first", "second"], ["third"])
    assert account.said == []


def test_events_that_cannot_be_sent(account: LambdaAccount) -> None:
    """They are lost, which is said, and the next ones are sent."""
    put = account.logs.put_log_events

    def refuse_once(**arguments: object) -> object:
        account.logs.put_log_events = put
        raise account.logs.exceptions.ServiceUnavailableException({"Error": {"Code": "Unavailable"}}, "PutLogEvents")

    account.logs.put_log_events = refuse_once
    shipper = LogShipper(account.logs, account.said.append)
    shipper.start()
    shipper.add("/aws/lambda/recorder", "one", "first")
    eventually(lambda: bool(account.said), "what is said of it")
    shipper.add("/aws/lambda/recorder", "one", "second")
    shipper.stop()
    assert account.log() == ["second"]
    (line,) = account.said
    assert line.startswith("log group /aws/lambda/recorder: 1 log events are lost:")
