"""The line of the connector that is deployed (docs/lines.md): which one, and what the oldest does not promise."""

from deploy import packages
from deploy.aws.errors import DeployError
from deploy.progress import say
from deploy.up.state import OLDEST, Deployed, Wanted

_BEST = "connector-5"
"""What a first deployment takes: AWS's connector for Flink 1.20."""


def choose(wanted: Wanted, deployed: Deployed) -> Wanted:
    """What is wanted, with its line and the runtime of that: the given one, else the deployed one, else the best."""
    runtime = wanted.values.get("Runtime")
    fitting = [line for line, needed in packages.LINES.items() if runtime in (None, needed)]
    if "Line" in wanted.values:
        line = wanted.values["Line"]
    elif deployed.line in fitting:
        line = deployed.line
    elif len(fitting) == 1:
        line = fitting[0]
    else:
        line = _BEST if _can_be_built(_BEST) else OLDEST
    return wanted.having({"Line": line, "Runtime": packages.LINES[line]})


def _can_be_built(line: str) -> bool:
    """Whether there is a package of a line, or there is one now."""
    if packages.job(line).is_file():
        return True
    say(f"a first deployment takes line {line} if it can be built")
    try:
        packages.build(line)
    except DeployError:
        # The build has said why.
        return False
    return packages.job(line).is_file()


def say_what_it_lacks(wanted: Wanted, deployed: Deployed) -> None:
    """Say what the oldest line does not promise, and how to get the best."""
    if wanted.values["Line"] != OLDEST:
        return
    reset = " --reset-state" if deployed.line else ""
    say(
        f"line {OLDEST}: while shards are split or merged, --policy crossing can pass over alerts; it holds the AWS "
        "SDK for Java v1, whose support ended on 2025-12-31; no other line takes over its state"
    )
    say(f"line {_BEST} has none of this: `./build.sh --line {_BEST}`, `up --line {_BEST}{reset}`; see docs/lines.md")


def say_order(wanted: Wanted, deployed: Deployed) -> None:
    """Say what another count of shards means for the order of events."""
    values, before = {**deployed.values, **wanted.values}, deployed.parameter("system", "Shards")
    other = before and values.get("Shards") != before
    if other and values["Line"] == OLDEST and values.get("Policy") == "crossing":
        say(
            "with --policy crossing, another number of shards can bring events of a product out of order while old and "
            f"new shards are read at once: line {OLDEST} reads a new shard before the end of the old one. "
            f"Line {_BEST} keeps the order"
        )
