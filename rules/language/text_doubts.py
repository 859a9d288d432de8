"""Texts that load and say something else than was meant: places without braces, variables that nobody fills in."""

from __future__ import annotations

import re
from typing import Final

_PLACE: Final = r"(?:data|attributes|message|vars|parent)(?:\.[A-Za-z_]\w*|\['[^']*'\])+"
_SINGLE: Final = re.compile(rf"(?<![{{$])\{{\s*({_PLACE})\s*\}}(?!\}})")
_DOLLAR: Final = re.compile(r"(?<![\w$])\$((?:\.[A-Za-z_]\w*)+)")
_WHOLE: Final = re.compile(_PLACE)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)(?::-[^}]*)?\}")
_QUOTED: Final = re.compile("[\u201c\u201e\u201d\u2018\u201a\u00ab](.*)[\u201c\u201d\u2018\u2019\u00bb]", re.DOTALL)


def text_doubt(text: str) -> str:
    """What is doubtful about a text of a rule, and what to write; "" when nothing is."""
    quoted = _QUOTED.fullmatch(text.strip())
    if quoted is not None and not re.search("[\u201c\u201d\u2018\u2019]", quoted[1]):
        return f'these quotes are typographic and part of the text; write "{quoted[1]}"'
    single = _SINGLE.search(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL))
    if single is not None:
        return f"{single[0]} is not filled in; write {{{{ {single[1]} }}}}"
    if "{{" in text or "{%" in text:
        return ""
    if _WHOLE.fullmatch(text.strip()):
        return f'this is the same text for every message; write "{{{{ {text.strip()} }}}}"'
    dollar = _DOLLAR.search(text)
    if dollar is not None:
        return f"{dollar[0]} is not filled in; in a text write {{{{ data{dollar[1]} }}}}"
    variable = _VARIABLE.search(text)
    if variable is not None:
        return f"{variable[0]} is not filled in; variables of the environment are for bridge.yaml"
    return ""
