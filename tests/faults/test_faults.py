"""Nothing is lost: each scenario of the job with real processes, real kills and a seed."""

import pytest

from tests.faults.judging.outcome import Outcome
from tests.faults.plans.catalogue import Plan, chosen
from tests.faults.running.stage import Stage


# They share an emulator, a cluster and the functions.
@pytest.mark.jvm
@pytest.mark.parametrize("plan", chosen(with_job=True), ids=lambda plan: plan.name)
def test_nothing_is_lost(plan: Plan, stage: Stage, record: list[Outcome]) -> None:
    plan.check(stage, record)
