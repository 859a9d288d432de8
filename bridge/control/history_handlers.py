"""Handlers of what happened: what was kept quiet, what says a word, and a span of time key by key."""

from __future__ import annotations

from bridge.control.api_queries import FindQuery, QuietQuery, TimelineQuery
from bridge.control.control_handlers import refuses
from bridge.control.http_answers import OperatorRequest
from bridge.operate.finding_things import FindFilter, FindPage, find_things
from bridge.operate.key_timeline import Timeline, TimelineFilter, read_timeline
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.quiet_list import QuietFilter, QuietPage, list_quiet
from bridge.operate.time_spans import read_span, read_span_or_none


@refuses(NoSuchThing)
async def quiet(asked: OperatorRequest, query: QuietQuery) -> QuietPage:
    """GET /api/quiet: what was decided and not told, newest first, each with what kept it quiet and until when."""
    wanted = QuietFilter(
        outcome=query.outcome,
        by=query.by,
        topic=query.topic,
        rule=query.rule,
        destination=query.destination,
        key=query.key,
        span=read_span_or_none(query.since, query.until, query.zone, asked.context.clock.wall_us()),
    )
    return await list_quiet(asked.context, wanted, before=query.before, limit=query.limit)


@refuses(NoSuchThing)
async def find(asked: OperatorRequest, query: FindQuery) -> FindPage:
    """GET /api/find: messages, deliveries, incidents and silences by what they say, in one list."""
    span = read_span_or_none(query.since, query.until, query.zone, asked.context.clock.wall_us())
    wanted = FindFilter(
        text=query.q,
        kind=query.kind,
        fate=query.fate,
        topic=query.topic,
        rule=query.rule,
        destination=query.destination,
        key=query.key,
        span=span,
    )
    return await find_things(asked.context, wanted, before=query.before, limit=query.limit)


@refuses(NoSuchThing)
async def timeline(asked: OperatorRequest, query: TimelineQuery) -> Timeline:
    """GET /api/timeline: what happened from ``from`` until ``to``, key by key, with what kept quiet what."""
    span = read_span(query.since, query.until, query.zone, asked.context.clock.wall_us())
    wanted = TimelineFilter(topic=query.topic, rule=query.rule, destination=query.destination, key=query.key or None)
    return await read_timeline(asked.context, span, wanted, after=query.after, limit=query.limit)
