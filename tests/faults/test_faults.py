"""Nothing is lost: each scenario with real processes, real kills and a seed."""

import pytest

from tests.faults.conftest import FULL
from tests.faults.outcome import Outcome
from tests.faults.plans import PLANS, Plan
from tests.faults.stage import Stage


@pytest.mark.parametrize("plan", [plan for plan in PLANS if FULL or plan.short], ids=lambda plan: plan.name)
def test_nothing_is_lost(plan: Plan, stage: Stage, record: list[Outcome]) -> None:
    outcome = plan.run(stage, plan.name)
    record.append(outcome)
    print(" | ".join(outcome.cells()), flush=True)
    assert outcome.problems() == []
