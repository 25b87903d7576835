"""docs/operations.md says what to do at each alarm of the template, and at no other."""

import re

from tests.docs import pages
from tests.docs.pages import ROOT


def test_every_alarm_has_a_heading() -> None:
    template = (ROOT / "deploy/templates/monitoring.yaml").read_text(encoding="utf-8")
    alarms = re.findall(r"AlarmName: !Sub \$\{AWS::StackName\}-([\w-]+)", template)
    headings = re.findall(r"^### ([\w-]+)$", pages.text(ROOT / "docs/operations.md"), re.MULTILINE)
    assert sorted(headings) == sorted(alarms)
