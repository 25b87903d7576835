"""Why a message may go out twice: SNS took it and its answer was lost, or no try of the note of it was taken."""

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qs

from tests.faults.judging.sent import Alert
from tests.faults.running.proxy import Exchange

_TRIES = 2
_MESSAGE_ID = re.compile(rb"<MessageId>([^<]+)</MessageId>")


def allowed(exchanges: Sequence[Exchange], messages: Sequence[Alert]) -> int:
    """How many of the messages that are one too many can be explained, each by what befell its own alert."""
    reasons = _reasons(exchanges)
    return sum(min(count - 1, reasons[alert]) for alert, count in Counter(messages).items())


def _reasons(exchanges: Sequence[Exchange]) -> Counter[Alert]:
    found: Counter[Alert] = Counter()
    notes = [one for one in exchanges if one.operation == "UpdateItem"]
    for one in exchanges:
        if one.operation == "Publish" and one.answer is not None:
            (message_id,) = _MESSAGE_ID.findall(one.answer)
            # The note has the answer of SNS.
            tries = [note for note in notes if message_id in note.request]
            last = len(tries) == _TRIES or any(note.killed for note in tries)
            if not one.told or (last and all(note.answer is None for note in tries)):
                found[_alert(one.request)] += 1
    return found


def _alert(request: bytes) -> Alert:
    """The alert of a call of Publish: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""
    form = {name: values[0] for name, values in parse_qs(request.decode()).items()}
    values = {
        text: form[f"{name.removesuffix('.Name')}.Value.StringValue"]
        for name, text in form.items()
        if re.fullmatch(r"MessageAttributes\.entry\.\d+\.Name", name)
    }
    return values["product_id"], int(values["inventory"]), values["ts"]
