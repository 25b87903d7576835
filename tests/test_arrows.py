"""Which room may import which: the arrows that docs/architecture.md draws."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A room is a folder or a module; beside it is what it may import of the project.
ARROWS = {
    "jobs": "",
    "lambdas.alerts_to_sns": "lambdas.common",
    "lambdas.kinesis_to_dynamo": "lambdas.common",
    "lambdas.common": "",
    "producer": "",
    "deploy.__main__": "deploy",
    "deploy.commands": "deploy.up deploy.costs deploy.alarm_mail deploy.deployment deploy.packages deploy.aws",
    "deploy.up": "deploy.costs deploy.alarm_mail deploy.deployment deploy.packages deploy.aws",
    "deploy.alarm_mail": "deploy.aws",
    "deploy.costs": "deploy.deployment deploy.aws",
    "deploy.deployment": "deploy.aws",
    "deploy.packages": "deploy.aws",
    "deploy.aws": "",
    "deploy.progress": "",
    "emulator.__main__": "emulator",
    "emulator.server": "emulator.corrections emulator.flink emulator.functions",
    "emulator.terminal": "",
    "emulator.shapes": "",
    "emulator.corrections": "emulator.flink emulator.shapes",
    "emulator.flink": "emulator.shapes",
    "emulator.mappings": "emulator.functions emulator.shapes",
    "emulator.functions": "",
    "local": "deploy emulator producer",
    "benchmarks": "jobs producer emulator",
}
# Every room of `deploy` may say what it is doing.
EVERYWHERE = {"deploy": ["deploy.progress"]}


def within(name: str, rooms: list[str]) -> bool:
    """Whether a dotted name is one of the rooms, or in one."""
    return any(f"{name}.".startswith(f"{room}.") for room in rooms)


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports; a relative import stays in its folder."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_arrows() -> None:
    houses = sorted({room.split(".")[0] for room in ARROWS})
    wrong = []
    for path in [path for house in houses for path in (ROOT / house).rglob("*.py") if path.name != "__init__.py"]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        (own,) = [room for room in ARROWS if within(name, [room])]
        allowed = [own, *ARROWS[own].split(), *EVERYWHERE.get(name.split(".")[0], [])]
        wrong += [
            f"{name} imports {other}"
            for other in imported(path)
            if within(other, houses) and not within(other, allowed)
        ]
    assert wrong == []
