"""The pages of AMS administration with their addresses, and their forms. What is done there is judged by the API."""

from __future__ import annotations

from typing import Final

from bridge.admin import ams_forms, ams_pages
from bridge.admin.handlers import GetHandler, PostHandler

PROJECTS: Final = "/ams"
_PROJECT: Final = "/ams/projects/{project}"

AMS_LOOKS: Final[tuple[tuple[str, str, GetHandler], ...]] = (
    (PROJECTS, "ams/projects", ams_pages.view_projects),
    (_PROJECT, "ams/project", ams_pages.view_project),
    (f"{_PROJECT}/topics/{{topic}}", "ams/topic", ams_pages.view_topic),
    (f"{_PROJECT}/subscriptions/{{subscription}}", "ams/subscription", ams_pages.view_subscription),
    (f"{_PROJECT}/schemas/{{schema}}", "ams/schema", ams_pages.view_schema),
    ("/ams/users", "ams/users", ams_pages.view_users),
    ("/ams/users/{user}", "ams/user", ams_pages.view_user),
    ("/ams/registrations", "ams/registrations", ams_pages.view_registrations),
)
AMS_ACTS: Final[tuple[tuple[str, PostHandler], ...]] = (
    (PROJECTS, ams_forms.change_projects),
    (_PROJECT, ams_forms.change_project),
    (f"{_PROJECT}/topics/{{topic}}", ams_forms.change_topic),
    (f"{_PROJECT}/subscriptions/{{subscription}}", ams_forms.change_subscription),
    (f"{_PROJECT}/schemas/{{schema}}", ams_forms.change_schema),
    ("/ams/users", ams_forms.change_users),
    ("/ams/users/{user}", ams_forms.change_user),
    ("/ams/registrations/{uuid}", ams_forms.change_registration),
)
OF_PROJECTS: Final = frozenset(
    path
    for path in (*(look[0] for look in AMS_LOOKS), *(act[0] for act in AMS_ACTS))
    if path == PROJECTS or path.startswith(_PROJECT)
)
"""What a project_admin of AMS may turn to; the rest is for admins."""
