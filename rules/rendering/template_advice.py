"""What to write in place of a template that is none of ours: Go templates, operators and words of other languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from rules.rendering.go_templates import translate_to_jinja

_GO: Final = re.compile(
    r"\{\{-?\s*(?:\.[A-Z$]|\.\s|\$(?:labels|value|values|externalLabels)\b|(?:range|if|else|end|with|template|define|block"
    r"|index|len|printf|print|eq|ne|and|or|not)\b(?!\s*[=|(]))"
)
_GO_WORD: Final = re.compile(r"\{\{-?\s*(\w+)")
_PATH: Final = re.compile(r"\$((?:\.[A-Za-z_]\w*)+)")
_QUOTES: Final = re.compile("[\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb]")
_SIGNS: Final = (
    (re.compile(r"&&"), 'write "and" in place of "&&"'),
    (re.compile(r"\|\|"), 'write "or" in place of "||"'),
    (re.compile(r"=~|!~"), "regular expressions belong under match:, such as match: {$.host: {regex: '^db'}}"),
    (re.compile(r"(?<![=!<>])=(?!=)"), 'write "==" to compare'),
    (re.compile(r"!(?!=)"), 'write "not" in place of "!"'),
    (re.compile(r"\?"), "write it as: 'yes' if data.ok else 'no'"),
    (re.compile(r"\bcontains\b"), "write it the other way round: 'disk' in data.text"),
    (re.compile(r"\bstartswith\b|\bstarts_with\b"), "write match: {$.host: {starts_with: db}}"),
    (re.compile(r"\bif\b"), "the expression stands alone, without if"),
)
_BLOCK: Final = re.compile(r"\{\{-?\s*(if|for|set|endif|endfor|else|elif)\b")
_OPEN: Final = re.compile(r'innermost block that needs to be closed is "(\w+)"')
NAMES: Final[Mapping[str, str]] = {
    "null": "write none",
    "nil": "write none",
    "undefined": "write: data.x is defined",
    "len": "write {{ data.list | length }}",
    "str": "write {{ data.number | string }}",
    "int": "write {{ data.text | int }}",
    "float": "write {{ data.text | float }}",
    "round": "write {{ data.number | round }}",
    "sorted": "write {{ data.list | sort }}",
    "upper": "write {{ data.text | upper }}",
    "lower": "write {{ data.text | lower }}",
    "events": "it is there in rules with group: only",
    "still_firing": "it is there in rules with group: only",
    "payload": "the payload is data",
    "event": "the payload is data",
    "json": "the payload is data",
    "msg": "the payload is data",
    "body": "the payload is data",
    "trigger": "the payload is data",
    "labels": "for a key of the payload write data.labels",
    "annotations": "for a key of the payload write data.annotations",
    "alerts": "for a key of the payload write data.alerts",
    "alert": "with for_each: $.alerts[*] each alert is data",
    "item": "with for_each: each item is data",
    "env": "variables of the environment are for bridge.yaml; write what it holds, or keep it in a lookup table",
    "environ": "variables of the environment are for bridge.yaml; write what it holds, or keep it in a lookup table",
    "secrets": "secrets are for bridge.yaml",
    "states": "write what the payload holds, such as data.state",
    "utcnow": "the time of the decision is now",
    "topic": "write message.topic",
    "attrs": "write attributes.type",
}
"""What people write for names of ours."""
FILTERS: Final[Mapping[str, str]] = {
    "strftime": "write {{ data.time | localtime('Europe/Athens') }}, or ago for how long it is",
    "date": "write {{ data.time | localtime('Europe/Athens') }}, or ago for how long it is",
    "timestamp_custom": "write {{ data.time | localtime('Europe/Athens') }}, or ago for how long it is",
    "as_timestamp": "write {{ data.time | localtime('Europe/Athens') }}, or ago for how long it is",
    "as_datetime": "write {{ data.time | localtime('Europe/Athens') }}, or ago for how long it is",
    "regex_search": "to test write match: {$.host: {regex: '^db'}}; to change a text regex_replace",
    "regex_match": "to test write match: {$.host: {regex: '^db'}}; to change a text regex_replace",
    "regex_findall": "to test write match: {$.host: {regex: '^db'}}; to change a text regex_replace",
    "reReplaceAll": "write {{ data.host | regex_replace('[.].*', '') }}",
    "humanizeDuration": "write {{ data.since | ago }}",
    "humanize": "write {{ data.bytes | filesizeformat }}",
    "humanizePercentage": "write {{ '%.1f%%' | format(data.share) }}",
    "safeHtml": "write safe_md for Markdown you trust",
    "default_if_none": "write {{ data.text | default('none', true) }}",
    "ternary": "write {{ 'yes' if data.ok else 'no' }}",
    "split": "a text is kept whole; to cut it write {{ data.host | regex_replace('[.].*', '') }}",
    "contains": "write {{ 'disk' in data.text }}",
    "size": "write length",
    "uppercase": "write upper",
    "upcase": "write upper",
    "lowercase": "write lower",
    "downcase": "write lower",
    "to_nice_json": "write to_json(indent=2)",
    "b64encode": "base64 is read (b64decode), not written",
}
"""What people write for filters of ours."""


def advise(line: str, message: str) -> str:
    """What is wrong in a line of a template and what to write, in place of Jinja's own message; "" when unknown."""
    if _QUOTES.search(line) and "unexpected char" in message:
        return "typographic quotes are no quotes; write ' or \""
    if _GO.search(line) and not _is_statement(line):
        return _of_go(line)
    inside = _inside(line)
    path = _PATH.search(inside)
    if path is not None and 'char "$"' in message:
        return f"the payload is data here: write data{path[1]}"
    block = _BLOCK.search(line)
    if block is not None:
        return f"{block[1]} is a statement: write {{% {block[1]} ... %}}"
    if "else if" in line:
        return "write elif in place of else if"
    opened = _OPEN.search(message)
    if opened is not None:
        return f"{{% {opened[1]} %}} is never closed; write {{% end{opened[1]} %}} behind it"
    if re.search(r"\bf['\"]", inside):
        return "a text with values in it is written with ~: 'on ' ~ data.host"
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", inside)
    return next((text for sign, text in _SIGNS if sign.search(bare)), "")


def _is_statement(line: str) -> bool:
    """``{{ if`` alone may be Jinja put wrongly: it is Go's only where fields or ends of Go's stand too."""
    match = _GO_WORD.search(line)
    return (
        match is not None
        and match[1] in ("if", "else")
        and not re.search(r"\{\{-?\s*(?:end|else|range)\s*|\.[A-Z]|\b(?:eq|ne)\s", line)
    )


def _of_go(line: str) -> str:
    near = translate_to_jinja(line.strip())
    if "{#" not in near and near != line.strip():
        return f"this is a Go template, and templates here are Jinja; write {near}"
    return (
        "this is a Go template, and templates here are Jinja: {{ data.labels.severity | default('') }}, "
        "{% if data.status == 'firing' %}...{% endif %}, {% for alert in data.alerts %}...{% endfor %}"
    )


def _inside(line: str) -> str:
    """What stands between braces; of an expression without any, all of it."""
    blocks = re.findall(r"\{[{%]-?(.*?)-?[%}]\}", line)
    return " ".join(blocks) if blocks else line
