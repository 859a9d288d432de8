"""The promises of a destination kind (bridge/destinations/base.py) as tests, asked of it with its service running."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

import pytest

from bridge.contract.http_trials import GARBAGE, NOBODY, UNANSWERED, garbage_server
from bridge.contract.observed_trials import ObservedTrial, observe_trials
from bridge.contract.rig import PARCEL, Opener, parcel
from bridge.destinations.base import Delivered, Later, Refused
from broker.clock import SystemClock
from rules.deciding.emit import parts_of
from rules.model import Field, Post

_LONGEST_REASON_RUNES: Final = 600
_TIMEOUT_MARGIN_S: Final = 1.6
_MANY_RUNES: Final = 20_000
_UNCLEAR_WORDS: Final = ("closed after", "when the post stands", "no answer in time")
_STAND_INS: Final = ("uvicorn", "mail.log", "aiosmtpd")  # a service logs its requests; a destination does not


def reason_of(observed: ObservedTrial) -> str:
    """The reason that the outcome of a trial gives, or ""."""
    return getattr(observed.outcome, "reason", "")


class DestinationContract:
    """Tests that hold each of the kinds in ``openers`` to what a destination promises; subclass it in a test file.

    ``openers`` are asynchronous context managers that start a kind's service and give its rig, by the kind's name.
    ``http_kinds`` names those that speak HTTP: they are also met by garbage in place of an answer.
    """

    is_destination_contract: ClassVar[bool] = True
    openers: ClassVar[Mapping[str, Opener]] = {}
    http_kinds: ClassVar[Collection[str]] = ()

    async def test_whatever_happens_is_an_outcome_of_one_try_without_secrets(
        self, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A try ends in an outcome, asks the service at most once, and no secret is in its reason or in a log."""
        caplog.set_level(logging.DEBUG)
        async with self.openers[kind](tmp_path) as rig:
            secrets = rig.secrets
        for trial in await observe_trials(self.openers[kind], tmp_path):
            assert isinstance(trial.outcome, Delivered | Later | Refused)
            assert trial.tries is None or trial.tries <= 1, f"{trial.trial.when}: {trial.tries} tries"
            assert len(reason_of(trial)) <= _LONGEST_REASON_RUNES
            assert "\n" not in reason_of(trial)
            assert not [secret for secret in secrets if secret in reason_of(trial)], trial.trial.when
        logged = [record.getMessage() for record in caplog.records if not record.name.startswith(_STAND_INS)]
        assert not [line for line in logged for secret in secrets if secret in line]

    async def test_what_is_not_delivered_is_unclear_if_and_only_if_it_may_be_there(
        self, kind: str, tmp_path: Path
    ) -> None:
        """A post that may stand at the service although the try failed is unclear; one that cannot is not."""
        async with self.openers[kind](tmp_path) as rig:
            asks, keeps = rig.asks, rig.keeps
        for trial in await observe_trials(self.openers[kind], tmp_path):
            unclear = isinstance(trial.outcome, Later) and trial.outcome.unclear
            if isinstance(trial.outcome, Delivered):
                assert trial.arrived or not keeps, trial.trial.when
            elif trial.arrived:
                assert unclear, f"{trial.trial.when}: it is there, and nobody was told"
            if "nobody listens" in trial.trial.when and asks:
                assert isinstance(trial.outcome, Later)
                assert not unclear
            if any(word in trial.trial.when for word in _UNCLEAR_WORDS):
                assert unclear or "before" in trial.trial.when, trial.trial.when

    async def test_a_service_that_says_too_fast_is_heard(self, kind: str, tmp_path: Path) -> None:
        """A 429 is a Later that is throttled, after as long as the service asks for."""
        for trial in await observe_trials(self.openers[kind], tmp_path):
            if "429" in trial.trial.when:
                assert isinstance(trial.outcome, Later)
                assert trial.outcome.throttled
                assert trial.outcome.after_s == (7.0 if "Retry-After" in trial.trial.when else None)

    async def test_a_plainer_form_is_tried_once_and_has_no_plainer_one(self, kind: str, tmp_path: Path) -> None:
        """The form that a Refused names may be refused too, but then there is no further one."""
        for trial in await observe_trials(self.openers[kind], tmp_path):
            plainer = trial.outcome.plainer if isinstance(trial.outcome, Refused) else None
            if plainer is None:
                continue
            async with self.openers[kind](tmp_path) as rig:
                rig.clear()
                trial.trial.arrange(rig.service)
                async with rig.at_work(**trial.trial.config) as destination:
                    again = await destination.deliver(replace(trial.trial.parcel, form=plainer))
                rig.clear()
            assert not isinstance(again, Refused) or again.plainer is None, trial.trial.when

    async def test_a_preview_is_what_deliver_sends_and_changes_nothing(self, kind: str, tmp_path: Path) -> None:
        """A preview sends nothing, shows no secret, and has the body that a delivery sends."""
        post = parcel(title="T", fields=(Field("vo", "ops"),), footer="f", url="https://ui.example", severity="warning")
        async with self.openers[kind](tmp_path) as rig, rig.at_work() as destination:
            before = destination.preview(post)
            assert rig.arrived() == 0
            assert isinstance(await destination.deliver(post), Delivered)
            shown = repr(before) + repr(destination)
            assert rig.same(before.body, rig.sent())
            assert rig.same(destination.preview(post).body, rig.sent())
            assert not [secret for secret in rig.secrets if secret in shown]

    async def test_a_probe_posts_nothing_and_knows_when_nobody_is_there(self, kind: str, tmp_path: Path) -> None:
        """A probe of a service that can take posts is Delivered, one of nobody is not, and nothing is posted."""
        async with self.openers[kind](tmp_path) as rig:
            async with rig.at_work() as destination:
                assert await destination.probe() == Delivered()
            if rig.asks:
                async with rig.at_work(**(rig.nowhere or {})) as destination:
                    outcome = await destination.probe()
                    assert not isinstance(outcome, Delivered)
                    assert not [secret for secret in rig.secrets if secret in outcome.reason]
            assert rig.arrived() == 0

    async def test_the_idempotency_key_is_the_same_on_every_try_and_another_for_another_delivery(
        self, kind: str, tmp_path: Path
    ) -> None:
        """Where the service takes an idempotency key, it is made of the delivery's id and of nothing else."""
        async with self.openers[kind](tmp_path) as rig, rig.at_work() as destination:
            if rig.keys is None:
                pytest.skip(f"{kind} has no idempotency key")
            for attempt in (1, 2):
                await destination.deliver(replace(PARCEL, attempt=attempt))
            await destination.deliver(replace(PARCEL, id="fedcba9876543210fedcba9876543210"))
            keys = list(rig.keys())
        assert len(set(keys)) == 2
        assert keys[0] != keys[-1]
        assert any("fedcba9876543210fedcba9876543210" in key for key in keys)

    async def test_a_try_keeps_to_its_timeout(self, kind: str, tmp_path: Path) -> None:
        """A try that gets no answer ends hardly later than the timeout of the settings."""
        clock = SystemClock()
        async with self.openers[kind](tmp_path) as rig:
            slow = [trial for trial in rig.trials if "in time" in trial.when]
            for n, trial in enumerate(slow):
                rig.clear()
                trial.arrange(rig.service)
                async with rig.at_work(**trial.config) as destination:
                    began = clock.monotonic()
                    await destination.deliver(replace(trial.parcel, id=f"{n:032x}"))
                    assert clock.monotonic() - began < 0.4 + _TIMEOUT_MARGIN_S
                rig.clear()

    async def test_closing_twice_is_harmless(self, kind: str, tmp_path: Path) -> None:
        """A destination may be closed twice, used before or not."""
        async with self.openers[kind](tmp_path) as rig:
            unused, used = rig.build(), rig.build()
            await used.deliver(PARCEL)
            for destination in (unused, used, unused, used):
                await destination.close()

    async def test_facts_name_the_kind_and_the_longest_text_is_one_post(self, kind: str, tmp_path: Path) -> None:
        """A text as long as the facts allow is one post, whatever letters it has."""
        async with self.openers[kind](tmp_path) as rig, rig.at_work(timeout="10s") as destination:
            facts = destination.facts
            assert (facts.name, facts.kind) == ("ops", kind)
            longest = facts.max_text_runes or _MANY_RUNES
            for n, sign in enumerate(("x", "ä & <b> *c* _d_ [e](f) @g\n", "\N{FIRE}")):
                before = rig.arrived()
                piece = replace(parcel(text=(sign * longest)[:longest]), id=f"{n:032x}")
                assert isinstance(await destination.deliver(piece), Delivered), sign
                assert rig.arrived() - before == 1 or not rig.keeps

    async def test_every_part_of_a_long_text_is_previewed_as_it_is_sent_and_fits(
        self, kind: str, tmp_path: Path
    ) -> None:
        """Each part of a text that was split is sent as its preview shows it, within the sizes the preview names."""
        text = "\n\n".join(f"Paragraph {n}: " + "a word & <another> " * 20 for n in range(110))
        async with self.openers[kind](tmp_path) as rig, rig.at_work(timeout="10s") as destination:
            posts = parts_of(Post(text=text, title="T", fields=(Field("vo", "ops"),)), destination.facts)
            assert len(text) > 2 * _MANY_RUNES
            assert len(posts) > 1 or destination.facts.max_text_runes is None or destination.facts.long_text == "cut"
            for part, post in enumerate(posts):
                piece = replace(parcel(), id=f"{part:032x}", post=post, part=part, parts=len(posts))
                shown = destination.preview(piece)
                assert isinstance(await destination.deliver(piece), Delivered)
                assert rig.same(shown.body, rig.sent())
                assert all(size.most is None or size.has <= size.most for size in shown.sizes), shown.sizes

    async def test_no_post_breaks_it(self, kind: str, tmp_path: Path) -> None:
        """Odd posts arrive or are refused with a reason; nothing is raised."""
        async with self.openers[kind](tmp_path) as rig, rig.at_work(timeout="10s") as destination:
            for n, odd in enumerate(_ODD_PARCELS):
                destination.preview(odd)
                outcome = await destination.deliver(replace(odd, id=f"{n:032x}"))
                assert isinstance(outcome, Delivered | Refused), (n, outcome)

    @pytest.mark.parametrize("garbage", GARBAGE)
    async def test_garbage_in_place_of_an_answer_is_an_outcome(
        self, http_kind: str, garbage: str, tmp_path: Path
    ) -> None:
        """Bytes that are no HTTP, or not all of it, end in an outcome that does not claim more than is known."""
        async with self.openers[http_kind](tmp_path) as rig:
            assert rig.nowhere is not None, "a rig of a kind over HTTP says how to lead it nowhere"
            with garbage_server(GARBAGE[garbage]) as there:
                elsewhere = {name: text.replace(NOBODY, f"http://{there}") for name, text in rig.nowhere.items()}
                async with rig.at_work(**elsewhere) as destination:
                    outcome = await destination.deliver(PARCEL)
                    probed = await destination.probe()
        if garbage in UNANSWERED and not (garbage == "half of a body" and isinstance(outcome, Delivered)):
            assert isinstance(outcome, Later), outcome
            assert outcome.unclear or "not" in outcome.reason
        assert isinstance(probed, Delivered | Later | Refused)


_ODD_PARCELS: Final = (
    parcel(text="", title=""),
    parcel(text="\u200b\u202e\x07\x00 ", title="\r\n\t"),
    parcel(text="x" * 30_000, title="y" * 3_000, footer="z" * 3_000, mention="@channel " * 100, url="u" * 5_000),
    parcel(fields=tuple(Field(f"f{n}" * 100, "v" * 2_000) for n in range(60))),
    parcel(fields=(Field("", ""),), url="javascript:alert(1)", color="nonsense", icon=":x:", severity="unheard-of"),
    parcel(overrides=dict.fromkeys(("channel", "to", "thread", "headers", "attributes", "priority"), "x")),
    parcel(overrides={name: {"a": ["b"]} for name in ("channel", "to", "username", "thread", "cc", "subject")}),
    replace(PARCEL, part=2, parts=3, earlier="nonsense", maybe_there=True, form="unknown-form", phase="resolved"),
)
