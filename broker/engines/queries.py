"""The queries of the engines that speak SQL: texts in ``sql/*.sql`` of each, with a name and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

_MARK = "-- name: "


def load_queries(package: str, name: str) -> Mapping[str, str]:
    """The queries of ``sql/<name>.sql`` of an engine's package, by their names."""
    text = (files(package) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    sections = text.split(_MARK)[1:]
    return {section.partition("\n")[0].strip(): section.partition("\n")[2].strip().rstrip(";") for section in sections}
