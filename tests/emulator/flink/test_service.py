"""The stand-in refuses what AWS refuses, and passes through the states that AWS has."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deploy.deployed import APPLICATION, Account


def _stop(client: Any) -> None:
    client.stop_application(ApplicationName=APPLICATION)


def _start(client: Any) -> None:
    client.start_application(ApplicationName=APPLICATION)


def _update(client: Any, version: int = 1, **update: Any) -> None:
    client.update_application(
        ApplicationName=APPLICATION, CurrentApplicationVersionId=version, ApplicationConfigurationUpdate=update
    )


def _code(key: str) -> dict[str, Any]:
    location = {"S3ContentLocationUpdate": {"FileKeyUpdate": key}}
    return {"ApplicationCodeConfigurationUpdate": {"CodeContentUpdate": location}}


def _properties(pairs: dict[str, str]) -> dict[str, Any]:
    return {"EnvironmentPropertyUpdates": {"PropertyGroups": [{"PropertyGroupId": "Alerts", "PropertyMap": pairs}]}}


def _states(client: Any) -> list[str]:
    """The states that are seen, one after the other, until it is steady."""
    seen = [""]
    while seen[-1] not in ("READY", "RUNNING"):
        seen.append(client.describe_application(ApplicationName=APPLICATION)["ApplicationDetail"]["ApplicationStatus"])
    return list(dict.fromkeys(seen[1:]))


def test_refusals_and_states(account: Account) -> None:
    assert account.run("up").status == 0
    client = account.client("kinesisanalyticsv2")
    version = account.application.version
    fifty_one = {f"SKU-{n}": "1" for n in range(51)}
    refused: list[tuple[str, Any]] = [
        ("ResourceInUseException", lambda: _start(client)),
        ("ResourceInUseException", lambda: client.delete_application(ApplicationName=APPLICATION, CreateTimestamp=0)),
        ("ConcurrentModificationException", lambda: _update(client, version - 1, **_properties({"threshold": "7"}))),
        ("InvalidArgumentException", lambda: _update(client, version, **_code("low-inventory-job-gone.zip"))),
        ("InvalidArgumentException", lambda: _update(client, version, **_properties({}))),
        ("InvalidArgumentException", lambda: _update(client, version, **_properties(fifty_one))),
        ("UnsupportedOperationException", lambda: client.list_application_versions(ApplicationName=APPLICATION)),
        ("ResourceNotFoundException", lambda: client.describe_application(ApplicationName="another")),
        (
            "InvalidRequestException",
            lambda: client.rollback_application(ApplicationName=APPLICATION, CurrentApplicationVersionId=version),
        ),
    ]
    for kind, call in refused:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == kind
    assert account.application.status == "RUNNING"

    _update(client, version, **_properties({"threshold": "7"}))
    for call in (lambda: _update(client, version + 1, **_properties({"threshold": "8"})), lambda: _stop(client)):
        with pytest.raises(ClientError, match="is in UPDATING state"):
            call()
    assert _states(client) == ["UPDATING", "RUNNING"]
    _stop(client)
    assert _states(client) == ["STOPPING", "READY"]
    _start(client)
    client.stop_application(ApplicationName=APPLICATION, Force=True)
    assert _states(client) == ["FORCE_STOPPING", "READY"]
    client.delete_application(ApplicationName=APPLICATION, CreateTimestamp=0)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        _states(client)
