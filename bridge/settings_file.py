"""bridge.yaml: from text to Settings, or to all problems at once, each with file:line:column.

The file is read by the same YAML reader as rule files (YAML 1.2 core schema, duplicate keys refused). References are
replaced first; then every section, destination and source is validated by its own record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from bridge.destinations.kinds import KINDS as DESTINATION_KINDS
from bridge.references import Resolver, Surroundings
from bridge.settings import RemovedDestination, Settings
from bridge.sources.kinds import KINDS as SOURCE_KINDS
from rules.places import Document, read_file
from rules.problems import Path as DocumentPath
from rules.problems import Problem, ProblemsFound, has_errors
from rules.words import suggest

_OPAQUE: Final = ("intervals",)  # read by the rules package, with places of its own


def read_settings(path: Path, environ: Mapping[str, str], credentials: Path | None) -> Settings:
    """The settings in ``path``. Raises ProblemsFound with everything that is wrong."""
    return settings_of(read_file(path), Surroundings(environ, credentials, path.parent.absolute()))


def settings_of(document: Document, around: Surroundings) -> Settings:
    """The settings of a document that was read. Raises ProblemsFound."""
    problems = list(document.problems)
    if document.value is None and has_errors(problems):
        raise ProblemsFound(problems)
    said = document.value if document.value is not None else {}
    if not isinstance(said, dict):
        raise ProblemsFound([*problems, document.problem((), "bridge.yaml is a mapping of sections, such as server:")])
    reading = _Reading(document, around)
    settings = reading.settings(said)
    problems += reading.problems
    if settings is None or has_errors(problems):
        raise ProblemsFound(problems)
    return settings


class _Reading:
    """One reading of one document: what it collects on the way."""

    def __init__(self, document: Document, around: Surroundings) -> None:
        self._document = document
        self._context = {"folder": around.folder}
        self._folder = around.folder
        self._resolver = Resolver(document, around)
        self._problems: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        return [*self._problems, *self._resolver.problems]

    def settings(self, said: dict[str, Any]) -> Settings | None:
        said = self._resolver.resolved(said)
        destinations, removed = self._destinations(said.pop("destinations", None))
        sources = self._of_kinds("sources", said.pop("sources", None), SOURCE_KINDS)
        said.pop("removed", None)
        if isinstance(said.get("store"), str):
            said["store"] = self._store_url(said["store"])
        read = self._validated(Settings, said, ())
        if read is None:
            return None
        whole: Settings = read.model_copy(update={"destinations": destinations, "sources": sources, "removed": removed})
        return whole

    def _destinations(self, said: Any) -> tuple[dict[str, Any], dict[str, RemovedDestination]]:
        going: dict[str, RemovedDestination] = {}
        staying = dict(said) if isinstance(said, dict) else said
        if isinstance(staying, dict):
            for name in [name for name, one in staying.items() if isinstance(one, dict) and "removed" in one]:
                read = self._validated(RemovedDestination, staying.pop(name), ("destinations", name))
                if read is not None:
                    going[name] = read
        return self._of_kinds("destinations", staying, DESTINATION_KINDS), going

    def _of_kinds(self, section: str, said: Any, kinds: Mapping[str, Any]) -> dict[str, Any]:
        """Named entries, each validated by the record of its ``type``."""
        if said is None:
            return {}
        if not isinstance(said, dict):
            self._problem((section,), f"{section} is a mapping of names, each with a type:")
            return {}
        read: dict[str, Any] = {}
        for name, one in said.items():
            path = (section, name)
            if not isinstance(one, dict):
                self._problem(path, f"a mapping with a type: is wanted; types: {', '.join(kinds)}")
                continue
            kind = one.get("type")
            if kind is None:
                self._problem(path, f"has no type; types: {', '.join(kinds)}", at_key=True)
            elif not isinstance(kind, str) or kind not in kinds:
                hint = suggest(str(kind), kinds)
                self._problem((*path, "type"), f'unknown type "{kind}"{hint or ";"} types: {", ".join(kinds)}')
            else:
                read[name] = self._validated(kinds[kind].config, one, path)
        return {name: one for name, one in read.items() if one is not None}

    def _validated(self, model: type[Any], said: Any, path: DocumentPath) -> Any:
        try:
            return model.model_validate(said, context=self._context)
        except ValidationError as error:
            for one in _telling(error.errors(include_url=False, include_input=False)):
                self._add(model, path, one)
            return None

    def _add(self, model: type[BaseModel], path: DocumentPath, error: Any) -> None:
        location = _location(error)
        if error["type"] == "extra_forbidden":
            known = _keys_at(model, location[:-1])
            hint = suggest(str(location[-1]), known)
            text = f'unknown key "{location[-1]}"{hint or ";"} keys: {", ".join(known)}'
            self._problem((*path, *location), text, at_key=True)
            return
        if error["type"] == "missing":
            self._problem((*path, *location[:-1]), f'"{location[-1]}" is missing', at_key=True)
            return
        said = _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ").replace(
            "Input should be", "must be"
        )
        self._problem((*path, *location), self._resolver.hidden(said[:1].lower() + said[1:]))

    def _problem(self, path: DocumentPath, text: str, *, at_key: bool = False) -> None:
        self._problems.append(self._document.problem(path, text, at_key=at_key))

    def _store_url(self, url: str) -> str:
        """``sqlite:PATH`` is relative to the file; everything else stands as it is."""
        scheme, _, rest = url.partition(":")
        if scheme != "sqlite" or rest.startswith("//") or not rest:
            return url
        return f"sqlite://{(self._folder / rest).absolute()}"


_WORDS: Final = {
    "string_type": "a text is wanted",
    "int_type": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "dict_type": "a mapping is wanted",
    "model_type": "a mapping is wanted",
    "tuple_type": "a list is wanted",
    "path_type": "a path is wanted",
}


def _telling(errors: Iterable[Any]) -> list[Any]:
    """The errors without those of a union's other branches: a deeper one says more about the same value."""
    kept = list(errors)
    deep = [tuple(_location(error)) for error in kept]
    return [
        error
        for error, here in zip(kept, deep, strict=True)
        if not any(len(other) > len(here) and other[: len(here)] == here for other in deep)
    ]


def _location(error: Any) -> list[str | int]:
    return [step for step in error["loc"] if not _is_branch(step)]


def _is_branch(step: object) -> bool:
    """Whether a step of pydantic's location is the name of a union's branch, not a key of the file."""
    return isinstance(step, str) and ("[" in step or step in _BRANCHES)


_BRANCHES: Final = frozenset(
    {"TlsFiles", "MoveTo", "float", "str", "path", "tuple", "none", "function-after", "literal"}
)


def _keys_at(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """The keys that a record knows at a location, as people write them."""
    here: Any = model
    for step in location:
        here = _inside(here, step)
    here = next((one for one in _models(here)), None)
    return [] if here is None else [field.alias or name for name, field in here.model_fields.items()]


def _inside(annotation: Any, step: str | int) -> Any:
    for one in _models(annotation):
        for name, field in one.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
    arguments = get_args(annotation)
    return arguments[-1] if arguments else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
