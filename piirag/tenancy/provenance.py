"""Whose texts a model call holds: the viewer's own, or somebody else's. For any framework.

What documents and results of tools tell of their owners is gathered as `Provenance`; `Owners`
judges it for one viewer. An adapter adds where its framework's messages keep such things.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from piirag.errors import ConfigurationError
from piirag.redaction.adjacent import Cut
from piirag.redaction.result import Redaction
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.session import RedactionSession
from piirag.tenancy.tags import TENANT_KEY, TenantTags
from piirag.tenancy.written import Written

NOBODY = ""
"""The owner of what is shared or somebody else's; no user id is empty."""

SPEAKERS = frozenset({"system", "developer", "tool", "function"})
"""Roles in which the application speaks, or a tool: the tenant's, whoever reads."""

TOOLS = frozenset({"tool", "function"})
"""Roles in which a tool speaks."""

_PLAIN = (
    str,
    bytes,
    bytearray,
    memoryview,
    int,
    float,
    type(None),
    type,
    ModuleType,
    FunctionType,
    BuiltinFunctionType,
    MethodType,
)

# Fields in which rows and documents hold their text.
_TEXTS = ("page_content", "text", "content", "body")

# An artifact that holds more objects than that may hold anything.
_MOST_OBJECTS = 20_000


@dataclass
class Provenance:
    """What a message tells of the documents in it.

    Args:
        tags: Whom they name.
        untagged: Whether there are documents that name nobody.
        texts: Documents with their tags.
    """

    tags: list[Any] = field(default_factory=list)
    untagged: bool = False
    texts: list[tuple[str, Any]] = field(default_factory=list)

    def note(self, metadata: Any, key: str, text: Any = None) -> None:
        """Note a document, or something else that may bear a tag.

        Args:
            metadata: Its metadata; what is no mapping tells nothing.
            key: The metadata key of the tag.
            text: The text of a document.
        """
        if not isinstance(metadata, Mapping):
            return
        if key in metadata:
            self.tags.append(metadata[key])
            if isinstance(text, str):
                self.texts.append((text, metadata[key]))
        elif isinstance(text, str):
            self.untagged = True


class Owners:
    """Tells by tags whose documents and tool results a call holds (threat P4).

    A tag names a user as the stores of this package do: by the user id, or by its keyed hash.
    One that is no string and no whole number, or is empty, names nobody: what bears it is shared.
    In a result of a tool it counts wherever it stands: in the metadata of a document, in a row, in
    JSON within a text. Where a message tells nothing, its documents count as the viewer's own,
    because a user's view of a tenant store takes the tag off.

    Args:
        viewer: Who reads the reply; None where nobody is named: then every tag is another's.
        tenant: Whose tools and instructions speak, if that may be somebody else.
        scrubber: Knows the keyed hashes, and the tokens that stand for tags in a redacted state.
        tenant_key: The metadata key of the tag.
        shared_tools: Tools whose results are shared where they bear no tag.

    Raises:
        ConfigurationError: An unusable key, or tools that are no list of names.
    """

    def __init__(
        self,
        viewer: str | None,
        *,
        tenant: str | None = None,
        scrubber: Scrubber | None = None,
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
    ) -> None:
        TenantTags(tenant_key)
        if isinstance(shared_tools, str):
            raise ConfigurationError("shared_tools is a list of tool names")
        self.key = tenant_key
        self._tenant = tenant
        # Whose tools and instructions speak: nothing to tell apart where it is the viewer.
        self._speaks = tenant if tenant != viewer else None
        self._scrubber = scrubber
        self._shared = frozenset(shared_tools)
        self._is_own: dict[str, bool] = {}
        if viewer is not None:
            self._is_own[viewer] = True
            if scrubber is not None:
                self._is_own[scrubber.vault.tenant_tag(viewer)] = True
        self._written = Written(tenant_key)

    def judged(
        self, found: Provenance, *, others: bool = False, tool: str | None = None
    ) -> tuple[str | None, list[str]]:
        """Whose text it is of which so much is known.

        Args:
            found: What it tells of the documents in it.
            others: Whether the application speaks in it, or a tool.
            tool: The tool whose result it is.

        Returns:
            The owner as `RedactionSession.redact` takes it, None where it is the viewer; and the
            texts of those documents in it that are the viewer's own by their tags all the same.
        """
        if found.tags:
            own = [text for text, tag in found.texts if self.owns(tag)]
            mixed = found.untagged or not all(self.owns(tag) for tag in found.tags)
            return (NOBODY if mixed else None), own
        if tool in self._shared:
            return NOBODY, []
        return (self._speaks if others else None), []

    def may_be_own(self, metadata: Mapping[Any, Any]) -> bool:
        """Whether a document is the viewer's own, or bears no tag."""
        return self.key not in metadata or self.owns(metadata[self.key])

    def of_metadata(self, metadata: Any) -> tuple[bool, str | None]:
        """Whether metadata bear a tag, and whose text they then are of."""
        if not isinstance(metadata, Mapping) or self.key not in metadata:
            return False, None
        return True, None if self.may_be_own(metadata) else NOBODY

    def without_documents(self, artifact: Any) -> Any:
        """What to keep of an artifact that is dropped: None, or that it was not the viewer's."""
        found = Provenance()
        self.search(artifact, found)
        if all(self.owns(tag) for tag in found.tags) and not (found.tags and found.untagged):
            return None
        return {"metadata": {self.key: NOBODY}}

    def owns(self, tag: Any) -> bool:
        """Whether a tag names the viewer; a whole number does so by its digits."""
        if type(tag) is int:
            tag = str(tag)
        if type(tag) is not str or not tag:
            return False
        if tag not in self._is_own:
            # A redacted state holds tokens of tags that look like personal data.
            known = tag
            if self._scrubber is not None and self._tenant is not None and self._is_own:
                known = self._scrubber.reveal(tag, user_id=self._tenant)
            self._is_own[tag] = self._is_own.get(known, False)
        return self._is_own[tag]

    # Gathering

    def read(self, content: str, found: Provenance) -> None:
        """Note documents and rows that a tool returned as text: JSON in any frame, or written out.

        Args:
            content: The text.
            found: Where they are noted.
        """
        if self.key not in content:
            return
        data, rest = self._written.data(content)
        for parsed in data:
            self.search(parsed, found)
        found.tags += self._written.tags(rest)

    def search(self, root: Any, found: Provenance) -> None:
        """Note documents in data of any depth, and tags in what is around them.

        Args:
            root: Lists, mappings, tables, objects of any class, documents of any framework.
            found: Where they are noted.
        """
        # Kept alive, so that no other object gets the id of one.
        seen: dict[int, Any] = {}
        waiting = [root]
        objects = 0
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                self.read(item, found)
            if isinstance(item, _PLAIN) or id(item) in seen:
                continue
            seen[id(item)] = item
            if isinstance(item, list | tuple | set | frozenset | deque):
                waiting.extend(item)
                continue
            failed = False
            metadata = text = None
            try:
                metadata, text = self.described(item)
            except Exception:  # noqa: BLE001 - a property of somebody else's
                failed = True
            if failed:
                found.tags.append(None)
            found.note(metadata, self.key, text)
            if isinstance(item, Mapping):
                if self.key in item and metadata is not item:
                    found.tags.append(item[self.key])
                # What is in the metadata of a document is about it, and its text is no data.
                skipped = (metadata,) if text is None else (metadata, text)
                waiting.extend(v for v in item.values() if all(v is not s for s in skipped))
            elif text is None:
                objects += 1
                if objects > _MOST_OBJECTS:
                    # Nobody can tell whose it is.
                    found.tags.append(None)
                    break
                found.tags += _column(item, self.key)
                waiting.append(self.fields(item))

    def described(self, item: Any) -> tuple[Any, Any]:
        """The metadata of an item, and its text if it is a document."""
        if isinstance(item, Mapping):
            metadata = item.get("metadata")
            text = next((item[name] for name in _TEXTS if isinstance(item.get(name), str)), None)
            if self.key in item and text is not None and not _names(metadata, self.key):
                # A row, flat.
                metadata = item
            return metadata, text
        metadata = getattr(item, "metadata", None)
        if not isinstance(metadata, Mapping):
            return None, None
        text = getattr(item, "page_content", None)
        return metadata, text if text is not None else getattr(item, "text", None)

    def fields(self, item: Any) -> dict[str, Any]:
        """What an object holds, by the names of its attributes; no property is asked."""
        held = dict(getattr(item, "__dict__", None) or {})
        # Of models of pydantic, which may be missing here.
        held |= getattr(item, "__pydantic_extra__", None) or {}
        for kind in type(item).__mro__:
            slots = vars(kind).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if isinstance(name, str) and not name.startswith("__"):
                    held[name] = getattr(item, name, None)
        return held

    def __repr__(self) -> str:
        return f"{type(self).__name__}(tenant_key={self.key!r})"


class OwnedSession:
    """A session for texts of somebody else than the viewer.

    Args:
        session: The session of the call.
        owner: Whose texts they are.
    """

    def __init__(self, session: RedactionSession, owner: str) -> None:
        self._session = session
        self._owner = owner
        self.find = session.find

    def redact(
        self, text: str, *, owner: str | None = None, cut: Cut = (), context: str = ""
    ) -> Redaction:
        """Redact one text of the call. See `RedactionSession.redact`."""
        whose = self._owner if owner is None else owner
        return self._session.redact(text, owner=whose, cut=cut, context=context)

    def __repr__(self) -> str:
        return "OwnedSession(...)"


def standing_in(content: str, texts: Iterable[str]) -> Iterator[str]:
    """Those of some texts that stand in another, as they are or in a string of JSON."""
    for text in texts:
        escaped = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
        if any(form in content for form in (text, *escaped)):
            yield text


def _names(metadata: Any, key: str) -> bool:
    return isinstance(metadata, Mapping) and key in metadata


def _column(item: Any, key: str) -> list[Any]:
    """The tags in a table, such as a data frame."""
    try:
        if key in item.columns:
            return list(item[key])
    except Exception:  # noqa: BLE001 - no table
        return []
    return []
