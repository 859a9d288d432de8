"""What every destination promises (bridge/destinations/base.py), asked of every kind against its running service."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.destinations.base import Delivered, Later, Refused
from bridge.destinations.destination_kinds import KINDS
from broker.clock import SystemClock
from rules.deciding.emit import parts_of
from rules.model import Field, Post
from tests.contracts.destinations.observing import OPENERS, Seen, observed
from tests.contracts.destinations.rig import PARCEL, Rig, parcel

ALL = sorted(KINDS)
NOT_ASKED = {"apprise", "inbox"}
"""Kinds whose service cannot be asked without posting."""


def kinds(*, without: set[str] = frozenset()) -> Any:
    return pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in without])


def test_every_kind_is_held_to_this() -> None:
    assert sorted(OPENERS) == ALL


def reason_of(seen: Seen) -> str:
    return getattr(seen.outcome, "reason", "")


@asynccontextmanager
async def a_rig(kind: str, folder: Path) -> AsyncIterator[Rig]:
    async with OPENERS[kind](folder) as rig:
        yield rig


@kinds()
async def test_whatever_happens_is_an_outcome_of_one_try_without_secrets(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with a_rig(kind, tmp_path) as rig:
        secrets = rig.secrets
    seen = await observed(kind, tmp_path)
    # The stand-ins log their requests, as a service does; we do not.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("uvicorn", "mail.log"))]
    for one in seen:
        assert isinstance(one.outcome, Delivered | Later | Refused)
        assert one.tries is None or one.tries <= 1, f"{one.case.when}: {one.tries} tries"
        assert len(reason_of(one)) <= 600
        assert "\n" not in reason_of(one)
        assert not [secret for secret in secrets if secret in reason_of(one)], one.case.when
    assert not [line for line in ours for secret in secrets if secret in line]


@kinds()
async def test_what_is_not_delivered_is_unclear_if_and_only_if_it_may_be_there(kind: str, tmp_path: Path) -> None:
    for one in await observed(kind, tmp_path):
        unclear = isinstance(one.outcome, Later) and one.outcome.unclear
        if isinstance(one.outcome, Delivered):
            assert one.arrived or kind == "inbox", one.case.when
        elif one.arrived:
            assert unclear, f"{one.case.when}: it is there, and nobody was told"
        if "nobody listens" in one.case.when and kind != "apprise":
            assert isinstance(one.outcome, Later)
            assert not unclear
        if any(word in one.case.when for word in ("closed after", "when the post stands", "no answer in time")):
            assert unclear or "before" in one.case.when, one.case.when


@kinds()
async def test_a_service_that_says_too_fast_is_heard(kind: str, tmp_path: Path) -> None:
    for one in await observed(kind, tmp_path):
        if "429" in one.case.when:
            assert isinstance(one.outcome, Later)
            assert one.outcome.throttled
            assert one.outcome.after_s == (7.0 if "Retry-After" in one.case.when else None)


@kinds(without={"inbox"})
async def test_a_plainer_form_is_tried_once_and_has_no_plainer_one(kind: str, tmp_path: Path) -> None:
    for one in await observed(kind, tmp_path):
        plainer = one.outcome.plainer if isinstance(one.outcome, Refused) else None
        if plainer is None:
            continue
        async with a_rig(kind, tmp_path) as rig:
            rig.clear()
            one.case.arrange(rig.service)
            async with rig.at_work(**one.case.config) as destination:
                again = await destination.deliver(replace(one.case.parcel, form=plainer))
            rig.clear()
        assert not isinstance(again, Refused) or again.plainer is None, one.case.when


@kinds(without={"inbox"})
async def test_a_preview_is_what_deliver_sends_and_changes_nothing(kind: str, tmp_path: Path) -> None:
    post = parcel(title="T", fields=(Field("vo", "ops"),), footer="f", url="https://ui.example", severity="warning")
    post = parcel() if kind == "database" else post
    async with a_rig(kind, tmp_path) as rig, rig.at_work() as destination:
        before = destination.preview(post)
        assert rig.arrived() == 0
        assert isinstance(await destination.deliver(post), Delivered)
        told = repr(before) + repr(destination)
        sent = rig.sent()
        if kind == "database":  # of a post without a body, as much as there are columns for
            before = replace(before, body={name: before.body[name] for name in sent})
        assert before.body == sent
        assert destination.preview(post).body == before.body or kind == "database"
        assert not [secret for secret in rig.secrets if secret in told]


@kinds(without={"inbox"})
async def test_a_probe_posts_nothing_and_knows_when_nobody_is_there(kind: str, tmp_path: Path) -> None:
    async with a_rig(kind, tmp_path) as rig:
        async with rig.at_work() as destination:
            assert await destination.probe() == Delivered()
        if kind not in NOT_ASKED:
            async with rig.at_work(**(rig.nowhere or {})) as destination:
                outcome = await destination.probe()
                assert not isinstance(outcome, Delivered)
                assert not [secret for secret in rig.secrets if secret in outcome.reason]
        assert rig.arrived() == 0


@kinds()
async def test_the_idempotency_key_is_the_same_on_every_try_and_another_for_another_delivery(
    kind: str, tmp_path: Path
) -> None:
    async with a_rig(kind, tmp_path) as rig, rig.at_work() as destination:
        if rig.keys is None:
            pytest.skip(f"{kind} has no idempotency key")
        for attempt in (1, 2):
            await destination.deliver(replace(PARCEL, attempt=attempt))
        await destination.deliver(replace(PARCEL, id="fedcba9876543210fedcba9876543210"))
        keys = list(rig.keys())
    assert len(set(keys)) == 2
    assert keys[0] != keys[-1]
    assert any("fedcba9876543210fedcba9876543210" in key for key in keys)


@kinds()
async def test_a_try_keeps_to_its_timeout(kind: str, tmp_path: Path) -> None:
    clock = SystemClock()
    async with a_rig(kind, tmp_path) as rig:
        slow = [case for case in rig.cases if "in time" in case.when]
        for n, case in enumerate(slow):
            rig.clear()
            case.arrange(rig.service)
            async with rig.at_work(**case.config) as destination:
                began = clock.monotonic()
                await destination.deliver(replace(case.parcel, id=f"{n:032x}"))
                assert clock.monotonic() - began < 0.4 + 1.6
            rig.clear()


@kinds()
async def test_closing_twice_is_harmless(kind: str, tmp_path: Path) -> None:
    async with a_rig(kind, tmp_path) as rig:
        unused, used = rig.build(), rig.build()
        await used.deliver(PARCEL)
        for destination in (unused, used, unused, used):
            await destination.close()


@kinds()
async def test_facts_name_the_kind_and_the_longest_text_is_one_post(kind: str, tmp_path: Path) -> None:
    async with a_rig(kind, tmp_path) as rig, rig.at_work(timeout="10s") as destination:
        facts = destination.facts
        assert (facts.name, facts.kind) == ("ops", kind)
        longest = facts.max_text_runes or 20_000
        for n, sign in enumerate(("x", "ä & <b> *c* _d_ [e](f) @g\n", "\N{FIRE}")):
            before = rig.arrived()
            outcome = await destination.deliver(replace(parcel(text=(sign * longest)[:longest]), id=f"{n:032x}"))
            assert isinstance(outcome, Delivered), sign
            assert rig.arrived() - before == 1 or kind == "inbox"


@kinds(without={"inbox"})
async def test_every_part_of_a_long_text_is_previewed_as_it_is_sent_and_fits(kind: str, tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n}: " + "a word & <another> " * 20 for n in range(110))
    async with a_rig(kind, tmp_path) as rig, rig.at_work(timeout="10s") as destination:
        posts = parts_of(Post(text=text, title="T", fields=(Field("vo", "ops"),)), destination.facts)
        assert len(text) > 40_000
        assert len(posts) > 1 or destination.facts.max_text_runes is None or destination.facts.long_text == "cut"
        for part, post in enumerate(posts):
            one = replace(parcel(), id=f"{part:032x}", post=post, part=part, parts=len(posts))
            shown = destination.preview(one)
            assert isinstance(await destination.deliver(one), Delivered)
            sent = rig.sent()
            body = {name: shown.body[name] for name in sent} if kind == "database" else shown.body
            assert body == sent
            assert all(size.most is None or size.has <= size.most for size in shown.sizes), shown.sizes


@kinds()
async def test_no_post_breaks_it(kind: str, tmp_path: Path) -> None:
    """Odd ones arrive or are refused with a reason; nothing is raised."""
    odd = [
        parcel(text="", title=""),
        parcel(text="\u200b\u202e\x07\x00 ", title="\r\n\t"),
        parcel(text="x" * 30_000, title="y" * 3_000, footer="z" * 3_000, mention="@channel " * 100, url="u" * 5_000),
        parcel(fields=tuple(Field(f"f{n}" * 100, "v" * 2_000) for n in range(60))),
        parcel(fields=(Field("", ""),), url="javascript:alert(1)", color="nonsense", icon=":x:", severity="unheard-of"),
        parcel(overrides=dict.fromkeys(("channel", "to", "thread", "headers", "attributes", "priority"), "x")),
        parcel(overrides={name: {"a": ["b"]} for name in ("channel", "to", "username", "thread", "cc", "subject")}),
        replace(PARCEL, part=2, parts=3, earlier="nonsense", maybe_there=True, form="unknown-form", phase="resolved"),
    ]  # fmt: skip
    async with a_rig(kind, tmp_path) as rig, rig.at_work(timeout="10s") as destination:
        for n, one in enumerate(odd):
            destination.preview(one)
            outcome = await destination.deliver(replace(one, id=f"{n:032x}"))
            assert isinstance(outcome, Delivered | Refused), (n, outcome)
