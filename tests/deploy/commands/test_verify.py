"""`verify`: it passes when the system works, and names what is missing when it does not."""

import json
import time

import pytest

from deploy.aws import topics
from deploy.commands import verify
from deploy.deployment import DEFAULT_NAME, Deployment
from tests.deploy.deployed import Account
from tests.deploy.playing import PARTS, Playing, delivered, objects, reject, store
from tests.lambdas import function_under_test


def test_passes_and_tidies_up(account: Account) -> None:
    assert account.run("up", "--threshold", "7", "--phone", "+15550100").status == 0
    others = [reject(account, function_under_test.event([b"bad"])), store(account, "hello", "hello")]
    with Playing(account) as playing:
        outcome = account.run("verify", "--timeout", "60")
    assert outcome.status == 0, outcome.out + outcome.err
    assert "missing" not in outcome.out
    assert outcome.out.count(" s  the ") == 6
    assert "phones: 1, mailboxes: 0; each gets one message" in outcome.err
    assert "+15550100" not in outcome.out + outcome.err
    assert [product.endswith("-low") for product in playing.published] == [True]
    assert account.client("dynamodb").scan(TableName="HttpRequests")["Count"] == 0
    # Its own is gone, and those that were there are still there.
    assert sorted(objects(account)) == sorted(others)


def test_one_message_a_run_whatever_is_late(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up", "--threshold", "7", "--phone", "+15550100").status == 0
    late, looks = verify._published, []

    def published(run: verify.Run) -> bool:
        looks.append(run)
        return len(looks) > 50 and late(run)

    monkeypatch.setitem(verify._LOOKS, "the line of AlertsToSns on the published alert", (published, ""))
    with Playing(account) as playing:
        outcome = account.run("verify", "--timeout", "60")
    assert outcome.status == 0, outcome.out + outcome.err
    assert len(playing.published) == 1


@pytest.mark.parametrize("stream", ["alerts-low-inventory", "http-requests-dead-letters"])
def test_passes_over_what_is_not_the_jobs(account: Account, stream: str) -> None:
    assert account.run("up").status == 0
    run = verify.Run(
        account.connection, Deployment(DEFAULT_NAME).outputs(account.client("cloudformation"), "system"), 7
    )
    alert, letter = {"product_id": run.low}, {"payload": f'the "{run.mark}" of this run'}
    foreign = [b"\xff", b"hello", b"[]", b"7", json.dumps({"product_id": [run.low], "payload": None}).encode()]
    for data in (*foreign, json.dumps(alert | letter).encode()):
        account.client("kinesis").put_record(StreamName=stream, Data=data, PartitionKey="k")
    assert (verify._alert_came(run), verify._dead_letter_came(run)) == {
        "alerts-low-inventory": (True, False),
        "http-requests-dead-letters": (False, True),
    }[stream]
    assert not run.false_alert


BROKEN = {
    "job": {"the alert", "the dead letter", "the line of AlertsToSns"},
    "kinesis-to-dynamo": {"the item", "the bad record"},
    "alerts-to-sns": {"the line of AlertsToSns"},
}


class Clock:
    """The time of `verify`, which is over as soon as all that can come has come."""

    def __init__(self, patch: pytest.MonkeyPatch, missing: set[str]) -> None:
        self._missing, self._passed = missing, 0.0
        self._runs: list[verify.Run] = []
        sent = verify.Run.send

        def send(run: verify.Run) -> None:
            self._runs.append(run)
            sent(run)

        patch.setattr(verify.Run, "send", send)
        patch.setattr(verify, "time", self)

    def monotonic(self) -> float:
        return time.monotonic() + self._passed

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
        left = [what for what in self._runs[-1].looks if what not in self._runs[-1].seen]
        if all(any(what.startswith(words) for words in self._missing) for what in left):
            self._passed += 1000


def test_names_what_is_missing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up", "--threshold", "7").status == 0
    for broken, missing in BROKEN.items():
        with (
            monkeypatch.context() as patch,
            Playing(account, [part for part in PARTS if part != broken]),
        ):
            Clock(patch, missing)
            outcome = account.run("verify", "--timeout", "60")
        assert outcome.status == 1
        lines = [line for line in outcome.out.splitlines() if not line.startswith("left")]
        for words in set().union(*BROKEN.values()):
            found = [line for line in lines if f"  {words}" in line]
            assert found
            assert all(line.startswith("missing") == (words in missing) for line in found), outcome.out


@pytest.mark.parametrize(("counts", "line"), [(1, " s  a delivery that SNS counts"), (0, "unseen     a delivery that")])
def test_says_what_can_be_seen_of_a_mail(
    account: Account, monkeypatch: pytest.MonkeyPatch, counts: int, line: str
) -> None:
    """A count that comes late is no failure: it says nothing of the system."""
    assert account.run("up", "--threshold", "7", "--alert-email", "shop@example.com").status == 0
    delivered(account, counts)
    with Playing(account):
        Clock(monkeypatch, {"a delivery"} if not counts else set())
        outcome = account.run("verify", "--timeout", "60")
    assert outcome.status == 0, outcome.out + outcome.err
    assert line in outcome.out
    assert "no command sees into a mailbox: each should show a message about verify-" in outcome.out
    assert "mailboxes: 1; each gets one message" in outcome.err


def test_a_mailbox_that_is_not_confirmed_is_missing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.run("up", "--threshold", "7").status == 0
    waiting = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "shop@example.com"}
    monkeypatch.setattr(topics, "subscriptions", lambda *_: [waiting])
    with Playing(account):
        outcome = account.run("verify", "--timeout", "60")
    assert outcome.status == 1
    assert "missing    confirmations by the owners of mailboxes: 1: open AWS's mail" in outcome.out
    assert "delivery" not in outcome.out
