r"""What an event value may not do in Markdown, and how each such thing is taken from it (semantics.md item 31).

The reader sees the value as it was sent; only its power goes. Ordinary text comes out byte for byte: hyphens, dots,
slashes, parentheses, underscores inside words, e-mail addresses, ``[FIRING:1]`` before a blank, and URLs.

===================  ====================================================================================
``@channel @bob``    a zero-width space after the ``@``, unless a letter or digit stands before it (an e-mail address:
                     no service takes that for a mention)
``[a](b)``           ``\[`` and ``\]``
``<url|text> <b>``   ``&lt;``; ``load < 5`` stays
``|``                ``\|``
`` ` * _ ~~``        a backslash before each that could begin or end code or emphasis
``&#64;``            ``&amp;``, for Markdown would read the entity
``\*``               ``&#92;``, for the value's backslash must not take the power of ours
``# > - 1. ===``     a backslash (before ``===`` a zero-width space) at the start of a line
an indented block    a zero-width space before the first indent, which would make code of it after an empty line
``:up:`` ``:(``      a zero-width space after the colon: ``job:up:count`` is no emoji
``<3 ~town #tag``    a zero-width space after the sign: no heart, no link to a channel or a search
ANSI sequences       go whole, with all other control characters and text-direction marks
``javascript:``      a zero-width space after the colon
an http(s) URL       stays; the few characters that break Markdown are percent-encoded, which names the same page
===================  ====================================================================================

The letters that may be escaped by a backslash are those that both CommonMark and Mattermost's own reader know; the
mention rules are Mattermost's (it drops backslashes and reads entities *before* it looks for mentions, so only a
character between ``@`` and the name helps).
"""

from __future__ import annotations

import re
from typing import Final

ZERO_WIDTH: Final = "\u200b"
CODE_QUOTE: Final = "\u02cb"  # stands for a backtick where no escape is possible: inside a code span
CODE_ANGLE: Final = "\u02c2"  # stands for "<" in code, where Mattermost would make a link of <a|b> all the same

_ODD: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\u2424]")
_ANSI: Final = re.compile(
    r"""
      (?:\x1b\[|\x9b) [0-?]*[ -/]*[@-~]                                   # colours and cursors
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c\n]{0,4096} (?:\x07|\x1b\\|\x9c)  # titles, links, strings
    | \x1b[ -/]+[0-~]                                                     # character sets
    """,
    re.VERBOSE,
)
_NEWLINE: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029\u2424]")  # U+2424 is one for Mattermost
_SPECIAL: Final = re.compile(r"[@&<|`*_~\[\]\\]|script:|data:", re.IGNORECASE)
_EMOTICON: Final = r"(?=(?:-?[()\[\]@/|$dDoOpPsSxX]|['`\u2019]-?\()(?![0-9A-Za-z_]))"
_CHAT: Final = re.compile(  # each alternative begins with one letter, by which the engine skips what is none of them
    rf"""
      h(?<![0-9A-Za-z_]h)ttps?://[^\s<>()\[\]{{}}|\\^`"'*]+                            # an address stays
    | :(?=(?:[+-]1|100|1234|[0-9_+-]{{0,64}}[A-Za-z][0-9A-Za-z_+-]{{0,64}}):)            # :up:
    | :(?<![0-9A-Za-z_]:){_EMOTICON}                                                   # :-(
    | ;(?<![0-9A-Za-z_];){_EMOTICON}
    | x(?<![0-9A-Za-z_]x)(?=-[dD](?![0-9A-Za-z_]))
    | X(?<![0-9A-Za-z_]X)(?=-[dD](?![0-9A-Za-z_]))
    | <(?=/?3(?![0-9A-Za-z_]))
    | ~(?<![0-9A-Za-z_~]~)(?=[0-9A-Za-z._-])                                           # ~town-square
    | \#(?<![0-9A-Za-z_&]\#)(?=[^\W\d_])                                               # #tag
    """,
    re.VERBOSE,
)
_CHAT_HINT: Final = re.compile("[:;#]|[xX]-")
_CARE: Final = re.compile(
    "[@&<|`*_~\\[\\]\\\\\\n\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\u2424]|script:|data:",
    re.IGNORECASE,
)
_URL: Final = re.compile(r"https?://[^\s\x00-\x20]+", re.IGNORECASE)
_LINKABLE: Final = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]+", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?://[^\s/?#\x00-\x20]+[/?#]", re.IGNORECASE)
_BLANKS: Final = re.compile(r"[^\S\n]")
_HOST_IN_BRACKETS: Final = re.compile(r"https?://\[[0-9a-f:.]+\]", re.IGNORECASE)
_URL_UNSAFE: Final = re.compile(r'[|\[\]<>`"*\\]|(?<![0-9A-Za-z])@')
_PART_UNSAFE: Final = re.compile(
    r"""[\s|<>\[\](){}"'`*\\^]|(?<![0-9A-Za-z])@|&(?=\#)|[_~](?![0-9A-Za-z])|(?<![0-9A-Za-z])[_~]"""
)
_ENTITY: Final = re.compile(r"(&#?[0-9A-Za-z]{1,32});")
_TOKEN: Final = re.compile(
    r"""
      (?P<url>    \bhttps?://[^\s<>()\[\]{}|\\^`"'*]+ )
    | (?P<asis>   \[(?:[^\W_]|[ .,:/+=%\#'-]){2,}\](?=[ ,.;!?\n])     # [FIRING:1] and its like
                | (?<=\S[ ])\*(?=[ ])                                 # 5 * 3
                | (?<=[0-9A-Za-z])_(?=[0-9A-Za-z])
                | (?<=[0-9A-Za-z])@ )
    | (?P<at>     @ )
    | (?P<entity> &(?=\#?[0-9A-Za-z]{1,32}; | \#?x?[0-9A-Fa-f]{0,8}\Z | c?o?m?m?a?t?\Z) )
    | (?P<angle>  < )
    | (?P<mark>   [|`*_\[\]] | ~(?=~) | (?<=~)~ )
    | (?P<back>   \\(?=[!-/:-@\[-`{-~\n]|\Z) )
    | (?P<scheme> \b(?:javascript|vbscript): | \bdata:(?=\s*(?:text|image|application)/) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BLOCK: Final = r"""
    (?P<blank>[ \t\u00a0]*)
    (?: (?P<sign> \#{1,6}(?=\s|\Z) | > | [-+](?=[ \t]) | -[- \t]*$ )
      | (?P<number> \d{1,9})(?=[.)]\s)
      | (?P<line> =[= \t]*$ ) )
"""
_FIRST_BLOCK: Final = re.compile(rf"(?:\A|(?<=\n)){_BLOCK}", re.MULTILINE | re.VERBOSE)
_LATER_BLOCK: Final = re.compile(rf"(?<=\n){_BLOCK}", re.MULTILINE | re.VERBOSE)
_INDENT: Final = re.compile(r"(?:\A|(?<=\n))(?P<blank>[ \t\u00a0]+)(?=[^ \t\u00a0\n])")
_CODE_COLUMNS: Final = 4
_BLOCK_SIGNS: Final = frozenset("#>-+= \t\u00a00123456789")
_RUN: Final = re.compile(r"``(?=`)|~~(?=~)")
_FENCE_SIGNS: Final = ("`", "~")
_SLACK_LINK: Final = re.compile(r"<(?=[^<|]*(?:\||\Z))")
_SLACK_MENTION: Final = re.compile(r"<(?=[!@])")
_PING_IN_CODE: Final = re.compile(r"(?<![0-9A-Za-z])@(?=\w)")
_PING: Final = re.compile(r"(?<![0-9A-Za-z])@|<(?=[!@#])|&(?=#0*64;|#x0*40;|commat;)", re.IGNORECASE)


def clean(value: str) -> str:
    """The text with one kind of newline, without control characters, ANSI sequences and text-direction marks."""
    if _ODD.search(value) is None:
        return value
    return _ODD.sub("", _NEWLINE.sub("\n", _ANSI.sub("", value)))


def is_plain(value: str) -> bool:
    """Whether ``value`` may stand anywhere in text as it is: nothing in it has, or had, any power."""
    if value[:1] in _BLOCK_SIGNS or _CARE.search(value) is not None:
        return False
    if _CHAT_HINT.search(value) is None:
        return True
    if "://" in value and value.count("(") != value.count(")"):
        return False
    return all(len(match[0]) > 1 for match in _CHAT.finditer(value))


def is_clean(value: str) -> bool:
    """Whether ``clean`` would change nothing."""
    return _ODD.search(value) is None


def escape_value(value: str, *, line_start: bool = True, pipes: bool = True) -> str:
    """``value`` as Markdown that shows it and does nothing else.

    ``line_start`` says that the value begins a line; ``pipes`` that a ``|`` stands somewhere in the same text, where a
    ``<`` before it could begin a link of Slack's kind. Where the surroundings are unknown leave both true.
    """
    value = clean(value)
    if value[:4].lower() == "http" and _URL.fullmatch(value):
        return escape_url(value)
    value = _CHAT.sub(_no_sign, value)
    if _SPECIAL.search(value):
        value = _TOKEN.sub(_harmless if pipes else _harmless_without_pipes, value)
    if line_start and value[:1] in _BLOCK_SIGNS:
        return _INDENT.sub(_no_indent, _FIRST_BLOCK.sub(_no_block, value))
    return _INDENT.sub(_no_indent, _LATER_BLOCK.sub(_no_block, value)) if "\n" in value else value


def escape_md(value: str) -> str:
    """``escape_value`` for unknown surroundings."""
    return escape_value(value)


def escape_in_code(value: str, *, table: bool, pipes: bool = True) -> str:
    """``value`` for the inside of an author's code span: one line, no real backtick, no bare pipe in a table.

    No mention either, though code does not ping: readers differ on where a span ends when the author's text is odd.
    """
    value = clean(value).replace("`", CODE_QUOTE).replace("\n", " ")
    value = _PING_IN_CODE.sub(f"@{ZERO_WIDTH}", strip_slack_forms(value, pipes=pipes))
    return value.replace("|", "\\|") if table else value


def escape_in_info(value: str) -> str:
    """``value`` behind an opening code fence, where a language may stand: letters, digits and ``+-_#.`` only."""
    return "".join(sign for sign in value if sign.isalnum() or sign in "+-_#.")


def escape_in_url(value: str) -> str:
    """``value`` inside an address the author began: what could end or break it is percent-encoded."""
    return _ENTITY.sub(r"\1%3B", _PART_UNSAFE.sub(_percent_bytes, clean(value)))


def escape_in_fence(value: str, *, pipes: bool = True) -> str:
    """``value`` for the inside of an author's code block: never a run of backticks or tildes that could end it."""
    value = _RUN.sub(lambda run: run[0] + ZERO_WIDTH, strip_slack_forms(clean(value), pipes=pipes))
    if value[-1:] in _FENCE_SIGNS:
        value = f"{value}{ZERO_WIDTH}"
    return f"{ZERO_WIDTH}{value}" if value[:1] in _FENCE_SIGNS else value


def strip_slack_forms(code: str, *, pipes: bool = True) -> str:
    """Code without Slack's ``<a|b>`` and ``<!here>``, which Mattermost translates before it knows what is code."""
    if "<" not in code:
        return code
    code = _SLACK_MENTION.sub(f"<{ZERO_WIDTH}", code)
    return _SLACK_LINK.sub(CODE_ANGLE, code) if pipes else code


def strip_mentions(value: str) -> str:
    """``value`` with its Markdown alive but unable to ping."""
    return _PING.sub(lambda match: _NO_PING[match[0]], clean(value))


def fence_for(value: str) -> str:
    """A code fence longer than any run of backticks in ``value``."""
    longest = max((len(run) for run in re.findall("`{3,}", value)), default=2)
    return "`" * (longest + 1)


def escape_url(url: str) -> str:
    """An http(s) URL with the characters that break Markdown percent-encoded; most URLs have none."""
    host = _HOST_IN_BRACKETS.match(url)
    start = host.end() if host else 0
    path = _ENTITY.sub(r"\1%3B", _URL_UNSAFE.sub(_percent, url[start:]))
    if path.count("(") != path.count(")"):
        path = path.replace("(", "%28").replace(")", "%29")
    return url[:start] + path


def link_target(url: str) -> str:
    """``url`` for the parentheses of a Markdown link, or "" when it is no http(s) or mailto URL.

    Blanks behind the host are percent-encoded: people write the names of pages as they read.
    """
    url = clean(url).strip()
    beginning = _ADDRESS.match(url)
    if beginning is not None:
        url = beginning[0] + _BLANKS.sub(_percent_bytes, url[beginning.end() :])
    if not _LINKABLE.fullmatch(url):
        return ""
    return escape_url(url).replace("(", "%28").replace(")", "%29")


def mention_follows(text: str, rest: str) -> bool:
    """Whether an author's ``@`` and ``text`` before a value, and the value with all after it, name a whole channel."""
    return _EVERYBODY.match(text + clean(rest)) is not None


_EVERYBODY: Final = re.compile(r"(?:channel|all|here|everyone)(?![^\W_])", re.IGNORECASE)
_NO_PING: Final = {"@": f"@{ZERO_WIDTH}", "<": "&lt;", "&": "&amp;"}


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _percent_bytes(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def _harmless(match: re.Match[str]) -> str:
    word = match[0]
    match match.lastgroup:
        case "asis":
            return word
        case "mark":
            return f"\\{word}"
        case "at" | "scheme":
            return f"{word}{ZERO_WIDTH}"
        case "entity":
            return "&amp;"
        case "angle":
            return "&lt;"
        case "back":
            return "&#92;"
        case _:
            return _ENTITY.sub(r"\1%3B", _URL_UNSAFE.sub(_percent, word))


def _harmless_without_pipes(match: re.Match[str]) -> str:
    if match.lastgroup == "angle" and match.string[match.end() : match.end() + 1] in _AFTER_LESS_THAN:
        return "<"
    return _harmless(match)


_AFTER_LESS_THAN: Final = frozenset(" =0123456789")


def _no_sign(match: re.Match[str]) -> str:
    return f"{match[0]}{ZERO_WIDTH}" if len(match[0]) == 1 else match[0]


def _no_indent(match: re.Match[str]) -> str:
    """The indent of a line as no code block: one needs four columns, at the start or after an empty line."""
    blank, text = match["blank"], match.string
    if "\t" not in blank and len(blank) < _CODE_COLUMNS:
        return blank
    before = match.start() - 1
    above = text[text.rfind("\n", 0, before) + 1 : before] if before >= 0 else ""
    return blank if above.strip() else f"{ZERO_WIDTH}{blank}"


def _no_block(match: re.Match[str]) -> str:
    blank = match["blank"]
    if match["number"] is not None:
        return f"{match[0]}\\"
    if match["line"] is not None:
        return f"{blank}{ZERO_WIDTH}{match['line']}"
    return f"{blank}\\{match['sign']}"
