"""Nothing is lost: each scenario of the job with real processes, real kills and a seed."""

from pathlib import Path

import pytest

from tests.emulated import Emulator, eventually
from tests.faults.judging.outcome import Outcome
from tests.faults.plans.catalogue import Plan, chosen
from tests.faults.running.cluster import Cluster
from tests.faults.running.stage import Stage
from tests.jobs.kinesis import written


# All share an emulator, a cluster and the functions.
@pytest.mark.jvm
def test_without_faults(endpoint: str, flink: Cluster, tmp_path: Path) -> None:
    """The package does what the job does on its own, with the cluster's parallelism, on two TaskManagers."""
    # In this region there are no stacks of the scenarios.
    emulator = Emulator(endpoint)
    emulator.create_streams()
    emulator.put(written.RECORDS, written.product)
    job = flink.submit(emulator.properties(tmp_path / "p.json"), endpoint)
    eventually(lambda: written.arrived(emulator), "alerts and dead letters")
    written.check(emulator)
    assert len(flink.busy(job)) == 2
    # What belongs to the service is not set, but the cluster's own.
    assert {vertex["parallelism"] for vertex in flink.ask(f"/jobs/{job}")["vertices"]} == {2}
    assert flink.ask(f"/jobs/{job}/config")["execution-config"]["job-parallelism"] in (2, -1)
    flink.cancel_all()


@pytest.mark.jvm
@pytest.mark.parametrize("plan", chosen(with_job=True), ids=lambda plan: plan.name)
def test_nothing_is_lost(plan: Plan, stage: Stage, record: list[Outcome]) -> None:
    plan.check(stage, record)
