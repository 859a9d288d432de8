"""bridge.yaml: from text to Settings, or to all problems at once, each with file:line:column.

The file is read by the same YAML reader as rule files (YAML 1.2 core schema, duplicate keys refused). References are
replaced first; then every section, destination and source is validated by its own record, and last what names what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bridge.core.references import ReferenceSources, Resolver
from bridge.destinations.destination_kinds import KINDS as DESTINATION_KINDS
from bridge.settings.canary_checks import find_unfit_canaries, find_unknown_to_canaries
from bridge.settings.model import ProjectSettings, RemovedDestination, Settings
from bridge.settings.reach_settings import store_url
from bridge.settings.setting_errors import Fault, Location, faults_of, is_secret, keys_at
from bridge.settings.setting_names import Unlinked, find_bad_names, find_homeless, find_unlinked
from bridge.settings.stand_ins import fill_placeholders, meet
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from rules.language.form import value_at
from rules.plugins import Registry
from rules.source.places import Document, read_file
from rules.source.problems import DocumentPath as DocumentPath
from rules.source.problems import Problem, ProblemsFound, has_errors
from rules.source.words import suggest


def read_settings(path: Path, environ: Mapping[str, str], credentials: Path | None) -> Settings:
    """The settings in ``path``. Raises ProblemsFound with everything that is wrong."""
    return settings_of(read_file(path), ReferenceSources(environ, credentials, path.parent.absolute()))


@dataclass(frozen=True, slots=True)
class SettingsWithoutSecrets:
    """Settings with placeholders in place of the secrets that are not to be had here; ``absent`` says which."""

    settings: Settings
    absent: tuple[Problem, ...]


def read_without_secrets(path: Path, environ: Mapping[str, str], credentials: Path | None) -> SettingsWithoutSecrets:
    """The settings in ``path``, for those who need no secrets. Raises ProblemsFound with all else that is wrong."""
    around = ReferenceSources(environ, credentials, path.parent.absolute())
    settings, reading = _read(read_file(path), around, lenient=True)
    return SettingsWithoutSecrets(settings, reading.absent)


def settings_of(document: Document, around: ReferenceSources) -> Settings:
    """The settings of a document that was read. Raises ProblemsFound."""
    return _read(document, around, lenient=False)[0]


def _read(document: Document, around: ReferenceSources, *, lenient: bool) -> tuple[Settings, _Reading]:
    problems = list(document.problems)
    if document.value is None and has_errors(problems):
        raise ProblemsFound(problems)
    content = document.value if document.value is not None else {}
    if not isinstance(content, dict):
        raise ProblemsFound([*problems, document.problem((), "bridge.yaml is a mapping of sections, such as server:")])
    reading = _Reading(document, around, lenient=lenient)
    settings = reading.settings(content)
    problems += reading.problems
    if has_errors(problems):
        raise ProblemsFound(problems)
    return settings, reading


class _Reading:
    """One reading of one document: what it collects on the way.

    A value is always a pair here: with references replaced, and as it stands in the file (for what may be shown).
    """

    def __init__(self, document: Document, around: ReferenceSources, *, lenient: bool) -> None:
        self._document = document
        self._context = {"folder": around.folder}
        self._resolver = Resolver(document, around, lenient=lenient)
        self._problems: list[Problem] = []
        self._told: set[DocumentPath] = set()

    @property
    def problems(self) -> list[Problem]:
        return [*self._problems, *self._resolver.problems]

    @property
    def absent(self) -> tuple[Problem, ...]:
        """The secrets that placeholders stand for."""
        return tuple(replace(problem, kind="warning") for problem in self._resolver.absent.values())

    def settings(self, written: dict[str, Any]) -> Settings:
        """The settings; their defaults where there are problems."""
        values = self._resolver.resolve(written)
        for path, text in find_bad_names(written):
            self._report(path, text, at_key=True)
        apart = ("destinations", "sources", "removed")
        if "removed" in values:  # a field of the record, and no key of the file
            known = ", ".join(keys_at(Settings, ()))
            self._report(("removed",), f'unknown key "removed"; keys: {known}', at_key=True)
        destinations, removed = self._destinations(values.get("destinations"), written.get("destinations"))
        self._check_canaries(destinations)
        sources = self._of_kinds("sources", values.get("sources"), written.get("sources"), SOURCE_KINDS)
        values = {name: value for name, value in values.items() if name not in apart}
        written = {name: value for name, value in written.items() if name not in apart}
        if isinstance(values.get("store"), str):
            values["store"] = store_url(values["store"], self._context["folder"])
        self._link(values.get("projects"))
        whole: Settings = self._validate(Settings, values, written, ()) or Settings()
        return whole.model_copy(update={"destinations": destinations, "sources": sources, "removed": removed})

    def _destinations(self, value: Any, written: Any) -> tuple[dict[str, Any], dict[str, RemovedDestination]]:
        going: dict[str, RemovedDestination] = {}
        staying = dict(value) if isinstance(value, dict) else value
        if isinstance(staying, dict):
            for name in [name for name, entry in staying.items() if isinstance(entry, dict) and "removed" in entry]:
                path = ("destinations", name)
                read = self._validate(RemovedDestination, staying.pop(name), written[name], path)
                if read is not None:
                    going[name] = read
            self._add_unlinked(find_homeless(going, staying))
        return self._of_kinds("destinations", staying, written, DESTINATION_KINDS), going

    def _check_canaries(self, destinations: Mapping[str, Any]) -> None:
        self._add_unlinked(find_unknown_to_canaries(destinations))
        for path, text in find_unfit_canaries(destinations):
            self._report(path, text)

    def _link(self, value: Any) -> None:
        """Check what the parts of each project name; a project with problems of its own is told of those first."""
        for name, entry in value.items() if isinstance(value, dict) else ():
            faults, project = self._try(ProjectSettings, entry)
            if not faults:
                self._add_unlinked(find_unlinked(name, project))

    def _of_kinds(self, section: str, value: Any, written: Any, kinds: Registry[Any]) -> dict[str, Any]:
        """Named entries, each validated by the record of its ``type``."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._report((section,), f"{section} is a mapping of names, each with a type:")
            return {}
        read: dict[str, Any] = {}
        for name, entry in value.items():
            path = (section, name)
            if not isinstance(entry, dict):
                self._report(path, f"a mapping with a type: is wanted; types: {', '.join(kinds)}", at_key=True)
                continue
            kind = entry.get("type")
            if kind is None:
                self._report(path, f"has no type; types: {', '.join(kinds)}", at_key=True)
            elif isinstance(kind, str) and kind in kinds:
                read[name] = self._validate(kinds[kind].config, entry, written[name], path)
            elif (*path, "type") in self._resolver.absent:
                self._problems.append(self._resolver.absent[*path, "type"])
            elif (*path, "type") not in self._resolver.missing:
                shown = written[name]["type"]
                self._report((*path, "type"), _unknown_type(str(shown), str(kind), kinds))
        return {name: entry for name, entry in read.items() if entry is not None}

    def _validate(self, model: type[Any], value: Any, written: Any, path: DocumentPath) -> Any:
        """The record, or None with what is wrong added to the problems."""
        absent = {at[len(path) :]: problem for at, problem in self._resolver.absent.items() if at[: len(path)] == path}
        value = fill_placeholders(
            value, [at for at in absent if _is_in(value, at)], lambda candidate: self._try(model, candidate)[0]
        )
        faults, read = self._try(model, value)
        self._problems += [
            problem for at, problem in absent.items() if any(meet(at, fault.location) for fault in faults)
        ]
        as_written = {fault.location: fault for fault in self._try(model, written)[0]} if faults else {}
        for location, reference in self._empty_secrets(model, path):
            self._told.add((*path, *location))
            text = f"{reference} stands for an empty text, and this is a secret: everybody would know it"
            self._report((*path, *location), text)
        for fault in faults:
            self._add(path, fault, as_written.get(fault.location))
        return read

    def _try(self, model: type[Any], value: Any) -> tuple[list[Fault], Any]:
        try:
            return [], model.model_validate(value, context=self._context)
        except ValidationError as error:
            return faults_of(error, model, value), None

    def _empty_secrets(self, model: type[BaseModel], path: DocumentPath) -> list[tuple[Location, str]]:
        """Secrets below ``path`` in which a reference stands for an empty text."""
        empty = [(at[len(path) :], shown) for at, shown in self._resolver.empty.items() if at[: len(path)] == path]
        return [(location, shown) for location, shown in empty if is_secret(model, location)]

    def _add(self, path: DocumentPath, fault: Fault, as_written: Fault | None) -> None:
        """A fault as a problem, unless what it comes of was told already; a value of a reference is not repeated."""
        where = (*path, *fault.location)
        touched = {place for place in self._resolver.found if place[: len(where)] == where}
        if fault.at_key or not touched:
            self._report(where, fault.text, at_key=fault.at_key)
        elif not touched & (self._resolver.missing | self._told):
            text = as_written.text if as_written is not None else "what the reference stands for cannot stand here"
            self._report(where, text)

    def _add_unlinked(self, unlinked: Iterable[Unlinked]) -> None:
        for place in unlinked:
            if place.path not in self._resolver.missing:
                shown = value_at(self._document, place.path) if place.path in self._resolver.found else place.name
                self._report(place.path, place.describe(shown))

    def _report(self, path: DocumentPath, text: str, *, at_key: bool = False) -> None:
        self._problems.append(self._document.problem(path, text, at_key=at_key))


def _unknown_type(shown: str, kind: str, kinds: Registry[Any]) -> str:
    """What to say of a type that is not there, or whose plugin cannot be used."""
    fault = kinds.fault_of(kind)
    if fault:
        return f'the type "{shown}" cannot be used: {fault}'
    return f'unknown type "{shown}"{suggest(shown, kinds) or ";"} types: {", ".join(kinds)}'


def _is_in(value: Any, location: Location) -> bool:
    """Whether there is something at ``location`` below ``value``."""
    for step in location:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
