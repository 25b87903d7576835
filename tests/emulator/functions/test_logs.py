"""Function output on its way to CloudWatch Logs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.functions import logs
from emulator.functions.logs import LogEvent, LogShipper
from tests.emulated import Emulator, eventually
from tests.emulator.mappings.lambda_account import LambdaAccount


def event(message: str) -> LogEvent:
    return LogEvent("g", "s", 1, message)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["x" * 300_000, "ñ" * 200_000])), max_size=12))
def test_batches(messages: list[str]) -> None:
    """All text, in order, in what PutLogEvents takes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""
    batches = list(logs.batches([event(message) for message in messages]))
    sizes = [sum(len(one.message.encode()) + 26 for one in batch) for batch in batches]
    assert all(size <= 1_048_576 for size in sizes)
    assert all(len(one.message.encode()) + 26 <= 256 * 1024 for batch in batches for one in batch)
    assert "".join(one.message for batch in batches for one in batch) == "".join(messages)


def test_many_events() -> None:
    assert [len(batch) for batch in logs.batches([event("x")] * 10_001)] == [10_000, 1]


def test_shipping(account: LambdaAccount) -> None:
    """While it runs, and what is left when it stops; a group that is there already is used."""
    account.logs.create_log_group(logGroupName="/aws/lambda/recorder")
    shipper = LogShipper(account.logs, account.said.append, interval=0.02)
    shipper.start()
    shipper.add("/aws/lambda/recorder", "one", "first")
    shipper.add("/aws/lambda/recorder", "one", "  ")
    eventually(lambda: account.log() == ["first"], "the first event", 10)
    shipper.add("/aws/lambda/recorder", "two", "second")
    shipper.add("/aws/lambda/other", "one", "third")
    shipper.stop()
    assert (sorted(account.log()), account.log("other"), account.said) == (["first", "second"], ["third"], [])


def test_events_wait_for_an_emulator(emulator: Emulator, account: LambdaAccount) -> None:
    """Said once each time, and sent when it answers."""
    put = account.logs.put_log_events
    failing = True

    def refuse(**arguments: object) -> object:
        if failing:
            raise account.logs.exceptions.ServiceUnavailableException(
                {"Error": {"Code": "Unavailable"}}, "PutLogEvents"
            )
        return put(**arguments)

    account.logs.put_log_events = refuse
    shipper = LogShipper(account.logs, account.said.append, interval=0.01)
    shipper.start()
    shipper.add("/aws/lambda/recorder", "one", "first")
    eventually(lambda: bool(account.said), "what is said of it", 10)
    shipper.add("/aws/lambda/recorder", "one", "second")
    failing = False
    eventually(lambda: account.log() == ["first", "second"], "both events", 10)
    assert len(account.said) == 1
    failing = True
    shipper.add("/aws/lambda/recorder", "one", "third")
    eventually(lambda: len(account.said) == 2, "what is said the next time", 10)
    shipper.stop()
    assert account.said[0].startswith("log group /aws/lambda/recorder: its events cannot be sent yet:")
