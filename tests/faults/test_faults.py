"""Nothing is lost: each scenario with real processes, real kills and a seed."""

import pytest

from tests.faults.conftest import FULL
from tests.faults.outcome import Outcome
from tests.faults.plans import PLANS, Plan
from tests.faults.stage import Stage

# They share an emulator, a cluster and the functions.
CASES = [
    pytest.param(plan, id=plan.name, marks=pytest.mark.jvm if plan.with_job else ())
    for plan in PLANS
    if FULL or plan.short
]


@pytest.mark.parametrize("plan", CASES)
def test_nothing_is_lost(plan: Plan, stage: Stage, record: list[Outcome]) -> None:
    outcome = plan.run(stage, plan.name)
    record.append(outcome)
    print(" | ".join(outcome.cells()), flush=True)
    assert outcome.problems() == []
