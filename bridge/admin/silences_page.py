"""The page of silences: what is kept quiet, by whom, why and until when; add one, end one."""

from __future__ import annotations

from typing import Any, Final

from msgspec import structs
from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control.api_queries import SilencesQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_silences import begin_silence, end_silence, list_silences, silence_span
from bridge.operate.rule_views import rule_names
from bridge.operate.silence_coverage import coverage_text
from rules.deciding.quiet.silences import FACT_NAMES
from rules.source.scalars import recall_word, typed_word
from rules.source.words import duration_s

_LINES: Final = 3
_OPERATORS: Final = (("is", "is"), ("like", "is like (* and ?)"))


async def view_silences(asked: OperatorRequest) -> dict[str, Any]:
    """GET /silences: the silences that hold or will; the form may be filled in by the address (``?rule=R&key=K``)."""
    with_expired = asked.query(SilencesQuery).all
    silences = list_silences(asked.context, with_expired=with_expired).silences
    given = [(name, text) for name in FACT_NAMES if (text := asked.request.query_params.get(name))]
    return {
        "silences": [
            structs.replace(silence, matchers={name: recall_word(v) for name, v in silence.matchers.items()})
            for silence in silences
        ],
        "with_expired": with_expired,
        "lines": [*given, *[("", "")] * max(1, _LINES - len(given))][:_LINES],
        "operators": _OPERATORS,
        "names": list(FACT_NAMES),
        "rules": rule_names(asked.context),
        "destinations": list(asked.context.destinations()),
    }


async def add(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/silences``: adds a silence."""
    try:
        for_s = duration_s(field(form, "for"))
    except ValueError as error:
        raise InvalidInput("for", f"How long: {error}") from error
    matchers, why = _matchers(form), field(form, "why")
    if not why:
        raise InvalidInput("why", "Say why: whoever is on call reads it.")
    made = await begin_silence(
        asked.context,
        asked.by,
        matchers,
        silence_span(asked.context.clock.wall_us(), starts_us=None, until_us=None, for_s=for_s),
        why=why,
        who=field(form, "who"),
        keep_waiting=field(form, "keep_waiting") == "1",
    )
    n = made.suppressed
    waiting = f" {n} waiting {'delivery was' if n == 1 else 'deliveries were'} suppressed." if n else ""
    return FormResult("/silences", f"The silence holds. It {coverage_text(**structs.asdict(made.covers))}.{waiting}")


async def expire(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/silences/{id}``: ends a silence."""
    await end_silence(asked.context, asked.by, asked.request.path_params["id"])
    return FormResult("/silences", "The silence has ended.")


def _matchers(form: FormData) -> dict[str, Any]:
    """What the form's lines say; a fact is a text, a place of the event fits text and number alike."""
    matchers: dict[str, Any] = {}
    for n in range(_LINES):
        name, operator, value = (field(form, f"{part}{n}") for part in ("name", "operator", "value"))
        if not name:
            continue
        if name in matchers:
            raise InvalidInput(name, f"{name} stands twice; all lines must hold, so each name can have one.")
        plain = value if name in FACT_NAMES else typed_word(value)
        matchers[name] = {"like": value} if operator == "like" else plain
    return matchers
