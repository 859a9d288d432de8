"""Who may see the pages and ask the API: people are added with a role, given passwords and tokens, and removed."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from bridge.core.guesses import Whence
from bridge.core.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_times import rfc3339
from broker.errors import AlreadyExists, InvalidName
from broker.people import PersonRole
from broker.records import Person

_LONGEST_NAME: Final = 128


class PersonView(msgspec.Struct, frozen=True, kw_only=True):
    """A person as shown: the role, and whether a password and a token are there. Neither of them is part of it."""

    name: str
    role: PersonRole
    has_password: bool
    has_token: bool
    created: str
    changed: str


class PeoplePage(msgspec.Struct, frozen=True):
    """Everybody, by name."""

    people: list[PersonView]


class PersonChanged(msgspec.Struct, frozen=True):
    """A person as changed; ``token`` is the new one, shown this once, "" where none was made."""

    person: PersonView
    token: str = ""


def list_people(context: OperatorContext) -> PeoplePage:
    """Everybody who was added."""
    people = sorted(context.broker.cache.list_all(Person), key=lambda person: person.name)
    return PeoplePage([_view(person) for person in people])


async def add_person(
    context: OperatorContext,
    by: Requester,
    name: str,
    role: PersonRole,
    *,
    password: str = "",
    with_token: bool = False,
) -> PersonChanged:
    """Add a person; without password and token a trusted proxy says who it is.

    Raises InvalidInput, StoreUnavailable.
    """
    password_hash = await _hash(context, password) if password else ""
    try:
        person = await context.broker.people.create(name, role, password_hash=password_hash, created_by=by.user_uid)
    except InvalidName as error:
        text = "a name has letters, digits and . _ @ + -, 128 at most, and begins with a letter or a digit"
        raise InvalidInput("name", text) from error
    except AlreadyExists as error:
        raise InvalidInput("name", f"there is a person {name.lower()!r} already") from error
    token = ""
    if with_token:
        person, token = await context.broker.people.set_token(person)
    await context.note(by, "person.add", person.name, after=_facts(person))
    return PersonChanged(_view(person), token)


async def change_role(context: OperatorContext, by: Requester, name: str, role: PersonRole) -> PersonChanged:
    """Give a person another role, from the next request on. Raises NoSuchThing, StoreUnavailable."""
    person = find_person(context, name)
    changed = await context.broker.people.set_role(person, role)
    await context.note(by, "person.role", person.name, before={"role": person.role}, after={"role": role})
    return PersonChanged(_view(changed))


async def change_password(context: OperatorContext, by: Requester, name: str, password: str) -> PersonChanged:
    """Give a person another password, "" for none; sessions begun with the old one are over.

    Raises NoSuchThing, InvalidInput, StoreUnavailable.
    """
    person = find_person(context, name)
    password_hash = await _hash(context, password) if password else ""
    changed = await context.broker.people.set_password(person, password_hash)
    await _note_secret(context, by, "person.password", person, "password", is_there=bool(password))
    return PersonChanged(_view(changed))


async def renew_token(context: OperatorContext, by: Requester, name: str) -> PersonChanged:
    """Give a person a new token; the old one is dead at once, and its sessions.

    Raises NoSuchThing, StoreUnavailable.
    """
    person = find_person(context, name)
    changed, token = await context.broker.people.set_token(person)
    await _note_secret(context, by, "person.token", person, "token", is_there=True)
    return PersonChanged(_view(changed), token)


async def remove_person(context: OperatorContext, by: Requester, name: str) -> PersonChanged:
    """Remove a person; sessions and token are dead at once. Raises NoSuchThing, StoreUnavailable."""
    person = find_person(context, name)
    await context.broker.people.remove(person)
    await context.note(by, "person.remove", person.name, before=_facts(person))
    return PersonChanged(_view(person))


async def prove_person(context: OperatorContext, name: str, password: str, whence: Whence) -> Person | None:
    """The person of this name whose password it is, or None; guesses are slowed down and put on the audit trail.

    Raises PasswordsWait.
    """
    name, gate = name.lower()[:_LONGEST_NAME], context.password_gate
    if gate is not None:
        gate.check(name, password, whence)
    person = context.broker.people.find(name)
    is_right = await context.passwords.is_right("" if person is None else person.password_hash, password)
    if gate is not None and is_right:
        gate.accept(name, password, whence)
    elif gate is not None:
        await gate.refuse(name, password, whence)
    return person if is_right else None


def find_person(context: OperatorContext, name: str) -> Person:
    """The person of this name. Raises NoSuchThing."""
    person = context.broker.people.find(name)
    if person is None:
        raise NoSuchThing("person", name, f"there is no person {name[:128]!r}")
    return person


async def _hash(context: OperatorContext, password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        text = f"a password has {SHORTEST_PASSWORD} characters at least, and {LONGEST_PASSWORD} at most"
        raise InvalidInput("password", text)
    return await context.passwords.hash_password(password)


async def _note_secret(
    context: OperatorContext,
    by: Requester,
    what: Literal["person.password", "person.token"],
    person: Person,
    word: str,
    *,
    is_there: bool,
) -> None:
    """Note that a secret was replaced, and nothing of it."""
    had = bool(getattr(person, f"{word}_{'hash' if word == 'password' else 'digest'}"))
    after = "another" if is_there and had else "set" if is_there else "none"
    await context.note(by, what, person.name, before={word: "set" if had else "none"}, after={word: after})


def _facts(person: Person) -> dict[str, object]:
    return {"role": person.role, "password": bool(person.password_hash), "token": bool(person.token_digest)}


def _view(person: Person) -> PersonView:
    return PersonView(
        name=person.name,
        role=person.role,
        has_password=bool(person.password_hash),
        has_token=bool(person.token_digest),
        created=rfc3339(person.created_us),
        changed=rfc3339(person.modified_us),
    )
