"""The scenarios, by their names."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.conftest import FULL
from tests.faults.judging.outcome import Outcome
from tests.faults.plans import functions, job, whole
from tests.faults.running.stage import Stage


@dataclass(frozen=True)
class Plan:
    """A scenario: what is done, whether the short version has it, and whether the job is part of it."""

    name: str
    run: Callable[[Stage, str], Outcome]
    short: bool = False
    with_job: bool = True

    def check(self, stage: Stage, record: list[Outcome]) -> None:
        """Carry it out, and fail for what design.md does not allow; `record` gets the outcome."""
        outcome = self.run(stage, self.name)
        record.append(outcome)
        print(" | ".join(outcome.cells()), flush=True)
        problems = outcome.problems()
        assert not problems, "; ".join(problems)


PLANS = [
    Plan("TaskManager killed, a shard unread", job.task_manager_killed, short=True),
    Plan("savepoint and start, a shard unread", job.savepoint_and_start),
    Plan("JobManager killed, a shard unread", job.job_manager_killed),
    Plan("submitted anew, a shard unread", job.submitted_anew),
    Plan("the job's streams throttled", job.sinks_throttled),
    *(
        Plan(
            f"resharded {moment}, {policy}",
            job.resharded(policy, moment),
            short=(policy, moment) == ("crossing", "while stopped"),
        )
        for policy in ("every", "crossing")
        for moment in job.MOMENTS
    ),
    Plan("unrest for a short while, every", whole.unrest("every", 10, black=False), short=True),
    *(
        Plan(f"unrest and black-outs, {policy}", whole.unrest(policy, 60, black=True))
        for policy in ("every", "crossing")
    ),
    *(Plan(moment, functions.killed(moment), with_job=False) for moment in functions.MOMENTS),
    *(
        Plan(
            f"{service} away for {seconds} s",
            functions.away(operations, seconds),
            with_job=False,
        )
        for seconds in (20, 300)
        for service, operations in (("SNS", functions.SNS), ("DynamoDB", functions.DYNAMODB))
    ),
    # For the short version, which has no time for one after the other.
    Plan("AlertsToSns killed, SNS away for 20 s", functions.killed_then_away, short=True, with_job=False),
    Plan("soak of ten minutes, crossing", whole.soak(600)),
]


def chosen(with_job: bool) -> list[Plan]:
    """Those of this run, with the job or without it."""
    return [plan for plan in PLANS if plan.with_job is with_job and (FULL or plan.short)]
