"""Flink's web dashboard of a job in the JVM of a run, over HTTP as a browser reads it."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jobs.alerting import jvm as gateway
from jobs.alerting import plan
from jobs.alerting.settings import AlertSettings
from tests.emulated import eventually

pytestmark = pytest.mark.jvm


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def test_dashboard_of_a_running_job(jvm: Path) -> None:
    """It shows the job and the page, to this machine alone, and lets nobody submit or cancel."""
    t_env = plan.environment(AlertSettings(), {"parallelism.default": "1", **gateway.web_config(shown=True)})
    t_env.execute_sql("CREATE TEMPORARY TABLE endless (n INT) WITH ('connector'='datagen', 'rows-per-second'='1')")
    t_env.execute_sql("CREATE TEMPORARY TABLE nowhere (n INT) WITH ('connector'='blackhole')")
    client = t_env.execute_sql("INSERT INTO nowhere SELECT n FROM endless").get_job_client()
    assert client is not None
    try:
        address = gateway.dashboard(client)
        assert address is not None
        assert address.startswith("http://127.0.0.1:")
        (job,) = json.loads(get(f"{address}/jobs"))["jobs"]
        assert job["id"] == str(client.get_job_id())
        assert json.loads(get(f"{address}/jobs/{job['id']}"))["name"] == "low_inventory"
        assert b"Apache Flink Web Dashboard" in get(f"{address}/")
        features = json.loads(get(f"{address}/config"))["features"]
        assert (features["web-submit"], features["web-cancel"]) == (False, False)
        with pytest.raises(urllib.error.HTTPError):
            get(f"{address}/jars")
    finally:
        client.cancel().result()
    eventually(lambda: gateway.dashboard(client) is None, "the end of the mini-cluster")
