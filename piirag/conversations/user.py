"""One user's part of a store of conversations."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from piirag.conversations.objects import CutText, Rebuilder, Special
from piirag.detection.bare_numbers import may_be_personal, sure
from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues, check_known
from piirag.detection.text import replace_surrogates
from piirag.errors import InvalidInputError, UserErasedError
from piirag.redaction import Scrubber, operators, tokens
from piirag.redaction.adjacent import Cut, cuts
from piirag.tenancy.tags import TenantTags
from piirag.vault.keys import derive
from piirag.vault.vault import UserVault

_MOST_NAME = 512
# Scrubbed texts, so that a state that is written anew at every step is searched once.
_MEMO_TEXTS = 4096
_MEMO_CHARS = 8_000_000
_Item = tuple[str, str, Cut]
"""What a text is to be understood by, the text, and the parts of values over its borders."""
_SEALED = re.compile(r"[A-Za-z0-9_-]{22,1400}")


class ConversationUser:
    """Scrubs what one user's conversations hold, and hides what they are called.

    Names of sessions and threads are encrypted deterministically (AES-SIV, RFC 5297) under a key
    of the user: nobody can guess them, nobody else can read them, and the user's own can be
    listed. The key dies with the user's data key.

    Args:
        scrubber: Does the work; its vault has the keys.
        user_id: The user.
        known: Values the application knows to stand in these conversations.
        allow_media: Let bytes and encoded images through; nobody can look into them.
        special: See `Rebuilder`.

    Raises:
        InvalidUserIdError: No usable user id.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        *,
        known: Known | None = None,
        allow_media: bool = False,
        special: Special | None = None,
    ) -> None:
        self.owner = TenantTags(vault=scrubber.vault, keyed=True).tag(user_id)
        self.user_id = user_id
        self._scrubber = scrubber
        self._known = check_known(known)
        self._allow_media = allow_media
        self._special = special
        self._memo = _memo_of(scrubber)
        specs = scrubber.policy.operators.values()
        self._surrogates = any(operators.split(s)[0] == operators.SURROGATE for s in specs)

    def writing(self) -> Writing:
        """Something to put around a write: it tells whether an erasure came in between.

        Raises:
            UserErasedError: The user was erased.
        """
        return Writing(self)

    def exists(self) -> bool:
        """Whether the user has a data key; a user without one has no conversations."""
        return self._vault(create=False) is not None

    def hide(self, name: str, *, create: bool = False) -> str | None:
        """The name under which a store knows a session, thread, namespace or key.

        Args:
            name: A string of at most 512 characters.
            create: Make a data key for a user who has none; for writing.

        Returns:
            Letters, digits, ``-`` and ``_``; None for a user who has no data key.

        Raises:
            InvalidInputError: No usable name.
            UserErasedError: `create`, and the user was erased.
        """
        name = check_name(name)
        vault = self._vault(create=create)
        if vault is None:
            return None
        sealed = self._siv(vault).encrypt(name.encode(), [self.owner.encode()])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def show(self, hidden: str) -> str | None:
        """The name that `hide` hid; None where it is none of this user's."""
        vault = self._vault(create=False)
        if vault is None or not isinstance(hidden, str) or not _SEALED.fullmatch(hidden):
            return None
        with suppress(InvalidTag, ValueError):
            sealed = base64.urlsafe_b64decode(hidden + "=" * (-len(hidden) % 4))
            return self._siv(vault).decrypt(sealed, [self.owner.encode()]).decode()
        return None

    def scrub(self, value: Any, *, remember: bool = True) -> Any:
        """A copy of any value with pseudonyms in place of personal data, in every part of it.

        Args:
            value: Text, messages, models, dataclasses, mappings, sequences.
            remember: Whether new values go into the vault. False for questions and filters.

        Raises:
            InvalidInputError: A part that cannot be searched.
            DetectionError: The detector failed.
            UserErasedError: The user was erased.
        """
        try:
            return self._scrub(value, remember)
        except RecursionError:
            pass  # raised below, so that it does not become the context
        raise InvalidInputError("the data are nested too deeply to be searched")

    def reveal(self, value: Any) -> Any:
        """A copy with the values behind this user's own pseudonyms put back, as first spelt."""
        held: list[str] = []

        def note(text: Any) -> Any:
            if isinstance(text, str) and (self._surrogates or "[" in text):
                held.append(text)
            return text

        self._walk(value, note)
        if not held:
            return value
        if self._surrogates:
            found = {t: self._scrubber.reveal(t, user_id=self.user_id) for t in set(held)}
            return self._walk(value, lambda text: found.get(text, text))
        values = self._scrubber.values_of("\n".join(held), user_id=self.user_id)

        def put_back(text: Any) -> Any:
            if not isinstance(text, str) or "[" not in text:
                return text
            return tokens.PSEUDONYM.sub(lambda m: values.get(m.group(), m.group()), text)

        return self._walk(value, put_back)

    def _scrub(self, value: Any, remember: bool) -> Any:
        vault = self._vault(create=remember)
        wanted: dict[_Item, None] = {}
        rows: dict[tuple[str, ...], list[Cut]] = {}
        indices = [KnownValues(self._known)]
        if vault is not None:
            indices.append(self._scrubber.known_values(self.user_id))

        def plain(key: str) -> bool:
            return key.isidentifier() and all(m.part for i in indices for m in i.find(key))

        def find(text: str) -> Sequence[Finding]:
            return self._scrubber.scrub(
                text, user_id=self.user_id, known=self._known, remember=False
            ).findings

        def row(texts: list[str]) -> list[Cut]:
            key = tuple(texts)
            if key not in rows:
                rows[key] = cuts(texts, find)
            return rows[key]

        def note(leaf: Any, context: str) -> Any:
            wanted[(context, _written(leaf), _cut_of(leaf))] = None
            return leaf

        def note_key(key: str) -> str:
            if not plain(key):
                wanted[("", key, ())] = None
            return key

        # The first walk changes nothing, so keys that will collide are found by the second.
        self._rebuilder(note, note_key, row)(value)
        table = self._scrubbed(list(wanted), vault, remember)

        def change(leaf: Any, context: str) -> Any:
            text, is_sure = table[(context, _written(leaf), _cut_of(leaf))]
            if isinstance(leaf, str):
                return text
            return text if is_sure and may_be_personal(_written(leaf), context) else leaf

        # What is plain was decided by the first walk: more may be known of the user by now.
        return self._rebuilder(change, lambda k: table.get(("", k, ()), (k, False))[0], row)(value)

    def _scrubbed(
        self, wanted: list[_Item], vault: UserVault | None, remember: bool
    ) -> dict[_Item, tuple[str, bool]]:
        """Each text scrubbed in its context, and whether what was found in it is beyond doubt."""
        salt = b"" if vault is None else vault.hash_key + vault.version.to_bytes(8, "big")
        table: dict[_Item, tuple[str, bool]] = {}
        if salt and not self._known:
            for item in wanted:
                found = self._memo.get(salt, item)
                if found is not None:
                    table[item] = found
        held = list(table)
        left = [item for item in wanted if item not in table]
        left += self._to_do_again(held, table)
        while left:
            results = self._scrubber.scrub_batch(
                [text for _, text, _ in left],
                user_id=self.user_id,
                known=self._known,
                remember=remember,
                contexts=[context for context, _, _ in left],
                cuts=[cut for _, _, cut in left],
                spoken=True,
            )
            for item, result in zip(left, results, strict=True):
                table[item] = result.text, bool(sure(result.findings))
                if salt and remember and not self._known:
                    self._memo.put(salt, item, table[item])
            held = [item for item in held if item not in left]
            left, held = self._to_do_again(held, table), []
        return table

    def _to_do_again(self, held: list[_Item], table: dict[_Item, tuple[str, bool]]) -> list[_Item]:
        """Texts scrubbed earlier that hold what was found in other texts since."""
        spoken = self._scrubber.spoken(self.user_id)
        return [item for item in held if spoken.find(table[item][0])]

    def _walk(self, value: Any, change: Callable[[Any], Any]) -> Any:
        """Leaves and keys alike through one function."""
        rebuild = Rebuilder(
            lambda leaf, _: change(leaf), change, allow_media=True, special=self._special
        )
        return rebuild(value)

    def _rebuilder(self, leaf: Any, key: Callable[[str], str], row: Any) -> Rebuilder:
        return Rebuilder(leaf, key, allow_media=self._allow_media, special=self._special, row=row)

    def _vault(self, *, create: bool) -> UserVault | None:
        vault = self._scrubber.vault
        return vault.open(self.user_id) if create else vault.opened(self.user_id)

    def _siv(self, vault: UserVault) -> AESSIV:
        return AESSIV(derive(vault.hash_key, "conversation-names"))

    def epoch(self) -> bytes | None:
        """What changes when the user is erased, and again when reinstated."""
        return self._scrubber.vault.epoch(self.user_id)

    def __repr__(self) -> str:
        return "ConversationUser(...)"


class Writing:
    """A write for a user who must still be there afterwards."""

    def __init__(self, user: ConversationUser) -> None:
        user.hide("x", create=True)  # makes the data key, or raises
        self._user = user
        self._epoch = user.epoch()

    def check(self, undo: Callable[[], None]) -> None:
        """After the write: take it back if the user was erased meanwhile.

        Raises:
            UserErasedError: The user was erased; what was written was deleted.
        """
        if self._epoch is None or self._user.epoch() != self._epoch:
            undo()
            raise UserErasedError


def check_name(name: Any) -> str:
    """A name of a session or thread as a string; numbers and UUIDs count by their text.

    Raises:
        InvalidInputError: Missing, empty, too long, not encodable, or of another kind.
    """
    if isinstance(name, int | uuid.UUID) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name or len(name) > _MOST_NAME:
        raise InvalidInputError(f"a session id is a string of 1 to {_MOST_NAME} characters")
    if replace_surrogates(name) != name:
        raise InvalidInputError("a session id holds characters that cannot be encoded")
    return str(name)


def _written(leaf: Any) -> str:
    return leaf if isinstance(leaf, str) else str(leaf)


def _cut_of(leaf: Any) -> Cut:
    return leaf.cut if isinstance(leaf, CutText) else ()


class _Memo:
    """Scrubbed texts by a keyed digest of the raw ones. It holds no raw text."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._lock = threading.Lock()
        self._texts: OrderedDict[bytes, tuple[str, bool]] = OrderedDict()
        self._chars = 0

    def get(self, salt: bytes, item: _Item) -> tuple[str, bool] | None:
        digest = self._digest(salt, item)
        with self._lock:
            found = self._texts.get(digest)
            if found is not None:
                self._texts.move_to_end(digest)
            return found

    def put(self, salt: bytes, item: _Item, made: tuple[str, bool]) -> None:
        digest = self._digest(salt, item)
        with self._lock:
            old = self._texts.pop(digest, None)
            self._chars += len(made[0]) - (len(old[0]) if old else 0)
            self._texts[digest] = made
            while self._texts and (len(self._texts) > _MEMO_TEXTS or self._chars > _MEMO_CHARS):
                self._chars -= len(self._texts.popitem(last=False)[1][0])

    def _digest(self, salt: bytes, item: _Item) -> bytes:
        context, text, cut = item
        parts = ",".join(f"{f.entity_type}:{f.start}:{f.end}" for f in cut)
        body = f"{len(context)}|{parts}|{context}{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(salt + body, digest_size=16, key=self._key).digest()


def _memo_of(scrubber: Scrubber) -> _Memo:
    """One memo per scrubber: another policy gives other texts."""
    held = vars(scrubber).get("_conversation_memo")
    if not isinstance(held, _Memo):
        held = _Memo()
        vars(scrubber)["_conversation_memo"] = held
    return held
