"""Says whether a text has a format that a JSON schema asks for, as AMS's validator reads each of them.

It is laxer than the standard in places: a ``date-time`` may be a date or a time alone, a ``time`` needs no zone. A
number has no format at all, so one under a format that is known is a violation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import re2
from jsonschema import FormatChecker

_TIME_TEXT: Final = r"([01]?\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?"
_ZONE_TEXT: Final = r"(Z|[+-]([01]\d|2[0-4]):[0-5]\d)"
_TIME: Final = re.compile(f"{_TIME_TEXT}{_ZONE_TEXT}?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MOMENT: Final = re.compile(rf"(\d{{4}}-\d{{2}}-\d{{2}})T{_TIME_TEXT}{_ZONE_TEXT}", re.ASCII)
_CYCLE_YEARS: Final = 400
_LABEL: Final = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOSTNAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_HOSTNAME: Final = 255
_UUID: Final = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}")
_POINTER_TEXT: Final = r"(/([^~/]|~0|~1)*)*"
_POINTER: Final = re.compile(_POINTER_TEXT, re.DOTALL)
_RELATIVE_POINTER: Final = re.compile(rf"(0|[1-9][0-9]*)(#|{_POINTER_TEXT})", re.DOTALL)
_TEMPLATE: Final = re.compile(r"([^{]|\{[^}]*\})*", re.DOTALL)

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x{80}-\x{10ffff}-]+"
_QUOTED: Final = r'"([^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
_ADDRESS_TEXT: Final = rf"({_ATOM}(\.{_ATOM})*|{_QUOTED})@{_ATOM}(\.{_ATOM})*"
_WORD: Final = rf"({_ATOM}|\.|{_QUOTED})"
_MAIL: Final = re2.compile(
    rf"[ \t]*({_ADDRESS_TEXT}|({_WORD}[ \t]*)*<[ \t]*{_ADDRESS_TEXT}[ \t]*>)[ \t]*(\([^()]*\)[ \t]*)?"
)
"""Linear however it is written: RE2 does not go back."""
_LONGEST_MAIL: Final = 1000

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPES: Final = re.compile(r"([^%]|%[0-9A-Fa-f]{2})*", re.DOTALL)
_AUTHORITY: Final = re.compile(
    r"([A-Za-z0-9._~!$&'()*+,;=:%@-]*@)?(\[[^\]]*\]|([A-Za-z0-9._~!$&'()*+,;=<>\"-]|[^\x00-\x7f]|%[89A-Fa-f][0-9A-Fa-f])*)(:\d*)?"
)


def _is_day(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    year, month, day = (int(part) for part in match.groups())
    try:
        date(year or _CYCLE_YEARS, month, day)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None


def _is_moment(text: str) -> bool:
    match = _MOMENT.fullmatch(text)
    return (match is not None and _is_day(match[1])) or _is_day(text) or _is_time(text)


def _is_mail(text: str) -> bool:
    return len(text) <= _LONGEST_MAIL and _MAIL.fullmatch(text) is not None


def _is_hostname(text: str) -> bool:
    return len(text) <= _LONGEST_HOSTNAME and _HOSTNAME.fullmatch(text) is not None


def _is_address_with(mark: str) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return mark in text and "%" not in text

    return check


def _url_of(text: str) -> tuple[str, str] | None:
    """Scheme and path of a URL as Go parses one, or None when it does not; a reference has no scheme."""
    if _CONTROL.search(text) or "\\" in text:
        return None
    before, _, fragment = text.partition("#")
    if _ESCAPES.fullmatch(fragment) is None or text.startswith(":"):
        return None
    match = _SCHEME.fullmatch(before)
    scheme, rest = (match[1], match[2]) if match else ("", before)
    path = rest.partition("?")[0]
    if not path.startswith("/"):
        if not scheme and ":" in path.partition("/")[0]:
            return None
        return (scheme, "" if scheme else path) if scheme or _ESCAPES.fullmatch(path) else None
    if path.startswith("//") and (scheme or not path.startswith("///")):
        authority, slash, below = path[2:].partition("/")
        if _AUTHORITY.fullmatch(authority) is None:
            return None
        path = slash + below
    return (scheme, path) if _ESCAPES.fullmatch(path) else None


def _is_url(text: str) -> bool:
    url = _url_of(text)
    return url is not None and url[0] != ""


def _is_reference(text: str) -> bool:
    return _url_of(text) is not None


def _is_template(text: str) -> bool:
    url = _url_of(text)
    return url is not None and _TEMPLATE.fullmatch(url[1]) is not None


def _is_pattern(text: str) -> bool:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options=options)
    except re2.error:
        return False
    return True


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _is_day,
    "time": _is_time,
    "date-time": _is_moment,
    "hostname": _is_hostname,
    "email": _is_mail,
    "idn-email": _is_mail,
    "ipv4": _is_address_with("."),
    "ipv6": _is_address_with(":"),
    "uri": _is_url,
    "uri-reference": _is_reference,
    "iri": _is_url,
    "iri-reference": _is_reference,
    "uri-template": _is_template,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "regex": _is_pattern,
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
    "relative-json-pointer": lambda text: _RELATIVE_POINTER.fullmatch(text) is not None,
}


def _of_any_value(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    def check_value(value: Any) -> bool:
        if isinstance(value, str):
            return check(value)
        return isinstance(value, bool) or not isinstance(value, int | float)

    return check_value


def _format_checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, check in _FORMATS.items():
        checker.checks(name)(_of_any_value(check))
    return checker


FORMATS: Final = _format_checker()
"""The formats that are known; any other one passes."""
