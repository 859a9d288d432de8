"""What a status word means, over all the senders we know: one sign and one colour for each meaning.

ARGO, Nagios, Icinga, Zabbix, Alertmanager and Grafana each have their own words; a reader of a channel wants one sign.
A word nobody knows is ``unknown``, never an error.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

Meaning: TypeAlias = Literal[
    "critical", "warning", "ok", "unknown", "missing", "downtime", "info", "acknowledged", "flapping"
]

_WORDS: Final[dict[Meaning, str]] = {
    "critical": """critical crit down unreachable firing alerting problem disaster high error err failed failure fatal
        page emergency emerg alert major severe broken blocker""",
    "warning": "warning warn average minor degraded pending unstable medium",
    "ok": """ok up normal resolved recovery recovered success succeeded successful passed fixed closed operational
        healthy green cleared merged completed inactive""",
    "missing": "missing nodata no_data",
    "downtime": "downtime downtimestart downtimeend maintenance scheduled suspended paused",
    "info": "info information informational notice debug low none not_classified created opened open running",
    "acknowledged": "acknowledged acknowledgement acknowledgment ack",
    "flapping": "flapping flappingstart flappingend flappingstop flappingdisabled",
    "unknown": "",
}
_MEANING: Final[dict[str, Meaning]] = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_NUMBERS: Final[dict[int, Meaning]] = {0: "ok", 1: "warning", 2: "critical", 3: "unknown"}

EMOJI: Final[dict[Meaning, str]] = {
    "critical": ":red_circle:",
    "warning": ":large_orange_circle:",
    "ok": ":large_green_circle:",
    "unknown": ":white_circle:",
    "missing": ":black_circle:",
    "downtime": ":large_blue_circle:",
    "info": ":information_source:",
    "acknowledged": ":eyes:",
    "flapping": ":arrows_counterclockwise:",
}
COLOR: Final[dict[Meaning, str]] = {
    "critical": "#d24b4e",
    "warning": "#f2a33a",
    "ok": "#3db887",
    "unknown": "#8d93a5",
    "missing": "#3f4350",
    "downtime": "#386fe5",
    "info": "#5d89ea",
    "acknowledged": "#8d6cc9",
    "flapping": "#c9a26c",
}


def meaning_of(status: Any) -> Meaning:
    """What a status says, whatever its case; a number is a plugin's exit code (0 to 3)."""
    if isinstance(status, int) and not isinstance(status, bool):
        return _NUMBERS.get(status, "unknown")
    if not isinstance(status, str):
        return "unknown"
    word = status.strip().lower()
    if word in ("0", "1", "2", "3"):
        return _NUMBERS[int(word)]
    return _MEANING.get(word) or _MEANING.get(word.replace(" ", "_").replace("-", "_"), "unknown")
