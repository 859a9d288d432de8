"""Reads one rule of a file: from its mapping to a Rule, with every problem of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.conditions.conditions import CLAUSES, Condition, compile_match
from rules.conditions.jsonpath import CompiledPath, PathProblem, compile_path
from rules.events.decode import DecodeSpec, read_spec
from rules.events.topic_filter import TopicFilter, topic_doubt, topic_problem
from rules.language.form import Form
from rules.language.other_languages import RULE_ADVICE
from rules.language.read_expects import DEFAULT_TEXT
from rules.language.read_quiet import QUIET_KEYS, QuietReader, key_template
from rules.language.read_schedule import DEFAULT_TEXT as DEFAULT_REPORT
from rules.language.read_schedule import read_schedule
from rules.language.read_send import SendReader
from rules.language.template_reader import TemplateReader
from rules.model import DestinationFacts
from rules.rendering.environment import CompiledTemplate
from rules.rendering.template_check import KNOWN_NAMES
from rules.ruleset import PostMaking, Rule
from rules.source.problems import Problem, path_text
from rules.source.words import hint, suggest

POST_KEYS: Final = (
    "text",
    "template",
    "title",
    "url",
    "severity",
    "color",
    "icon",
    "fields",
    "footer",
    "mention",
    "body",
)
RULE_KEYS: Final = (
    "name", "about", "was", "topic", "decode", "for_each", "schedule", "match", "when", "set", *POST_KEYS,
    "send", "escalate", "drop", "stop", *QUIET_KEYS,
)  # fmt: skip
MEANT: Final = {
    "on": "topic", "if": "match", "condition": "match", "conditions": "match", "filter": "match", "where": "match",
    "to": "send", "destination": "send", "destinations": "send", "receiver": "send", "id": "name", "interval": "hours",
    "matches": "match",
    "description": "about", "comment": "about", "message": "text", "msg": "text", "vars": "set", "variables": "set",
}  # fmt: skip
"""What people write for keys of ours."""
SEVERITIES: Final = ("critical", "error", "warning", "info", "ok")
_SEVERITY_MEANT: Final = {
    **dict.fromkeys(("high", "major", "err", "p2"), "error"),
    **dict.fromkeys(("fatal", "page", "emergency", "disaster", "crit", "urgent", "p1"), "critical"),
    **dict.fromkeys(("medium", "minor", "average", "warn", "p3"), "warning"),
    **dict.fromkeys(("low", "notice", "information", "debug", "p4", "none"), "info"),
    **dict.fromkeys(("resolved", "normal", "success", "good"), "ok"),
}
JUDGING_KEYS: Final = ("topic", "decode", "for_each", "set", "key", "resolved")
MAX_NAME_RUNES: Final = 100
_NAME: Final = re.compile(r"[^/\s\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]*[^/\s\x00-\x1f\x7f])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class RuleReader:
    """What reading rules needs to know of the world: templates, destinations, intervals, schemas, topics."""

    templates: TemplateReader
    destinations: Mapping[str, DestinationFacts]
    intervals: Mapping[str, Any]
    schemas: Mapping[str, Any]
    topics: Collection[str]

    def read(self, form: Form, position: int, default_topics: TopicFilter) -> Rule:
        """The rule; where it has problems, parts of it are left at their defaults."""
        form.allow_only(RULE_KEYS, MEANT, self._elsewhere)
        form.require("name")
        variables = tuple(form.value.get("set") or ()) if isinstance(form.value.get("set"), dict) else ()
        templates = self.templates.with_variables(variables)
        posts = templates.for_posts(grouped="group" in form)
        sends = SendReader(posts, self.destinations)
        quiet = QuietReader(templates, posts, self.intervals, variables).read(form)
        rule = Rule(
            name=rule_name(form),
            place=form.document.place_of(form.path),
            position=position,
            topics=self.read_topics(form) if "topic" in form else default_topics,
            condition=_condition(form, variables),
            about=form.text("about"),
            was=tuple(name for _, name in form.texts("was")),
            decode=self._decode(form),
            for_each=_for_each(form),
            when=templates.expression(form, "when"),
            sets=tuple(self._sets(form)),
            asks_vars=_asks_vars(form),
            key=key_template(templates, form),
            making=_making(form, posts),
            sends=tuple(sends.read_sends(form)),
            steps=tuple(sends.read_steps(form)),
            stop=form.flag("stop"),
            drop=form.flag("drop"),
            quiet=quiet,
            scheduled=read_schedule(form),
            path=path_text(form.path),
            key_places={key: form.document.key_place_of((*form.path, key)) for key in form.value},
            judging=judging_of(form),
        )
        _check_together(form, rule)
        return rule

    def _elsewhere(self, key: str) -> str:
        """Where a key belongs that people write beside those of a rule."""
        if key.startswith(("$", "attributes.", "message.", "parent.")) or key in CLAUSES:
            return "write it under match:, further to the right"
        if key in RULE_ADVICE:
            return RULE_ADVICE[key]
        if any(key in facts.overrides for facts in self.destinations.values()):
            return f"write it into the entry of send: {{to: NAME, {key}: ...}}"
        return ""

    def read_topics(self, form: Form) -> TopicFilter:
        """``topic:`` of a rule or a file."""
        patterns: list[str] = []
        for inner, pattern in form.texts("topic"):
            problem = topic_problem(pattern)
            doubt = topic_doubt(pattern, self.topics)
            if problem is not None:
                form.report(inner, problem)
            elif doubt is not None:
                form.report(inner, doubt, kind="warning")
            patterns.append(pattern)
        return TopicFilter(tuple(patterns))

    def _decode(self, form: Form) -> DecodeSpec | None:
        if not form.text("decode"):
            return None
        return form.read("decode", lambda text: read_spec(text, self.schemas), None)

    def _sets(self, form: Form) -> Iterable[tuple[str, Any]]:
        if "set" not in form:
            return
        named = form.form(("set",), "set")
        known: list[str] = []
        for name in named.value:
            if not _VARIABLE.fullmatch(name):
                named.report((name,), f'"{name}" is no name for a variable: letters, digits and _ only', at_key=True)
                continue
            if name in KNOWN_NAMES:
                named.report((name,), f'"{name}" is a name that templates have already; call it otherwise', at_key=True)
            template = self.templates.with_variables(known).plain(named, (name,))
            known.append(name)
            if template is not None:
                yield name, template


def rule_name(form: Form) -> str:
    """The rule's name: it stands in state, deliveries and metrics, so it is one line of at most 100 runes, no "/"."""
    name = form.text("name")
    if (
        "name" in form
        and isinstance(form.value["name"], str)
        and (not _NAME.fullmatch(name) or len(name) > MAX_NAME_RUNES)
    ):
        form.report(
            ("name",),
            f'"{name[:40]}" cannot be a rule\'s name: one line of at most {MAX_NAME_RUNES} characters without "/"',
        )
    return name


def judging_of(form: Form) -> str:
    """A hash of what decides whether an incident is over; with another one, an old version goes on judging it."""
    values = {key: form.value.get(key) for key in JUDGING_KEYS}
    file_topic = form.document.value.get("topic") if isinstance(form.document.value, dict) else None
    body = json.dumps([values, file_topic], sort_keys=True, default=str)
    return hashlib.sha256(body.encode(errors="surrogatepass")).hexdigest()[:16]


def _condition(form: Form, variables: Collection[str]) -> Condition:
    value = form.value.get("match", {})
    return compile_match(value, form.document, (*form.path, "match"), form.problems, variables)


def _for_each(form: Form) -> CompiledPath | None:
    text = form.text("for_each")
    if not text:
        return None
    try:
        compiled_path = compile_path(text)
    except PathProblem as error:
        path = (*form.path, "for_each")
        form.problems.append(Problem(form.document.place_inside(path, 1, error.column), path_text(path), str(error)))
        return None
    if compiled_path.is_simple and compiled_path.path_keys and compiled_path.path_keys[-1].endswith("s"):
        advice = f"{text} is one event, whatever it holds; for each member of a list write {text}[*]"
        form.report(("for_each",), advice, kind="warning")
    return compiled_path


def _asks_vars(form: Form) -> bool:
    return "vars." in json.dumps([form.value.get("match"), form.value.get("resolved")], default=str)


def _making(form: Form, templates: TemplateReader) -> PostMaking:
    """What the post is made of."""
    if "text" in form and "template" in form:
        form.report(("template",), "text and template are two ways to say the same; keep one", at_key=True)
    text = templates.template(form, ("text",), "markdown")
    if text is None and "template" in form:
        text = templates.file(form, ("template",))
    if "expect" in form and "text" not in form and "template" not in form:
        text = templates.constant(form, ("expect",), DEFAULT_TEXT)
    if "schedule" in form and "text" not in form and "template" not in form:
        text = templates.constant(form, ("schedule",), DEFAULT_REPORT)
    return PostMaking(
        text=text,
        parts=templates.parts(form),
        fields=tuple(templates.fields(form)),
        body=templates.making(form, ("body",)) if "body" in form else None,
        has_body="body" in form,
    )


def _check_together(form: Form, rule: Rule) -> None:
    """Keys that contradict each other, or are missing beside one another."""
    if rule.drop:
        for key in ("send", "escalate", *POST_KEYS, *QUIET_KEYS):
            if key in form:
                form.report((key,), f"a rule that says drop: true sends nothing; {key} has no effect", at_key=True)
    elif "send" not in form and not any(_means_send(key) for key in form.value):
        form.report(
            (), "the rule needs send: (a destination of bridge.yaml), or drop: true to swallow messages on purpose"
        )
    _check_body(form, rule)
    group = rule.quiet.group
    if group is not None and rule.making.knows_groups and (group.table or group.headline is not None):
        text = "the text lists events itself; keep that, or headline and table of group"
        form.report(("text" if "text" in form else "template",), text, at_key=True)
    _doubt_severity(form)
    _doubt_parent(form, rule)
    if "body" in form and rule.sends and not any(entry.to.takes_body for entry in rule.sends):
        kinds = ", ".join(sorted({f"{entry.to.name} ({entry.to.kind})" for entry in rule.sends}))
        form.report(
            ("body",),
            f"body has no effect: it is for webhook and topic destinations, not {kinds}",
            at_key=True,
            kind="warning",
        )


def _means_send(key: str) -> bool:
    """Whether a key that is not known has been told to be ``send`` already."""
    return MEANT.get(key) == "send" or "send: " in RULE_ADVICE.get(key, "")


def _check_body(form: Form, rule: Rule) -> None:
    """A text without templates must be JSON as it stands."""
    constant = rule.making.body.constant if isinstance(rule.making.body, CompiledTemplate) else None
    if constant is None:
        return
    try:
        json.loads(constant)
    except ValueError:
        text = "the body is no JSON and will be left out; write a mapping, or a template that gives JSON"
        form.report(("body",), text, kind="warning")


def _doubt_severity(form: Form) -> None:
    """A severity that no destination has a colour or a priority for."""
    value = form.value.get("severity")
    if isinstance(value, str) and "{{" not in value and "{%" not in value and value.strip().lower() not in SEVERITIES:
        meant = _SEVERITY_MEANT.get(value.strip().lower())
        near = f'; did you mean "{meant}"?' if meant else suggest(value, SEVERITIES)
        listed = hint(near, f"there are: {', '.join(SEVERITIES)}")
        form.report(("severity",), f'no destination knows the severity "{value}"{listed}', kind="warning")


def _doubt_parent(form: Form, rule: Rule) -> None:
    """Without ``for_each`` there is no whole payload behind the event."""
    if "for_each" in form:
        return
    for place in rule.condition.places:
        if place.text.startswith("parent"):
            instead = f"${place.text.removeprefix('parent')}"
            text = f"{place.text} is there with for_each only; without it the whole payload is $: write {instead}"
            form.report(("match",), text, at_key=True, kind="warning")
