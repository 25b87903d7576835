"""The costs against a calculation by hand, and against the templates whose parts they count."""

import re
import sys
from collections.abc import Callable

import pytest

from deploy.costs import hourly, monthly
from deploy.costs.monthly import Assumptions, Line
from tests.deploy.templates import cfn

# Round numbers, so that the sums can be followed: a month has 2,628,000 seconds.
A = Assumptions(
    event_bytes=250,
    item_bytes=300,
    alert_share=0.05,
    headroom=0.1,
    cpu_ms=2,
    cpu_ms_event=0.2,
    cpu_ms_alerts=1,
    cpu_ms_alert=8,
    request_ms=10,
    memory_mb=256,
    lab_memory_mb=128,
    log_bytes=1000,
    log_bytes_alerts=600,
    log_bytes_alert=400,
    log_bytes_lab=300,
    job_log_gb=0.1,
    kms_calls=12,
    kpus=1,
    code_gb=0.1,
)


ALARMS = hourly.alarms(cfn.body("monitoring"), ["AllAlarms", "AllAlarmsOfLostShards"])

SHARED = 4 * (1 - 0.75**5)

# At 100 events a second: 262.8 million events and 13.14 million alerts a month.
BY_HAND = {
    "lab": {
        # An event takes the function 41 ms, an alert 135 ms (see below): with the headroom 4.51 and 0.74 shards.
        "streams: shards (events, alerts)": 6 * 730 * 0.015,
        "streams: records written": (262.8 + 13.14) * 0.014,
        "SQL application: 1 KPU": 730 * 0.11,
        "functions: invocations": (262.8 + 13.14) * 0.20,
        # 2.2 ms at 128/1769 of a vCPU are 30.4 ms, and one request: 41 ms. 9 ms are 124.4: 135 ms.
        "functions: duration": (262.8 * 0.041 + 13.14 * 0.135) * 0.125 * 16.6667,
        "table: writes": 262.8 * 0.625,
        # 300 + 100 bytes an item: 105.12 GB.
        "table: a month's items": 105.12 * 0.25,
        "topic: messages": 13.14 * 0.5,
        # 275.94 million invocations of 300 bytes: 82.782 GB.
        "logs: written": 82.782 * 0.5,
        "logs: kept": 82.782 * 0.03,
    },
    "ours": {
        "streams: shards (events, alerts, dead letters)": 3 * 730 * 0.015,
        "streams: records written": (262.8 + 13.14) * 0.014,
        # 8,760 times five minutes, 12 calls for each of 6 readers and writers: 630,720 calls.
        "streams: encryption, AWS managed key": 0.63072 * 3,
        # One invocation a second with 100 events. By their keys 5 alerts are of four sub-batches; 0.75^5 get none.
        "functions: invocations": (1 + SHARED) * 2.628 * 0.20,
        # 22 ms at 256/1769 are 152.03 ms, 4 requests: 193 ms. 14.11 ms are 97.51 ms, 4.92 requests: 147 ms.
        "functions: duration": 2.628 * (0.193 + SHARED * 0.147) * 0.25 * 16.6667,
        # 1000 and SHARED * 600 bytes a second, 400 bytes for each of 5 alerts, and the job's 0.1 GB.
        "logs: written": ((3000 + SHARED * 600) * 2.628e-3 + 0.1) * 0.5,
        "logs: kept 30 days": ((3000 + SHARED * 600) * 2.628e-3 + 0.1) * 0.03,
        "table: writes": 262.8 * 0.625,
        "table: a month's items": 105.12 * 0.25,
        "table: point-in-time recovery of them": 105.12 * 0.20,
        "idempotency table: two writes an alert": 2 * 13.14 * 0.625,
        "application: 1 KPU, and one for orchestration": 2 * 730 * 0.11,
        "application: 50 GB running storage": 50 * 0.10,
        "topic: messages": 13.14 * 0.5,
        f"alarms: {ALARMS.alarms}, on {ALARMS.metrics} metrics": ALARMS.metrics * 0.10,
        "metrics of the functions": 2 * 0.30,
        "dashboard": 3.0,
        "bucket: code": 0.1 * 0.023,
    },
}


@pytest.mark.parametrize("setting", [monthly.lab, monthly.ours])
def test_a_month_by_hand(setting: Callable[[float, Assumptions], list[Line]]) -> None:
    lines = {line.what: line.dollars for line in setting(100, A)}
    assert lines == pytest.approx(BY_HAND[setting.__name__], rel=1e-5)


@pytest.mark.parametrize(
    ("rate", "event_bytes", "seconds", "shards"),
    [
        (1, 250, 0.001, 1),
        (909, 250, 0.001, 1),
        (910, 250, 0.001, 2),
        (1000, 250, 0.001, 2),
        (1000, 2000, 0.001, 3),
        (100, 10240, 0.001, 2),
        (100, 250, 0.04, 5),
        (1000, 250, 0.0024, 3),
    ],
)
def test_shards(rate: float, event_bytes: float, seconds: float, shards: int) -> None:
    assert monthly.shards(rate, seconds, Assumptions(event_bytes=event_bytes)) == shards


@pytest.mark.parametrize(
    ("rate", "at_once", "invocations"),
    [(0.05, 1, 0.05), (1, 1, 1), (100, 1, 1), (150, 1, 1.5), (1000, 2, 10), (3, 2, 1.75), (2, 4, 1.75)],
)
def test_invocations(rate: float, at_once: int, invocations: float) -> None:
    assert monthly.invocations(rate, at_once) == pytest.approx(invocations)


def test_the_templates_have_what_is_counted() -> None:
    system = cfn.load("system")["Resources"]
    functions = [one["Properties"] for one in system.values() if one["Type"] == "AWS::Lambda::Function"]
    assert {function["MemorySize"] for function in functions} == {Assumptions().memory_mb}
    assert system["KinesisToDynamoMapping"]["Properties"]["BatchSize"] == monthly.BATCH
    assert system["AlertsToSnsMapping"]["Properties"]["ParallelizationFactor"] == monthly.ALERTS_AT_ONCE


def test_the_estimate_agrees() -> None:
    estimate = hourly.estimate(hourly.Size(1, 1, 1, 1, 24, False, ALARMS))
    standing = ("application", "streams: shards", "alarms", "dashboard")
    month = sum(line.dollars for line in monthly.ours(1, Assumptions()) if line.what.startswith(standing))
    assert sum(line.dollars_an_hour for line in estimate) * 730 == pytest.approx(month)


@pytest.mark.parametrize("name", monthly.PRICES)
def test_a_price_tells_when_it_was_seen(name: str) -> None:
    seen = monthly.PRICES[name].seen
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", seen.month)
    # A copy that does not change: of one commit.
    assert re.match(r"https://github\.com/[\w-]+/[\w-]+/(blob|tree)/[0-9a-f]{7}\b", seen.source)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_bad_option(value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["costs.py", f"--request-ms={value}"])
    with pytest.raises(SystemExit) as ended:
        monthly.main()
    assert ended.value.code == 2
    assert f"--request-ms: expected a number above 0, got '{value}'" in capsys.readouterr().err


def test_prints_both_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["costs.py"])
    monthly.main()
    out = capsys.readouterr().out
    for column in (monthly.lab(1, Assumptions()), monthly.ours(1, Assumptions())):
        total = sum(line.dollars for line in column)
        assert f"| **{total:,.2f}** |" in out
        assert f"| **{total / 2.628:,.2f}** |" in out
    # 0.048 alerts a second at $0.007.
    assert out.count("| 883.01 |") == 2
