"""Sessions: the mapping of one model call, kept until its reply is there.

Where one process sends the request and another handles the reply, the placeholders of the call
have to reach the second one. They wait in the vault: sealed under the user's data key, bound to
user and session, for a limited time, and handed out once.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from piirag.errors import InvalidInputError, SessionGoneError, UserErasedError
from piirag.vault.keys import keyed_hash, seal, unseal
from piirag.vault.mapping_codec import decode_mapping, encode_mapping
from piirag.vault.user_vault import UserVault

if TYPE_CHECKING:
    from piirag.redaction.mapping import RedactionMapping
    from piirag.vault.vault import Vault

DEFAULT_TTL = 900.0
"""How long a session waits for its reply, in seconds."""

LONGEST_TTL = 30 * 86_400.0
LONGEST_ID = 512
_EXPIRY = struct.Struct(">d")


class SessionVault:
    """The sessions of a vault: `vault.sessions`.

    ```
    session = redactor.session(user_id="u1")
    prompt = session.redact(question).text
    vault.sessions.put(session.mapping, user_id="u1", session_id=call_id, ttl=300)
    ...                                                   # in another process, with the reply
    mapping = vault.sessions.take(user_id="u1", session_id=call_id)
    answer = redactor.rehydrate(reply, mapping)
    ```

    A session id names one model call and need not be secret, since a session is handed out to its
    own user only. Forgetting the user destroys all of the user's sessions.

    Args:
        vault: Where to keep them.
        clock: Seconds since the epoch. Processes that share a vault should agree on the time.
    """

    def __init__(self, vault: Vault, *, clock: Callable[[], float] = time.time) -> None:
        self._vault = vault
        self._clock = clock
        self._longest = LONGEST_TTL

    def limit(self, seconds: float) -> None:
        """Refuse sessions that would wait longer than this from now on.

        Args:
            seconds: At most 30 days. Where it is less than 15 minutes, it is the default too.

        Raises:
            InvalidInputError: No such number.
        """
        self._longest = _checked_ttl(seconds, LONGEST_TTL)

    def put(
        self,
        mapping: RedactionMapping,
        *,
        user_id: str,
        session_id: str,
        ttl: float = DEFAULT_TTL,
    ) -> None:
        """Keep a mapping until its reply is handled.

        Args:
            mapping: The mapping of the call.
            user_id: The user.
            session_id: The call: any text of at most 512 characters, never used for two calls at
                a time.
            ttl: How long to wait for the reply, in seconds; at most 30 days, or what `limit`
                says. The default of 15 minutes becomes the limit where that is less.

        Raises:
            InvalidInputError: No usable mapping, id or time; or the session is there already. A
                second mapping would give the tokens of the first call other values.
            UserErasedError: The user was erased.
        """
        now = self._clock()
        plain = encode_mapping(mapping, now)
        _check_id(session_id)
        if ttl == DEFAULT_TTL:
            ttl = min(ttl, self._longest)
        _checked_ttl(ttl, self._longest)
        user = self._vault.open(user_id)
        if user is None:
            raise UserErasedError
        key = _key(user, session_id)
        expires_at = now + ttl
        blob = seal(user.key("sessions"), _EXPIRY.pack(expires_at) + plain, _bound(user, key))
        backend = self._vault.backend
        stored: bool = user.write(
            lambda wrapped: backend.put_session(
                user.tag, wrapped, key, blob, expires_at=expires_at, now=now
            )
        )
        if not stored:
            raise InvalidInputError(
                "there is a session of this id already; an id names one model call"
            )

    def take(self, *, user_id: str, session_id: str) -> RedactionMapping:
        """Hand out a mapping and destroy it: a second call, by whomever, gets none.

        Raises:
            SessionGoneError: Expired, taken already, erased, another user's, or never there.
            VaultKeyError: What the store holds was altered or moved.
        """
        _check_id(session_id)
        user = self._vault.opened(user_id)
        blob, key = None, ""
        if user is not None:
            key = _key(user, session_id)
            blob = self._vault.backend.take_session(user.tag, key, self._clock())
        if user is None or blob is None:
            raise SessionGoneError
        plain = unseal(user.key("sessions"), blob, _bound(user, key))
        # The time that was sealed counts: the one beside it is anyone's who can write there.
        (expires_at,) = _EXPIRY.unpack(plain[: _EXPIRY.size])
        now = self._clock()
        if expires_at <= now:
            raise SessionGoneError
        return decode_mapping(plain[_EXPIRY.size :], now)

    def destroy(self, *, user_id: str, session_id: str) -> bool:
        """Destroy a session unread, for instance after a call that failed.

        Returns:
            Whether there was one.
        """
        _check_id(session_id)
        user = self._vault.opened(user_id)
        if user is None:
            return False
        key = _key(user, session_id)
        return self._vault.backend.take_session(user.tag, key, self._clock()) is not None

    def count(self, user_id: str) -> int:
        """How many sessions of a user wait for their reply."""
        return self._vault.backend.count_sessions(self._vault.tag(user_id), self._clock())

    def purge(self, now: float | None = None) -> int:
        """Delete the expired sessions of all users; call it from time to time.

        Expired sessions are never handed out. Redis deletes them by itself; other back ends keep
        the ciphertext until it is purged.

        Args:
            now: Seconds since the epoch; the clock's time if None.

        Returns:
            How many were deleted.
        """
        return self._vault.backend.purge_sessions(self._clock() if now is None else now)

    def count_expired(self, now: float | None = None) -> int:
        """How many sessions `purge` would delete."""
        return self._vault.backend.count_expired(self._clock() if now is None else now)

    def __repr__(self) -> str:
        return f"SessionVault({self._vault!r})"


def _checked_ttl(ttl: Any, longest: float) -> float:
    # A boolean is a number to Python, and no time to live.
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl <= longest:
        most = "30 days" if longest == LONGEST_TTL else f"{longest:g} s"
        raise InvalidInputError(f"ttl must be a number of seconds, above 0, at most {most}")
    return float(ttl)


def _check_id(session_id: Any) -> str:
    if type(session_id) is not str:
        raise InvalidInputError(f"session_id must be a string, not {type(session_id).__name__}")
    if not session_id.strip() or len(session_id) > LONGEST_ID:
        raise InvalidInputError(f"session_id must have 1 to {LONGEST_ID} characters")
    return session_id


def _key(user: UserVault, session_id: str) -> str:
    return keyed_hash(user.key("session-id"), session_id).hex()


def _bound(user: UserVault, key: str) -> str:
    return f"session|{user.tag}|{key}"
