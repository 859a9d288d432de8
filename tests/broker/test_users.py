"""Users, members and their roles."""

import pytest

from broker.access import acl_admits, may, roles_in, sees_only_own
from broker.acl import member_uids, user_names
from broker.errors import AlreadyAMember, AlreadyExists, InvalidName, InvalidReference, NotAMember, UnknownMembers
from broker.users import Grants, Profile
from tests.fakes.brokers import a_broker, a_stage


async def test_a_user_has_the_roles_of_the_project_and_its_service_roles():
    stage = await a_stage()
    user = await stage.broker.users.create(
        "u", grants=Grants(projects=[("P", ["publisher"])], service_roles=["admin_viewer"])
    )
    assert roles_in(user, stage.project.uid) == ("publisher", "admin_viewer")
    assert roles_in(user, None) == ("admin_viewer",)
    assert roles_in(user, "another") == ("admin_viewer",)


@pytest.mark.parametrize(
    ("grants", "kind", "name"),
    [
        (Grants(projects=[("P", []), ("P", [])]), "project", "P"),
        (Grants(projects=[("nope", [])]), "project", "nope"),
        (Grants(projects=[("P", ["boss"])]), "role", "boss"),
        (Grants(projects=[("P", ["service_admin"])]), "role", "service_admin"),
        (Grants(service_roles=["boss"]), "role", "boss"),
    ],
)
async def test_roles_and_projects_that_cannot_be_are_refused(grants, kind, name):
    stage = await a_stage()
    with pytest.raises(InvalidReference) as refusal:
        await stage.broker.users.create("u", grants=grants)
    assert (refusal.value.kind, refusal.value.name) == (kind, name)


async def test_an_entry_without_a_project_is_passed_over():
    stage = await a_stage()
    user = await stage.broker.users.create("u", grants=Grants(projects=[("", ["publisher"])]))
    assert user.memberships == ()


async def test_updates_keep_what_is_empty_and_replace_roles_when_given():
    stage = await a_stage()
    users = stage.broker.users
    user = await users.create(
        "u", Profile(email="e", first_name="f"), Grants(projects=[("P", ["publisher"])], service_roles=["push_worker"])
    )
    user = await users.update(user, profile=Profile(last_name="l"))
    assert (user.email, user.first_name, user.last_name) == ("e", "f", "l")
    assert user.memberships
    assert user.service_roles == ("push_worker",)
    user = await users.update(user, grants=Grants(projects=[], service_roles=[]))
    assert (user.memberships, user.service_roles) == ((), ())


async def test_a_user_can_be_renamed_but_not_to_a_taken_or_impossible_name():
    broker = await a_broker()
    one = await broker.users.create("one")
    await broker.users.create("two")
    with pytest.raises(AlreadyExists):
        await broker.users.update(one, name="two")
    with pytest.raises(InvalidName):
        await broker.users.update(one, name="a b")
    renamed = await broker.users.update(one, name="three")
    assert (renamed.uid, renamed.name) == (one.uid, "three")


async def test_a_given_token_that_another_user_has_is_refused():
    broker = await a_broker()
    await broker.users.create("one", token="t")
    with pytest.raises(AlreadyExists):
        await broker.users.create("two", token="t")


async def test_a_project_never_gives_a_service_role():
    stage = await a_stage()
    user = await stage.broker.users.create("u")
    for role in ("service_admin", "_admin_", "push_worker", "nonsense"):
        with pytest.raises(InvalidReference):
            await stage.broker.users.add_member(user, stage.project, [role])


async def test_membership_is_joined_changed_and_left():
    stage = await a_stage()
    users = stage.broker.users
    user = await users.create("u")
    with pytest.raises(NotAMember):
        await users.set_member_roles(user, stage.project, [])
    with pytest.raises(NotAMember):
        await users.remove_member(user, stage.project)
    user = await users.add_member(user, stage.project, ["publisher"])
    with pytest.raises(AlreadyAMember):
        await users.add_member(user, stage.project, ["publisher"])
    user = await users.set_member_roles(user, stage.project, ["consumer"])
    assert roles_in(user, stage.project.uid) == ("consumer",)
    user = await users.remove_member(user, stage.project)
    assert user.memberships == ()


async def test_an_access_list_takes_members_only_and_names_the_others_in_order():
    stage = await a_stage()
    broker = stage.broker
    await broker.users.create("stranger")
    member = await broker.users.create("member", grants=Grants(projects=[("P", [])]))
    with pytest.raises(UnknownMembers) as refusal:
        member_uids(broker.cache, stage.project, ["nobody", "member", "stranger"])
    assert refusal.value.names == ("nobody", "stranger")
    assert member_uids(broker.cache, stage.project, ["member", "member"]) == (member.uid,)


async def test_a_deleted_user_vanishes_from_access_lists():
    stage = await a_stage()
    broker = stage.broker
    users = [await broker.users.create(name, grants=Grants(projects=[("P", [])])) for name in ("b", "a")]
    topic = await broker.topics.set_acl(stage.topic, [user.uid for user in users])
    assert user_names(broker.cache, topic.acl) == ["b", "a"]
    await broker.users.delete(users[0])
    assert user_names(broker.cache, topic.acl) == ["a"]


def test_an_access_list_binds_whoever_holds_the_trigger_role():
    assert not acl_admits(["publisher", "project_admin"], "publisher", "u", [])
    assert acl_admits(["project_admin"], "publisher", "u", [])
    assert acl_admits(["publisher"], "publisher", "u", ["u"])


def test_lists_are_narrowed_for_plain_publishers_only():
    assert sees_only_own(["publisher"], "publisher")
    assert not sees_only_own(["publisher", "project_admin"], "publisher")
    assert not sees_only_own(["consumer"], "publisher")


def test_the_root_role_may_everything():
    assert may(["_admin_"], ["service_admin"])
    assert not may(["publisher"], ["service_admin"])
