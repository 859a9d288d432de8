"""The JSON of users, projects, members and registrations (ams-api.md sections 4.3 and 9)."""

from __future__ import annotations

from bridge.api.wire import SnakeAnswer, SnakeRequest, WireAnswer


class ProjectRolesRequest(SnakeRequest, frozen=True):
    """Roles in one project; what else a client sends back from an answer is passed over."""

    project: str = ""
    roles: list[str] = []


class UserRequest(SnakeRequest, frozen=True):
    """What creating or updating a user or member takes; None where a list was absent."""

    name: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""
    service_roles: list[str] | None = None
    projects: list[ProjectRolesRequest] | None = None


class MemberRolesRequest(SnakeRequest, frozen=True):
    """What ``:add`` takes."""

    roles: list[str] = []


class ProjectRolesAnswer(SnakeAnswer):
    """A user's roles in one project, and the topics and subscriptions there that name the user."""

    project: str
    roles: list[str]
    topics: list[str]
    subscriptions: list[str]


class UserAnswer(SnakeAnswer, kw_only=True):
    """A user; how much of it is shown depends on who asks (ams-api.md 9.1)."""

    uuid: str
    projects: list[ProjectRolesAnswer] = []
    name: str
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""
    token: str = ""
    email: str
    service_roles: list[str]
    created_on: str
    modified_on: str
    created_by: str = ""


class UserPage(WireAnswer):
    """A page of users, the youngest first."""

    users: list[UserAnswer]
    next_page_token: str
    total_size: int


class ProjectRequest(SnakeRequest, frozen=True):
    """What creating or updating a project takes."""

    name: str = ""
    description: str = ""


class ProjectAnswer(SnakeAnswer):
    """A project as AMS shows it."""

    name: str
    created_on: str
    modified_on: str
    created_by: str = ""
    description: str = ""


class ProjectList(SnakeAnswer):
    """All projects; ``{}`` when there are none."""

    projects: list[ProjectAnswer] = []


class RegistrationRequest(SnakeRequest, frozen=True):
    """What somebody says who wants to become a user."""

    name: str = ""
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""
    email: str = ""


class DeclineRequest(SnakeRequest, frozen=True):
    """Why a registration is declined."""

    comment: str = ""


class RegistrationAnswer(SnakeAnswer):
    """A registration as AMS shows it."""

    uuid: str
    name: str
    first_name: str
    last_name: str
    organization: str
    description: str
    email: str
    status: str
    registered_at: str
    decline_comment: str = ""
    activation_token: str = ""
    modified_by: str = ""
    modified_at: str = ""


class RegistrationList(SnakeAnswer):
    """The registrations that fit, the oldest first."""

    user_registrations: list[RegistrationAnswer]


class TokenAnswer(SnakeAnswer):
    """What a certificate login gives."""

    token: str
