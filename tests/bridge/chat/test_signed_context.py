"""Tokens of buttons: what was signed comes back, and nothing else does."""

from __future__ import annotations

import hmac

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous.encoding import base64_decode, base64_encode

from bridge.destinations.signed_context import PostContext, Pressed, SignedContext

KEY = bytes(range(32))
PRESSED = Pressed(
    action="take", delivery="d1", post="p1", rule="hosts", key="web1", incident="web1", expires_us=1_000_000
)
FAR_US = 4_102_444_800_000_000
OLD_MARK = "WyJkMSIsInAiLCJyIiwiayIsImkiLDQxMDI0NDQ4MDAwMDAwMDAsZmFsc2Vd.Ene97jutaesrjc3DyLzIOzG165WOybTWMSmID0m11i4"
OLD_BUTTON = (
    "WyJ0YWtlIiwiZDEiLCJwIiwiciIsImsiLCJpIiw0MTAyNDQ0ODAwMDAwMDAwLGZhbHNlXQ.MdctgwJxB7ofudh7gQQoxFUwYhYHoST8Z9_iNdJo1G8"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(rule=TEXTS, key=TEXTS, expires_us=st.integers(1, 2**53))
def test_what_was_signed_comes_back(rule: str, key: str, expires_us: int) -> None:
    pressed = msgspec.structs.replace(PRESSED, rule=rule, key=key, incident=key, expires_us=expires_us)
    assert SignedContext(KEY).open(SignedContext(KEY).sign(pressed), expires_us - 1) == pressed
    assert SignedContext(KEY).open(SignedContext(KEY).sign(pressed), expires_us) == "expired"


@settings(max_examples=300)
@given(at=st.integers(0, 500), sign=st.characters())
def test_a_token_with_one_sign_changed_is_forged_or_says_the_same(at: int, sign: str) -> None:
    token = SignedContext(KEY).sign(PRESSED)
    at %= len(token)
    assert SignedContext(KEY).open(token[:at] + sign + token[at + 1 :], 0) in ("forged", PRESSED)


@given(st.text(max_size=300))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    assert SignedContext(KEY).open(text, 0) == "forged"


def test_the_sealing_key_itself_signs_nothing() -> None:
    body = base64_decode(SignedContext(KEY).sign(PRESSED).partition(".")[0])
    own = base64_encode(hmac.digest(KEY, body, "sha256")).decode()
    assert own not in (SignedContext(KEY).sign(PRESSED).partition(".")[2], SignedContext(KEY).mark(PRESSED.card))


def test_buttons_and_posts_that_stand_in_channels_since_the_first_release_are_taken() -> None:
    card = PostContext(delivery="d1", post="p", rule="r", key="k", incident="i", expires_us=FAR_US)
    assert SignedContext(KEY).verify(OLD_MARK, 0) == card
    assert SignedContext(KEY).open(OLD_BUTTON, 0) == Pressed.on(card, "take")


def test_what_another_version_signed_is_old() -> None:
    signed_context = SignedContext(KEY)
    later = msgspec.structs.replace(PRESSED, action="dance")
    assert signed_context.open(signed_context.sign(later), 0) == "expired"
