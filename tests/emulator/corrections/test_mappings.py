"""Event source mappings are what they are in AWS, where moto alone is not."""

import time

import pytest

from tests.emulator.mappings.lambda_account import LambdaAccount


def test_no_mapping_runs_by_itself(account: LambdaAccount) -> None:
    """A record is written, and nothing is invoked, or logged, for it."""
    account.create_function()
    account.create_mapping()
    account.put("a")
    assert account.logs.describe_log_groups()["logGroups"] == []


def test_second_mapping(account: LambdaAccount) -> None:
    """One of a stream and a function; another function may have one too."""
    account.create_function()
    account.create_function("other")
    uuid = account.create_mapping()
    with pytest.raises(account.lambda_.exceptions.ResourceConflictException, match=f"already exists.*UUID {uuid}"):
        account.create_mapping()
    other = account.create_mapping("other")
    listed = account.lambda_.list_event_source_mappings()["EventSourceMappings"]
    assert [mapping["UUID"] for mapping in listed] == [uuid, other]
    account.lambda_.delete_event_source_mapping(UUID=uuid)
    account.create_mapping()


def test_starting_timestamp(account: LambdaAccount) -> None:
    account.create_function()
    moment = int(time.time())
    account.create_mapping(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    (mapping,) = account.lambda_.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["StartingPositionTimestamp"].timestamp() == moment


def test_first_result(account: LambdaAccount) -> None:
    account.create_function()
    uuid = account.create_mapping()
    assert account.lambda_.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "No records processed"
