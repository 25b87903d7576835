"""One SMS for each alert, and in it nothing that the phone should not show."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.lambdas import function_under_test

sms = function_under_test.module("alerts_to_sns", "sms")
TEMPLATE = "ALERTA: {product_id} bajo inventario ({inventory})"

# 3GPP TS 23.038, 6.2.1, by code; ESC (1B) is no character.
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = {0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}


def parts_of_an_sms(text: str) -> float:
    """How much of one SMS a text takes, by encoding it."""
    codes = {character: [code] for code, character in enumerate(GSM) if character != "\x1b"}
    codes |= {character: [0x1B, code] for code, character in GSM_EXTENSION.items()}
    try:
        return sum(len(codes[character]) for character in text) / 160
    except KeyError:
        return len(text.encode("utf-16-be")) / 140


def message(product: str, inventory: int = 3, template: str = TEMPLATE) -> str:
    fields = {
        "product_id": product,
        "inventory": str(inventory),
        "ts": "2026-01-05T09:00:00.000Z",
        "reason": "LOW_STOCK",
    }
    return str(sms.message(template, fields))


def test_the_code_table_is_whole() -> None:
    assert len(GSM) == len(set(GSM)) == 128


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        ("SKU-0001", "ALERTA: SKU-0001 bajo inventario (3)"),
        ("it's {inventory} %s", "ALERTA: it's {inventory} %s bajo inventario (3)"),
        ("ñ", "ALERTA: ñ bajo inventario (3)"),
        ("n\u0303", "ALERTA: ñ bajo inventario (3)"),
        ("Ω😀", "ALERTA: Ω😀 bajo inventario (3)"),
        ("a\r\nb\tc\x00d\x1be\x7ff\x85g", "ALERTA: abcdefg bajo inventario (3)"),
        ("a\u202eb\u2066c\u200fd\u200be\ufefff", "ALERTA: abcdef bajo inventario (3)"),
        ("a\u2028b\u2029c", "ALERTA: abc bajo inventario (3)"),
        ("a\ud83db\udc00c\uffffd\ufffee", "ALERTA: abcde bajo inventario (3)"),
        ("\n\u202e", "ALERTA: ? bajo inventario (3)"),
        # 160 septets, 28 of them around the product.
        ("x" * 132, f"ALERTA: {'x' * 132} bajo inventario (3)"),
        ("x" * 133, f"ALERTA: {'x' * 129}... bajo inventario (3)"),
        ("€" * 66, f"ALERTA: {'€' * 66} bajo inventario (3)"),
        ("€" * 67, f"ALERTA: {'€' * 64}... bajo inventario (3)"),
        # 70 units, 28 of them around the product.
        ("Ж" * 42, f"ALERTA: {'Ж' * 42} bajo inventario (3)"),
        ("Ж" * 43, f"ALERTA: {'Ж' * 41}… bajo inventario (3)"),
        ("😀" * 21, f"ALERTA: {'😀' * 21} bajo inventario (3)"),
        ("😀" * 22, f"ALERTA: {'😀' * 20}… bajo inventario (3)"),
        ("Ж" + "👍🏽" * 20, f"ALERTA: Ж{'👍🏽' * 10}… bajo inventario (3)"),
        ("x" * 50 + "Ж" * 14, f"ALERTA: {'x' * 50}... bajo inventario (3)"),
        ("Ж" + "\u0301" * 500, "ALERTA: ... bajo inventario (3)"),
    ],
)
def test_message(product: str, expected: str) -> None:
    assert message(product) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{product_id} {inventory} {ts} {reason}", "SKU-1 3 2026-01-05T09:00:00.000Z LOW_STOCK"),
        ("{{{product_id}}}\n{product_id}", "{SKU-1}\nSKU-1"),
        ("y" * 200, "y" * 157 + "..."),
        ("y" * 100 + "á" * 20, "y" * 100 + "..."),
        ("\u0301" * 161, "..."),
        ("á" * 71, "á" * 69 + "…"),
        ("Ж\u0301" * 36, "Ж\u0301" * 34 + "…"),
    ],
)
def test_template(template: str, expected: str) -> None:
    assert message("SKU-1", template=template) == expected


products = st.one_of(
    st.text(max_size=200),
    st.text("abc€{}ñç😀👍🏽Ж\u0301\n\u202e\ud83d", max_size=200),
    st.text(GSM, min_size=100, max_size=200),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(product=products, inventory=st.integers(-(2**31), 2**31 - 1))
@example(product="€" * 200, inventory=0)
def test_is_one_sms_that_tells_the_stock(product: str, inventory: int) -> None:
    text = message(product, inventory)
    assert 0 < parts_of_an_sms(text) <= 1
    assert text.startswith("ALERTA: ")
    assert text.endswith(f" bajo inventario ({inventory})")
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown = text.removeprefix("ALERTA: ").removesuffix(f" bajo inventario ({inventory})")
    whole = unicodedata.normalize("NFC", sms.clean(product))
    if shown != whole:
        begun = shown.removesuffix("...").removesuffix("…")
        rest = whole.removeprefix(begun)
        assert shown != begun
        assert len(rest) < len(whole) or not begun
        assert not begun or not unicodedata.combining(rest[0])
        assert parts_of_an_sms(text.replace(shown, whole)) > 1


@settings(derandomize=True, deadline=None, max_examples=200)
@given(template=st.text(min_size=1, max_size=300).filter(lambda text: text.strip() and not set(text) & set("{}")))
def test_any_template_is_one_sms(template: str) -> None:
    assert 0 < parts_of_an_sms(message("SKU-1", template=template + "{product_id}")) <= 1
