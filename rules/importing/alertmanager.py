"""An Alertmanager configuration as a rule file and what bridge.yaml needs for it.

Routes become rules, receivers destinations, time intervals ``intervals``, inhibition rules shadow rules that others
name in ``inhibited_by``. What has no counterpart is named at its place; ``docs/from-alertmanager.md`` tells the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from rules.importing.alertmanager_config import Config
from rules.importing.default_topic import TOPIC
from rules.importing.foreign_system import ForeignSystem
from rules.importing.imported_inhibition import read_inhibitions
from rules.importing.label_samples import sample_labels
from rules.importing.receiver_target import NOT_FOUND, make_unique
from rules.importing.receivers import Receiver, read_receivers
from rules.importing.route_tests import RouteTests
from rules.importing.route_tree import RouteNode, read_routes, route_rules
from rules.importing.rule_text import RuleWriter
from rules.importing.time_intervals import read_time_intervals
from rules.importing.wrappers import find_configurations
from rules.importing.yaml_text import comment, yaml_lines
from rules.source.problems import Problem, ProblemsFound, has_errors, sort_problems
from rules.source.words import suggest

_SECTIONS: Final = frozenset(
    {"global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates"}
)
_READ_BY_RECEIVERS: Final = frozenset(
    {
        "smtp_from", "smtp_smarthost", "smtp_hello", "smtp_auth_username", "smtp_auth_password",
        "smtp_auth_password_file", "smtp_require_tls", "slack_api_url", "slack_api_url_file", "slack_app_token",
        "slack_app_token_file", "mattermost_webhook_url", "mattermost_webhook_url_file",
    }
)  # fmt: skip
"""Keys of ``global``."""


Route: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a configuration: YAML texts, and what could not be converted, each with its place.

    ``routes`` says of which route each rule was made (its path and receiver); ``samples`` are labels that part
    routes, ``silent`` the receivers that tell nobody.
    """

    rules: str
    settings: str
    remarks: tuple[Problem, ...]
    tests: str = ""
    routes: Mapping[str, Route] = field(default_factory=dict)
    samples: tuple[Mapping[str, str], ...] = ()
    silent: frozenset[str] = frozenset()

    @property
    def rule_file(self) -> str:
        """The rules with their tests, as one file."""
        return f"{self.rules}\n{self.tests}" if self.tests else self.rules


def convert(config_text: str, *, file: str = "alertmanager.yml", topic: str = TOPIC) -> Converted:
    """The configuration as rules for alerts that Alertmanager's webhook brings to ``topic``.

    ``file`` is how remarks call the configuration. Raises ProblemsFound when it cannot be read, with every problem.
    """
    first, *others = find_configurations(config_text, file)
    config = Config(first)
    config.remarks.extend(
        document.problem(
            (), "a second configuration in the file; it was left out, convert it by itself", kind="warning"
        )
        for document in others
    )
    return convert_config(config, file=file, topic=topic)


def convert_config(config: Config, *, file: str, topic: str = TOPIC) -> Converted:
    """Convert a configuration that is read already, as ``convert`` does."""
    config.problems.extend(config.document.problems)
    if config.document.value is None and has_errors(config.problems):
        raise ProblemsFound(config.problems)
    root = read_routes(config)
    receivers, inhibitions, intervals = read_receivers(config), read_inhibitions(config), read_time_intervals(config)
    _check_names(config, root, receivers, intervals)
    if has_errors(config.problems):
        raise ProblemsFound(config.problems)
    _remark_the_rest(config)
    destinations = {target.name: target.settings for receiver in receivers.values() for target in receiver.targets}
    first = next((target.name for receiver in (receivers[root.options.receiver],) for target in receiver.targets), "")
    if not first:
        first = next(iter(destinations), "") or make_unique("inbox", set())
        destinations.setdefault(first, {"type": NOT_FOUND})
    writer = RuleWriter(config, receivers, inhibitions, set())
    routes = route_rules(config, root)
    rules = [*writer.sources(first), *(rule for route in routes for rule in writer.rules(route))]
    rules = rules or [{"name": "nobody", "about": "no receiver of this configuration tells anybody", "drop": True}]
    tests = RouteTests(config, root, receivers, inhibitions, intervals).tests(routes)
    return Converted(
        rules="\n".join(_rule_file(config.system.word, file, topic, rules)) + "\n",
        settings="\n".join(_fragment(config.system, file, topic, destinations, intervals)) + "\n",
        remarks=sort_problems(config.remarks),
        tests="\n".join(["tests:", *_list(tests)]) + "\n" if tests else "",
        routes=writer.routes,
        samples=tuple(sample_labels(root)),
        silent=frozenset(name for name, receiver in receivers.items() if not receiver.targets),
    )


def _check_names(config: Config, root: RouteNode, receivers: dict[str, Receiver], intervals: dict[str, Any]) -> None:
    """Every receiver and interval that a route names is there."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        name = node.options.receiver
        if name and name not in receivers:
            config.report((*node.path, "receiver"), f'no receiver "{name}"{suggest(name, receivers)}')
        for key, names in (("mute_time_intervals", node.muted), ("active_time_intervals", node.active)):
            for n, interval in enumerate(names):
                if interval not in intervals:
                    config.report((*node.path, key, n), f'no time interval "{interval}"{suggest(interval, intervals)}')


def _remark_the_rest(config: Config) -> None:
    """Sections and global keys that nobody has read."""
    for key in config.others((), _SECTIONS):
        config.remark((key,), f"{key} is not known and was left out")
    if config.at(("templates",)):
        config.remark(
            ("templates",), f"Go templates cannot be converted; posts are made by template: {config.system.template}"
        )
    for key in config.others(("global",), _READ_BY_RECEIVERS):
        path = ("global", key)
        if key == "resolve_timeout":
            config.remark(path, "when nobody speaks of an alert any more, forget_after: of its rule counts (7d)")
        elif key == "http_config":
            config.remark(path, "left out; proxies are taken from the environment of the daemon")
        else:
            config.remark(path, f"{key} has no counterpart and was left out")


def _rule_file(word: str, file: str, topic: str, rules: list[dict[str, Any]]) -> Iterator[str]:
    yield f"# Made of {file} by `ams-bridge rules import {word}`; yours to edit from here on."
    yield from yaml_lines({"topic": topic})
    yield "rules:"
    yield from _list(rules)


def _list(members: list[dict[str, Any]]) -> Iterator[str]:
    for n, member in enumerate(members):
        if n:
            yield ""
        lines = list(yaml_lines(member, 4))
        yield f"  - {lines[0].lstrip()}"
        yield from lines[1:]


def _fragment(
    system: ForeignSystem, file: str, topic: str, destinations: dict[str, Any], intervals: dict[str, Any]
) -> Iterator[str]:
    """What to add to bridge.yaml."""
    _, project, _, name = topic.split("/")
    word = system.word
    yield f"# Made of {file} by `ams-bridge rules import {word}`: what its rules need in bridge.yaml."
    yield from yaml_lines({"projects": {project: {"topics": {name: {}}}}})
    yield ""
    yield from comment(f"{system.title} sends every alert to https://THIS-HOST:8443/hooks/{word} with this token.")
    yield "sources:"
    source = {"type": "alertmanager", "topic": topic, "token": f"${{credential:{word}-token}}"}
    yield from yaml_lines({word: source}, 2)
    yield ""
    yield "destinations:"
    yield from yaml_lines(destinations, 2)
    if intervals:
        yield ""
        yield "intervals:"
        yield from yaml_lines(intervals, 2)
