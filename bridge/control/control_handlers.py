"""The routes' handlers: each takes a query or a body, asks one use case, and gives its record.

What a handler takes and gives is read from its signature: ``query`` and ``body`` are decoded into their types, ``id``
is the path's. ``refuses`` names the errors of its own use case. The same signatures make ``/api/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from bridge.control.api_bodies import (
    BindingAnswer,
    Chosen,
    CountAnswer,
    EmptyAnswer,
    GivenBackAnswer,
    NewBinding,
    NewSilence,
    OldBinding,
    ReloadAnswer,
    Replay,
    SilenceAnswer,
    TakenAnswer,
    ToGiveBack,
    ToReserve,
    ToTake,
    ToTakeOver,
)
from bridge.control.api_queries import (
    AuditQuery,
    DeliveriesQuery,
    ExplainQuery,
    IncidentsQuery,
    LedgerQuery,
    ManifestQuery,
    MessagesQuery,
    ReloadQuery,
    SilencesQuery,
    SubscriptionsQuery,
    TailQuery,
)
from bridge.control.http_answers import OperatorRequest
from bridge.control.tail_stream import EventStream
from bridge.operate import operator_deliveries, operator_silences
from bridge.operate.audit_views import AuditPage, list_audit
from bridge.operate.certificate_bindings import BindingsPage, bind_certificate, list_bindings, unbind_certificate
from bridge.operate.daemon_status import DaemonStatus, read_status
from bridge.operate.explain_message import MessageExplained
from bridge.operate.explain_message import explain_named as explain_message
from bridge.operate.ledger_views import LedgerView, read_ledger
from bridge.operate.live_tail import follow_messages
from bridge.operate.manifest import Manifest, read_manifest
from bridge.operate.node_views import NodesPage, read_nodes
from bridge.operate.open_incidents import IncidentsPage, give_back_open_incident, list_incidents, take_open_incident
from bridge.operate.operator_deliveries import DeliveriesPage, DeliveryDetail, DeliveryFilter
from bridge.operate.operator_errors import (
    InvalidInput,
    LimitReached,
    NoSuchThing,
    OperateError,
    ReloadFailed,
    Undecidable,
)
from bridge.operate.operator_messages import MessagesPage, list_messages
from bridge.operate.operator_silences import SilenceAdded, SilencesPage, SilenceSpan, silence_span
from bridge.operate.operator_times import read_time_us
from bridge.operate.replay_message import ReplayAnswer, replay_messages
from bridge.operate.reserved_offsets import NextOffset, reserve_offset
from bridge.operate.rights import Right
from bridge.operate.rule_views import RulesPage, list_rules
from bridge.operate.send_post import Outgoing, PostPreview, PostSent, preview_post
from bridge.operate.send_post import send_post as send_now
from bridge.operate.subscription_views import SubscriptionsPage, list_subscriptions
from bridge.operate.take_over import TakenOver, take_over
from bridge.operate.take_up_files import reload_files
from bridge.operate.time_spans import read_span_or_none

REFUSES: Final = "__refuses__"
"""Where a handler keeps the errors that its use case raises."""
NEEDS: Final = "__needs__"
"""Where a handler keeps the right that it takes."""
F = TypeVar("F", bound=Callable[..., object])


def refuses(*errors: type[OperateError]) -> Callable[[F], F]:
    """Note on a handler which errors its use case raises; those of queries and bodies go without saying."""

    def mark(handler: F) -> F:
        setattr(handler, REFUSES, errors)
        return handler

    return mark


def needs(right: Right) -> Callable[[F], F]:
    """Note on a handler which right it takes; without it, looking takes ``look`` and all else ``administer``."""

    def mark(handler: F) -> F:
        setattr(handler, NEEDS, right)
        return handler

    return mark


async def status(asked: OperatorRequest) -> DaemonStatus:
    """GET /api/status: health, workers, rules in force, and each destination with what waits for it."""
    return await read_status(asked.context)


async def nodes(asked: OperatorRequest) -> NodesPage:
    """GET /api/nodes: the daemons that share the store, what each serves, and which of them runs what."""
    return await read_nodes(asked.context)


async def ledger(asked: OperatorRequest, query: LedgerQuery) -> LedgerView:
    """GET /api/ledger: the books of every topic over all time; with ``since_s`` also what came and went since."""
    return await read_ledger(asked.context, query.since_s)


@refuses(NoSuchThing)
async def subscriptions(asked: OperatorRequest, query: SubscriptionsQuery) -> SubscriptionsPage:
    """GET /api/subscriptions: every subscription, with ``project`` those of one; the furthest behind comes first."""
    return await list_subscriptions(asked.context, query.project)


async def rules(asked: OperatorRequest) -> RulesPage:
    """GET /api/rules: in the order in which they act."""
    return await list_rules(asked.context)


@refuses(NoSuchThing)
async def messages(asked: OperatorRequest, query: MessagesQuery) -> MessagesPage:
    """GET /api/messages: newest first; of one topic page by page, of all topics the newest of them."""
    span = read_span_or_none(query.since, query.until, query.zone, asked.context.clock.wall_us())
    return await list_messages(asked.context, query.topic, before=query.before, limit=query.limit, span=span)


@refuses(NoSuchThing)
async def explain(asked: OperatorRequest, query: ExplainQuery) -> MessageExplained:
    """GET /api/explain: what was decided of a message then, and what would be now."""
    return await explain_message(asked.context, query.message)


@needs("respond")
@refuses(NoSuchThing, Undecidable)
async def replay(asked: OperatorRequest, body: Replay) -> ReplayAnswer:
    """POST /api/messages:replay: decided anew, in the order given; ``missing`` are no longer in their topics."""
    return await replay_messages(asked.context, asked.by, body.messages, live=body.live)


async def incidents(asked: OperatorRequest, query: IncidentsQuery) -> IncidentsPage:
    """GET /api/incidents: the longest open first; ``more`` when there are others beyond the limit."""
    return await list_incidents(asked.context, rule=query.rule, limit=query.limit)


@needs("respond")
@refuses(NoSuchThing)
async def take(asked: OperatorRequest, body: ToTake) -> TakenAnswer:
    """POST /api/incidents:take: no more reminders, and everybody sees who looks after it."""
    return TakenAnswer(await take_open_incident(asked.context, asked.by, body.rule, body.key, body.who))


@needs("respond")
@refuses(NoSuchThing)
async def give_back(asked: OperatorRequest, body: ToGiveBack) -> GivenBackAnswer:
    """POST /api/incidents:give-back: nobody's any more, so that reminders go on."""
    return GivenBackAnswer(await give_back_open_incident(asked.context, asked.by, body.rule, body.key))


@refuses(NoSuchThing)
async def deliveries(asked: OperatorRequest, query: DeliveriesQuery) -> DeliveriesPage:
    """GET /api/deliveries: a page of those that fit, newest first."""
    wanted = DeliveryFilter(
        state=query.state,
        destination=query.destination,
        rule=query.rule,
        topic=query.topic,
        into=query.into,
        since_s=query.since_s,
        since=query.since,
        until=query.until,
        zone=query.zone,
    )
    return await operator_deliveries.list_deliveries(asked.context, wanted, before=query.before, limit=query.limit)


@refuses(NoSuchThing, InvalidInput)
async def delivery(asked: OperatorRequest, id: str) -> DeliveryDetail:  # noqa: A002 - the path calls it so
    """GET /api/deliveries/{id}: with its attempts, its post as it was rendered, and what it stands in place of."""
    return await operator_deliveries.show_delivery(asked.context, id)


@needs("respond")
@refuses(NoSuchThing)
async def replay_deliveries(asked: OperatorRequest, body: Chosen) -> CountAnswer:
    """POST /api/deliveries:replay: the stored renderings again, oldest first."""
    return CountAnswer(await operator_deliveries.replay_deliveries(asked.context, asked.by, body.ids, body.filter))


@needs("respond")
@refuses(NoSuchThing)
async def drop_deliveries(asked: OperatorRequest, body: Chosen) -> CountAnswer:
    """POST /api/deliveries:drop: settle waiting or dead ones as dropped by whoever asks."""
    return CountAnswer(await operator_deliveries.drop_deliveries(asked.context, asked.by, body.ids, body.filter))


async def silences(asked: OperatorRequest, query: SilencesQuery) -> SilencesPage:
    """GET /api/silences: pending and active ones, with ``all`` the expired ones too; the first to end comes first."""
    return operator_silences.list_silences(asked.context, with_expired=query.all)


@needs("respond")
async def add_silence(asked: OperatorRequest, body: NewSilence) -> SilenceAdded:
    """POST /api/silences: holds from the moment it is answered; says what it covers now, and what it settled."""
    return await operator_silences.begin_silence(
        asked.context,
        asked.by,
        body.matchers,
        _span(body, asked.context.clock.wall_us()),
        why=body.why,
        who=body.who,
        keep_waiting=body.keep_waiting,
    )


@needs("respond")
@refuses(NoSuchThing, InvalidInput)
async def expire_silence(asked: OperatorRequest, id: str) -> SilenceAnswer:  # noqa: A002 - the path calls it so
    """POST /api/silences/{id}:expire: it ends now, and what it kept quiet and still fires is told."""
    return SilenceAnswer(await operator_silences.end_silence(asked.context, asked.by, id))


async def audit(asked: OperatorRequest, query: AuditQuery) -> AuditPage:
    """GET /api/audit: what people and programs did, newest first."""
    beginnings = {"who": query.who, "what": query.what, "address": query.address, "target": query.target}
    span = read_span_or_none(query.since, query.until, query.zone, asked.context.clock.wall_us())
    return await list_audit(
        asked.context, beginnings, since_s=query.since_s, span=span, before=query.before, limit=query.limit
    )


@needs("administer")
async def certificates(asked: OperatorRequest) -> BindingsPage:
    """GET /api/certificates: every binding whose user exists, oldest first."""
    return list_bindings(asked.context)


@refuses(NoSuchThing)
async def bind(asked: OperatorRequest, body: NewBinding) -> BindingAnswer:
    """POST /api/certificates: let a subject log in as a user; binding it again replaces the user."""
    return BindingAnswer(await bind_certificate(asked.context, asked.by, body.subject, body.user))


@refuses(NoSuchThing)
async def unbind(asked: OperatorRequest, body: OldBinding) -> EmptyAnswer:
    """POST /api/certificates:unbind: the subject logs in no more."""
    await unbind_certificate(asked.context, asked.by, body.subject)
    return EmptyAnswer()


@needs("administer")
async def manifest(asked: OperatorRequest, query: ManifestQuery) -> Manifest:
    """GET /api/manifest: projects, users and certificates as one document; with ``secrets`` tokens too."""
    if query.secrets:
        await asked.context.note(asked.by, "manifest.secrets")
    return read_manifest(asked.context, with_secrets=query.secrets)


async def take_over_manifest(asked: OperatorRequest, body: ToTakeOver) -> TakenOver:
    """POST /api/manifest: what is missing is made, what differs brought up to date, nothing removed."""
    return await take_over(asked.context, asked.by, body.manifest, dry_run=body.dry_run)


@refuses(NoSuchThing)
async def reserve(asked: OperatorRequest, body: ToReserve) -> NextOffset:
    """POST /api/topics:reserve: the topic's next message gets at least this number."""
    return await reserve_offset(asked.context, asked.by, body.topic, body.offset)


@refuses(ReloadFailed)
async def reload(asked: OperatorRequest, query: ReloadQuery) -> ReloadAnswer:
    """POST /api/reload: the version now in force, or every problem; then the old rules stay."""
    reloaded = await reload_files(asked.context, asked.by, confirmed=query.confirmed)
    return ReloadAnswer(reloaded.version, list(reloaded.warnings))


@refuses(NoSuchThing)
async def send_post(asked: OperatorRequest, body: Outgoing) -> PostSent:
    """POST /api/send: tries each part once, in order, up to the first that did not arrive; with the previews."""
    return await send_now(asked.context, asked.by, body)


@needs("respond")
@refuses(NoSuchThing)
async def preview(asked: OperatorRequest, body: Outgoing) -> PostPreview:
    """POST /api/preview: exactly what would be sent, part by part, secrets redacted. Nothing goes out."""
    return preview_post(asked.context, body)


@refuses(NoSuchThing, LimitReached)
async def tail(asked: OperatorRequest, query: TailQuery) -> EventStream:
    """GET /api/tail: messages as they come, with what was decided about them."""
    return EventStream(await follow_messages(asked.context, query.topic, matched=query.matched))


def _span(silence: NewSilence, now_us: int) -> SilenceSpan:
    """When a silence holds. Raises InvalidInput."""
    times = {}
    for place, text in (("starts", silence.starts), ("until", silence.until)):
        try:
            times[place] = read_time_us(text) if text else None
        except ValueError as error:
            raise InvalidInput(place, str(error)) from error
    return silence_span(now_us, starts_us=times["starts"], until_us=times["until"], for_s=silence.for_s)
