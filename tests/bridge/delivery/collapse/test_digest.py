"""What a digest says and stands for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.built_in_rules import DIGEST_RULE
from bridge.core.posts import post_from_bytes
from bridge.delivery.collapse.digest import Folding, HeldPost, digest_in, digest_of, held_post_of, id_of, is_digest
from bridge.delivery.collapse.digest_text import headline_of
from bridge.delivery.collapse.policy import ORDER_KEY
from bridge.delivery.parcels import parcel_of
from bridge.destinations.buttons import may_have_card
from broker.model import Delivery, Leased, NewDelivery
from rules.model import Field, Post
from rules.rendering.escape import escape_value
from tests.fakes.deliveries import NOW_US
from tests.fakes.waiting import MINUTE_US, a_post, firing, held, old, resolved


def digest(*folded: HeldPost, lives: Any = (), **how: Any) -> NewDelivery:
    known = {"now_us": NOW_US, "due_us": None, "most_named": 20, "max_text_runes": None}
    return digest_of(Folding(ORDER_KEY, folded, lives), **(known | how))


def post(*folded: HeldPost, lives: Any = (), **how: Any) -> Post:
    return post_from_bytes(digest(*folded, lives=lives, **how).post)


def some(count: int, **changed: Any) -> list[HeldPost]:
    return [old(f"d{n}", 60 - n, order_key=f"k{n}", post=a_post(f"disk {n} is full", **changed)) for n in range(count)]


def waiting(new: NewDelivery) -> HeldPost:
    return held_post_of(Delivery(new, 1, "waiting", new.due_us))


# --- The text ------------------------------------------------------------------------------------------


def test_a_digest_names_what_it_stands_for() -> None:
    info = old("i", 5, order_key="i", post=a_post("all is well", severity="info", url="https://x.example/1"))
    made = post(*some(2), info)
    assert made.title == "3 posts in one"
    assert made.text.splitlines() == [
        "Decided 23:00 to 23:55 UTC; more waited than could be posted one by one.",
        "- **warning** disk 0 is full _23:00_",
        "- **warning** disk 1 is full _23:01_",
        "- **info** all is well · [link](https://x.example/1) _23:55_",
    ]


def test_it_names_the_worst_first_and_counts_the_rest_by_severity_and_rule() -> None:
    bad = old("e", 1, order_key="e", post=a_post("the site is down", severity="error"))
    infos = [old(f"i{n}", rule="web", order_key=f"i{n}", post=a_post("x", severity="info")) for n in range(6)]
    lines = post(*infos, *some(5), bad, most_named=3).text.splitlines()[1:]
    assert lines == [
        "- **error** the site is down _23:59_",
        "- **warning** disk 0 is full _23:00_",
        "- **warning** disk 1 is full _23:01_",
        "- and 9 more: 3 warning of disks, 6 info of web",
    ]


def test_times_of_several_days_say_the_day() -> None:
    lines = post(old("a", 60 * 30), old("b", 5)).text.splitlines()
    assert lines[0].startswith("Decided 30 Dec 18:00 to 31 Dec 23:55 UTC; ")
    assert lines[1] == "- **warning** a _30 Dec 18:00_"


def test_what_began_and_ended_is_named_behind_what_stands_with_both_times() -> None:
    lives = [[firing("f", 60, post=a_post("host-1 is down", severity="critical")), resolved("r", 30)]]
    lines = post(*some(1), lives=lives).text.splitlines()
    assert lines[1:] == [
        "- **warning** disk 0 is full _23:00_",
        "",
        "**1 more** began and ended before anything could be posted:",
        "- **critical** host-1 is down _23:00 to 23:30_",
    ]
    assert post(*some(1), lives=lives).severity == "critical"


def test_of_nothing_but_what_is_over_that_is_the_title() -> None:
    lives = [[firing(f"f{n}"), resolved(f"r{n}")] for n in range(2)]
    made = post(lives=lives)
    assert made.title == "2 alerts came and went"
    assert made.text.splitlines()[0] == "Began and ended before anything could be posted:"


def ends(count: int, **changed: Any) -> list[HeldPost]:
    """Ends whose rule gives them the severity of what they end."""
    red = [a_post(f"disk {n} is resolved", severity="critical") for n in range(count)]
    return [resolved(f"r{n}", 60 - n, order_key=f"k{n}", post=red[n], **changed) for n in range(count)]


def test_posts_of_incidents_are_counted_by_phase_and_the_title_says_what_they_are_about() -> None:
    alert = {"$.labels.alertname": "DiskWillFill"}
    fires = [firing(f"f{n}", n, order_key=f"f{n}", post=a_post(f"disk {n}"), places=alert) for n in (1, 2)]
    made = post(*ends(3, places=alert), *fires, old("m", 60, order_key="m", phase="message"))
    assert made.title == "6 posts in one: 3 over, 2 firing, 1 other (DiskWillFill, disks)"
    assert made.severity == "warning"
    assert made.text.splitlines()[1:] == [
        "- **warning** m _23:00_",
        "- **warning** disk 2 _23:58_",
        "- **warning** disk 1 _23:59_",
        "- :large_green_circle: disk 0 is resolved _23:00_",
        "- :large_green_circle: disk 1 is resolved _23:01_",
        "- :large_green_circle: disk 2 is resolved _23:02_",
    ]


def test_a_digest_of_ends_is_green() -> None:
    made = post(*ends(470), most_named=2)
    assert made.title == "470 posts in one: 470 over (disks)"
    assert (made.severity, digest(*ends(2)).severity) == ("ok", "ok")
    assert made.text.splitlines()[-1] == "- and 468 more: 468 ok of disks"
    assert post(lives=[[firing("f"), resolved("r")]]).severity == "ok"


def test_a_digest_of_digests_counts_by_phase_what_they_counted() -> None:
    inner = waiting(digest(*ends(3)))
    other = waiting(digest(*ends(2), firing("f", order_key="f")))
    assert post(inner, other).title == "6 posts in one: 5 over, 1 firing (disks)"
    assert post(inner).severity == "ok"


def test_it_is_as_bad_as_the_worst_it_stands_for() -> None:
    assert post(*some(1), old("e", post=a_post("e", severity="error"))).severity == "error"
    assert digest(*some(1), old("e", post=a_post("e", severity="error"))).severity == "error"


def test_everybody_whom_a_post_mentions_is_mentioned_once() -> None:
    mentions = ["@ops", "", "@here", "@ops"]
    made = post(*(old(f"d{n}", post=a_post("x", mention=who)) for n, who in enumerate(mentions)))
    assert made.mention == "@ops @here"


def test_it_looks_as_all_that_it_stands_for_look_alike() -> None:
    both = {"channel": "ops", "username": "bridge", "card": "x"}
    made = post(
        old("a", post=a_post("a", overrides={**both, "priority": "low"})),
        old("b", post=a_post("b", overrides={**both, "priority": "standard"})),
    )
    assert made.overrides == {"channel": "ops", "username": "bridge"}


def test_the_footer_says_how_to_see_each_of_them() -> None:
    new = digest(*some(3))
    assert post_from_bytes(new.post).footer == f"each of them: ams-bridge deliveries list --into {new.id}"


@pytest.mark.parametrize("limit", [200, 500, 2_000, 16_000])
def test_the_text_keeps_to_the_limit_and_loses_count_of_nothing(limit: int) -> None:
    lines = [old(f"d{n}", order_key=f"d{n}", post=a_post("x" * 300)) for n in range(300)]
    text = post(*lines, most_named=200, max_text_runes=limit).text
    assert len(text) <= limit
    named = text.count("\n- **warning**")
    rest = re.search(r"and (\d+) more: (\d+) warning of disks", text)
    in_all = re.search(r"(\d+) in all: (\d+) warning of disks", text)
    found = rest or in_all
    assert found is not None
    assert int(found[1]) == int(found[2]) == 300 - named


def test_a_post_in_parts_is_one_post_named_by_its_title_or_its_beginning() -> None:
    parts = [held(f"p{n}", origin="m/p", part=n, parts=2, post=a_post(f"part {n}")) for n in range(2)]
    assert post(*parts, *some(1)).title == "2 posts in one"
    assert "part 0" in post(*parts, *some(1)).text
    titled = [parts[0], replace(parts[1], post=a_post("part 1", title="The title"))]
    assert "The title" in post(*titled, *some(1)).text


# --- Headlines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("one\ntwo", "one"),
        ("\n  \n---\nfirst", "first"),
        ("# Down", "Down"),
        ("## **Down**", "**Down**"),
        ("> - quoted", "quoted"),
        ("1. first", "first"),
        ("| host | state |\n|---|---|", "host ¦ state ¦"),
        ("```\ncode @here\n```\nbehind", "behind"),
        ("~~~\ncode\n~~~", "(a post without a headline)"),
        ("```\nnever closed @here", "(a post without a headline)"),
        ("", "(a post without a headline)"),
        ("a `code` b", "a `code` b"),
        ("a `code that\ngoes on`", "a \\`code that"),
        ("-5 degrees", "-5 degrees"),
        ("a\\|b", "a¦b"),
    ],
)
def test_the_headline_is_the_first_line_that_says_something(text: str, headline: str) -> None:
    assert headline_of(Post(text=text)) == headline


def test_a_title_is_the_headline() -> None:
    assert headline_of(Post(text="text", title="Disk  full\non host-1")) == "Disk full on host-1"


def test_a_long_headline_is_cut() -> None:
    assert len(headline_of(Post(text="word " * 100))) <= 200
    cut = headline_of(Post(text="x" * 150 + "`" + "code " * 30 + "`"))
    assert len(cut) <= 200
    assert re.search(r"(?<!\\)`", cut) is None


@given(st.text(max_size=300), st.text(alphabet="`~<>|@*_[]()\\ \nab#-", max_size=80))
def test_no_event_value_gains_power_in_a_digest(value: str, odd: str) -> None:
    text = f"on {escape_value(value, line_start=False)} and {escape_value(odd, line_start=False)}"
    line = headline_of(Post(text=text))
    assert re.search(r"(?<![0-9A-Za-z])@(?:here|all|channel)\b", line) is None
    assert "|" not in line
    assert "\n" not in line


# --- The delivery ---------------------------------------------------------------------------------------


def test_the_same_deliveries_make_the_same_digest_whatever_their_order() -> None:
    three = some(3)
    assert digest(*three).id == digest(*reversed(three)).id == id_of(one.delivery for one in three)
    assert digest(*three).id != digest(*three[1:]).id
    assert digest(*three).unique_key == (f"f/{digest(*three).id}", DIGEST_RULE, 0, 0)


def test_it_stands_for_nothing_in_the_books_for_they_keep_what_it_stands_for() -> None:
    assert digest(*some(3)).stands_for == 0


def test_it_goes_out_before_later_deliveries_of_the_same_keys() -> None:
    first, second = some(2)
    second = replace(second, delivery=replace(second.delivery, new=replace(second.delivery.new, priority=2)))
    new = digest(first, second)
    assert (new.due_us, new.priority, new.created_us) == (first.delivery.due_us, 2, NOW_US)
    again_later = replace(first, delivery=replace(first.delivery, due_us=NOW_US + MINUTE_US))
    assert digest(again_later).due_us == NOW_US
    assert digest(first, due_us=NOW_US + 5).due_us == NOW_US + 5


def test_what_is_over_gives_it_no_priority() -> None:
    life = [firing("f", priority=3), resolved("r")]
    assert digest(lives=[life]).priority == 1


def test_it_belongs_to_a_topic_and_a_rule_set_if_all_do() -> None:
    a, b = some(2)
    other = replace(b, delivery=replace(b.delivery, new=replace(b.delivery.new, topic_uid="other", version="v2")))
    assert (digest(a, b).topic_uid, digest(a, b).version) == ("topic", "v1")
    assert (digest(a, other).topic_uid, digest(a, other).version) == ("", "")


def test_a_digest_is_told_from_what_a_rule_of_that_name_made() -> None:
    forged = held("x", rule=DIGEST_RULE, phase="digest").delivery
    assert not is_digest(forged)
    assert digest_in(forged) is None


def test_a_digest_knows_again_what_it_stands_for() -> None:
    found = digest_in(waiting(digest(*some(3), most_named=2)).delivery)
    assert found is not None
    assert [one.line for one in found.named] == ["disk 0 is full", "disk 1 is full"]
    assert [(one.rule, one.severity, one.count) for one in found.standing] == [("disks", "warning", 3)]


def test_destinations_see_a_digest_as_any_other_post() -> None:
    assert post_from_bytes(digest(*some(2)).post).fields == ()
    assert set(json.loads(digest(*some(2)).post)) >= {"text", "title", "digest"}


def test_a_digest_has_no_buttons_for_there_is_no_one_thing_to_take_or_silence() -> None:
    parcel = parcel_of(Leased(waiting(digest(*some(2))).delivery, "1.1"))
    assert not may_have_card(parcel)
    assert (parcel.phase, parcel.incident, parcel.key) == ("digest", "", "")


def test_a_digest_of_digests_says_what_one_digest_of_all_would_say() -> None:
    posts = [*some(30), *(old(f"e{n}", n + 1, order_key=f"e{n}", post=a_post("e", severity="error")) for n in range(5))]
    lives = [[firing(f"f{n}", 50 - n, order_key=f"f{n}"), resolved(f"r{n}", 5, order_key=f"f{n}")] for n in range(4)]
    first = waiting(digest(*posts[:20], lives=lives[:2]))
    second = waiting(digest(*posts[20:33], lives=lives[2:3]))
    merged = post(first, second, *posts[33:], lives=lives[3:])
    whole = post(*posts, lives=lives)
    assert (merged.title, merged.text, merged.severity) == (whole.title, whole.text, whole.severity)


def test_a_digest_of_very_many_stays_small() -> None:
    step: list[HeldPost] = []
    for n in range(20):
        kinds = [
            old(
                f"{n}-{m}",
                order_key=f"{n}-{m}",
                rule=f"rule {m}",
                post=a_post("y" * 400, fields=(Field("a", "b" * 900),)),
            )
            for m in range(150)
        ]
        step = [waiting(digest(*step, *kinds))]
    new = step[0].delivery.new
    assert len(new.post) < 20_000
    assert post_from_bytes(new.post).title == "3000 posts in one"
    more = re.search(r"and (\d+) more: (.*)", post_from_bytes(new.post).text)
    assert more is not None
    assert sum(int(count) for count in re.findall(r"(\d+) (?:warning )?of", more[2])) == int(more[1]) == 3000 - 20
