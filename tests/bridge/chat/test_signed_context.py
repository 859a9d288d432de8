"""Tokens of buttons: what was signed comes back, and nothing else does."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.destinations.signed_context import Pressed, SignedContext

KEY = bytes(range(32))
PRESSED = Pressed(
    action="take", delivery="d1", post="p1", rule="hosts", key="web1", incident="web1", expires_us=1_000_000
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(rule=TEXTS, key=TEXTS, expires_us=st.integers(1, 2**53))
def test_what_was_signed_comes_back(rule: str, key: str, expires_us: int) -> None:
    pressed = msgspec.structs.replace(PRESSED, rule=rule, key=key, incident=key, expires_us=expires_us)
    assert SignedContext(KEY).open(SignedContext(KEY).token(pressed), expires_us - 1) == pressed
    assert SignedContext(KEY).open(SignedContext(KEY).token(pressed), expires_us) == "expired"


@settings(max_examples=300)
@given(at=st.integers(0, 500), sign=st.characters())
def test_a_token_with_one_sign_changed_is_forged_or_says_the_same(at: int, sign: str) -> None:
    token = SignedContext(KEY).token(PRESSED)
    at %= len(token)
    assert SignedContext(KEY).open(token[:at] + sign + token[at + 1 :], 0) in ("forged", PRESSED)


@given(st.text(max_size=300))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    assert SignedContext(KEY).open(text, 0) == "forged"


def test_the_sealing_key_itself_signs_nothing() -> None:
    assert SignedContext(KEY)._key != KEY


def test_what_another_version_signed_is_old() -> None:
    seal = SignedContext(KEY)
    later = msgspec.structs.replace(PRESSED, action="dance")
    assert seal.open(seal.token(later), 0) == "expired"
