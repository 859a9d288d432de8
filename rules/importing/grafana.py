"""Grafana's notification policies and contact points as a rule file and what bridge.yaml needs for it.

They are put together as a configuration of Alertmanager, which Grafana's is made of, and converted as one; alerts come
in through a contact point of Grafana's that calls our hook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rules.importing.alertmanager import Converted, convert_config
from rules.importing.alertmanager_config import Config
from rules.importing.default_topic import TOPIC
from rules.importing.foreign_system import GRAFANA
from rules.importing.grafana_parts import GrafanaPart, GrafanaParts, find_parts, integrations_of
from rules.importing.operator_resource import NOBODY
from rules.importing.receivers import MANAGED
from rules.rendering.go_templates import translate_to_jinja
from rules.source.foreign_yaml import read_foreign_yaml
from rules.source.places import Document, Places
from rules.source.problems import DocumentPath, Place, Problem, ProblemsFound, path_text
from rules.source.words import suggest
from rules.source.yaml_builder import Spot

_PAIR: Final = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_DEFINED: Final = re.compile(r"\{\{-?\s*define\s+\"([^\"]+)\"\s*-?\}\}(.*?)(?=\{\{-?\s*define\s|\Z)", re.DOTALL)
_LONGEST: Final = 400
REDACTED: Final = "[REDACTED]"
_PROVENANCE: Final = frozenset({"orgId", "provenance", "uid", "version", "name", "updated", "created", "id"})


@dataclass(frozen=True, slots=True)
class _JoinedDocument(Document):
    """A document whose parts stand in several files: for each path here, file and path there."""

    origins: Mapping[DocumentPath, tuple[str, DocumentPath]]

    def place_of(self, path: Sequence[str | int]) -> Place:
        place = Document.place_of(self, path)
        return Place(self._origin(path)[0], place.line, place.column)

    def problem(
        self, path: Sequence[str | int], text: str, *, at_key: bool = False, kind: Literal["error", "warning"] = "error"
    ) -> Problem:
        place = self.key_place_of(path) if at_key else self.place_of(path)
        return Problem(place, path_text(self._origin(path)[1]), text, kind)

    def _origin(self, path: Sequence[str | int]) -> tuple[str, DocumentPath]:
        for length in range(len(path), 0, -1):
            origin = self.origins.get(tuple(path[:length]))
            if origin is not None:
                return origin[0], (*origin[1], *path[length:])
        return self.file, tuple(path)


def convert_grafana(files: Iterable[tuple[str, str]], *, topic: str = TOPIC) -> Converted:
    """The rules for what the files (name and text) say, for alerts that Grafana's webhook brings to ``topic``.

    Raises ProblemsFound when they cannot be read, or hold no notification policies.
    """
    parts, problems, names = GrafanaParts(), list[Problem](), list[str]()
    for name, text in files:
        names.append(name)
        for document in read_foreign_yaml(_as_yaml(text), name):
            problems += document.problems
            find_parts(document, text, parts)
    if problems:
        raise ProblemsFound(problems)
    first = names[0] if names else "grafana"
    if not parts.policies:
        kind = "contact points" if parts.points else "nothing of Grafana's alerting"
        raise ProblemsFound([Problem(Place(first), "", f"there are no notification policies, only {kind}; {_ASK}")])
    config = _Joiner(parts, first).config()
    return convert_config(config, file=" and ".join(names), topic=topic)


_ASK: Final = (
    "give their file too: grafana's provisioning/alerting folder, or what "
    "GET /api/v1/provisioning/policies/export and .../contact-points/export answer"
)


def _as_yaml(text: str) -> str:
    """JSON writes characters beyond U+FFFF as pairs, which YAML does not know."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return text
    return _PAIR.sub(lambda match: str(json.loads(f'"{match[0]}"')), text)


class _Joiner:
    """Puts the parts of one organisation together."""

    def __init__(self, parts: GrafanaParts, file: str) -> None:
        self._parts = parts
        self._file = file
        self._org = parts.policies[0].org
        self._remarks: list[Problem] = []
        self._origins: dict[DocumentPath, tuple[str, DocumentPath]] = {}

    def config(self) -> Config:
        """The configuration, with what was found to say about it."""
        route, *others = self._own(self._parts.policies)
        for other in others:
            self._remark(other, "a second tree of policies; it was left out, convert it by itself")
        receivers = self._receivers(self._own(self._parts.points))
        intervals = self._intervals(self._own(self._parts.intervals))
        self._report_templates(self._own(self._parts.templates))
        for part in self._parts.direct:
            text = f'an alert rule tells "{part.value["receiver"]}" by itself, past all policies; write a policy for it'
            self._remark(part, text)
        value, spot = self._route(route)
        unknown = self._unknown(value, spot, receivers)
        self._forget_intervals(value, spot, {interval["name"] for interval, _ in intervals})
        root = Spot(1, 1)
        root.children = {
            "route": spot,
            "receivers": _list(at for _, at in receivers),
            "time_intervals": _list(at for _, at in intervals),
        }
        whole = {"route": value, "receivers": [receiver for receiver, _ in receivers]}
        whole["time_intervals"] = [interval for interval, _ in intervals]
        document = _JoinedDocument(self._file, whole, Places(self._file, root), (), self._origins)
        return Config(document, [], self._remarks, GRAFANA, unknown)

    def _own(self, parts: Iterable[GrafanaPart]) -> list[GrafanaPart]:
        """Those of the organisation of the first tree; others are named."""
        members = []
        for part in parts:
            if part.org in ("", self._org) or not self._org:
                members.append(part)
            else:
                self._remark(part, f"it is of organisation {part.org}; it was left out, convert it by itself")
        return members

    def _remark(self, part: GrafanaPart, text: str) -> None:
        self._remarks.append(Problem(Place(part.file, part.spot.line, part.spot.column), "", text, "warning"))

    def _receivers(self, points: Iterable[GrafanaPart]) -> list[tuple[dict[str, Any], Spot]]:
        """One for each name: the API lists the integrations of a contact point one by one."""
        receivers: dict[str, tuple[dict[str, Any], Spot]] = {}
        for point in points:
            name = str(point.value.get("name") or "")
            if name not in receivers:
                self._origins["receivers", len(receivers)] = point.file, point.path
                spot = Spot(point.spot.line, point.spot.column)
                spot.children = {MANAGED: _list([])}
                receivers[name] = {"name": name, MANAGED: []}, spot
            number = list(receivers).index(name)
            entries, spots = receivers[name][0][MANAGED], _members(receivers[name][1])
            for value, spot, path in integrations_of(point):
                self._origins["receivers", number, MANAGED, len(entries)] = point.file, path
                entries.append({key: value[key] for key in ("type", "disableResolveMessage") if key in value})
                entries[-1]["settings"] = _settings(value)
                spots.append(spot)
            for key, value in point.value.items():
                if key.endswith("_configs") and key != MANAGED:
                    receivers[name][0][key] = value
        return list(receivers.values())

    def _intervals(self, parts: Iterable[GrafanaPart]) -> list[tuple[dict[str, Any], Spot]]:
        intervals: dict[str, tuple[dict[str, Any], Spot]] = {}
        for part in parts:
            name = str(part.value.get("name") or "")
            if name not in intervals:
                self._origins["time_intervals", len(intervals)] = part.file, part.path
                intervals[name] = {"name": name, "time_intervals": part.value.get("time_intervals")}, part.spot
        return list(intervals.values())

    def _report_templates(self, parts: Iterable[GrafanaPart]) -> None:
        for part in parts:
            text = str(part.value.get("template") or part.value.get("content") or "")
            for name, body in _DEFINED.findall(text) or [(str(part.value.get("name") or ""), text)]:
                near = " ".join(translate_to_jinja(body.rpartition("{{ end }}")[0] or body).split())[:_LONGEST]
                remark = f'the Go template "{name}" was not converted; posts are made by template: {GRAFANA.template}'
                self._remark(part, f"{remark}; nearest in Jinja: {near}")

    def _route(self, part: GrafanaPart) -> tuple[dict[str, Any], Spot]:
        """The tree; one whose root does not take every alert stands below a root that tells nobody."""
        self._origins["route",] = part.file, part.path
        value = {key: entry for key, entry in part.value.items() if key not in _PROVENANCE}
        narrow = ("matchers", "object_matchers", "match", "match_re", "mute_time_intervals", "active_time_intervals")
        if not any(value.get(key) for key in narrow):
            return value, part.spot
        self._remark(part, "the root policy does not take every alert; what it does not take is told to nobody")
        outer = Spot(part.spot.line, part.spot.column)
        outer.children = {"routes": _list([part.spot])}
        return {"receiver": NOBODY, "routes": [value]}, outer

    def _unknown(
        self, route: dict[str, Any], spot: Spot, receivers: list[tuple[dict[str, Any], Spot]]
    ) -> frozenset[DocumentPath]:
        """Add the contact points that policies name and no file has, and give their paths."""
        known = {receiver["name"] for receiver, _ in receivers}
        paths = set[DocumentPath]()
        for name, at in _named_receivers(route, spot):
            if name in known:
                continue
            known.add(name)
            path: DocumentPath = ("receivers", len(receivers))
            receivers.append(({"name": name}, at))
            self._origins[path] = self._origins["route",]
            if name != NOBODY:
                paths.add(path)
                text = f'the contact point "{name}" is in no file given; its alerts go to an inbox for now'
                hint = suggest(name, {receiver["name"] for receiver, _ in receivers} - {name})
                self._remark_route(at, text + hint)
        return frozenset(paths)

    def _forget_intervals(self, route: Any, spot: Spot, known: set[str]) -> None:
        """Leave out the mute timings that no file has: who is told at the wrong hour is told at least."""
        if not isinstance(route, dict):
            return
        for key in ("mute_time_intervals", "active_time_intervals"):
            names = route.get(key)
            if isinstance(names, list):
                for name in names:
                    if isinstance(name, str) and name not in known:
                        text = f'the mute timing "{name}" is in no file given; without it alerts are told at any hour'
                        self._remark_route(spot.child(key) or spot, text)
                route[key] = [name for name in names if not isinstance(name, str) or name in known]
        for child, at in _children(route, spot):
            self._forget_intervals(child, at, known)

    def _remark_route(self, at: Spot, text: str) -> None:
        place = Place(self._origins["route",][0], at.line, at.column)
        self._remarks.append(Problem(place, "", text, "warning"))


def _settings(value: dict[str, Any]) -> dict[str, Any]:
    """Settings with the secrets that stand beside them, or that are there without being shown."""
    settings = value.get("settings")
    values = dict(settings) if isinstance(settings, dict) else {}
    for key in ("secureSettings", "secure_settings"):
        secure = value.get(key)
        values |= secure if isinstance(secure, dict) else {}
    fields = value.get("secureFields")
    for name, there in (fields if isinstance(fields, dict) else {}).items():
        if str(there).lower() == "true":
            values.setdefault(name, REDACTED)
    for reference in value.get("valuesFrom") or ():
        if isinstance(reference, dict) and isinstance(reference.get("targetPath"), str):
            values[reference["targetPath"].removeprefix("settings.")] = REDACTED
    return values


def _named_receivers(route: Any, spot: Spot) -> Iterable[tuple[str, Spot]]:
    if not isinstance(route, dict):
        return
    receiver = route.get("receiver")
    if isinstance(receiver, str) and receiver:
        yield receiver, spot.child("receiver") or spot
    for child, at in _children(route, spot):
        yield from _named_receivers(child, at)


def _children(route: dict[str, Any], spot: Spot) -> Iterable[tuple[Any, Spot]]:
    children = spot.child("routes") or spot
    members = route.get("routes")
    for n, child in enumerate(members if isinstance(members, list) else ()):
        yield child, children.child(n) or children


def _members(spot: Spot) -> list[Spot]:
    inner = spot.child(MANAGED)
    return inner.children if inner is not None and isinstance(inner.children, list) else []


def _list(spots: Iterable[Spot]) -> Spot:
    spot = Spot(1, 1)
    spot.children = list(spots)
    return spot
