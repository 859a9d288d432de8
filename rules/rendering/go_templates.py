"""Go templates of receivers, and the nearest text in Jinja: a start for whoever writes the template anew."""

from __future__ import annotations

import re
from typing import Final

_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_FIELD: Final = re.compile(
    r"\.(?:Common|Group)?(Labels|Annotations)\.(\w+)((?:\s*\|\s*(?:toUpper|toLower|title))*)", re.ASCII
)
_INDEX: Final = re.compile(r"index\s+\.(?:Common|Group)?(Labels|Annotations)\s+[\"`]([^\"`'\\]+)[\"`]")
_PROMETHEUS: Final = re.compile(r"\$(labels|value)(?:\.(\w+))?", re.ASCII)
_WHOLE: Final = {".Status": "data.status", ".StartsAt": "data.startsAt", ".EndsAt": "data.endsAt",
                 ".GeneratorURL": "data.generatorURL", ".Fingerprint": "data.fingerprint",
                 ".DashboardURL": "data.dashboardURL", ".PanelURL": "data.panelURL",
                 ".SilenceURL": "data.silenceURL", ".ValueString": "data.valueString"}  # fmt: skip
_FILTERS: Final = {"toUpper": "upper", "toLower": "lower", "title": "title"}


def translate_to_jinja(text: str) -> str:
    """The text with its plain fields in Jinja; what is more than a field is kept as a comment."""
    return _ACTION.sub(lambda match: _action(match[1]), text)


def _action(text: str) -> str:
    field, _, filters = text.partition("|")
    if (place := _WHOLE.get(field.strip())) is not None and all(
        name.strip() in _FILTERS for name in filters.split("|") if name
    ):
        return _print_expression(place, filters)
    if (plain := _PROMETHEUS.fullmatch(text.strip())) is not None:
        return _print_expression(f"data.labels.{plain[2]} | default('')" if plain[1] == "labels" else "data.value", "")
    if (indexed := _INDEX.fullmatch(text)) is not None:
        return _print_expression(f"data.{indexed[1].lower()}['{indexed[2]}'] | default('')", "")
    match = _FIELD.fullmatch(text)
    if match is None:
        return f"{{# {text.replace('#}', '# }')} #}}"
    return _print_expression(f"data.{match[1].lower()}.{match[2]} | default('')", match[3])


def _print_expression(place: str, filters: str) -> str:
    names = [_FILTERS[text.strip()] for text in filters.split("|") if text.strip()]
    return "{{ " + " | ".join([place, *names]) + " }}"
