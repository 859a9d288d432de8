"""Tokens: found by digest, kept sealed."""

import re

import pytest

from broker.records import record_to_bytes
from broker.tokens import Sealer, digest_of_token, match_digests, random_hex, random_uid
from tests.fakes.brokers import SEALING_KEY, a_broker, entropy


def test_a_token_is_64_lower_case_hex_characters():
    assert re.fullmatch(r"[0-9a-f]{64}", random_hex(entropy()))


def test_a_uid_is_a_uuid_of_version_4():
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", random_uid(entropy()))


def test_a_sealed_token_opens_with_its_key_and_owner_only():
    sealed = Sealer(SEALING_KEY, entropy()).seal("secret", "owner")
    assert Sealer(SEALING_KEY, entropy()).open(sealed, "owner") == "secret"
    assert Sealer(SEALING_KEY, entropy()).open(sealed, "other") is None
    assert Sealer(bytes(32), entropy()).open(sealed, "owner") is None
    assert Sealer(SEALING_KEY, entropy()).open(b"", "owner") is None


def test_a_sealing_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32"):
        Sealer(b"short", entropy())


def test_digests_are_compared_whole():
    assert match_digests(digest_of_token(b"a"), digest_of_token(b"a"))
    assert not match_digests(digest_of_token(b"a"), digest_of_token(b"b"))


async def test_a_stored_user_holds_no_usable_token():
    broker = await a_broker()
    user = await broker.users.create("u")
    token = broker.users.token_of(user)
    assert token.encode() not in record_to_bytes(user)
    assert broker.users.find_by_token(token) == user
