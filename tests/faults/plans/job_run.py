"""The job on streams of its own, with a shop that writes to them: what a scenario of the job is made of."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from emulator.server import ACCOUNT, REGION
from jobs.alerting.kinesis import lines
from local.deploy_command import LINE
from tests.emulated import eventually
from tests.faults.judging.outcome import Outcome, Written, judge
from tests.faults.judging.sent import MARGIN, THRESHOLD, Shop
from tests.faults.running.stage import Stage
from tests.faults.running.streams import Reader, Streams, is_open, shards

_QUIET, _AGAIN, _LIMIT = 15.0, 10.0, 300.0


class JobRun:
    """A job, the streams that it reads and writes, and what was sent to it.

    Args:
        stage: where it runs.
        policy: `every` or `crossing`.
        position: where it begins to read, `LATEST` or `TRIM_HORIZON`.
        shards: of the stream of events.
        endpoint: what the job takes for AWS; None for the emulator itself.
        streams: those to use; None for new ones.
    """

    def __init__(
        self,
        stage: Stage,
        policy: str,
        position: str,
        shards: int = 2,
        endpoint: str | None = None,
        streams: Streams | None = None,
    ) -> None:
        self.stage, self.policy = stage, policy
        self.streams = streams or stage.streams(shards)
        self.shop = Shop(stage.kinesis, self.streams.events, stage.seed, stage.next_day())
        self.faults: list[float] = []
        self._alerts, self._written = Reader(stage.kinesis, self.streams.alerts), list[Written]()
        # Others may have written to the alerts' stream before.
        self._alerts.read()
        self.job = ""
        self._endpoint = endpoint or stage.endpoint
        self._properties = stage.folder / f"{self.streams.events}.json"
        self._position = {"source.init.position": position}
        self._first_line = LINE == lines.FIRST

    def _write_properties(self) -> None:
        arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/"
        groups = {
            # Shards are looked for every second, not every ten.
            "InputStream0": {
                "stream.arn": arn + self.streams.events,
                **({"scan.shard.discovery.intervalmillis": "1000"} if self._first_line else {}),
                **self._position,
            },
            "OutputStream0": {"stream.arn": arn + self.streams.alerts},
            "DeadLetterStream0": {"stream.arn": arn + self.streams.dead_letters},
            "Alerts": {"policy": self.policy, "threshold": str(THRESHOLD), "rearm_margin": str(MARGIN)},
        }
        if self.policy == "every":
            del groups["Alerts"]["rearm_margin"]
        content = [{"PropertyGroupId": name, "PropertyMap": pairs} for name, pairs in groups.items()]
        self._properties.write_text(json.dumps(content))

    def start(self, start_from: str | None = None) -> None:
        """Submit the job, and wait until it runs; it ends with the scenario.

        In place of LATEST a further start gets the time of the first one, as `deploy` gives it.
        """
        self._write_properties()
        if self._position["source.init.position"] == "LATEST":
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._position = {"source.init.position": "AT_TIMESTAMP", "source.init.timestamp": now}
        self.stage.after.callback(self.stage.cluster.cancel_all)
        self.job = self.stage.cluster.submit(self._properties, self._endpoint, start_from)

    def stop(self) -> str:
        """Stop the job with a savepoint; its path."""
        self.fault()
        return self.stage.cluster.stop(self.job)

    def fault(self) -> None:
        """Note that recovery counts from now."""
        self.faults.append(time.time())

    def restarts(self) -> int:
        """How often the job was restarted by its JobManager."""
        return self.stage.cluster.restarts(self.job)

    def written(self) -> list[Written]:
        """The alerts of the stream so far."""
        for record in self._alerts.read():
            row = json.loads(record["Data"])
            alert = (row["product_id"], row["inventory"], row["ts"])
            self._written.append(Written(alert, record["ApproximateArrivalTimestamp"].timestamp()))
        return list(self._written)

    def wait_alerts(self) -> None:
        """Wait until an event of now has become an alert, of each shard: the job reads, whatever it has passed over."""
        for shard in self._open_shards():
            # A job that begins late at the stream's end passes over some of them, and is to be found out by that.
            end = time.monotonic() + _LIMIT
            marks = [self.shop.mark(shard)]
            while {mark.alert for mark in marks}.isdisjoint(one.alert for one in self.written()):
                assert time.monotonic() < end, f"no event of now became an alert within {_LIMIT:g} s"
                if time.time() - marks[-1].at > _AGAIN:
                    marks.append(self.shop.mark(shard))
                time.sleep(0.1)

    def _open_shards(self) -> list[dict[str, Any]]:
        return [shard for shard in shards(self.stage.kinesis, self.streams.events) if is_open(shard)]

    def finish(self, scenario: str, injected: str, in_order: bool = True, replayed: bool = False) -> Outcome:
        """Wait until all that the job makes of what was sent has arrived, and judge it.

        A last event for each open shard tells that the job has read it to its end, and a checkpoint after it that all
        is written. Only what is read beside that, a parent that was closed, may come later.
        """
        self.wait_alerts()
        self.stage.cluster.next_checkpoint(self.job)
        if restarts := self.restarts():
            injected += f"; job restarted {restarts} times"
        seen, changed = -1, time.monotonic()
        while True:
            written = self.written()
            outcome = Outcome(scenario, injected)
            # The later lines read a shard to its end before its children.
            ordered = in_order or not self._first_line
            judge(outcome, self.shop.sent, written, self.policy, self.faults, ordered, replayed)
            if len(written) != seen:
                seen, changed = len(written), time.monotonic()
            if not outcome.lost or time.monotonic() - changed > _QUIET:
                return outcome
            time.sleep(0.2)

    def split(self) -> None:
        """Split every open shard in two."""
        for shard in self._open_shards():
            keys = shard["HashKeyRange"]
            middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"]) + 1) // 2
            self.stage.kinesis.split_shard(
                StreamName=self.streams.events, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
            )
            self._wait_active()

    def merge(self) -> None:
        """Merge the open shards in pairs of neighbours."""
        ordered = sorted(self._open_shards(), key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        for left, right in zip(ordered[::2], ordered[1::2], strict=True):
            self.stage.kinesis.merge_shards(
                StreamName=self.streams.events, ShardToMerge=left["ShardId"], AdjacentShardToMerge=right["ShardId"]
            )
            self._wait_active()

    def _wait_active(self) -> None:
        def status() -> str:
            answer = self.stage.kinesis.describe_stream_summary(StreamName=self.streams.events)
            return str(answer["StreamDescriptionSummary"]["StreamStatus"])

        eventually(lambda: status() == "ACTIVE", "the stream is active")
