"""The routes of people and their sessions: who may see the pages and ask this API."""

from __future__ import annotations

from bridge.control.api_bodies import NewPassword, NewPerson, NewRole
from bridge.control.control_handlers import needs, refuses
from bridge.control.http_answers import OperatorRequest
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.people_upkeep import (
    PeoplePage,
    PersonChanged,
    add_person,
    change_password,
    change_role,
    list_people,
    remove_person,
    renew_token,
)
from bridge.operate.sessions import SessionsPage, SessionView, end_session, list_sessions


@needs("administer")
async def people(asked: OperatorRequest) -> PeoplePage:
    """GET /api/people: everybody with a role, by name."""
    return list_people(asked.context)


async def add(asked: OperatorRequest, body: NewPerson) -> PersonChanged:
    """POST /api/people: add a person; a token is shown in this answer alone."""
    return await add_person(
        asked.context, asked.by, body.name, body.role, password=body.password, with_token=body.with_token
    )


@refuses(NoSuchThing)
async def role(asked: OperatorRequest, name: str, body: NewRole) -> PersonChanged:
    """POST /api/people/{name}:role: another role, from the next request on."""
    return await change_role(asked.context, asked.by, name, body.role)


@refuses(NoSuchThing)
async def password(asked: OperatorRequest, name: str, body: NewPassword) -> PersonChanged:
    """POST /api/people/{name}:password: another password, empty for none; its sessions are over."""
    return await change_password(asked.context, asked.by, name, body.password)


@refuses(NoSuchThing)
async def token(asked: OperatorRequest, name: str) -> PersonChanged:
    """POST /api/people/{name}:token: a new token, shown in this answer alone; the old one is dead."""
    return await renew_token(asked.context, asked.by, name)


@refuses(NoSuchThing)
async def remove(asked: OperatorRequest, name: str) -> PersonChanged:
    """POST /api/people/{name}:remove: sessions and token are dead at once."""
    return await remove_person(asked.context, asked.by, name)


@needs("own")
async def sessions(asked: OperatorRequest) -> SessionsPage:
    """GET /api/sessions: who is logged in to the pages; who is no admin sees their own."""
    return list_sessions(asked.context, asked.by)


@needs("own")
@refuses(NoSuchThing)
async def end(asked: OperatorRequest, id: str) -> SessionView:  # noqa: A002 - the path calls it so
    """POST /api/sessions/{id}:end: its cookie opens nothing any more."""
    return await end_session(asked.context, asked.by, id)
