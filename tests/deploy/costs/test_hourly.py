"""The estimate that `up` prints, against sums by hand and the template whose alarms it counts."""

import pytest

from deploy.costs import hourly
from deploy.costs.hourly import Alarms

TEMPLATE = """\
Resources:
  # Three metrics in two alarms
  One:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: Errors

  Sum:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - Id: sum
          Expression: a + b
        - Id: a
          MetricStat: {Stat: Sum}
        - Id: b
          MetricStat:
            Stat: Sum

  # No alarm
  Page:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: "MetricStat:"
"""


@pytest.mark.parametrize(
    ("template", "found"),
    [(TEMPLATE, Alarms(2, 3)), (TEMPLATE.split("  # No alarm")[0], Alarms(2, 3)), ("Resources: {}\n", Alarms(0, 0))],
)
def test_alarms(template: str, found: Alarms) -> None:
    assert hourly.alarms(template, []) == found


EXTRAS = [
    (24, False, {}),
    (336, False, {"streams: retention after the first day": 0.14}),
    (24, True, {"stream of events: enhanced fan-out": 0.045}),
]


@pytest.mark.parametrize(("hours", "fan_out", "extra"), EXTRAS)
def test_an_hour_by_hand(hours: int, fan_out: bool, extra: dict[str, float]) -> None:
    lines = hourly.estimate(hourly.Size(5, 2, 3, 2, hours, fan_out, Alarms(4, 6)))
    assert {line.what: line.dollars_an_hour for line in lines} == pytest.approx(
        {
            "application: 3 KPU, and one for orchestration": 0.44,
            "application: 50 GB a KPU": 3 * 5 / 730,
            "streams: 7 shards": 0.105,
            "alarms: 4, on 6 metrics": 0.6 / 730,
            "dashboard": 3 / 730,
        }
        | extra
    )


def test_show() -> None:
    shown = hourly.show([hourly.Line("one", 0.25), hourly.Line("other", 0.0625)]).splitlines()
    assert shown[0] == "about $0.31 an hour ($228 a month) by the list prices of us-east-1;"
    assert "no free tier" in shown[1]
    assert shown[2:4] == ["    0.2500  one", "    0.0625  other"]
    assert shown[4].startswith("    0.3125  in all")


def test_a_learner_sees_the_budget_first() -> None:
    shown = hourly.show([hourly.Line("one", 0.25)], lab=True).splitlines()
    assert shown[0] == "$0.25 an hour, $6.00 a day: the lab's budget of $50 lasts 8 days"
    assert "is lost with all that is in it" in shown[1]
