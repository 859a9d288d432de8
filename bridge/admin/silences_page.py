"""The page of silences: what is kept quiet, by whom, why and until when; add one, end one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import structs
from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.admin.page_views import short_time
from bridge.control.api_queries import SilencesQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_silences import begin_silence, change_span, end_silence, list_silences, silence_span
from bridge.operate.rule_views import rule_names
from bridge.operate.silence_coverage import coverage_text
from bridge.operate.silence_preview import preview_silence, preview_text
from rules.deciding.quiet.silences import FACT_NAMES
from rules.source.scalars import recall_word, typed_word
from rules.source.words import duration_s

_LINES: Final = 3
_MOST_LINES: Final = 20
LONGER: Final = (("1h", "+1 h"), ("4h", "+4 h"), ("1d", "+1 d"))
"""By how much a silence is made longer with a click, and what the buttons say."""
_OPERATORS: Final = (("is", "is"), ("like", "is like (* and ?)"))


async def view_silences(asked: OperatorRequest) -> dict[str, Any]:
    """GET /silences: the silences that hold or will; the form may be filled in by the address (``?rule=R&key=K``)."""
    with_expired = asked.query(SilencesQuery).all
    silences = list_silences(asked.context, with_expired=with_expired).silences
    lines = _typed_lines(asked.request.query_params)
    to_edit = _lines_to_edit(asked)
    fields = ("for", "why", "who", "replaces", "keep_waiting")
    kept = {name: asked.request.query_params.get(name, "") for name in fields}
    return {
        "silences": [
            structs.replace(silence, matchers={name: recall_word(v) for name, v in silence.matchers.items()})
            for silence in silences
        ],
        "with_expired": with_expired,
        "lines": [*(lines or to_edit), *[("", "is", "")] * _LINES][: max(_LINES, len(lines or to_edit))],
        "form": kept | {"for": kept["for"] or "2h"},
        "preview": await _preview(asked, lines) if asked.request.query_params.get("preview") else None,
        "longer": LONGER,
        "operators": _OPERATORS,
        "names": list(FACT_NAMES),
        "rules": rule_names(asked.context),
        "destinations": list(asked.context.destinations()),
    }


async def add(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/silences``: adds a silence, in the place of another where one is edited; or says what it would do."""
    if field(form, "action") == "preview":
        given = {name: text for name, text in form.items() if name not in ("form_token", "action") and text}
        return FormResult(f"/silences?{urlencode(given | {'preview': '1'})}#add", "")
    try:
        for_s = duration_s(field(form, "for"))
    except ValueError as error:
        raise InvalidInput("for", f"How long: {error}") from error
    matchers, why = _matchers(_lines_of(form)), field(form, "why")
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
    if field(form, "replaces"):  # the new one holds already: nothing is told in between
        await end_silence(asked.context, asked.by, field(form, "replaces"))
    n = made.suppressed
    waiting = f" {n} waiting {'delivery was' if n == 1 else 'deliveries were'} suppressed." if n else ""
    return FormResult("/silences", f"The silence holds. It {coverage_text(**structs.asdict(made.covers))}.{waiting}")


async def change(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/silences/{id}``: lets a silence hold longer, or ends it."""
    silence_id = asked.request.path_params["id"]
    longer = field(form, "longer")
    if not longer:
        await end_silence(asked.context, asked.by, silence_id)
        return FormResult("/silences", "The silence has ended.")
    try:
        longer_s = duration_s(longer)
    except ValueError as error:
        raise InvalidInput("longer", f"How much longer: {error}") from error
    changed = await change_span(asked.context, asked.by, silence_id, longer_s=longer_s)
    return FormResult("/silences", f"The silence holds until {short_time(changed.until)}.")


def _typed_lines(given: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """The lines that an address fills in: as the form has them, else facts by their names (``?rule=R&key=K``)."""
    if any(given.get(f"name{n}") for n in range(_MOST_LINES)):
        return [
            (given.get(f"name{n}", ""), given.get(f"operator{n}", "is"), given.get(f"value{n}", ""))
            for n in range(_MOST_LINES)
            if given.get(f"name{n}")
        ]
    return [(name, "is", text) for name in FACT_NAMES if (text := given.get(name))]


def _lines_to_edit(asked: OperatorRequest) -> list[tuple[str, str, str]]:
    """The lines of the silence that is edited (``?replaces=ID``)."""
    wanted = asked.request.query_params.get("replaces")
    silences = list_silences(asked.context, with_expired=True).silences if wanted else []
    edited = next((silence for silence in silences if silence.id == wanted), None)
    return [] if edited is None else [_line_of(name, value) for name, value in edited.matchers.items()]


def _line_of(name: str, value: Any) -> tuple[str, str, str]:
    if isinstance(value, dict) and "like" in value:
        return name, "like", str(value["like"])
    return name, "is", _as_typed(value)


def _as_typed(value: Any) -> str:
    plain = recall_word(value)
    return plain if isinstance(plain, str) else str(plain)


async def _preview(asked: OperatorRequest, lines: Sequence[tuple[str, str, str]]) -> str:
    return f"It {preview_text(await preview_silence(asked.context, _matchers(lines)))}."


def _lines_of(form: FormData) -> list[tuple[str, str, str]]:
    parts = ("name", "operator", "value")
    lines = [tuple(field(form, f"{part}{n}") for part in parts) for n in range(_MOST_LINES)]
    return [(name, how, value) for name, how, value in lines if name]


def _matchers(lines: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """What the form's lines say; a fact is a text, a place of the event fits text and number alike."""
    matchers: dict[str, Any] = {}
    for name, operator, value in lines:
        if name in matchers:
            raise InvalidInput(name, f"{name} stands twice; all lines must hold, so each name can have one.")
        plain = value if name in FACT_NAMES else typed_word(value)
        matchers[name] = {"like": value} if operator == "like" else plain
    return matchers
