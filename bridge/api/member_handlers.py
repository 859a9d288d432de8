"""The members of a project (ams-api.md 9.4)."""

from __future__ import annotations

from bridge.api.api_errors import NO_ACCESS, ApiError, conflict, forbidden, not_found
from bridge.api.call import Call
from bridge.api.paging import page_of
from bridge.api.request_bodies import read_shape
from bridge.api.user_answers import UserDetail, user_answer, user_answers
from bridge.api.user_handlers import read_user
from bridge.api.wire_people import MemberRolesRequest, UserAnswer, UserPage, UserRequest
from broker.access import is_member
from broker.errors import AlreadyAMember, NotAMember
from broker.records import User
from broker.users import Grants, Profile


def _view(call: Call) -> UserDetail:
    """A service admin sees everything, others what belongs to this project."""
    everything = call.caller.is_service_admin
    return UserDetail(secrets=everything, only=None if everything else call.project.uid)


def _no_member() -> ApiError:
    return forbidden(f"{NO_ACCESS}. User is not a member of the project")


async def list_page(call: Call) -> UserPage:
    """The project's members."""
    page = page_of(call, [user for user in call.broker.cache.list_all(User) if is_member(user, call.project.uid)])
    view = _view(call)
    shown = UserDetail(view.secrets, call.asks_for("details"), view.only)
    return UserPage(user_answers(call.broker, page.records, shown), page.next_token, page.total)


async def show(call: Call) -> UserAnswer:
    """Show one member of a project."""
    user = call.user()
    if not is_member(user, call.project.uid):
        raise not_found("User doesn't exist")
    return user_answer(call.broker, user, _view(call))


async def create(call: Call) -> UserAnswer:
    """A new user who is a member of this project and of no other."""
    request = await read_user(call)
    roles = _roles_here(call, request) or []
    user = await call.broker.users.create(
        call.names["user"],
        Profile(email=request.email),
        Grants(projects=[(call.project.name, roles)]),
        created_by=call.caller.uid,
    )
    return user_answer(call.broker, user)


async def update(call: Call) -> UserAnswer:
    """Replace a member's roles in this project."""
    request = await read_user(call)
    user = call.user()
    roles = _roles_here(call, request)
    if roles is None:
        raise _no_member()
    try:
        changed = await call.broker.users.set_member_roles(user, call.project, roles)
    except NotAMember as stranger:
        raise _no_member() from stranger
    return user_answer(call.broker, changed, _view(call))


async def add(call: Call) -> UserAnswer:
    """Make a user a member."""
    user = call.user()
    request = await read_shape(call, MemberRolesRequest)
    try:
        changed = await call.broker.users.add_member(user, call.project, request.roles)
    except AlreadyAMember as member:
        raise conflict("User is already a member of the project") from member
    return user_answer(call.broker, changed, _view(call))


async def remove(call: Call) -> None:
    """Take a member out of the project."""
    try:
        await call.broker.users.remove_member(call.user(), call.project)
    except NotAMember as stranger:
        raise _no_member() from stranger


def _roles_here(call: Call, request: UserRequest) -> list[str] | None:
    """The roles a body gives in this project; None when it has no entry for it."""
    entries = [entry for entry in request.projects or [] if entry.project == call.project.name]
    return entries[0].roles if entries else None
