"""The job on Flink 2.2, which has an environment of its own: it keeps the contract that it keeps on 1.20."""

import os
import subprocess

import pytest

from tests.docs.pages import ROOT

INSTALLED = ROOT / ".venv-2.2" / "run"
# What is the same on every Flink, or what the fuzz test makes up for: a job costs seconds of processor time.
LEFT_OUT = (
    "tests/faults/test_fuzz.py::test_every_record_is_accounted_for[every]",
    "tests/jobs/test_options.py",
    "tests/jobs/sql/test_prefilter.py",
    "tests/jobs/sql/test_property.py",
    "tests/jobs/sql/test_contract.py::test_threshold",
    "tests/jobs/sql/test_stream_order.py::test_any_order",
)


@pytest.mark.jvm
def test_contract() -> None:
    if not INSTALLED.exists():
        pytest.skip("Flink 2.2 is not installed: `make .venv-2.2/run` does it")
    # What Flink 1.20 and the make of this run put into the environment is not for 2.2.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    arguments = " ".join(f"--deselect {file}" for file in LEFT_OUT)
    command = ["make", "-o", ".venv-2.2/run", "test", "FLINK=2.2", f"ARGS={arguments}"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout, done.stdout
