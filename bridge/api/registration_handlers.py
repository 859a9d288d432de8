"""Registrations of people who want to become users (ams-api.md 9.5)."""

from __future__ import annotations

from bridge.api.api_errors import not_found
from bridge.api.api_times import zulu
from bridge.api.call import Call
from bridge.api.request_bodies import read_shape
from bridge.api.user_answers import user_answer
from bridge.api.wire_people import (
    DeclineRequest,
    RegistrationAnswer,
    RegistrationList,
    RegistrationRequest,
    UserAnswer,
)
from broker.errors import NotFound
from broker.records import Registration, User
from broker.users import Profile

_FILTERS = ("status", "name", "email", "organization", "activation_token")


def registration_answer(call: Call, registration: Registration) -> RegistrationAnswer:
    """A registration as AMS shows it."""
    settled = registration.status != "pending"
    by = call.broker.cache.find_by_uid(User, registration.modified_by)
    return RegistrationAnswer(
        registration.uid,
        registration.name,
        registration.first_name,
        registration.last_name,
        registration.organization,
        registration.description,
        registration.email,
        registration.status,
        zulu(registration.created_us),
        registration.decline_comment,
        registration.activation_token,
        "" if by is None else by.name,
        zulu(registration.modified_us) if settled else "",
    )


def _registration(call: Call) -> Registration:
    registration = call.broker.cache.find_by_uid(Registration, call.names["uuid"])
    if registration is None:
        raise not_found("User registration doesn't exist")
    return registration


async def create(call: Call) -> RegistrationAnswer:
    """A new pending registration."""
    request = await read_shape(call, RegistrationRequest, "Invalid User Arguments")
    profile = Profile(request.email, request.first_name, request.last_name, request.organization, request.description)
    return registration_answer(call, await call.broker.registrations.create(request.name, profile))


async def show(call: Call) -> RegistrationAnswer:
    """One registration."""
    return registration_answer(call, _registration(call))


async def list_all(call: Call) -> RegistrationList:
    """The registrations that fit every filter given, the oldest first (D21)."""
    wanted = {name: text for name in _FILTERS if (text := call.query(name))}
    registrations = [
        registration
        for registration in call.broker.cache.list_all(Registration)
        if all(getattr(registration, name) == text for name, text in wanted.items())
    ]
    return RegistrationList([registration_answer(call, registration) for registration in registrations])


async def accept(call: Call) -> UserAnswer:
    """Accept a registration: make the user, without any role."""
    user = await call.broker.registrations.accept(_pending(call), call.caller.uid)
    return user_answer(call.broker, user)


async def decline(call: Call) -> None:
    """Decline a registration, with a comment."""
    registration = _pending(call)
    request = await read_shape(call, DeclineRequest, first_value_only=True)
    await call.broker.registrations.decline(registration, request.comment, call.caller.uid)


async def delete(call: Call) -> None:
    """Forget a registration."""
    await call.broker.registrations.delete(_registration(call))


def _pending(call: Call) -> Registration:
    try:
        return call.broker.registrations.get_pending(call.names["uuid"])
    except NotFound as gone:
        raise not_found("User registration doesn't exist") from gone
