"""Nothing is lost where functions die or a service is away; without the job, so that these run beside its scenarios."""

import pytest

from tests.faults.judging.outcome import Outcome
from tests.faults.plans.catalogue import Plan, chosen
from tests.faults.running.stage import Stage


@pytest.mark.parametrize("plan", chosen(with_job=False), ids=lambda plan: plan.name)
def test_nothing_is_lost(plan: Plan, stage: Stage, record: list[Outcome]) -> None:
    plan.check(stage, record)
