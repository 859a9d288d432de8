"""The nouns of the command line with their verbs: listed here, and read when one is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from bridge.cli.lazy import LazyGroup, Listed

_DELIVERIES: Final = {
    "list": Listed("deliveries_commands:list_deliveries", "Deliveries, newest first."),
    "show": Listed("deliveries_commands:show_delivery", "One delivery with its post and every attempt."),
    "replay": Listed("deliveries_commands:replay", "Send dead letters again, as they were rendered."),
    "drop": Listed("deliveries_commands:drop", "Give up dead letters, or waiting deliveries."),
}
_INCIDENTS: Final = {
    "list": Listed("incidents_commands:list_incidents", "What fires, the longest open first."),
    "take": Listed("incidents_commands:take", "Take incidents: their reminders stop."),
    "give-back": Listed("incidents_commands:give_back", "Let incidents be nobody's: their reminders go on."),
}
_SILENCE: Final = {
    "add": Listed("silence_commands:add", "Keep quiet what all matchers fit, for a while."),
    "list": Listed("silence_commands:list_silences", "Silences that hold or will hold."),
    "preview": Listed("silence_commands:preview", "What a silence would keep quiet, before it is added."),
    "change": Listed("silence_commands:change", "Let a silence end later or earlier."),
    "expire": Listed("silence_commands:expire", "End a silence now."),
}
_ROTA: Final = {
    "show": Listed("rota_commands:show", "Who is on call now and in the next weeks."),
}
_PROJECT: Final = {
    "list": Listed("resources:list_projects", "All projects, oldest first."),
    "create": Listed("resources:create_project", "Create a project."),
    "show": Listed("resources:show_project", "Show a project."),
    "delete": Listed("resources:delete_project", "Delete a project with its topics and messages."),
}
_TOPIC: Final = {
    "list": Listed("resources:list_topics", "The topics of a project, newest first."),
    "create": Listed("resources:create_topic", "Create a topic."),
    "show": Listed("resources:show_topic", "Show a topic."),
    "delete": Listed("resources:delete_topic", "Delete a topic and its messages."),
    "acl": Listed("resources:topic_acl", "Show or replace who may publish."),
}
_SUBSCRIPTION: Final = {
    "list": Listed("subscription_commands:list_subscriptions", "The subscriptions of a project, and how they fare."),
    "create": Listed("subscription_commands:create_subscription", "Create a subscription, to pull from or to push."),
    "show": Listed("subscription_commands:show_subscription", "Show a subscription and where it stands."),
    "verify": Listed("subscription_commands:verify_subscription", "Ask a push endpoint for its hash."),
    "delete": Listed("subscription_commands:delete_subscription", "Delete a subscription."),
    "seek": Listed("subscription_commands:seek", "Move a subscription to an offset."),
    "acl": Listed("subscription_commands:subscription_acl", "Show or replace who may pull."),
}
_USER: Final = {
    "list": Listed("people_commands:list_users", "All users, without their tokens."),
    "create": Listed("people_commands:create_user", "Create a user and print the token, this once."),
    "show": Listed("people_commands:show_user", "Show a user."),
    "delete": Listed("people_commands:delete_user", "Delete a user."),
    "refresh-token": Listed("people_commands:refresh_token", "Give a user a new token; the old one dies at once."),
}
_PEOPLE: Final = {
    "add": Listed("person_commands:add_person", "Add a person with a role."),
    "list": Listed("person_commands:list_people", "Everybody who was added, by name."),
    "role": Listed("person_commands:change_role", "Give a person another role."),
    "password": Listed("person_commands:change_password", "Give a person another password."),
    "token": Listed("person_commands:renew_token", "Give a person a new token, shown this once."),
    "remove": Listed("person_commands:remove_person", "Remove a person."),
    "sessions": Listed("person_commands:list_sessions", "Who is logged in to the pages; end a session."),
}
_SCHEMA: Final = {
    "list": Listed("resources:list_schemas", "The schemas of a project."),
    "create": Listed("resources:create_schema", "Create a schema from a file."),
    "show": Listed("resources:show_schema", "Show a schema."),
    "delete": Listed("resources:delete_schema", "Delete a schema."),
}

_REPORT: Final = {
    "noise": Listed("report_commands:noise", "The noisiest rules and keys, and what of it nobody needed."),
}


def _noun(word: str, verbs: Mapping[str, Listed], about: str) -> click.Command:
    """A noun with its verbs."""
    return LazyGroup(word, listed=verbs, help=about)


deliveries = _noun("deliveries", _DELIVERIES, "Deliveries and dead letters: list, show, replay, drop.")
incidents = _noun("incidents", _INCIDENTS, "Incidents that fire: list, take, give-back.")
silence = _noun("silence", _SILENCE, "Silences: add, list, preview, change, expire.")
rota = _noun("rota", _ROTA, "Who is on call: show.")
project = _noun("project", _PROJECT, "Projects: create, list, show, delete.")
topic = _noun("topic", _TOPIC, "Topics: create, list, show, delete, acl.")
subscription = _noun("subscription", _SUBSCRIPTION, "Subscriptions: create, list, show, verify, delete, seek, acl.")
user = _noun("user", _USER, "Users: create, list, show, delete, refresh-token.")
people = _noun("people", _PEOPLE, "People of the pages: add, list, role, password, token, remove, sessions.")
report = _noun("report", _REPORT, "Reports on what was told: noise.")
schema = _noun("schema", _SCHEMA, "Schemas of topics: create, list, show, delete.")
