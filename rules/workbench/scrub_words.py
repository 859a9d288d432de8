"""What telling words look like: addresses, names of machines, secrets, and the keys that say what a value is."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

SECRET_KEYS: Final = re.compile(
    r"pass(word|wd|phrase)?$|passwd|pwd$|secret|token|credential|private|authori[sz]ation|api[-_]?key|access[-_]?key"
    r"|cookie|session|signature",
    re.IGNORECASE,
)
HOST_KEYS: Final = re.compile(
    r"(?:^|[._\-$])(?:host|host[._]?name|host_?address|fqdn|node|node_?name|server|server_?name|instance|machine|vm|ip"
    r"|ip_?addr(?:ess)?|addr|address|peer|client_?ip|source_?ip|remote_?addr)$",
    re.IGNORECASE,
)
PERSON_KEYS: Final = re.compile(
    r"(?:.*[._-])?(?:user|user_?name|login|owner|author|assignee|reporter|requester|sender|contact)"
    r"(?:\.(?:name|full_?name|display_?name|login|id))?|(?:.*[._-])?full_?name",
    re.IGNORECASE,
)
NO_NAMES: Final = frozenset(
    (
        "",
        "-",
        "*",
        "?",
        "localhost",
        "unknown",
        "none",
        "null",
        "any",
        "all",
        "n/a",
        "true",
        "false",
        "up",
        "down",
        "ok",
    )
)
ORDINARY: Final = frozenset(
    """
    mail web www api app apps db database dns ldap proxy gateway server client node host machine router switch storage
    disk cpu memory backup cache queue worker master primary replica leader monitor monitoring login test tests prod
    production dev staging main system service services cluster critical warning error info okay admin user users group
    public
    """.split()  # noqa: SIM905
)
"""Words that may be somebody's name under a telling key and mean what they say everywhere else."""
_TOP_LEVEL: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|name|io|dev|app|cloud|online|site|tech|local|internal|intranet|lan|corp|home"
    "|private|test|invalid|localdomain|arpa|eu|uk|de|fr|it|es|gr|ch|at|nl|be|pl|cz|se|no|dk|fi|pt|ie|hu|ro|bg|hr|si|sk"
    "|lt|lv|ee|us|ca|jp|cn|kr|tw|in|au|nz|br|mx|za|tr|ru|ua|il|sg|hk"
)
_REVERSED: Final = re.compile(r"(?:org|com|net|eu|io|ch|de|fr|gr|it|uk|edu|gov)\.", re.IGNORECASE)
_TELLING: Final = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credential|api[_-]?key|access[_-]?key|signature|sig|session(?:[_-]?id)?"
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<login>[^\s/@?#]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:?#\[\]]+)"
    r"(?P<port>:\d{1,5})?(?P<rest>(?s:.*))"
)
WORDS: Final = re.compile(
    rf"""
      (?P<url>    \b[A-Za-z][A-Za-z0-9+.-]{{1,15}}://[^\s"'<>|\\^`{{}}\]\[()]*
                  (?:\[[0-9A-Fa-f:.]+\][^\s"'<>|\\^`{{}}\]\[()]*)? )
    | (?P<pem>    -----BEGIN\ [A-Z0-9 ]+-----(?P<pem_body>[\s\S]+?)-----END\ [A-Z0-9 ]+----- )
    | (?P<bearer> \b(?i:bearer|basic)\s+(?P<bearer_value>(?=[^\s]*[0-9=._/+-])[A-Za-z0-9._~+/=-]{{8,}}) )
    | (?P<assigned> (?i:(?<![a-z])(?:[\w-]{{0,40}}[_-])?(?:{_TELLING}))["']?\s{{0,3}}[=:]\s{{0,3}}["']?
                  (?P<assigned_value>[^\s"'&,;{{}}<>()]{{2,}}) )
    | (?P<jwt>    \beyJ[A-Za-z0-9_-]{{5,}}\.[A-Za-z0-9_-]{{5,}}\.[A-Za-z0-9_-]* )
    | (?P<email>  (?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{1,64}}@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}})+ )
    | (?P<ipv4>   (?<![\w.])(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\w]|\.\d) )
    | (?P<ipv6>   (?<![\w:.])(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}
                  (?:(?:\d{{1,3}}\.){{3}}\d{{1,3}}|[0-9A-Fa-f]{{0,4}})(?![\w:]) )
    | (?P<host>   (?<![\w.@$-])(?:(?:{_LABEL}\.){{2,8}}[A-Za-z]{{2,24}}|(?:{_LABEL}\.)(?i:{_TOP_LEVEL}))(?![\w-]|\.\w) )
    | (?P<sealed> (?<![\w/+=-])(?=[A-Za-z0-9/+]*[0-9])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[a-z])
                  [A-Za-z0-9+][A-Za-z0-9/+]{{39,}}={{0,2}}(?![\w/+=-]) )
    | (?P<random> (?<![\w+=-])[A-Za-z0-9_+=-]{{20,}}(?![\w+=-]) )
    """,
    re.VERBOSE,
)
"""The alternatives in order; ``lastgroup`` says which one a word is. Groups within one are never its last."""


def is_really(kind: str, word: str) -> bool:
    """Whether a word that looks like an address or a host is one: 10:30:00 is none, nor is 127.0.0.1 worth hiding."""
    if kind in ("ipv4", "ipv6"):
        try:
            address = ipaddress.ip_address(word)
        except ValueError:
            return False
        shaped = kind == "ipv4" or "::" in word or word.count(":") == 7
        return shaped and address.version == int(kind[-1]) and not (address.is_loopback or address.is_unspecified)
    if kind == "host":
        last = word.rpartition(".")[2]
        return not (_REVERSED.match(word) and last != last.lower() and word != word.upper())
    return True


def is_random(word: str) -> bool:
    """Whether a long word is one that nobody chose: letters and digits mixed, without the words of a slug or a path."""
    pieces = [piece for piece in re.split(r"[-_+=]", word) if piece]
    return any(len(piece) >= 8 and re.search(r"\d", piece) and re.search(r"[A-Za-z]", piece) for piece in pieces)
