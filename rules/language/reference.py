"""Every key of a rule file with what it means: what editors show (``schema.py``) and what the documentation lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Chapter: TypeAlias = Literal["what it hears", "what it takes", "the post", "where it goes", "keeping quiet"]


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key of a rule: its name, what it means, an example value, and the chapter it belongs to."""

    name: str
    meaning: str
    example: str
    chapter: Chapter


# fmt: off
RULE_KEYS: Final = (
    KeyEntry("name", "The rule's name, unique over all files", "status-alerts", "what it hears"),
    KeyEntry("about", "A line for people on what the rule is for", "Tell the channel", "what it hears"),
    KeyEntry("was", "Names it had before, so that its state moves along", "[old-name]", "what it hears"),
    KeyEntry(
        "topic",
        "Topics it hears: full names or globs; without it those of the file, without those every topic",
        "projects/ARGO/topics/alarms",
        "what it hears",
    ),
    KeyEntry(
        "decode", "How the payload is read: auto, json, text, gzip+json, avro:NAME ...", "gzip+json", "what it hears"
    ),
    KeyEntry("for_each", "A path; each item found (10,000 at most) is an event", "$.alerts[*]", "what it takes"),
    KeyEntry(
        "schedule",
        "Hear no messages, and report when the clock says so: what is open, what was told",
        "mon-fri at 09:00",
        "what it hears",
    ),
    KeyEntry("match", "What must hold; without it every message", "{$.status: CRITICAL}", "what it takes"),
    KeyEntry("when", "A Jinja expression that must hold beside match", '"data.count > 3"', "what it takes"),
    KeyEntry("set", "Named values, each a template, in order: vars.NAME", '{who: "{{ data.vo }}"}', "what it takes"),
    KeyEntry("stop", "Later rules do not see what this one takes", "true", "what it takes"),
    KeyEntry("drop", "Swallow what matches, on purpose", "true", "what it takes"),
    KeyEntry("text", "The body of the post: Markdown with templates", '"**{{ data.site }}** is down"', "the post"),
    KeyEntry("template", "The body from a template file, by name", "argo/status", "the post"),
    KeyEntry("title", "A headline", '"{{ data.site }}"', "the post"),
    KeyEntry("url", "Where the title links to", '"{{ data.url }}"', "the post"),
    KeyEntry("severity", "critical, error, warning, info or ok", '"{{ data.severity }}"', "the post"),
    KeyEntry("color", "A colour: a word of the destination or #rrggbb", '"#cc0000"', "the post"),
    KeyEntry("icon", "An emoji or picture", '":fire:"', "the post"),
    KeyEntry("fields", "Labelled values, or a list of {title, value, short}", '{Site: "{{ data.site }}"}', "the post"),
    KeyEntry("footer", "A small last line", '"from {{ message.topic }}"', "the post"),
    KeyEntry("mention", "Who is called, as the destination writes it", '"@oncall"', "the post"),
    KeyEntry("body", "The exact payload for webhook and topic destinations", '{site: "{{ data.site }}"}', "the post"),
    KeyEntry("send", "Destinations of bridge.yaml, by name or with overrides", "[ops, {to: mail}]", "where it goes"),
    KeyEntry(
        "escalate",
        "Whom else to tell of an alert that goes on: after so long, unless taken (or over) by then",
        "[{after: 15m, to: lead}]",
        "where it goes",
    ),
    KeyEntry("key", "What makes two messages the same alert", '"{{ data.host }}"', "keeping quiet"),
    KeyEntry("dedupe", "The same key in the same state within this time is a duplicate", "10m", "keeping quiet"),
    KeyEntry("state", "What dedupe and flapping compare", '"{{ data.status }}"', "keeping quiet"),
    KeyEntry("resolved", "What says that an alert is over", "{$.status: OK}", "keeping quiet"),
    KeyEntry(
        "since",
        "When the alert began, as its sender says (`startsAt` where nothing is said): firings of what is over, late",
        '"{{ data.clock }}"',
        "keeping quiet",
    ),
    KeyEntry("group", "Collect events and send one post", "{by: [$.site], wait: 30s}", "keeping quiet"),
    KeyEntry("throttle", "At most so many posts in a time, or in each of several", "[5/1m, 30/1h]", "keeping quiet"),
    KeyEntry("overflow", "What becomes of posts beyond throttle: digest, drop or delay", "digest", "keeping quiet"),
    KeyEntry("repeat", "Remind while it still fires", "4h", "keeping quiet"),
    KeyEntry("flapping", "So many changes within a time are one post", "{changes: 5, within: 30m}", "keeping quiet"),
    KeyEntry("for", "Tell an alert only once it has lasted so long", "5m", "keeping quiet"),
    KeyEntry("count", "Tell only what has come so often within a time", "{at_least: 3, within: 10m}", "keeping quiet"),
    KeyEntry(
        "expect",
        "Tell a key of which nothing is heard for so long, and again when it is back",
        "{every: 10m, grace: 2m}",
        "keeping quiet",
    ),
    KeyEntry("hours", "Speak only within these intervals of bridge.yaml", "office", "keeping quiet"),
    KeyEntry("not_hours", "Keep quiet within these intervals of bridge.yaml", "maintenance", "keeping quiet"),
    KeyEntry("inhibited_by", "Quiet while another rule fires", "{rule: down, same: [$.site]}", "keeping quiet"),
    KeyEntry("shadow", "Decide and render, but send nothing", "true", "keeping quiet"),
    KeyEntry("forget_after", "An incident without news for so long is taken as over", "7d", "keeping quiet"),
    KeyEntry("max_keys", "How many keys and groups are remembered at most", "100000", "keeping quiet"),
    KeyEntry("silenced_ends", "The end of what was told, within a silence: tell it or wait", "wait", "keeping quiet"),
)
# fmt: on
"""In the order in which a rule is best written."""

INNER_KEYS: Final[dict[str, str]] = {
    "title": "What the value is called",
    "value": "The value, a template maybe",
    "short": "Whether it may stand beside others (true where nothing is said)",
    "to": "A destination of bridge.yaml",
    "channel": "Another channel than the destination's",
    "username": "Who it seems to come from",
    "icon_emoji": "The emoji of who it seems to come from",
    "icon_url": "The picture of who it seems to come from",
    "priority": "How urgent it is at the destination; a template maybe",
    "thread": "Whether it is an answer to the incident's first post",
    "subject": "The subject of the mail",
    "by": "Places whose values make a group",
    "days": "Weekdays; a range may run over Sunday",
    "days_of_month": "Days of the month; -1 is the last",
    "months": "Months, by name or number",
    "cron": "Five fields of cron: minute, hour, day of the month, month, weekday",
    "timezone": "The zone whose clock is meant; UTC where it is not said",
    "over": "Of how long it tells; since the last report where it is not said",
    "rules": "The rules that it is about; all where it is not said",
    "missed": "What was missed while the bridge was down: tell it late, once, or skip it",
    "headline": "What stands above the events of a post about several",
    "table": "A table of a post about several: heads, and what stands below each; templates",
    "wait": "How long events are collected, from the first one on",
    "every": "How often: posts of a group at most (several gaps: each for one post more), a sign of life at least",
    "grace": "How much later a sign of life may come",
    "keys": "Keys that are expected although they were never heard, and no others: a list, or the name of a table",
    "max": "With so many events a group is posted at once",
    "changes": "So many changes of state are flapping",
    "within": "in so much time",
    "after": "So long after the first post",
    "unless": "What stops it: that somebody has taken the alert (or that it is over), or only that it is over",
    "mention": "Who is called, as the destination writes it",
    "taken": "Incidents that somebody takes during the test: each by its key, at a time",
    "at_least": "So many events of the key must have come, this one with them",
    "rule": "A rule, by name",
    "same": "Places whose values the two events must share",
    "match": "Only events for which this holds too",
    "undecodable": "true: a payload that could not be decoded as declared",
    "about": "A line for people",
    "topic": "The topic the messages come to, where the file has several",
    "start": "When the test begins, such as 2026-01-05T12:00:00Z",
    "message": "The one message of the test",
    "messages": "Several messages, each at its time",
    "silences": "Silences that hold during the test",
    "matchers": "What is silenced: rule, destination, key, severity, or places of events",
    "from": "When it begins, counted from the start",
    "until": "When it ends, counted from the start",
    "fields": "Fields of the post, by title",
    "key": "What the rule's key made",
    "at": "When, counted from the start",
    "attributes": "Attributes of the message",
    "offset": "Its offset in the topic",
    "equals": "The whole text",
    "contains": "A part of the text, or several",
    "lacks": "What the text must not hold",
    "regex": "A regular expression (RE2) found in the text",
    "snapshot": "A file beside the rules that holds the whole text",
}
"""What keys inside of others mean, for editors."""
