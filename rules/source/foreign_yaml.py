"""Reads YAML that other programs are written for: by their rules, not by ours, with the place of every value.

Everything that is written is a text, spelled as it stands (``0123``, ``1e3``, ``yes``); only nothing is None. Merge
keys are read, an anchor may be set anew, a tag of somebody else is passed over, and a file may hold several documents.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import yaml

from rules.source.places import Document, Places
from rules.source.problems import Place, Problem
from rules.source.yaml_builder import Builder, Spot, UnreadableDocument
from rules.source.yaml_errors import find_forbidden_character, syntax_problem

_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE: Final = "<<"


def read_foreign_yaml(text: str, file: str) -> tuple[Document, ...]:
    """The documents of a text, at least one; never raises for what stands in it.

    What cannot be read is a document without a value, with its problem.
    """
    text = text.removeprefix("\ufeff")
    forbidden = find_forbidden_character(text, file)
    if forbidden is not None:
        return (_unread(file, forbidden),)
    builder = ForeignBuilder(text, file)
    try:
        documents = builder.documents()
    except yaml.YAMLError as error:
        problem = syntax_problem(error, text, file)
        return (_unread(file, *{trouble.text: trouble for trouble in (problem, *builder.problems)}.values()),)
    except UnreadableDocument as unusable:
        return (_unread(file, unusable.problem, *builder.problems),)
    except RecursionError:
        return (_unread(file, Problem(Place(file), "", "this is nested too deep to be read")),)
    problems = tuple(builder.problems)
    return tuple(Document(file, value, Places(file, root), problems) for value, root in documents)


class ForeignBuilder(Builder):
    """Turns libyaml's events into texts, lists and mappings."""

    def documents(self) -> list[tuple[Any, Spot]]:
        """All documents of the stream; one without a value when there is none."""
        pairs: list[tuple[Any, Spot]] = []
        self._next()  # stream start
        while not isinstance(self._next(), yaml.StreamEndEvent):
            self._anchors.clear()
            pairs.append(self._node(self._next(), 0))
            self._next()  # document end
        return pairs or [(None, Spot(1, 1))]

    def _node(self, event: Any, depth: int) -> tuple[Any, Spot]:
        if not isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        return super()._node(event, depth)

    def _scalar(self, event: Any) -> Any:
        if event.tag == "tag:yaml.org,2002:binary":
            try:
                return base64.b64decode(event.value).decode()
            except (binascii.Error, UnicodeDecodeError):
                self._say(event, "what stands here after !!binary is no text in base64")
        plain = event.tag is None and event.implicit[0]
        nothing = plain or event.tag == "tag:yaml.org,2002:null"
        return None if nothing and event.value in _NOTHING else str(event.value)

    def _check_tag(self, event: Any, allowed: str) -> None:
        """Tags of others say nothing here."""

    def _key(self, event: Any, mapping: Any, depth: int) -> str | None:
        if isinstance(event, yaml.ScalarEvent) and event.value == _MERGE:
            return _MERGE
        return super()._key(event, mapping, depth)

    def _mapping(self, start: Any, spot: Spot, depth: int) -> dict[str, Any]:
        values = super()._mapping(start, spot, depth)
        children = spot.children
        if _MERGE not in values or not isinstance(children, dict):
            return values
        merged, merged_spot = values.pop(_MERGE), children.pop(_MERGE)
        several = isinstance(merged, list)
        for value, at in zip(
            merged if several else [merged],
            merged_spot.children if several and isinstance(merged_spot.children, list) else [merged_spot],
            strict=True,
        ):
            if not isinstance(value, dict) or not isinstance(at.children, dict):
                self._say(start, 'a merge key "<<" wants a mapping, or a list of them')
                continue
            for key in value:
                if key not in values:
                    values[key], children[key] = value[key], at.children[key]
        return values


def _unread(file: str, *problems: Problem) -> Document:
    return Document(file, None, Places(file, Spot(1, 1)), problems)
