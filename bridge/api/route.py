"""A route of the API, and finding the one a request means (ams-api.md sections 1.5 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.api.call import Handler

_DOTS: Final = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One route: who may call it, what it takes and gives, and who answers.

    ``path`` is after ``/v1``, a variable in braces matches within one segment. ``body`` and ``answer`` are the wire
    shapes (None: nothing). ``query`` are the query parameters besides ``key``, ``status`` is that of an answer that is
    no error.
    """

    name: str
    method: str
    path: str
    roles: frozenset[str] = frozenset()
    handler: Handler
    body: Any = None
    answer: Any = None
    query: tuple[str, ...] = ()
    summary: str
    is_open: bool = False
    needs_project: bool = True
    status: int = 200


@dataclass(frozen=True, slots=True)
class _Segment:
    """One segment of a route's path: a literal, or a variable with what follows it."""

    literal: str
    variable: str

    def names(self, segment: str, values: dict[str, str]) -> bool:
        """Whether the segment fits; its variable is put into ``found``."""
        if not self.variable:
            return segment == self.literal
        value = segment.removesuffix(self.literal)
        if not value or (self.literal and len(value) == len(segment)):
            return False
        values[self.variable] = value
        return True


@dataclass(frozen=True, slots=True)
class Matched:
    """The route a request means, with its path variables."""

    route: ApiRoute
    names: Mapping[str, str]


@dataclass(slots=True)
class RouteTable:
    """Finds routes by method and path; the first in the table's order that fits wins."""

    routes: Sequence[ApiRoute]
    _by_shape: dict[tuple[str, int], list[tuple[ApiRoute, list[_Segment]]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for route in self.routes:
            segments = [_parse(text) for text in route.path.strip("/").split("/")]
            self._by_shape.setdefault((route.method, len(segments)), []).append((route, segments))

    def find(self, method: str, path: str) -> Matched | None:
        """The route for a method and a path after ``/v1``, or None; paths that are not in canonical form have none."""
        parts = path.split("/")[1:]
        if not _DOTS.isdisjoint(parts):
            return None
        for route, segments in self._by_shape.get((method, len(parts)), ()):
            values: dict[str, str] = {}
            if all(segment.names(part, values) for segment, part in zip(segments, parts, strict=True)):
                return Matched(route, values)
        return None


def _parse(text: str) -> _Segment:
    if not text.startswith("{"):
        return _Segment(text, "")
    variable, _, literal = text[1:].partition("}")
    return _Segment(literal, variable)
