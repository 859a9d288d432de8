"""Who folds, who is cancelled, who comes by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.collapse.digest import Folding, HeldPost, digest_of
from bridge.delivery.collapse.policy import HEARD_OF, ORDER_KEY, Policy, foldings, lines_of, openings, was_heard_of
from broker.model import Delivery
from tests.fakes.deliveries import NOW_US
from tests.fakes.waiting import MINUTE_US, a_post, firing, held, old, resolved

BURST = Policy("error", bursts=True)
BACKLOG = Policy("error", older_than_us=NOW_US - 15 * MINUTE_US)


def made(
    *waiting: HeldPost,
    policy: Policy = BURST,
    receipts: dict[str, str] | None = None,
    heard_of: Collection[str] = (),
    is_piece: bool = False,
) -> list[Folding]:
    return foldings(lines_of(waiting), policy, receipts or {}, heard_of, is_piece=is_piece)


def names(waiting: Sequence[HeldPost]) -> list[str]:
    return [one.delivery.id for one in waiting]


def told(found: list[Folding]) -> list[tuple[str, list[str], list[list[str]]]]:
    return [(one.order_key, names(one.folded), [names(life) for life in one.lives]) for one in found]


def two(**changed: Any) -> list[HeldPost]:
    """One that folds, and beside it one with something changed."""
    return [held("a", order_key="a"), held("b", order_key="b", **changed)]


def folds(*waiting: HeldPost, **more: Any) -> list[str]:
    """The names of all that fold or are cancelled."""
    return sorted(name for one in made(*waiting, **more) for name in names(one.all))


def test_low_ones_of_many_keys_become_one_digest() -> None:
    waiting = [held("a1", order_key="a"), held("a2", order_key="a"), held("b", order_key="b")]
    assert told(made(*waiting)) == [(ORDER_KEY, ["a1", "a2", "b"], [])]


def test_one_alone_comes_by_itself() -> None:
    assert made(held("a")) == []


@pytest.mark.parametrize(
    ("below", "severity", "low"),
    [
        ("error", "warning", True),
        ("error", "", True),
        ("error", "info", True),
        ("error", "ok", True),
        ("error", "error", False),
        ("error", "critical", False),
        ("error", "disaster", False),
        ("critical", "error", True),
        ("critical", "disaster", True),
        ("critical", "critical", False),
        ("warning", "info", True),
        ("warning", "warning", False),
        ("info", "", False),
        ("info", "ok", True),
    ],
)
def test_only_what_is_below_the_severity_folds(below: str, severity: str, low: bool) -> None:
    other = held("b", order_key="b", post=a_post("b", severity=severity), priority=1)
    third = held("c", order_key="c", post=a_post("c", severity="ok"))
    waiting = [held("a", order_key="a", post=a_post("a", severity="ok")), other, third]
    assert folds(*waiting, policy=Policy(below, bursts=True)) == (["a", "b", "c"] if low else ["a", "c"])


@pytest.mark.parametrize(("below", "priority", "low"), [("error", 2, False), ("critical", 2, True), ("error", 1, True)])
def test_what_a_send_says_is_urgent_is_not_folded_whatever_its_severity(below: str, priority: int, low: bool) -> None:
    assert bool(folds(*two(priority=priority), policy=Policy(below, bursts=True))) is low


@pytest.mark.parametrize("state", [{"leased": True}, {"unclear": True}])
def test_what_somebody_may_have_seen_is_not_folded(state: dict[str, Any]) -> None:
    assert folds(*two(state=state)) == []


def test_what_a_person_asked_for_again_is_not_folded() -> None:
    assert folds(*two(late=True)) == []


def test_an_exact_payload_is_not_folded() -> None:
    assert folds(*two(post=a_post("b", body={"x": 1}))) == []


def test_without_a_burst_only_what_is_old_folds() -> None:
    waiting = [old("a", 16, order_key="a"), old("b", 14, order_key="b"), old("c", 60, order_key="c")]
    assert folds(*waiting, policy=BACKLOG) == ["a", "c"]
    assert folds(*waiting, policy=replace(BACKLOG, bursts=True)) == ["a", "b", "c"]
    assert folds(*waiting, policy=Policy("error")) == []


def test_of_a_line_with_one_that_stays_the_stretches_fold_in_their_place() -> None:
    line = [held("1"), held("2"), held("3", post=a_post("3", severity="critical")), held("4"), held("5"), held("6")]
    assert told(made(*line)) == [("host-1", ["1", "2"], []), ("host-1", ["4", "5", "6"], [])]


def test_of_a_piece_of_a_line_only_its_own_digest_can_stand_for_it() -> None:
    assert told(made(held("1"), held("2"), is_piece=True)) == [("host-1", ["1", "2"], [])]


def test_behind_one_that_is_tried_the_rest_of_the_line_folds_in_its_place() -> None:
    line = [held("1", state={"leased": True}), held("2"), held("3")]
    assert told(made(*line)) == [("host-1", ["2", "3"], [])]


def test_posts_that_go_to_different_channels_have_digests_of_their_own() -> None:
    waiting = [
        held(name, order_key=name, post=a_post(name, overrides={"channel": channel, "priority": name}))
        for name, channel in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "y"))
    ]
    assert told(made(*waiting)) == [
        ('(digest){"channel":"x"}', ["a", "c"], []),
        ('(digest){"channel":"y"}', ["b", "d"], []),
    ]


def test_a_line_whose_posts_go_to_different_channels_folds_channel_by_channel_in_its_place() -> None:
    line = [held(name, post=a_post(name, overrides={"channel": name[0]})) for name in ("x1", "x2", "y1", "y2", "x3")]
    assert told(made(*line)) == [("host-1", ["x1", "x2"], []), ("host-1", ["y1", "y2"], [])]


def test_of_a_post_that_was_begun_the_rest_is_not_folded() -> None:
    begun = held("b2", order_key="b", origin="m/b", part=1, parts=2)
    assert folds(held("a", order_key="a"), begun) == []
    whole = [held("b1", order_key="b", origin="m/b", part=0, parts=2), begun]
    assert folds(held("a", order_key="a"), *whole) == ["a", "b1", "b2"]


def test_of_a_post_in_parts_one_part_that_stays_keeps_all() -> None:
    parts = [held(f"b{n}", order_key="b", origin="m/b", part=n, parts=2, state={"unclear": n == 0}) for n in range(2)]
    assert folds(*parts, held("a", order_key="a"), held("c", order_key="c")) == ["a", "c"]


# --- Ends of what stands -----------------------------------------------------------------------------


def test_where_posts_are_edited_the_end_of_one_that_stands_is_not_folded() -> None:
    waiting = [held("a", order_key="a"), resolved("b", order_key="b"), held("c", order_key="c")]
    receipts = {"b": "post-1", "c": "post-2"}
    assert folds(*waiting, policy=replace(BURST, edits=True), receipts=receipts) == ["a", "c"]
    assert folds(*waiting, policy=BURST, receipts=receipts) == ["a", "b", "c"]
    assert folds(*waiting, policy=replace(BURST, edits=True)) == ["a", "b", "c"]


# --- Beginnings and ends that both wait --------------------------------------------------------------


def test_an_incident_that_began_and_ended_while_it_waited_is_cancelled() -> None:
    assert told(made(firing("f"), resolved("r"), policy=BACKLOG)) == [(ORDER_KEY, [], [["f", "r"]])]


def test_it_is_cancelled_with_all_that_was_said_in_between() -> None:
    line = [firing("f"), old("again", 40, phase="reminder", incident="i"), resolved("r", 1)]
    assert told(made(*line, policy=BACKLOG)) == [(ORDER_KEY, [], [["f", "again", "r"]])]


def test_it_is_cancelled_whatever_its_severity() -> None:
    critical = firing("f", post=a_post("f", severity="critical"), priority=3)
    assert told(made(critical, resolved("r"), policy=BACKLOG)) == [(ORDER_KEY, [], [["f", "r"]])]


@pytest.mark.parametrize("which", ["f", "r"])
@pytest.mark.parametrize("state", [{"unclear": True}, {"leased": True}])
def test_it_is_not_cancelled_when_somebody_may_have_seen_any_of_it(which: str, state: dict[str, Any]) -> None:
    f = firing("f", state=state if which == "f" else None)
    r = resolved("r", state=state if which == "r" else None)
    assert [one.lives for one in made(f, r, old("x", order_key="x"), policy=BACKLOG) if one.lives] == []


def test_it_is_not_cancelled_when_its_beginning_is_partly_told() -> None:
    line = [firing("f2", origin="m/f", part=1, parts=2), resolved("r")]
    assert made(*line, policy=BACKLOG) == []
    line = [firing("f1", origin="m/f", part=0, parts=2), *line]
    assert told(made(*line, policy=BACKLOG)) == [(ORDER_KEY, [], [["f1", "f2", "r"]])]


def test_it_is_not_cancelled_when_it_began_a_short_while_ago() -> None:
    assert made(firing("f", 14), resolved("r", 13), policy=BACKLOG) == []


def test_it_is_not_cancelled_when_somebody_heard_of_it_before() -> None:
    line = [firing("f"), resolved("r")]
    assert told(made(*line, policy=BACKLOG, heard_of={"f"})) == [(ORDER_KEY, ["f", "r"], [])]


def test_it_is_not_cancelled_without_a_limit_of_age() -> None:
    assert told(made(firing("f"), resolved("r"), policy=BURST)) == [(ORDER_KEY, ["f", "r"], [])]


@pytest.mark.parametrize(
    "changed", [{"incident": "j"}, {"rule": "other"}, {"send": 1}, {"phase": "stale"}, {"phase": "reminder"}]
)
def test_only_the_end_of_the_same_incident_cancels_its_beginning(changed: dict[str, Any]) -> None:
    assert [one.lives for one in made(firing("f"), resolved("r", **changed), policy=BACKLOG) if one.lives] == []


def test_an_end_without_its_beginning_is_not_cancelled() -> None:
    line = [old("again", phase="reminder", incident="i"), resolved("r")]
    assert told(made(*line, policy=BACKLOG)) == [(ORDER_KEY, ["again", "r"], [])]


def test_an_incident_that_began_anew_after_its_end_is_told() -> None:
    critical = {"post": a_post("f2", severity="critical"), "priority": 3}
    line = [firing("f1"), resolved("r1"), firing("f2", 20, **critical)]
    assert told(made(*line, policy=BACKLOG)) == [("host-1", [], [["f1", "r1"]])]


def test_each_life_of_an_incident_is_cancelled_by_itself() -> None:
    line = [firing("f1"), resolved("r1"), firing("f2", 20), resolved("r2", 10)]
    assert told(made(*line, policy=BACKLOG)) == [(ORDER_KEY, [], [["f1", "r1"], ["f2", "r2"]])]


def test_a_beginning_and_an_end_that_cannot_go_together_are_not_cancelled() -> None:
    stays = old("other", post=a_post("other", severity="critical"), rule="other")
    assert made(firing("f"), stays, resolved("r"), policy=BACKLOG) == []
    lines = [firing("f", post=a_post("f", overrides={"channel": "x"})), resolved("r")]
    assert [one.lives for one in made(*lines, policy=BACKLOG) if one.lives] == []


def test_beginnings_of_which_earlier_deliveries_must_tell_are_asked_for() -> None:
    ended = resolved("r0", 50, incident="j")
    line = [firing("f1"), resolved("r1"), ended, firing("f2", 40, incident="j"), resolved("r2", incident="j")]
    (one_line,) = lines_of(line)
    assert [one.id for one in openings(one_line, BACKLOG)] == ["f1"]
    assert openings(one_line, BURST) == []


def other(phase: str, state: Any = "delivered", **changed: Any) -> Delivery:
    one = replace(held("x", phase=phase, incident="i").delivery, state=state)
    return replace(one, **changed)


@pytest.mark.parametrize(
    ("earlier", "heard"),
    [
        ([], False),
        ([other("firing")], True),
        ([other("firing", "folded")], True),
        ([other("firing", "waiting")], True),
        ([other("firing", "dead")], False),
        ([other("firing", "dead", unclear=True)], True),
        ([other("firing", "suppressed")], False),
        ([other("firing", "cancelled")], False),
        ([other("resolved"), other("firing")], False),
        ([other("stale"), other("firing")], False),
        ([other("calm"), other("firing")], True),
        ([other("resolved", "dead"), other("firing")], True),
        ([replace(other("firing"), new=replace(other("firing").new, send=1))], False),
        ([replace(other("firing"), new=replace(other("firing").new, rule="before"))], True),
        ([replace(other("resolved"), new=replace(other("resolved").new, rule="before")), other("firing")], True),
        ([other("resolved"), replace(other("firing"), new=replace(other("firing").new, rule="before"))], True),
        ([other("firing", "dead")] * HEARD_OF, True),
    ],
)
def test_the_last_that_may_have_been_seen_says_whether_people_know_of_it(
    earlier: Sequence[Delivery], heard: bool
) -> None:
    assert was_heard_of(firing("f").delivery, earlier) is heard


# --- Digests that wait -------------------------------------------------------------------------------


def a_digest(*waiting: HeldPost, **changed: Any) -> HeldPost:
    new = digest_of(Folding(ORDER_KEY, waiting), now_us=NOW_US, due_us=None, most_named=20, max_text_runes=None)
    one = held(new.id)
    return replace(one, delivery=replace(one.delivery, new=replace(new, **changed)))


def test_a_digest_that_waits_becomes_part_of_the_next_whatever_its_severity() -> None:
    earlier = a_digest(firing("f", post=a_post("f", severity="critical")), held("x"))
    assert told(made(held("a", order_key="a"), earlier)) == [(ORDER_KEY, ["a", earlier.delivery.id], [])]


def test_named_digests_alone_become_one_and_even_a_single_one_becomes_another() -> None:
    first, second = a_digest(held("a"), held("b")), a_digest(held("c"), held("d"))
    ids = frozenset(names([first, second]))
    merging = Policy("error", only=ids)
    assert told(made(first, second, held("x", order_key="x"), policy=merging)) == [
        (ORDER_KEY, names([first, second]), [])
    ]
    assert told(made(first, policy=merging)) == [(ORDER_KEY, names([first]), [])]


# --- Whatever waits ----------------------------------------------------------------------------------

_EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["firing", "resolved", "reminder", "message"]),
        st.sampled_from(["warning", "critical", "ok"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from([{}, {}, {}, {"leased": True}, {"unclear": True}]),
        st.integers(0, 40),
    ),
    max_size=14,
)


@given(_EVENTS, st.booleans(), st.booleans())
def test_of_a_line_all_go_together_or_those_that_stand_one_behind_the_other(
    events: list[Any], bursts: bool, is_piece: bool
) -> None:
    waiting = [
        old(
            f"d{n}",
            minutes,
            order_key="a" if is_piece else key,
            phase=phase,
            incident="" if phase == "message" else "i",
            post=a_post(f"d{n}", severity=severity, overrides={"channel": channel}),
            state=state,
        )
        for n, (key, phase, severity, channel, state, minutes) in enumerate(events)
    ]
    waiting.sort(key=lambda one: one.delivery.new.order_key)
    policy = replace(BACKLOG, bursts=bursts)
    seen: set[str] = set()
    for folding in made(*waiting, policy=policy, is_piece=is_piece):
        ids = names(folding.all)
        assert len(ids) == len(set(ids)) >= 2
        assert not seen & set(ids)
        seen |= set(ids)
        assert not any(one.delivery.leased or one.delivery.unclear for one in folding.all)
        assert all(one.delivery.new.severity != "critical" for one in folding.folded)
        assert len({one.post.overrides["channel"] for one in folding.all}) == 1
        for life in folding.lives:
            assert (life[0].delivery.new.phase, life[-1].delivery.new.phase) == ("firing", "resolved")
        for line in lines_of(waiting):
            marks = [one.delivery.id in ids for one in line]
            if folding.order_key == line[0].delivery.new.order_key:
                inner = marks[marks.index(True) : len(marks) - marks[::-1].index(True)]
                assert all(inner)
            else:
                assert all(marks) or not any(marks)
