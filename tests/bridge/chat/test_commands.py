"""What reactions and replies ask for, and what is only talk."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.chat.commands import REACTIONS, Unknown, request_of_reaction, request_of_reply
from bridge.chat.requests import SilenceRequest, Take, Why, word_of

HOUR = 3_600.0
DAY = 86_400.0


@pytest.mark.parametrize(
    ("emoji", "wish"),
    [
        ("eyes", Take()),
        ("raised_hand", Take()),
        ("raised_hand_light_skin_tone", Take()),
        ("raising_hand_medium_dark_skin_tone", Take()),
        ("raised_hand_medium_skin_tone", Take()),
        ("zzz", SilenceRequest(HOUR)),
        ("mute", SilenceRequest(HOUR)),
        ("no_bell", SilenceRequest(4 * HOUR)),
        ("calendar", SilenceRequest(DAY)),
        ("question", Why()),
        ("thumbsup", None),
        ("", None),
        ("eyes_", None),
    ],
)
def test_emoji_of_the_table_ask_for_something(emoji: str, wish: object) -> None:
    assert request_of_reaction(emoji) == wish


def test_all_that_a_button_does_an_emoji_does() -> None:
    words = {word_of(wish) for wish in REACTIONS.values()}
    assert words == {"take", "silence1h", "silence4h", "silence1d", "why"}


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("take", Take()),
        ("Take!", Take()),
        ("  TAKE it ", Take()),
        ("I'll take it", Take()),
        ("i take this.", Take()),
        ("take, please", Take()),
        ("please take", Take()),
        ("`take`", Take()),
        ("why?", Why()),
        ("Why this post?", Why()),
        ("silence", SilenceRequest(HOUR)),
        ("silence 4h", SilenceRequest(4 * HOUR)),
        ("Silence for 90 minutes", SilenceRequest(5_400.0)),
        ("mute it for 2 days", SilenceRequest(2 * DAY)),
        ("silence 1w", SilenceRequest(7 * DAY)),
        ("silence 30d", SilenceRequest(30 * DAY)),
        ("@ams-bridge take", Take()),
        ("@AMS-bridge: silence 1d", SilenceRequest(DAY)),
        ("@ams-bridge, why?", Why()),
        ("@ams-bridge\ntake", Take()),
    ],
)
def test_commands_are_read_forgivingly(said: str, wish: object) -> None:
    assert request_of_reply(said, "ams-bridge") == wish


@pytest.mark.parametrize(
    "said",
    [
        "",
        "take a look at web1",
        "who will take it?",
        "why is web1 down",
        "silence is golden",
        "I took it",
        "thanks @ams-bridge take",
        "@ams-bridges take",
        "@ams-bridge.test take",
        "@ams-bridge-2 take",
        "@bob take",
        "take\ntake",
    ],
)
def test_what_people_say_to_each_other_is_no_command(said: str) -> None:
    assert request_of_reply(said, "ams-bridge") is None


@pytest.mark.parametrize(
    "said",
    ["@ams-bridge", "@ams-bridge help", "@ams-bridge take a look", "silence 0h", "silence 31d", "@ams-bridge mute 99w"],
)
def test_who_speaks_to_us_and_is_not_understood_is_told(said: str) -> None:
    assert request_of_reply(said, "ams-bridge") == Unknown()


@given(st.text(max_size=60), st.text("abcdefghij.-_", min_size=1, max_size=12))
def test_no_text_breaks_the_reading(said: str, bot: str) -> None:
    request_of_reply(said, bot)
    request_of_reply(f"@{bot} {said}", bot)
    request_of_reaction(said)
