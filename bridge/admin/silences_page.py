"""The page of silences: what is kept quiet, by whom, why and until when; add one, end one."""

from __future__ import annotations

from typing import Any, Final

from msgspec import structs
from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control import silences_api as answers
from bridge.control.silences_api import NewSilence
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.silence_coverage import coverage_text
from rules.deciding.quiet.silences import FACT_NAMES
from rules.source.scalars import as_typed, typed_word
from rules.source.words import duration_s

_LINES: Final = 3
_OPERATORS: Final = (("is", "is"), ("like", "is like (* and ?)"))


async def listed(asked: OperatorRequest) -> dict[str, Any]:
    """GET /silences: those that hold or will; the form may be filled in by the address (``?rule=R&key=K``)."""
    found = (await answers.all_silences(asked))["silences"]
    given = [(name, asked.query(name)) for name in FACT_NAMES if asked.query(name)]
    return {
        "silences": [
            structs.replace(one, matchers={name: as_typed(v) for name, v in one.matchers.items()}) for one in found
        ],
        "with_expired": asked.asks_for("all"),
        "lines": [*given, *[("", "")] * max(1, _LINES - len(given))][:_LINES],
        "operators": _OPERATORS,
        "names": list(FACT_NAMES),
        "rules": [rule.name for rule in asked.source.in_force.rule_set.rules if not rule.retired],
        "destinations": list(asked.source.destinations()),
    }


async def add(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /silences."""
    try:
        for_s = duration_s(field(form, "for"))
    except ValueError as error:
        raise Refusal(400, f"How long: {error}") from error
    said = NewSilence(
        matchers=_matchers(form),
        for_s=for_s,
        why=field(form, "why"),
        who=field(form, "who"),
        keep_waiting=field(form, "keep_waiting") == "1",
    )
    if not said.why:
        raise Refusal(400, "Say why: whoever is on call reads it.")
    made = await answers.added(asked, said)
    n = made["suppressed"]
    waiting = f" {n} waiting {'delivery was' if n == 1 else 'deliveries were'} suppressed." if n else ""
    covers = made["covers"]
    return FormResult("/silences", f"The silence holds. It {coverage_text(**structs.asdict(covers))}.{waiting}")


async def expire(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /silences/{id}."""
    await answers.expire(asked)
    return FormResult("/silences", "The silence has ended.")


def _matchers(form: FormData) -> dict[str, Any]:
    """What the form's lines say; a fact is a text, a place of the event fits text and number alike."""
    found: dict[str, Any] = {}
    for n in range(_LINES):
        name, operator, value = (field(form, f"{part}{n}") for part in ("name", "operator", "value"))
        if not name:
            continue
        if name in found:
            raise Refusal(400, f"{name} stands twice; all lines must hold, so each name can have one.")
        plain = value if name in FACT_NAMES else typed_word(value)
        found[name] = {"like": value} if operator == "like" else plain
    return found
