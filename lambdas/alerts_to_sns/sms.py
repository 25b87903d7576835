"""The text of an alert, in one SMS."""

import unicodedata
from collections.abc import Iterator

# A longer message is sent, and billed, in parts: https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html
SEPTETS = 160
UCS2_UNITS = 70

# The alphabet of 3GPP TS 23.038, and its extension table, whose characters take two septets.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€")


def clean(text: str) -> str:
    """A text without what a screen does not show or that changes how the rest is shown; `?` if nothing is left.

    Control and format characters (bidirectional ones among them), line and paragraph separators, halves of surrogate
    pairs, and what SNS does not take: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.
    """
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(c for c in text if unicodedata.category(c) not in hidden and c not in "\ufffe\uffff") or "?"


def fits(text: str) -> bool:
    """Whether one SMS holds a text: 160 septets in the GSM alphabet, else 70 units of UCS-2."""
    if all(c in _BASIC or c in _EXTENSION for c in text):
        return len(text) + sum(c in _EXTENSION for c in text) <= SEPTETS
    return len(text.encode("utf-16-le")) // 2 <= UCS2_UNITS


def message(template: str, fields: dict[str, str]) -> str:
    """Fill a template, and cut what is too long for one SMS.

    The product is cut first, so that the stock can still be read; if the rest alone is too long, its end. A cut is
    marked with an ellipsis and splits no character from its accents or skin tone.

    Args:
        template: a text with names of `fields` in braces.
        fields: `product_id` and others; they are cleaned here.
    """
    # Composed letters are short, and some of them are in the GSM alphabet.
    shown = {name: unicodedata.normalize("NFC", clean(text)) for name, text in fields.items()}
    whole = template.format_map(shown)
    if fits(whole):
        return whole
    for product in _cuts(shown["product_id"]):
        text = template.format_map(shown | {"product_id": product})
        if fits(text):
            return text
    return next(cut for cut in _cuts(whole) if fits(cut))


def _cuts(text: str) -> Iterator[str]:
    """What can be left of a text, the longest first."""
    for end in range(min(len(text) - 1, SEPTETS), -1, -1):
        if end == 0 or not _joined(text[end]):
            # The GSM alphabet has no ellipsis of its own.
            yield text[:end] + "..."
            yield text[:end] + "…"


def _joined(character: str) -> bool:
    """Whether a character changes the one before it."""
    return unicodedata.category(character).startswith("M") or "\U0001f3fb" <= character <= "\U0001f3ff"
