"""The stacks of one deployment: their names, templates and outputs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.aws import stacks
from deploy.aws.errors import DeployError

FOLDER = Path(__file__).resolve().parent / "templates"
DEFAULT_NAME = "low-inventory"
PARTS = ("storage", "table", "system", "application", "monitoring")
"""In the order in which they are created; each takes the outputs of those before it."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")


@dataclass(frozen=True)
class Deployment:
    """A deployment by its name, which the names of its stacks begin with."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeployError(
                f"--stack-name {self.name!r}: expected a letter, then at most 39 letters, digits and hyphens", status=2
            )

    def stack(self, part: str) -> str:
        """The name of the stack of a part."""
        return f"{self.name}-{part}"

    @property
    def application(self) -> str:
        """The application has the name of its stack."""
        return self.stack("application")

    def outputs(self, cloudformation: Any, part: str) -> dict[str, str]:
        """The outputs of a part; empty if it is not there."""
        return stacks.outputs(stacks.describe(cloudformation, self.stack(part)))

    def must_have(self, cloudformation: Any, part: str) -> dict[str, str]:
        """The outputs of a part. Raises DeployError if it is not there or not complete."""
        found = self.outputs(cloudformation, part)
        if not found:
            raise DeployError(
                f"there is no stack {self.stack(part)}, or it is not complete",
                "create it with `python -m deploy up`; `status` shows what is there",
            )
        return found


def template(part: str) -> Path:
    """The template of a part."""
    return FOLDER / f"{part}.yaml"
