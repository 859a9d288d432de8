"""Jinja's own filters and tests as templates get them here: those that need no change, bounded; the others rewritten.

Rewritten are the ones that make text (parts keep their hands, None is nothing and not "None") and those that could make
something huge. Left out are those that belong to HTML, and ``random``: a decision must come out the same each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, cast

from jinja2 import filters as jinja
from jinja2.environment import Environment
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import pass_environment

from rules.plugins import NotAPlugin, Registry
from rules.rendering.budget import METER, charge_deep, charge_each, weight
from rules.rendering.filters import FILTERS, text_of
from rules.rendering.formatting import bound_padding, check_width, join_texts, percent, replace_text
from rules.rendering.markdown import Authored, join_parts, map_parts, markdown_parts
from rules.rendering.wrapping import wrap_lines

LEFT_OUT: Final[dict[str, str]] = {
    "safe": "write safe_md for Markdown you trust",
    "e": "event values are escaped by themselves; escape_md does it where you need it by hand",
    "escape": "event values are escaped by themselves; escape_md does it where you need it by hand",
    "forceescape": "event values are escaped by themselves; escape_md does it where you need it by hand",
    "urlize": "chat services make links of addresses themselves; link makes one with a text",
    "xmlattr": "it makes HTML, and posts are Markdown",
    "random": "the same message must always give the same post",
    "pprint": "write to_json(indent=2)",
    "attr": "write value['name']",
}
"""Jinja's filters that do not exist here, and what to write in their place."""


def upper(value: Any) -> str:
    """The text in capital letters."""
    return map_parts(text_of(value), str.upper)


def lower(value: Any) -> str:
    """The text in small letters."""
    return map_parts(text_of(value), str.lower)


def capitalize(value: Any) -> str:
    """The first letter large, the others small."""
    return text_of(value).capitalize()


def title(value: Any) -> str:
    """Each word with a capital letter."""
    return jinja.do_title(str.__str__(text_of(value)))


def trim(value: Any, chars: str | None = None) -> str:
    """The text without blanks (or ``chars``) at both ends."""
    text = text_of(value)
    if type(text) is str:
        return text.strip(chars)
    parts = list(markdown_parts(text))
    while parts and not parts[0].strip(chars):
        del parts[0]
    while parts and not parts[-1].strip(chars):
        del parts[-1]
    if parts:
        parts[0] = type(parts[0])(parts[0].lstrip(chars))
        parts[-1] = type(parts[-1])(parts[-1].rstrip(chars))
    return join_parts(parts)


def indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """The text with its lines (but for the ``first``, and ``blank`` ones) moved to the right."""
    text = text_of(value)
    pad = width if isinstance(width, str) else " " * check_width(width)
    METER.get().charge_runes(len(text) + text.count("\n") * len(pad))
    newline = re.compile(r"\n" if blank else r"\n(?!\n)")
    moved = map_parts(text, lambda part: newline.sub(lambda _: f"\n{pad}", part))
    return join_parts((Authored(pad), *markdown_parts(moved))) if first else moved


def string(value: Any) -> str:
    """The value as text."""
    return text_of(value)


def replace(value: Any, old: Any, new: Any, count: int = -1) -> str:
    """Each ``old`` (or the first ``count``) replaced by ``new``; the result is escaped where it is printed."""
    return replace_text(text_of(value), text_of(old), text_of(new), -1 if count is None else count)


@pass_environment
def join(environment: Environment, values: Iterable[Any], d: Any = "", attribute: str | None = None) -> str:
    """The values (or one attribute of each) in one text, with ``d`` between them."""
    if attribute is not None:
        values = map(jinja.make_attrgetter(environment, attribute), values)
    return join_texts(text_of(d), values)


def center(value: Any, width: int = 80) -> str:
    """The text in the middle of ``width`` characters."""
    return bound_padding("center")(text_of(value), width)


def format(value: Any, *args: Any, **kwargs: Any) -> str:  # noqa: A001
    """A printf-style text with its places filled by the values."""
    return percent(text_of(value), kwargs or args)


def wordcount(value: Any) -> int:
    """How many words the text has."""
    return len(text_of(value).split())


def urlencode(value: Any) -> str:
    """The text (or mapping, or pairs) percent-encoded for a URL; safe Markdown."""
    if isinstance(value, (Mapping, list, tuple)):
        charge_deep(value)
        return Authored(jinja.do_urlencode(value))
    return Authored(jinja.do_urlencode(str.__str__(text_of(value))))


def whole(value: Any, default: int = 0, base: int = 10) -> int:
    """The value as a whole number, ``default`` when it is none."""
    try:
        return jinja.do_int(value, default, base)
    except OverflowError:
        return default


def real(value: Any, default: float = 0.0) -> float:
    """The value as a number, ``default`` when it is none."""
    try:
        return jinja.do_float(value, default)
    except OverflowError:
        return default


def round_number(value: float, precision: int = 0, method: Any = "common") -> float:
    """The number rounded to ``precision`` digits; ``method`` is common, ceil or floor."""
    return jinja.do_round(value, max(-20, min(precision, 20)), method)


@pass_environment
def total(environment: Environment, values: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> Any:
    """The sum of numbers, or of one attribute of each value."""
    if attribute is not None:
        values = map(jinja.make_attrgetter(environment, attribute), values)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"sum adds numbers, not {type(value).__name__}")
        start += value
    return start


def batch(values: Iterable[Any], linecount: int, fill_with: Any = None) -> Iterable[list[Any]]:
    """The values in rows of ``linecount``."""
    return jinja.do_batch(values, check_width(linecount), fill_with)


def slice_columns(values: Iterable[Any], slices: int, fill_with: Any = None) -> Iterable[list[Any]]:
    """The values in so many columns."""
    return jinja.sync_do_slice(list(values), check_width(slices), fill_with)


def wordwrap(value: Any, width: int = 79) -> str:
    """The text in lines of at most ``width`` characters."""
    return wrap_lines(str.__str__(text_of(value)), max(1, check_width(width)))


def striptags(value: Any) -> str:
    """The text without HTML tags and comments, blanks collapsed."""
    text = str.__str__(text_of(value))
    METER.get().charge(weight(text) * 8)
    return str.__str__(jinja.do_striptags(text))


@pass_environment
def truncate(
    environment: Environment, value: Any, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5
) -> str:
    """Jinja's way to cut; ``truncate_text`` is ours."""
    return jinja.do_truncate(environment, str.__str__(text_of(value)), length, killwords, end, leeway)


def charge_test(function: Callable[..., Any]) -> Callable[..., Any]:
    """A test at a price; what it compares with is charged for as a whole."""

    @wraps(function)
    def call_bounded(*args: Any, **kwargs: Any) -> Any:
        METER.get().charge(1 + weight(args[0]))
        if len(args) > 1:
            for arg in args:
                charge_deep(arg)
        return function(*args, **kwargs)

    return call_bounded


def charge_comparison(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that compares the members of its value: all they hold is charged for."""

    @wraps(function)
    def call_bounded(environment: Environment, value: Any, *args: Any, **kwargs: Any) -> Any:
        values = value if isinstance(value, (str, Mapping)) else list(value)
        charge_deep(values)
        METER.get().charge(len(values) >> 2)
        return function(environment, values, *args, **kwargs)

    return call_bounded


@pass_environment
def dictsort(environment: Environment, value: Mapping[Any, Any], *args: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
    """The pairs of a mapping, sorted."""
    return jinja.do_dictsort(value, *args, **kwargs)


def charge_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` at a price: a step, and more for large arguments; members of iterators are charged when taken."""

    @wraps(function)
    def call_bounded(*args: Any, **kwargs: Any) -> Any:
        steps, has_iterators = 1, False
        for arg in (*args, *kwargs.values()):
            steps += weight(arg)
            has_iterators = has_iterators or hasattr(type(arg), "__next__")
        METER.get().charge(steps)
        if has_iterators:
            args = tuple(charge_each(arg) if hasattr(type(arg), "__next__") else arg for arg in args)
        return function(*args, **kwargs)

    return call_bounded


_KEPT: Final = (
    *("abs", "count", "d", "default", "filesizeformat", "first", "items", "last", "length", "list"),
    *(
        "map",
        "reject",
        "rejectattr",
        "reverse",
        "select",
        "selectattr",
    ),
)
_REWRITTEN: Final[dict[str, Callable[..., Any]]] = {
    "batch": batch,
    "capitalize": capitalize,
    "center": center,
    "dictsort": charge_comparison(dictsort),
    "float": real,
    "format": format,
    "indent": indent,
    "int": whole,
    "join": join,
    "lower": lower,
    "replace": replace,
    "round": round_number,
    "slice": slice_columns,
    "string": string,
    "striptags": striptags,
    "sum": total,
    "title": title,
    "trim": trim,
    "truncate": truncate,
    "upper": upper,
    "urlencode": urlencode,
    "wordcount": wordcount,
    "wordwrap": wordwrap,
}
_COMPARING: Final[dict[str, Callable[..., Any]]] = {
    name: charge_comparison(jinja.FILTERS[name]) for name in ("groupby", "max", "min", "sort", "unique")
}
_BUILT_IN: Final = {name: jinja.FILTERS[name] for name in _KEPT} | _COMPARING | _REWRITTEN | FILTERS


@dataclass(frozen=True, slots=True)
class FilterPlugin:
    """A filter of a plugin: the promise of ams-bridge it was made for, and the function.

    The function is pure: the same arguments give the same text. What it returns is escaped where it is printed, but for
    ``Authored`` text. What it raises fails the template for that event, as in any other filter. Its docstring is what
    the reference says of it.
    """

    promise: int
    function: Callable[..., Any]


def _adopt(name: str, plugin: object) -> Callable[..., Any]:
    if not isinstance(plugin, FilterPlugin) or not callable(plugin.function):
        raise NotAPlugin("what it names is no FilterPlugin")
    if not name.isidentifier():
        raise NotAPlugin(f'"{name}" cannot be written behind a "|"')
    return charge_call(plugin.function)


ALL_FILTERS: Final = Registry("filters", {name: charge_call(function) for name, function in _BUILT_IN.items()}, _adopt)
"""Every filter a template may use, by name."""
ALL_TESTS: Final[dict[str, Callable[..., Any]]] = {
    name: charge_test(function)
    for name, function in cast("dict[str, Callable[..., Any]]", JINJA_TESTS).items()
    if name not in ("callable", "escaped")
}
"""Every test (``x is defined``) a template may use, by name."""
