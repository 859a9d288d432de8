"""Collects a bundle: the subject, what led there, state, rules and settings, and takes secrets out of all of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from bridge.core.waiting import Turn
from bridge.operate.bundle import BUNDLE_FORMAT, Bundle, BundleSubject
from bridge.operate.bundle_scrubbing import specs_of
from bridge.operate.bundle_secrets import SecretRedaction
from bridge.operate.bundle_subjects import find_subject
from bridge.operate.explain_message import Grounds, MessageExplained, explain_stored, no_such_message
from bridge.operate.operator_context import OperatorContext, SettingsFacts
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.topic_names import topic_names
from bridge.routing.commit_batch import RoutedTopic, incoming_of, values_of
from broker.broker import Broker
from broker.store import Store
from rules.deciding.match import match
from rules.language.read import rebuild
from rules.language.sources import SourceFile, Sources, World, sources_from_bytes
from rules.model import Incoming, StateValue
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound

_LOOKED_AT: Final = 5_000
"""So many messages of a topic before the subject are looked at for what led there."""
_MOST_LED: Final = 200
_MOST_BYTES: Final = 8 * 1024 * 1024
_BATCH: Final = 500
_TURN_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class BundleGrounds:
    """What a bundle is made of: an explanation's grounds, the catalog, the settings and the release."""

    grounds: Grounds
    broker: Broker
    settings: SettingsFacts
    release: str

    @property
    def store(self) -> Store:
        """Where everything is read."""
        return self.grounds.store


async def bundle_named(context: OperatorContext, asked: str) -> Bundle:
    """The bundle of ``TOPIC:OFFSET``, or of a delivery or incident by its id or a beginning that no other has.

    Raises InvalidInput, NoSuchThing, StoreUnavailable.
    """
    names = topic_names(context.broker)
    grounds = Grounds(context.store, context.in_force, context.destinations(), names, context.clock.wall_us())
    return await make_bundle(BundleGrounds(grounds, context.broker, context.settings(), context.release), asked)


async def make_bundle(on: BundleGrounds, asked: str) -> Bundle:
    """See ``bundle_named``."""
    subject = await find_subject(on.store, on.broker, asked)
    grounds, uids = on.grounds, {name: uid for uid, name in on.grounds.names.items()}
    explained = await explain_stored(grounds, uids[subject.topic], subject.offset)
    rows = await on.store.log.read(uids[subject.topic], subject.offset, 1, 1)
    if explained is None or explained.message is None or not rows or rows[0].offset != subject.offset:
        raise NoSuchThing("message", asked, no_such_message(subject.topic, subject.offset))
    message = incoming_of(RoutedTopic(subject.topic, uids[subject.topic]), rows[0])
    rule_set = grounds.in_force.rule_set
    led = await _collect_led(on, rule_set, message, _rules_of(explained, subject))
    needs = match(rule_set, message, grounds.now_us).needs
    state = values_of(await on.store.state.read(tuple(needs))) if needs else {}
    remarks = _remarks(rule_set, explained, subject)
    bundle = Bundle(
        format=BUNDLE_FORMAT,
        now_us=grounds.now_us,
        release=on.release,
        subject=subject,
        version=rule_set.version,
        versions=sorted({decision.version for decision in explained.decided.decisions}),
        scrubbed=False,
        remarks=remarks,
        sources=sources_from_bytes(rule_set.sources),
        settings=dict(on.settings.shown),
        destinations=[destination.facts for _, destination in sorted(grounds.destinations.items())],
        silences=[entry.silence for entry in grounds.in_force.silences.silences],
        key_counts=dict(grounds.in_force.context(grounds.now_us).key_counts),
        rows={name: row for name, row in state.items() if row.value is not None},
        messages=[*led, message],
        explained=explained,
    )
    return _hide_secrets(bundle, rule_set, SecretRedaction(on.settings.secrets))


def _rules_of(explained: MessageExplained, subject: BundleSubject) -> set[str]:
    """The rules that had to do with the subject: those that decided it, those that would now, and the one named."""
    traces = explained.recomputed.rules if explained.recomputed is not None else []
    acting = {trace.rule for trace in traces if trace.fate in ("acts", "nothing to end")}
    return {decision.rule for decision in explained.decided.decisions} | acting | {subject.rule} - {""}


def _remarks(rule_set: RuleSet, explained: MessageExplained, subject: BundleSubject) -> list[str]:
    remarks: list[str] = []
    if any(decision.version != rule_set.version for decision in explained.decided.decisions):
        remarks.append("it was decided by other rules than those in force, and these are in force")
    if any(rule.retired for rule in rule_set.rules):
        remarks.append("rules of older versions still judge incidents of theirs, and are not in it")
    if subject.delivery and not subject.rule:
        remarks.append("the delivery stands for several others, a digest; this is about the last message before it")
    return remarks


async def _collect_led(
    on: BundleGrounds, rule_set: RuleSet, subject: Incoming, names: Collection[str]
) -> list[Incoming]:
    """What led to the subject: messages before it of which one of these rules, or what inhibits it, made the same key.

    For a rule that collects or counts over keys (``group``, ``throttle``) and for inhibitors, any key.
    """
    rules = [rule for rule in rule_set.rules if rule.name in names]
    any_key = {rule.name for rule in rules if rule.quiet.group is not None or rule.quiet.throttle is not None}
    any_key |= {inhibitor.rule for rule in rules for inhibitor in rule.quiet.inhibited_by}
    keys = _keys_of(rule_set, subject, on.grounds.now_us)
    wanted = _Wanted(rule_set, keys, any_key, {rule.name for rule in rules} | any_key, on.grounds.now_us)
    hearing = [rule for rule in rule_set.rules if rule.name in wanted.names]
    led: list[Incoming] = []
    for uid, name in on.grounds.names.items():
        if any(rule.topics.covers(name) for rule in hearing):
            led += await _read_led(on, RoutedTopic(name, uid), subject, wanted)
    led.sort(key=lambda message: message.publish_time_us)
    return led[-_MOST_LED:]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which messages led to a subject: what its keys are by rule, and of which rules any key will do."""

    rule_set: RuleSet
    keys: Mapping[str, set[str | None]]
    any_key: Collection[str]
    names: Collection[str]
    now_us: int

    def fits(self, message: Incoming) -> bool:
        """Whether a message of before is one of them."""
        found_keys = _keys_of(self.rule_set, message, self.now_us)
        return any(
            rule in self.any_key or not keys.isdisjoint(self.keys.get(rule, set()))
            for rule, keys in found_keys.items()
            if rule in self.names
        )


def _keys_of(rule_set: RuleSet, message: Incoming, now_us: int) -> dict[str, set[str | None]]:
    """The keys of a message, by the rules that may act on it."""
    keys: dict[str, set[str | None]] = {}
    for matched in match(rule_set, message, now_us).found:
        keys.setdefault(matched.rule.name, set()).add(matched.key)
    return keys


async def _read_led(on: BundleGrounds, topic: RoutedTopic, subject: Incoming, wanted: _Wanted) -> list[Incoming]:
    """The wanted messages of one topic that came before the subject: of the last few thousand, within a few MB."""
    bounds, turn = await on.store.log.bounds(topic.uid), Turn(on.broker.clock, _TURN_S)
    end = subject.offset if topic.name == subject.topic else bounds.end
    position, led, size = max(bounds.first, end - _LOOKED_AT), list[Incoming](), 0
    while position < end:
        batch = await on.store.log.read(topic.uid, position, _BATCH, _MOST_BYTES)
        for message in batch:
            await turn.give()
            if message.offset < end and message.publish_time_us <= subject.publish_time_us:
                incoming = incoming_of(topic, message)
                if wanted.fits(incoming):
                    led.append(incoming)
                    size += len(incoming.payload)
        while led and (len(led) > _MOST_LED or size > _MOST_BYTES):
            size -= len(led.pop(0).payload)
        position = batch[-1].offset + 1 if batch else end
    return led


def _hide_secrets(bundle: Bundle, rule_set: RuleSet, redaction: SecretRedaction) -> Bundle:
    """The bundle as it may be handed on. Raises InvalidInput when its rules say nothing without their secrets."""
    remarks = list(bundle.remarks)
    sources = _hide_in_sources(bundle.sources, redaction)
    if sources != bundle.sources:
        remarks.append(
            "rules, templates or tables hold secrets, which are hidden: what asks for them decides otherwise"
        )
        _require_rules(bundle, sources)
    explained = redaction.value(msgspec.to_builtins(bundle.explained, enc_hook=str))
    return msgspec.structs.replace(
        bundle,
        sources=sources,
        settings=redaction.value(bundle.settings),
        silences=[
            replace(silence, matchers=redaction.value(dict(silence.matchers)), why=redaction.text(silence.why))
            for silence in bundle.silences
        ],
        rows={name: StateValue(redaction.row(row.value or b""), row.version) for name, row in bundle.rows.items()},
        messages=[_hide_in_message(message, rule_set, redaction, remarks) for message in bundle.messages],
        explained=msgspec.convert(explained, MessageExplained),
        remarks=remarks,
    )


def _hide_in_message(message: Incoming, rule_set: RuleSet, redaction: SecretRedaction, remarks: list[str]) -> Incoming:
    payload = redaction.payload(message.payload, specs_of(rule_set, message.topic))
    attributes = redaction.value(dict(message.attributes))
    if payload is None:
        remarks.append(f"the payload of {message.topic}:{message.offset} is left out: secrets in it cannot be hidden")
    elif payload != message.payload or attributes != message.attributes:
        remarks.append(f"{message.topic}:{message.offset} holds secrets, which are hidden")
    return replace(message, payload=payload or "", attributes=attributes)


def _hide_in_sources(sources: Sources, redaction: SecretRedaction) -> Sources:
    def hide(files: list[SourceFile]) -> list[SourceFile]:
        return [SourceFile(file.name, file.file, redaction.rule_text(file.text)) for file in files]

    return msgspec.structs.replace(
        sources,
        files=hide(sources.files),
        templates=hide(sources.templates),
        tables=redaction.value(sources.tables),
        rota=redaction.value(sources.rota),
    )


def _require_rules(bundle: Bundle, sources: Sources) -> None:
    try:
        rebuild(sources.to_bytes(), World(destinations={to.name: to for to in bundle.destinations}))
    except (ProblemsFound, ValueError) as error:
        raise InvalidInput(
            "subject", f"the rules cannot be read without the secrets that stand in them: {error}"
        ) from error
