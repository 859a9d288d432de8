"""YAML files to a RuleSet, or all problems of all files at once.

``read_rules`` for texts, ``read_rules_folder`` for what bridge.yaml names, ``rebuild`` for a version kept in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from rules.case import Case
from rules.events.decode import DecodeSpec, read_spec
from rules.events.intervals import Interval
from rules.events.rotas import RotaBook
from rules.events.topic_filter import TopicFilter
from rules.language.cases import CaseReader
from rules.language.check import check, keys_that_may_fail
from rules.language.form import Form
from rules.language.other_languages import FILE_ADVICE
from rules.language.read_intervals import KnownCalendars, read_intervals
from rules.language.read_rotas import read_rotas
from rules.language.read_rule import RuleReader
from rules.language.sources import Sources, World, gather, sources_from_bytes, template_sources
from rules.language.template_reader import TemplateReader
from rules.model import DestinationFacts
from rules.rendering.environment import Templates
from rules.rendering.template_files import find_unasked, shelve
from rules.ruleset import GONE, Rule, RuleSet, index_by_name, same_places
from rules.source.places import MAX_FILE_BYTES, Document, read_yaml, wrap_unplaced
from rules.source.problems import Place, Problem, ProblemsFound, has_errors, sort_problems

FILE_KEYS: Final = ("topic", "rules", "tests")
TEST_SUFFIX: Final = "_test.yaml"


def read_rules(files: Sequence[tuple[str, str]], world: World) -> RuleSet:
    """A rule set from (name, text) pairs in the order in which they act. Raises ProblemsFound with every problem.

    Files named ``*_test.yaml`` hold tests only. Warnings do not raise: they are the set's ``warnings``.
    """
    problems: list[Problem] = []
    sources = gather(list(files), world, problems)
    return _build(sources, world, problems)


def read_rules_folder(paths: Iterable[FilePath], world: World) -> RuleSet:
    """A rule set from files and folders (all ``*.yaml`` and ``*.yml`` in name order). Raises ProblemsFound."""
    problems: list[Problem] = []
    files: list[tuple[str, str]] = []
    for path in paths:
        for file in _files_of(path, problems):
            text = _text_of(file, problems)
            if text is not None:
                files.append((str(file), text))
    sources = gather(files, world, problems)
    return _build(sources, world, problems)


def rebuild(kept: bytes, world: World, environment: Callable[[Mapping[str, Any]], Templates] = Templates) -> RuleSet:
    """The rule set whose ``sources`` these are, against the destinations of ``world``.

    A destination that is gone since is taken as one without limits. Raises ProblemsFound, or ValueError for bytes that
    are no sources.
    """
    return _build(sources_from_bytes(kept), world, [], lenient=True, make_environment=environment)


class _Destinations(dict[str, DestinationFacts]):
    """Destinations of today for a rule set of another day: one that is gone is known by its name only."""

    def get(self, name: str, default: Any = None) -> DestinationFacts:
        """The destination, or one of that name without limits that lets everything be overridden."""
        return self[name] if name in self else DestinationFacts(name=name, kind=GONE)


def _build(
    sources: Sources,
    world: World,
    problems: list[Problem],
    *,
    lenient: bool = False,
    make_environment: Callable[[Mapping[str, Any]], Templates] = Templates,
) -> RuleSet:
    """Read everything, then check everything; raise what is wrong."""
    environment = make_environment(sources.tables)
    rotas = _rotas(sources, world, problems)
    environment.ask_rotas(rotas)
    files = template_sources(sources)
    problems.extend(shelve(environment, files, later=() if lenient else find_unasked(files)))
    reader = RuleReader(
        templates=TemplateReader(environment),
        destinations=_Destinations(world.destinations) if lenient else world.destinations,
        intervals=_intervals(sources, world, problems),
        schemas=sources.schemas,
        topics=frozenset() if lenient else world.topics,
    )
    decode = dict(_decode(sources, world, problems))
    documents = [read_yaml(file.text, file.file) for file in sources.files]
    rules: list[Rule] = []
    cases: list[Case] = []
    for document in documents:
        problems.extend(document.problems)
        rules.extend(_rules_of(document, reader, len(rules), problems))
    names = index_by_name(rules)
    for document in documents if not lenient else ():
        cases.extend(_cases_of(document, reader, CaseReader(names, world.destinations), problems))
    problems.extend(check(rules, cases))
    problems.extend(() if has_errors(problems) else keys_that_may_fail(rules))
    all_problems = sort_problems(_without_echoes(problems, documents))
    if has_errors(all_problems):
        raise ProblemsFound(all_problems)
    return _rule_set_of(sources, world, rules, cases, decode, rotas, all_problems)


def _rule_set_of(
    sources: Sources,
    world: World,
    rules: Sequence[Rule],
    cases: Sequence[Case],
    decode: Mapping[str, DecodeSpec],
    rotas: RotaBook,
    warnings: tuple[Problem, ...],
) -> RuleSet:
    """The rule set of what was read, under the version of its sources."""
    version = sources.version
    rules = [replace(rule, version=version) for rule in rules]
    return RuleSet(
        rules=tuple(rules),
        version=version,
        sources=sources.to_bytes(),
        tables=sources.tables,
        rotas=rotas,
        shelf=world.shelf,
        decode=decode,
        destinations=world.destinations,
        gone=world.gone,
        warnings=warnings,
        same_places=same_places(rules),
        by_name=index_by_name(rules),
        cases=tuple(cases),
    )


def _without_echoes(problems: Sequence[Problem], documents: Sequence[Document]) -> list[Problem]:
    """The problems, but of a place where the YAML itself is wrong only that one."""
    wrong = {(problem.place, problem.path): problem for document in documents for problem in document.problems}
    return [problem for problem in problems if wrong.get((problem.place, problem.path), problem) == problem]


def _rules_of(document: Document, reader: RuleReader, start: int, problems: list[Problem]) -> Iterable[Rule]:
    """The rules of one file."""
    if document.value is None:
        return
    form = Form(document, (), problems, what="a rule file")
    known = ("tests", "topic") if document.file.endswith(TEST_SUFFIX) else FILE_KEYS
    form.allow_only(known, elsewhere=lambda key: FILE_ADVICE.get(key, ""))
    topics = reader.read_topics(form)
    for n, rule in enumerate(form.forms("rules", "a rule")):
        yield reader.read(rule, start + n, topics)


def _cases_of(
    document: Document, reader: RuleReader, case_reader: CaseReader, problems: list[Problem]
) -> Iterable[Case]:
    """The tests of one file; what is wrong with its topic has been said."""
    if not isinstance(document.value, dict):
        return
    form = Form(document, (), problems, what="a rule file")
    topics = TopicFilter(tuple(text for _, text in Form(document, (), [], what="").texts("topic")))
    for case in form.forms("tests", "a test"):
        yield case_reader.read(case, topics)


def _decode(sources: Sources, world: World, problems: list[Problem]) -> Iterable[tuple[str, DecodeSpec]]:
    for topic, text in sources.decode.items():
        try:
            yield topic, read_spec(text, sources.schemas)
        except ValueError as error:
            problems.append(Problem(Place(world.settings_file), f"decode of {topic}", str(error)))


def _intervals(sources: Sources, world: World, problems: list[Problem]) -> Mapping[str, Interval]:
    document = world.settings or wrap_unplaced({"intervals": sources.intervals}, world.settings_file)
    return read_intervals(sources.intervals, document, ("intervals",), problems, _calendars(world))


def _rotas(sources: Sources, world: World, problems: list[Problem]) -> RotaBook:
    document = world.settings
    if document is None or not isinstance(document.value, dict) or document.value.get("rota") != sources.rota:
        document = wrap_unplaced({"rota": sources.rota}, world.settings_file)  # of another day, or with references
    tables, calendars = sources.tables, _calendars(world)
    return RotaBook(read_rotas(sources.rota, document, ("rota",), problems, tables=tables, calendars=calendars))


def _calendars(world: World) -> KnownCalendars:
    return KnownCalendars(world.calendars, world.shelf)


def _files_of(path: FilePath, problems: list[Problem]) -> list[FilePath]:
    """The rule files that a path of bridge.yaml names."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and file.is_file())
    if not path.exists():
        problems.append(Problem(Place(str(path)), "", "there is no such rule file or folder"))
        return []
    return [path]


def _text_of(file: FilePath, problems: list[Problem]) -> str | None:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            problems.append(Problem(Place(str(file)), "", f"the file is larger than {MAX_FILE_BYTES >> 20} MiB"))
            return None
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        problems.append(Problem(Place(str(file)), "", "the file is not UTF-8; save it as UTF-8"))
    except OSError as error:
        problems.append(Problem(Place(str(file)), "", f"cannot read the file: {error.strerror or error}"))
    return None
