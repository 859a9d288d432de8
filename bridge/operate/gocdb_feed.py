"""GOCDB's list of service endpoints as a manifest: a user for each host that may publish, bound to its certificate.

Users and bindings are named as argo-api-authn's own scripts name them, ``TYPE---HOST---SITE`` with dashes for dots. A
topic bears the service type's name; or each endpoint has one, as cloud information wants it, with a subscription to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from bridge.core.subject_names import subject_of_slash_form
from bridge.operate.manifest import CertificateEntry, Manifest, ProjectEntry, SubscriptionEntry, TopicEntry, UserEntry
from broker.names import is_name

_ENDPOINT: Final = "SERVICE_ENDPOINT"
_KEY: Final = "PRIMARY_KEY"
_WANTED: Final = frozenset({"HOSTNAME", "HOSTDN", "SERVICE_TYPE", "IN_PRODUCTION", "SITENAME", _KEY})
_PARTS: Final = {"type": "SERVICE_TYPE", "host": "HOSTNAME", "site": "SITENAME", "key": _KEY}
"""What a topic's name may be made of, and where it stands in the feed."""
OF_EACH_TYPE: Final = "{type}"
_ACK_DEADLINE_S: Final = 100
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")


class BadFeed(Exception):
    """What was given is no list of service endpoints; the text says where and why."""


@dataclass(frozen=True, slots=True)
class GocdbFeed:
    """The manifest, and the endpoints that were left out, each with its reason."""

    manifest: Manifest
    left_out: Sequence[str]


@dataclass(slots=True)
class _Endpoints:
    """What the parser has met so far; only texts right below an endpoint count."""

    found: list[dict[str, str]] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        self.text.clear()
        if name == _ENDPOINT:
            self.found.append({_KEY: attributes.get(_KEY, "").strip()})

    def end(self, name: str) -> None:
        if len(self.path) > 1 and self.path[-2] == _ENDPOINT and name in _WANTED:
            self.found[-1][name] = "".join(self.text).strip()
        self.path.pop()
        self.text.clear()


def read_feed(
    feed: bytes,
    *,
    project: str,
    service_types: Sequence[str] = (),
    email: str = "",
    known: Mapping[str, str] | None = None,
    topic_name: str = OF_EACH_TYPE,
    consumer: str = "",
) -> GocdbFeed:
    """The users, access lists and bindings that a feed asks for; ``service_types`` are all where none is named.

    ``known`` are the users that subjects are bound to already: they stay who they are. ``topic_name`` is made of
    {type}, {site}, {host} and {key}; ``consumer`` gets a subscription to each topic, of its name. Raises BadFeed;
    nothing is made of a feed that is cut short.
    """
    left_out: list[str] = []
    topics: dict[str, list[str]] = {}
    users: dict[str, UserEntry] = {}
    before = known or {}
    bound: dict[str, CertificateEntry] = {}
    for nth, endpoint in enumerate(_endpoints(feed), start=1):
        kind, host, site = (endpoint.get(name, "") for name in ("SERVICE_TYPE", "HOSTNAME", "SITENAME"))
        if service_types and kind and kind not in service_types:
            continue
        why = _why_left_out(endpoint, topic_name)
        subject = "" if why else subject_of_slash_form(endpoint["HOSTDN"])
        if not why and not subject:
            why = f"its DN cannot be read: {endpoint['HOSTDN'][:200]}"
        if why:
            left_out.append(f"{host or f'endpoint {nth}'} ({kind or 'no service type'}): {why}")
            continue
        name = "---".join(_UNFIT.sub("-", part) for part in (kind, host, site))
        user = before.get(subject, name)
        user = bound.setdefault(subject, CertificateEntry(subject, user, name if user == name else "")).user
        users.setdefault(user, UserEntry(email=email if user == name else "", projects={project: ["publisher"]}))
        acl = topics.setdefault(_topic_of(endpoint, topic_name), [])
        if user not in acl:
            acl.append(user)
    if consumer and topics:
        users.setdefault(consumer, UserEntry(projects={project: ["consumer"]}))
    return GocdbFeed(Manifest(_projects(project, topics, consumer), users, list(bound.values())), left_out)


def _projects(project: str, topics: Mapping[str, list[str]], consumer: str) -> dict[str, ProjectEntry]:
    """The project with its topics, and a subscription to each for the consumer."""
    if not topics:
        return {}
    entries = {name: TopicEntry(acl=acl) for name, acl in topics.items()}
    subscriptions = {
        name: SubscriptionEntry(topic=name, ack_deadline_s=_ACK_DEADLINE_S, acl=[consumer])
        for name in (topics if consumer else ())
    }
    return {project: ProjectEntry(topics=entries, subscriptions=subscriptions)}


def check_topic_name(pattern: str) -> None:
    """Raises ValueError for a pattern of which no topic's name can be made."""
    name = re.sub(r"\{(\w+)\}", lambda part: "x" if part[1] in _PARTS else part[0], pattern)
    if set(name) & set("{}"):
        raise ValueError(f'"{pattern}" is made of {", ".join(f"{{{part}}}" for part in _PARTS)} and nothing else')
    if not is_name(name):
        raise ValueError(f'"{pattern}" gives no name for a topic: letters, digits, _ and - are')


def _topic_of(endpoint: Mapping[str, str], pattern: str) -> str:
    """The topic of an endpoint that lacks nothing."""
    fitting = {part: _UNFIT.sub("-", endpoint.get(name, "").replace(" ", "")) for part, name in _PARTS.items()}
    return pattern.format(**fitting)


def _why_left_out(endpoint: dict[str, str], topic_name: str) -> str:
    """Why an endpoint gets no user; "" when it does."""
    if endpoint.get("IN_PRODUCTION") != "Y":
        return "not in production"
    for name, what in (("SERVICE_TYPE", "service type"), ("HOSTNAME", "host"), ("SITENAME", "site"), ("HOSTDN", "DN")):
        if not endpoint.get(name):
            return f"has no {what}"
        if name != "HOSTDN" and not is_name(_UNFIT.sub("-", endpoint[name])):
            return f"its {what} cannot be in a name"
    if "{key}" in topic_name and not endpoint.get(_KEY):
        return "has no primary key"
    return ""


def _endpoints(feed: bytes) -> list[dict[str, str]]:
    """Every endpoint with its texts. Raises BadFeed; a document type, and with it any entity, is refused."""
    met = _Endpoints()
    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = met.begin
    parser.EndElementHandler = met.end
    parser.CharacterDataHandler = met.text.append
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(feed, True)
    except ExpatError as error:
        raise BadFeed(f"line {error.lineno}, column {error.offset + 1}: {error}") from error
    if not met.found and b"<results" not in feed:
        raise BadFeed(f"there is no {_ENDPOINT} in it, and no list of results")
    return met.found


def _refuse_doctype(*_: object) -> None:
    raise BadFeed("a feed has no document type; this one is not GOCDB's")
