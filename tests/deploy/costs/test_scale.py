"""What more events take, by hand, and the order in which quotas are reached."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.costs import monthly, scale
from tests.deploy.costs.test_monthly import A

B = replace(A, job_us=10, busiest_path=0.01)


def test_by_hand() -> None:
    # 5 % of the events are alerts, with two writes each; 10 % of headroom on 10 us an event.
    assert scale.alerts(1000, B) == 50
    assert scale.writes(1000, B) == 1100
    assert [scale.kpus(rate, B) for rate in (1, 90_000, 91_000, 1_000_000)] == [1, 1, 2, 11]
    assert scale.concurrency(1000, B) == 3 + 4 * 2
    # More KPUs than one are paid for.
    more = scale.dollars(1_000_000, B) - sum(line.dollars for line in monthly.ours(1_000_000, B))
    assert more == pytest.approx(10 * (0.11 * 730 + 5))


def test_a_quota_is_reached_where_its_use_is_the_quota() -> None:
    for limit in (*scale.MESSAGES, *scale.LIMITS):
        at = limit.reached(B)
        assert limit.used(at * 1.01 + 1, B) > limit.most, limit.what
        assert limit.used(at * 0.98, B) <= limit.most, limit.what
    reached = {limit.what: limit.reached(B) for limit in scale.LIMITS}
    assert reached["writes a second to a table"] == pytest.approx(40_000)
    assert reached["events a second of one path: a shard"] == pytest.approx(100_000)


def test_tables_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["scale.py", "--output", str(tmp_path / "new" / "costs.json")])
    scale.main()
    lines = capsys.readouterr().out.splitlines()
    ends = {line.split(" | ")[0].strip("| "): line.split(" | ")[-1].strip("| ") for line in lines[2:6]}
    assert ends["1"] == ends["1,000"] == "nothing"
    assert ends["100,000"] == ends["1,000,000"] == "writes a second to a new table, at once"
    series = json.loads((tmp_path / "new" / "costs.json").read_text())["series"]
    assert series["ours"][0] == [1, pytest.approx(scale.dollars(1, monthly.Assumptions()))]
    assert [rate for rate, _ in series["the lab"]] == list(scale.PLOTTED)
