"""Users (ams-api.md 9.2)."""

from __future__ import annotations

from bridge.api.api_errors import ApiError, invalid_argument, not_found, unauthorized
from bridge.api.call import Call
from bridge.api.paging import page_of
from bridge.api.request_bodies import read_shape
from bridge.api.request_pipeline import caller_of
from bridge.api.user_answers import UserDetail, user_answer, user_answers
from bridge.api.wire_people import UserAnswer, UserPage, UserRequest
from broker.access import is_member
from broker.errors import AlreadyExists
from broker.records import User
from broker.users import Grants, Profile


async def read_user(call: Call) -> UserRequest:
    """The body of the routes that make or change users. Raises ApiError."""
    return await read_shape(call, UserRequest, "Invalid User Arguments")


def profile_of(request: UserRequest) -> Profile:
    """What a request says of the person."""
    return Profile(request.email, request.first_name, request.last_name, request.organization, request.description)


def grants_of(request: UserRequest) -> Grants:
    """The roles a request asks for."""
    projects = None if request.projects is None else [(entry.project, entry.roles) for entry in request.projects]
    return Grants(projects, request.service_roles)


async def show(call: Call) -> UserAnswer:
    """Show one user by name."""
    return user_answer(call.broker, call.user())


async def list_page(call: Call) -> UserPage:
    """All users, or those of one project."""
    name = call.query("project")
    users = call.broker.cache.list_all(User)
    project = call.broker.cache.project(name) if name else None
    if name and project is None:
        raise not_found("ProjectUUID doesn't exist")
    if project is not None:
        users = [user for user in users if is_member(user, project.uid)]
    page = page_of(call, users)
    everything = call.caller.is_service_admin
    only = None if everything else "" if project is None else project.uid
    view = UserDetail(secrets=everything, projects=call.asks_for("details"), only=only)
    return UserPage(user_answers(call.broker, page.records, view), page.next_token, page.total)


async def create(call: Call) -> UserAnswer:
    """A new user with a fresh token."""
    request = await read_user(call)
    user = await call.broker.users.create(
        call.names["user"], profile_of(request), grants_of(request), created_by=call.caller.uid
    )
    return user_answer(call.broker, user)


async def update(call: Call) -> UserAnswer:
    """Change what the body gives; lists are replaced whole."""
    request = await read_user(call)
    users = call.broker.users
    users.check(request.name, grants_of(request))
    if request.name != call.names["user"] and call.broker.cache.find(User, request.name) is not None:
        raise _name_taken()
    user = call.user()
    try:
        changed = await users.update(user, name=request.name, profile=profile_of(request), grants=grants_of(request))
    except AlreadyExists as taken:
        raise _name_taken() from taken
    return user_answer(call.broker, changed)


def _name_taken() -> ApiError:
    return invalid_argument("invalid user name change, name already exists")


async def delete(call: Call) -> None:
    """Remove the user; the token is dead at once."""
    await call.broker.users.delete(call.user())


async def refresh_token(call: Call) -> UserAnswer:
    """A new token; the old one is dead at once."""
    return user_answer(call.broker, await call.broker.users.set_token(call.user()))


async def show_user_of_token(call: Call) -> UserAnswer:
    """The user who holds a token."""
    user = call.broker.users.find_by_token(call.names["token"])
    if user is None:
        raise not_found("User doesn't exist")
    return user_answer(call.broker, user)


async def show_user_of_uuid(call: Call) -> UserAnswer:
    """The user with a uuid."""
    user = call.broker.cache.find_by_uid(User, call.names["uuid"])
    if user is None:
        raise not_found("User doesn't exist")
    return user_answer(call.broker, user)


async def show_profile(call: Call) -> UserAnswer:
    """Show the user who asks."""
    return user_answer(call.broker, require_user(call))


def require_user(call: Call) -> User:
    """The user whose token an open route was called with. Raises ApiError."""
    caller = caller_of(call.api, call.token) if call.token else None
    if caller is None or caller.user is None:
        raise unauthorized()
    return caller.user
