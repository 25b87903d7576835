"""Scenarios of the job: its processes are killed, it is stopped and started, its stream is resharded."""

from collections.abc import Callable

from tests.emulated import eventually
from tests.faults.judging.outcome import Outcome
from tests.faults.judging.sent import products
from tests.faults.plans.job_run import JobRun
from tests.faults.running.proxy import Faults, Proxy
from tests.faults.running.stage import Stage

RATE = 60.0
MOMENTS = ("before the first start", "while events flow", "while stopped", "with a kill in between")

_READ, _UNREAD = products(12, 0), products(12, 1)


def _read_one_shard(run: JobRun) -> None:
    """Send until there are alerts, to the first of two shards alone; nothing is read from the other one."""
    with run.shop.sending(RATE, _READ):
        eventually(lambda: len(run.written()) >= 20, "alerts", 240)
        run.stage.cluster.next_checkpoint(run.job)


def task_manager_killed(stage: Stage, name: str) -> Outcome:
    """The TaskManager that runs the job dies; meanwhile the shard from which nothing was read gets its first events."""
    run = JobRun(stage, "every", "LATEST")
    run.start()
    _read_one_shard(run)
    before = stage.cluster.restarts(run.job)
    with run.shop.sending(RATE, _READ):
        stage.cluster.kill_task_manager(run.job)
        run.fault()
        run.shop.send_some(60, _UNREAD)
        eventually(lambda: stage.cluster.restarts(run.job) > before, "the restart of the job", 180)
        stage.cluster.wait_running(run.job)
    return run.finish(name, "1 TaskManager killed")


def savepoint_and_start(stage: Stage, name: str) -> Outcome:
    """The job is stopped with a savepoint and started from it; meanwhile both shards get events."""
    run = JobRun(stage, "every", "LATEST")
    run.start()
    _read_one_shard(run)
    savepoint = run.stop()
    run.shop.send_some(100, _READ + _UNREAD)
    run.start(savepoint)
    return run.finish(name, "1 stop with a savepoint, 1 start")


def job_manager_killed(stage: Stage, name: str) -> Outcome:
    """The JobManager dies, and the job is submitted anew from its last checkpoint; meanwhile both shards get events."""
    run = JobRun(stage, "every", "LATEST")
    run.start()
    _read_one_shard(run)
    with run.shop.sending(RATE, _READ):
        stage.cluster.kill_job_manager()
        run.fault()
        run.shop.send_some(60, _UNREAD)
        stage.cluster.wait()
        run.start(stage.cluster.last_checkpoint(run.job))
    return run.finish(name, "1 JobManager killed, 1 submission anew")


def submitted_anew(stage: Stage, name: str) -> Outcome:
    """The job is cancelled and submitted anew without any state; meanwhile both shards get events."""
    run = JobRun(stage, "every", "LATEST")
    run.start()
    _read_one_shard(run)
    run.fault()
    stage.cluster.cancel_all()
    run.shop.send_some(100, _READ + _UNREAD)
    run.start()
    return run.finish(name, "1 submission anew, without state")


def sinks_throttled(stage: Stage, name: str) -> Outcome:
    """The streams take only a part of what the job writes, and at times nothing: it tries again, and goes on."""
    proxy = Proxy(stage.endpoint, stage.seed)
    stage.after.callback(proxy.close)
    run = JobRun(stage, "every", "LATEST", endpoint=proxy.endpoint)
    run.start()
    with run.shop.sending(RATE, _READ), proxy.doing(Faults(throttle=0.3, entries=0.7)):
        eventually(lambda: proxy.counts["entries refused"] >= 50, "refused entries", 240)
    outcome = run.finish(name, proxy.injected())
    assert run.restarts() == 0
    return outcome


def resharded(policy: str, moment: str) -> Callable[[Stage, str], Outcome]:
    """The stream is split to four shards and merged to two, at one of `MOMENTS`."""

    def scenario(stage: Stage, name: str) -> Outcome:
        names = products(40)
        run = JobRun(stage, policy, "TRIM_HORIZON")

        def reshard() -> None:
            run.shop.send_some(300, names)
            run.split()
            run.shop.send_some(300, names)
            run.merge()
            run.shop.send_some(300, names)

        if moment == "before the first start":
            reshard()
            run.start()
            return run.finish(name, "2 splits, 2 merges", in_order=False)
        run.start()
        if moment == "while stopped":
            with run.shop.sending(RATE, names):
                run.wait_alerts()
            savepoint = run.stop()
            reshard()
            run.start(savepoint)
            return run.finish(name, "2 splits, 2 merges, 1 stop, 1 start", in_order=False)
        killed = moment == "with a kill in between"
        # Of a product one of us alone sends, so that its events are stored in the order in which they were noted.
        flowing, bursts = names[::2], names[1::2]
        with run.shop.sending(RATE, flowing):
            run.wait_alerts()
            # The job is behind when the shards change, and has the children before it is through with the parents.
            run.shop.send_some(300, bursts)
            run.split()
            run.shop.send_some(300, bursts)
            if killed:
                stage.cluster.kill_task_manager(run.job)
                run.fault()
            run.merge()
            run.shop.send_some(300, bursts)
            run.wait_alerts()
        injected = "2 splits, 2 merges" + (", 1 TaskManager killed" if killed else "")
        return run.finish(name, injected, in_order=False, replayed=killed)

    return scenario
