"""Who is looking at the pages: a session that the store knows, begun at the login page with a token or a password.

The cookie is a random word; the store keeps its digest, so that a stolen store opens none. A session ends when its
viewer logs out, after twelve hours, and at once when the token or the password it was begun with is replaced, or whose
it is may see no page any more, or somebody ends it. Each form carries a word made from the cookie. A second cookie
carries, for one page, the sentence that says what a form did; it is signed with a key that is made anew at every start.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from itsdangerous import BadData, Signer, URLSafeSerializer

from broker.catalog_cache import CatalogCache
from broker.clock import US_PER_S, Clock
from broker.records import SessionRecord
from broker.tokens import Entropy, digest_of_token, random_hex, random_uid

COOKIE: Final = "ams_bridge_session"
SAID: Final = "ams_bridge_said"
_FORM: Final = b"form"
LASTS_S: Final = 12 * 3600
_LONGEST_SENTENCE: Final = 500
_MOST_SESSIONS: Final = 20
"""Open at once with one token; the oldest ends when there is another."""
_CLOCK_BACK_US: Final = 300 * US_PER_S
"""A session from further in the future is none: the clock was set back, and nobody stays longer by that."""


@dataclass(frozen=True, slots=True)
class SessionProof:
    """What a session is begun with: whose it is, what proved it (a digest that changes with the proof), and whence."""

    name: str
    digest: str
    how: Literal["token", "password", "proxy"] = "token"
    person_uid: str = ""
    address: str = ""


class Sessions:
    """Begins, finds and ends sessions; signs the sentences that go from page to page."""

    def __init__(self, key: bytes, clock: Clock, cache: CatalogCache, entropy: Entropy) -> None:
        signed_by = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._sentences = URLSafeSerializer(key, "sentences of the pages", signer_kwargs=signed_by)
        self._clock = clock
        self._cache = cache
        self._entropy = entropy
        self._ends: dict[str, float] = {}  # by cookie digest, in monotonic time

    async def begin(self, proof: SessionProof) -> str:
        """The cookie of a new session. Raises StoreUnavailable."""
        await self.forget_ended()
        alike = [session for session in self._cache.list_all(SessionRecord) if session.token_digest == proof.digest]
        await self._cache.remove(*alike[: max(0, len(alike) - _MOST_SESSIONS + 1)])
        cookie, now_us = random_hex(self._entropy), self._clock.wall_us()
        record = SessionRecord(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            cookie_digest=digest_of_token(cookie.encode()),
            name=proof.name,
            token_digest=proof.digest,
            until_us=now_us + LASTS_S * US_PER_S,
            person_uid=proof.person_uid,
            how=proof.how,
            address=proof.address,
        )
        await self._cache.create(record, record.cookie_digest)
        return cookie

    def find(self, cookie: str) -> SessionRecord | None:
        """The session of a cookie, or None when there is none, or it is past its end."""
        record = self._cache.find(SessionRecord, digest_of_token(cookie.encode())) if cookie else None
        return record if record is not None and self._holds(record) else None

    async def end(self, cookie: str) -> SessionRecord | None:
        """End the session of a cookie, and say which it was. Raises StoreUnavailable."""
        record = self.find(cookie)
        if record is not None:
            await self._cache.remove(record)
        return record

    async def forget_ended(self) -> None:
        """Remove what is past its end from the store. Raises StoreUnavailable."""
        ended = [session for session in self._cache.list_all(SessionRecord) if not self._holds(session)]
        await self._cache.remove(*ended)
        known = {session.cookie_digest for session in self._cache.list_all(SessionRecord)}
        self._ends = {digest: end for digest, end in self._ends.items() if digest in known}

    def form_token(self, cookie: str) -> str:
        """What a form must send back to prove that it came from a page of this session."""
        return self._forms(cookie).get_signature(_FORM).decode()

    def is_form_token(self, cookie: str, given: str) -> bool:
        """Whether a form sent back what ``form_token`` gave it. Takes the same time whatever was sent."""
        return self._forms(cookie).verify_signature(_FORM, given)

    def seal(self, sentence: str) -> str:
        """A cookie value that carries a sentence of ours to the next page."""
        sealed: str = self._sentences.dumps(sentence[:_LONGEST_SENTENCE])
        return sealed

    def unseal(self, cookie: str) -> str:
        """The sentence that ``seal`` put into a cookie, or "" when it is not one of ours."""
        try:
            return str(self._sentences.loads(cookie))
        except BadData:
            return ""

    @staticmethod
    def _forms(cookie: str) -> Signer:
        return Signer(cookie, "forms of the pages", key_derivation="hmac", digest_method=hashlib.sha256)

    def _holds(self, record: SessionRecord) -> bool:
        end = self._ends.get(record.cookie_digest)
        if end is None:
            end = self._clock.monotonic() + self._remaining_s(record)
            self._ends[record.cookie_digest] = end
        return self._clock.monotonic() < end

    def _remaining_s(self, record: SessionRecord) -> float:
        """How long a session goes on that is seen for the first time since the start: the wall clock is asked once."""
        now_us = self._clock.wall_us()
        if record.created_us - _CLOCK_BACK_US > now_us:
            return 0.0
        return min((record.until_us - now_us) / US_PER_S, LASTS_S)
