"""The oracle says of each record of the contract's table what the table says."""

import pytest

from local.pipeline import oracle
from tests.contract_cases import CASES


@pytest.mark.parametrize("name", CASES)
def test_record(name: str) -> None:
    record, expected = CASES[name]
    alerts, dead_letters = oracle.judge([record], 10, {}, "every", 0)
    if isinstance(expected, str):
        payload = record.decode("latin-1" if expected == "not_utf8" else "utf-8")
        assert (alerts, dead_letters) == ([], [(expected, payload)])
    else:
        assert (alerts, dead_letters) == ([expected] if expected else [], [])
