"""GOCDB's list of service endpoints as a manifest: a user for each host that may publish, bound to its certificate.

Users and bindings are named as argo-api-authn's own script names them, ``TYPE---HOST---SITE`` with dashes for dots; a
topic bears the service type's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from bridge.core.subject_names import subject_of_slash_form
from bridge.operate.manifest import CertificateEntry, Manifest, ProjectEntry, TopicEntry, UserEntry
from broker.names import is_name

_ENDPOINT: Final = "SERVICE_ENDPOINT"
_WANTED: Final = frozenset({"HOSTNAME", "HOSTDN", "SERVICE_TYPE", "IN_PRODUCTION", "SITENAME"})
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

    def begin(self, name: str, _: object) -> None:
        self.path.append(name)
        self.text.clear()
        if name == _ENDPOINT:
            self.found.append({})

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
) -> GocdbFeed:
    """The users, access lists and bindings that a feed asks for; ``service_types`` are all where none is named.

    ``known`` are the users that subjects are bound to already: they stay who they are. Raises BadFeed; nothing is made
    of a feed that is cut short.
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
        why = _why_left_out(endpoint)
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
        acl = topics.setdefault(_UNFIT.sub("-", kind), [])
        if user not in acl:
            acl.append(user)
    entries = {name: TopicEntry(acl=acl) for name, acl in topics.items()}
    projects = {project: ProjectEntry(topics=entries)} if entries else {}
    return GocdbFeed(Manifest(projects, users, list(bound.values())), left_out)


def _why_left_out(endpoint: dict[str, str]) -> str:
    """Why an endpoint gets no user; "" when it does."""
    if endpoint.get("IN_PRODUCTION") != "Y":
        return "not in production"
    for name, what in (("SERVICE_TYPE", "service type"), ("HOSTNAME", "host"), ("SITENAME", "site"), ("HOSTDN", "DN")):
        if not endpoint.get(name):
            return f"has no {what}"
        if name != "HOSTDN" and not is_name(_UNFIT.sub("-", endpoint[name])):
            return f"its {what} cannot be in a name"
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
