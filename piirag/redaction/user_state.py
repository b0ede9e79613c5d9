"""What a scrubber remembers of users between calls."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from piirag.detection.known import KnownValues
from piirag.detection.text import normal_form
from piirag.policy import Policy
from piirag.redaction.carried import Carried
from piirag.redaction.issuer import Name
from piirag.vault.vault import UserVault

_USERS = 256
_CLEAN_TEXTS = 20_000


@dataclass(repr=False)
class UserState:
    """One user's known values and issued tokens, as of a version of the vault."""

    key: bytes
    version: int
    known: KnownValues = field(default_factory=lambda: KnownValues(bare_initials=False))
    remembered: set[tuple[str, str]] = field(default_factory=set)
    tokens: dict[Name, str] = field(default_factory=dict)
    spoken: Carried | None = None
    """What was found in conversations."""

    def __repr__(self) -> str:
        return "UserState(...)"


class UserStates:
    """The states of the users seen last, and digests of texts known to be clean."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[str, UserState] = OrderedDict()
        self._clean: OrderedDict[bytes, None] = OrderedDict()
        self._secret = os.urandom(32)

    def of(self, vault: UserVault) -> UserState:
        """The state that fits a vault; read anew where known values were added."""
        with self._lock:
            old = self._states.get(vault.tag)
            if old and old.key == vault.hash_key and old.version >= vault.version:
                self._states.move_to_end(vault.tag)
                return old
        # Known values only ever grow, so a state is brought up to date with what came since.
        same = old is not None and old.key == vault.hash_key
        state = old if old is not None and same else UserState(vault.hash_key, 0)
        news = vault.values(known_since=state.version)
        with self._lock:
            for _, value in news:
                state.known.add(value["t"], value["v"])
                state.remembered.add((value["t"], normal_form(value["t"], value["v"])))
            state.version = max(state.version, vault.version)
            self._states[vault.tag] = state
            while len(self._states) > _USERS:
                self._states.popitem(last=False)
        return state

    def spoken(self, state: UserState, policy: Policy) -> Carried:
        """What was found in a user's conversations."""
        with self._lock:
            if state.spoken is None:
                state.spoken = Carried(policy)
            return state.spoken

    def drop(self, tag: str) -> None:
        """Forget a user who was erased."""
        with self._lock:
            self._states.pop(tag, None)

    def is_clean(self, text: str, state: UserState) -> bool:
        """Whether this text came out of a scrub for this user, nothing having changed since."""
        digest = self._digest(text, state)
        with self._lock:
            return digest in self._clean

    def mark_clean(self, text: str, state: UserState) -> None:
        """Note that this text came out of a scrub, so that a second one is free."""
        digest = self._digest(text, state)
        with self._lock:
            self._clean[digest] = None
            while len(self._clean) > _CLEAN_TEXTS:
                self._clean.popitem(last=False)

    def _digest(self, text: str, state: UserState) -> bytes:
        body = state.key + state.version.to_bytes(8, "big") + text.encode()
        return hashlib.blake2b(body, digest_size=16, key=self._secret).digest()
