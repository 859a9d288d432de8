"""Results of rule tests as JUnit XML, as build servers read it: a suite per file, a case per test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from bridge.cli.problem_listing import from_here
from rules.workbench.run_cases import CaseResult

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: Sequence[CaseResult]) -> str:
    """The JUnit document of these results, as XML."""
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *_suites(results), ""])


def _suites(results: Sequence[CaseResult]) -> Iterator[str]:
    yield f"<testsuites{_attributes(name='ams-bridge rules test', **_counts(results))}>"
    for file, group in groupby(results, key=lambda result: result.case.place.file):
        of_file = list(group)
        yield f"  <testsuite{_attributes(name=from_here(file), **_counts(of_file))}>"
        for result in of_file:
            yield from _case(result, from_here(file))
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(result: CaseResult, file: str) -> Iterator[str]:
    attributes = _attributes(classname=file, name=result.case.name, file=file, line=str(result.case.place.line))
    if result.passed:
        yield f"    <testcase{attributes}/>"
        return
    text = "\n".join(result.differences)
    yield f"    <testcase{attributes}>"
    yield f"      <failure{_attributes(message=text.partition(chr(10))[0])}>{_escape(text)}</failure>"
    yield "    </testcase>"


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    return {"tests": str(len(results)), "failures": str(sum(not result.passed for result in results))}


def _attributes(**named: str) -> str:
    return "".join(f' {name}="{_escape(value)}"' for name, value in named.items())


def _escape(text: str) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", text))
