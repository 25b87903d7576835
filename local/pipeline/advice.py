"""What the figures say in words: the state in a line, what to do next, and what is wrong with a dead letter."""

import contextlib
import json

from deploy.progress import counted
from local.pipeline.figures import Figures

_FIELDS = {"bad_product_id": "product_id", "bad_inventory": "inventory", "bad_timestamp": "timestamp"}
_AROUND = 20


def line(figures: Figures) -> str:
    """The state in one line."""
    return (
        f"{figures.stage}: sent {figures.sent}, kept {figures.kept}, alerts {figures.alerts}, "
        f"messages {figures.messages}, dead letters {figures.dead_letters}, "
        f"failures {figures.failures + figures.lost_alerts}"
    )


def advice(figures: Figures, shell: str) -> list[str]:
    """What an operator would do next, the most urgent first; `shell` is a file that makes a shell use the emulator."""
    if figures.waiting:
        return [figures.waiting]
    found = []
    if figures.given_up:
        found.append(f"{counted(figures.given_up, 'event')} not taken by the stream: run it with more --shards.")
    for name, lag in (("kinesis-to-dynamo", figures.kept_lag), ("alerts-to-sns", figures.alerts_lag)):
        if lag > 30:
            found.append(f"{name} is {lag:.0f} s behind. See why: deploy logs {name}")
    if figures.lost_alerts:
        lost = f"{counted(figures.lost_alerts, 'alert')} did not reach the phone."
        found.append(f"{lost} See why: deploy logs alerts-to-sns; send them again: deploy redrive alerts-to-sns")
    if figures.failures:
        rejected = f"{counted(figures.failures, 'record')} rejected by KinesisToDynamo."
        found.append(f"{rejected} See why: deploy logs kinesis-to-dynamo")
    if figures.dead_letters:
        letters = counted(figures.dead_letters, "dead letter")
        found.append(f"{letters}, to fix at the producer: deploy tail dead-letters --from-start")
    # Sourced first, so that it is this emulator that `deploy` works on.
    there = f"In another terminal: . {shell}"
    logs = "deploy logs job (or kinesis-to-dynamo, alerts-to-sns)"
    todo = [there, *found] if found else ["Nothing to do.", f"{there}; {logs}"]
    return [*todo, figures.dashboard] if figures.dashboard else todo


def what_is_wrong(reason: str, payload: str) -> str:
    """The part of a dead letter's payload that its reason is about: a field with its value, or where it breaks off."""
    if reason not in _FIELDS:
        return _breaks_at(reason, payload)
    name = _FIELDS[reason]
    try:
        event = json.loads(payload)
        return f"{name}: {json.dumps(event[name], ensure_ascii=False)}"
    except KeyError:
        return f"{name}: missing"
    except (ValueError, TypeError, RecursionError):
        # A payload that would not fit its record was cut.
        return payload


def _breaks_at(reason: str, payload: str) -> str:
    """Where a payload stops being UTF-8 (it has a character for each byte) or JSON, and what is around it."""
    at = 0
    if reason == "not_utf8":
        at = next((i for i, character in enumerate(payload) if not character.isascii()), 0)
    else:
        with contextlib.suppress(RecursionError):
            try:
                json.loads(payload)
            except json.JSONDecodeError as error:
                at = error.pos
    return payload if at <= _AROUND else f"at {at}: …{payload[at - _AROUND : at + _AROUND]}"
