"""The scenarios, by their names."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import function_plans, job_plans, whole_plans
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage


@dataclass(frozen=True)
class Plan:
    """A scenario: what is done, and whether the short version has it."""

    name: str
    run: Callable[[Stage, str], Outcome]
    short: bool = False


PLANS = [
    Plan("TaskManager killed, a shard unread", job_plans.task_manager_killed),
    Plan("savepoint and start, a shard unread", job_plans.savepoint_and_start),
    Plan("JobManager killed, a shard unread", job_plans.job_manager_killed),
    *(
        Plan(
            f"resharded {moment}, {policy}",
            job_plans.resharded(policy, moment),
            (policy, moment) == ("crossing", "while stopped"),
        )
        for policy in ("every", "crossing")
        for moment in job_plans.MOMENTS
    ),
    Plan("unrest for a short while, every", whole_plans.unrest("every", 10, black=False)),
    *(
        Plan(f"unrest and black-outs, {policy}", whole_plans.unrest(policy, 60, black=True))
        for policy in ("every", "crossing")
    ),
    *(Plan(moment, function_plans.killed(moment), short="note" in moment) for moment in function_plans.MOMENTS),
    Plan("SNS away for 20 s", function_plans.away(function_plans.SNS, 20)),
    Plan("DynamoDB away for 20 s", function_plans.away(function_plans.DYNAMODB, 20)),
    Plan("SNS away for 5 minutes", function_plans.away(function_plans.SNS, 300)),
    Plan("DynamoDB away for 5 minutes", function_plans.away(function_plans.DYNAMODB, 300)),
    Plan("soak of ten minutes, crossing", whole_plans.soak(600)),
]
