"""One route as rules of our language: who is told what, grouped, reminded and kept quiet as there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.importing.imported_inhibition import Inhibition, quieted, same_places, variable_names
from rules.importing.match_lines import label_place, match_of
from rules.importing.receivers import Receiver, Target, unique
from rules.importing.route_tree import EVERY_LABEL, RouteOptions, RouteRule
from rules.source.problems import path_text

EACH_ALERT: Final = "$.alerts[*]"
KEY: Final = "{{ data.fingerprint | default(data.labels | to_json, true) }}"
RESOLVED: Final = {"$.status": "resolved"}
TEMPLATE: Final = "alertmanager/alert"
SEVERITY: Final = "{{ data.labels.severity | default('') | replace('none', '') }}"
WORST: Final = """\
{% set said = events | default([{'data': data}]) | map(attribute='data.labels.severity', default='') | map('lower') %}
{% set said = said | list %}
{{ ['critical', 'error'] | select('in', said) | first | default('')
   or said | reject('in', ['warning', 'info', 'ok', 'none', '']) | first | default('')
   or ['warning', 'info', 'ok'] | select('in', said) | first | default('') }}"""
"""The worst severity among the alerts of a post; a word that is none of ours is worse than a warning."""
_BODY: Final = """\
{% set alerts = ALERTS %}
{% macro common(part) %}
{% set all = namespace(same=alerts[0][part] | default({}, true) | items | list) %}
{% for alert in alerts %}
{% set all.same = all.same | select('in', alert[part] | default({}, true) | items | list) | list %}
{% endfor %}
{% for name, value in all.same %}
{{ ',' if not loop.first else '' }}{{ name | to_json }}: {{ value | to_json }}
{%- endfor %}
{% endmacro %}
{"version": "4", "receiver": {{ RECEIVER | to_json }}, "externalURL": "", "truncatedAlerts": 0,
 "groupKey": {{ (rule ~ ':' ~ (alerts[0].labels | items | selectattr(0, 'in', GROUP) | list | to_json)) | to_json }},
 "status": "{{ 'firing' if alerts | selectattr('status', 'equalto', 'firing') | list else 'resolved' }}",
 "groupLabels": {
{%- for name in GROUP %}
{{ ',' if not loop.first else '' }}{{ name | to_json }}: {{ alerts[0].labels[name] | default('') | to_json }}
{%- endfor %} },
 "commonLabels": { {{- common('labels') -}} }, "commonAnnotations": { {{- common('annotations') -}} },
 "alerts": {{ alerts | to_json }}}"""
"""Alertmanager's own JSON, for webhooks that read it."""


@dataclass(slots=True)
class RuleWriter:
    """Makes the rules of a configuration, one after another, each with a name of its own."""

    config: Config
    receivers: Mapping[str, Receiver]
    inhibitions: Sequence[Inhibition]
    taken: set[str]
    names: Mapping[str, str] = field(init=False)
    """The variables that hold what inhibitions compare."""
    routes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of which route each rule was made: its path, and its receiver."""

    def __post_init__(self) -> None:
        self.names = variable_names(self.inhibitions)

    def sources(self, destination: str) -> Iterator[dict[str, Any]]:
        """The shadow rules whose incidents keep others quiet; they must stand first and send nothing."""
        for one in self.inhibitions:
            for name, match in one.sources():
                self.taken.add(name)
                _, variables = same_places(one, self.names)
                yield {
                    "name": name,
                    "about": f"sends nothing; while it fires, rules that name it are quiet ({self._where(one.path)})",
                    "for_each": EACH_ALERT,
                    **({"match": match} if match else {}),
                    **({"set": variables} if variables else {}),
                    "resolved": RESOLVED,
                    "key": KEY,
                    "shadow": True,
                    "send": destination,
                }

    def rules(self, route: RouteRule) -> Iterator[dict[str, Any]]:
        """The rules of a route: one for those who hear the end of an alert, one for those who do not."""
        receiver = self.receivers[route.node.options.receiver]
        if not receiver.targets:
            if route.stop or not route.node.path[1:]:
                yield {**self._head(route, receiver.name), "drop": True}
            return
        hearing = [target for target in receiver.targets if target.tells_end]
        others = [target for target in receiver.targets if not target.tells_end]
        for targets in (hearing, others):
            if targets:
                last = targets is others or not others
                yield self._rule(route, receiver, targets, stop=route.stop and last)

    def _rule(self, route: RouteRule, receiver: Receiver, targets: Sequence[Target], *, stop: bool) -> dict[str, Any]:
        options, tells_end = route.node.options, targets[0].tells_end
        quiet = quieted(route.matchers, self.inhibitions, self.names)
        name = receiver.name if len(targets) == len(receiver.targets) or tells_end else f"{receiver.name}-firing"
        rule = self._head(route, name)
        if not tells_end:
            rule["match"] = {"$.status": "firing", **rule.get("match", {})}
        if quiet.variables:
            rule["set"] = quiet.variables
        rule |= _life(options, tells_end=tells_end) | _group(options)
        if route.node.active:
            rule["hours"] = list(route.node.active)
        if route.node.muted:
            rule["not_hours"] = list(route.node.muted)
        if quiet.inhibited_by:
            rule["inhibited_by"] = quiet.inhibited_by[0] if len(quiet.inhibited_by) == 1 else quiet.inhibited_by
        rule["severity"] = SEVERITY if EVERY_LABEL in options.group_by else WORST
        rule["template"] = TEMPLATE
        if any(target.takes_body for target in targets):
            rule["body"] = _body(receiver.name, options)
        rule["send"] = _send(targets)
        if stop:
            rule["stop"] = True
        return rule

    def _head(self, route: RouteRule, name: str) -> dict[str, Any]:
        said = ", ".join(map(str, route.matchers)) or "everything else"
        match = match_of(route.matchers, route.excluded)
        name = unique(name, self.taken)
        self.routes[name] = path_text(route.node.path), route.node.options.receiver
        return {
            "name": name,
            "about": f"{said} ({self._where(route.node.path)})",
            "for_each": EACH_ALERT,
            **({"match": match} if match else {}),
        }

    def _where(self, path: tuple[str | int, ...]) -> str:
        place = self.config.place(path)
        return f"{path_text(path)}, {place.file}:{place.line}"


def _life(options: RouteOptions, *, tells_end: bool) -> dict[str, Any]:
    """What is an alert, when is it over, and how often is it told."""
    if tells_end:
        return {"resolved": RESOLVED, "key": KEY, "dedupe": options.repeat, "repeat": options.repeat}
    return {"key": KEY, "state": "{{ data.startsAt | default('') }}", "dedupe": options.repeat}


def _group(options: RouteOptions) -> dict[str, Any]:
    if EVERY_LABEL in options.group_by:
        return {}
    places = [label_place(label) for label in options.group_by]
    return {"group": {**({"by": places} if places else {}), "wait": options.wait, "every": options.every}}


def _send(targets: Sequence[Target]) -> Any:
    entries = [{"to": target.name, **target.overrides} if target.overrides else target.name for target in targets]
    return entries[0] if len(entries) == 1 else entries


def _body(receiver: str, options: RouteOptions) -> str:
    each = EVERY_LABEL in options.group_by
    alerts = (
        "[data]" if each else "(events | map(attribute='data') | list) + (still_firing | map(attribute='data') | list)"
    )
    group = "alerts[0].labels" if each else repr(list(options.group_by))
    return _BODY.replace("ALERTS", alerts).replace("GROUP", group).replace("RECEIVER", repr(receiver))
