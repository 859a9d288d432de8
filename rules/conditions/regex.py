"""Regular expressions that cannot stall the daemon: Google's RE2, whose time is linear in the text.

What needs backtracking (look-around, back-references, possessive repeats) does not exist there; such a pattern is a
problem when it is loaded, and the text says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

MAX_PATTERN_RUNES: Final = 10_000
_STEP_PRODUCT: Final = 10  # as a shift: characters times instructions in a step
MAX_SEARCH_STEPS: Final = 1_000_000
"""What one search may take at worst: a text of a million characters, looked through by a thousand instructions."""

_UNBOUNDED: Final = (
    ("(?=", "look-ahead"),
    ("(?!", "negative look-ahead"),
    ("(?<=", "look-behind"),
    ("(?<!", "negative look-behind"),
    ("(?>", "an atomic group"),
    ("(?P=", "a back-reference"),
    ("(?(", "a conditional group"),
)
_REPLACED: Final = {r"\Z": r"\z", r"\h": "[ \\t]", r"\R": r"(?:\r\n|\n|\r)", r"\X": "."}


class RegexTooLarge(ValueError):
    """A pattern and a text that are too large together; the text says what to do."""


class Regex:
    """A compiled pattern. ``search`` is true when the pattern is found anywhere in a text; bytes never occur."""

    __slots__ = ("_search", "_size", "_sub", "ignore_case", "pattern")

    def __init__(self, pattern: str, compiled: Any, *, ignore_case: bool) -> None:
        self.pattern = pattern
        self.ignore_case = ignore_case
        self._search: Callable[[str], object] = compiled.search
        self._sub: Callable[[Callable[[Any], str], str, int], str] = compiled.sub
        self._size = int(compiled.programsize)

    def search(self, text: str) -> bool:
        """Whether the pattern is found in the text. Half a surrogate pair in the text counts as ``?``.

        Raises RegexTooLarge when looking for it may take too long; nothing is looked through then.
        """
        if len(text) * self._size > _MOST_PRODUCT:
            raise RegexTooLarge(
                f'the regular expression "{_short(self.pattern)}" is too complex ({self._size:,} instructions) for a '
                f"text of {len(text):,} characters; repeat less, or say it with several conditions"
            )
        try:
            return self._search(text) is not None
        except UnicodeEncodeError:
            return self._search(_whole(text)) is not None

    def sub(self, replacement: str, text: str, count: int = 0, each: Callable[[], None] = lambda: None) -> str:
        r"""The text with each match (or the first ``count``) replaced; ``\1`` in the replacement is the first group.

        ``each`` is called for every match. Raises ValueError when the replacement names a group that is not there.
        """
        import re2

        def replace(match: Any) -> str:
            each()
            return str(match.expand(replacement))

        try:
            return str(self._sub(replace, _whole(text), count))
        except (re2.error, IndexError, KeyError) as error:
            raise ValueError(f'cannot replace with "{replacement}": {_error_text(error)}') from error

    def steps(self, runes: int) -> int:
        """What looking for it in a text of so many characters takes at worst: each may meet all of the program."""
        return runes * self._size >> _STEP_PRODUCT


_MOST_PRODUCT: Final = MAX_SEARCH_STEPS << _STEP_PRODUCT


def finds(regex: Regex, value: object) -> bool:
    """Whether a value is a text in which the pattern is found; one that is too large for it is not looked through."""
    try:
        return isinstance(value, str) and regex.search(value)
    except RegexTooLarge:
        return False


@lru_cache(maxsize=4096)
def compile_regex(pattern: str, *, ignore_case: bool = False) -> Regex:
    """Compile a pattern (RE2 syntax, which is Perl's without backtracking); ``(?i)`` within it works too.

    Raises ValueError with what is wrong with the pattern and what would help.
    """
    if len(pattern) > MAX_PATTERN_RUNES:
        raise ValueError(f"the regular expression is longer than {MAX_PATTERN_RUNES} characters")
    import re2  # with a library of C++, 4 MiB of memory, which is for those whose rules hold a pattern

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        compiled = re2.compile(_whole(pattern), options)
    except re2.error as error:
        raise ValueError(f'the regular expression "{_short(pattern)}" {_why(_error_text(error))}') from None
    return Regex(pattern, compiled, ignore_case=ignore_case)


def _why(text: str) -> str:
    reason, _, part = text.partition(": ")
    if reason == "invalid perl operator" and part == "(?P":
        part = "(?P="
    for opening, name in _UNBOUNDED:
        if part.startswith(opening):
            return f"uses {name} {opening}...), which can take unbounded time; say it with several conditions instead"
    if reason == "invalid escape sequence":
        if part[1:].isdigit():
            return (
                f"uses a back-reference ({part}), which can take unbounded time; say it with several conditions instead"
            )
        instead = _REPLACED.get(part)
        return f"has an escape that is not known: {part}" + (f"; write {instead}" if instead else "")
    if reason == "bad repetition operator":
        return f'has two repetitions in a row: "{part}"; put the first into brackets, or drop one'
    if reason == "invalid repetition size":
        return f"repeats more often than 1000 times: {part}"
    if reason == "no argument for repetition operator":
        return (
            f'has nothing to repeat before "{part}"; for a glob such as "*.example.org" write like: in place of regex:'
        )
    if reason.startswith("missing "):
        return f'has no closing "{reason[8:]}"'
    return f"cannot be read: {text}"


def _error_text(error: BaseException) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else pattern[:57] + "..."
