"""Whose texts the messages of a call are: the viewer's own, or somebody else's."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from piirag.errors import ConfigurationError
from piirag.redaction import Scrubber
from piirag.tenancy.tags import TENANT_KEY, TenantTags

NOBODY = ""
"""The owner of what is shared or somebody else's; no user id is empty."""

# Messages in which the application speaks, or a tool: they are the tenant's, whoever reads.
_OTHERS = frozenset({"system", "developer", "tool", "function"})
_PLAIN = (str, bytes, bytearray, memoryview, int, float, type(None), type)


@dataclass
class _Provenance:
    """What a message tells of the documents in it.

    Args:
        tags: Whom they name.
        untagged: Whether there are documents that name nobody.
        texts: Documents with their tags.
    """

    tags: list[Any] = field(default_factory=list)
    untagged: bool = False
    texts: list[tuple[str, Any]] = field(default_factory=list)

    def note(self, metadata: Mapping[Any, Any], key: str, text: Any = None) -> None:
        """Note a document, or something else that may bear a tag."""
        if key in metadata:
            self.tags.append(metadata[key])
            if isinstance(text, str):
                self.texts.append((text, metadata[key]))
        elif isinstance(text, str):
            self.untagged = True


class Owners:
    """Tells by tags whose documents and tool results a call holds (threat P4).

    A tag names a user as the stores of this package do: by the user id, or by its keyed hash.
    One that is no string, or empty, names nobody: what bears it is shared. Where a message tells
    nothing, its documents count as the viewer's own, because a user's view of a tenant store
    takes the tag off.

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
        # As `str` writes documents that a tool returns without further ado.
        name = re.escape(tenant_key)
        self._written = re.compile(rf"""["']{name}["']: ?(?:'([^']*)'|"([^"]*)")?""")

    def of(self, message: BaseMessage, tool: str | None = None) -> tuple[str | None, list[str]]:
        """Whose texts a message holds, as `RedactionSession.redact` takes it.

        Args:
            message: The message.
            tool: The tool that answers in it, where the message does not name it.

        Returns:
            The owner, None where it is the viewer; and the texts of those documents in it that
            are the viewer's own by their tags all the same.
        """
        found = self._provenance(message)
        if found.tags:
            own = [text for text, tag in found.texts if self._owns(tag)]
            mixed = found.untagged or not all(self._owns(tag) for tag in found.tags)
            return (NOBODY if mixed else None), own
        if message.type in {"tool", "function"} and (message.name or tool) in self._shared:
            return NOBODY, []
        role = getattr(message, "role", message.type)
        return (self._speaks if message.type in _OTHERS or role in _OTHERS else None), []

    def may_be_own(self, metadata: Mapping[Any, Any]) -> bool:
        """Whether a document is the viewer's own, or bears no tag."""
        return self.key not in metadata or self._owns(metadata[self.key])

    def of_block(self, block: Any) -> tuple[bool, str | None]:
        """Whether a content block bears a tag, and whose text it then is."""
        metadata = block.get("metadata") if isinstance(block, Mapping) else None
        if not isinstance(metadata, Mapping) or self.key not in metadata:
            return False, None
        return True, None if self.may_be_own(metadata) else NOBODY

    def without_documents(self, artifact: Any) -> Any:
        """What to keep of an artifact that is dropped: None, or that it was not the viewer's."""
        found = _Provenance()
        self._search(artifact, found)
        if all(self._owns(tag) for tag in found.tags) and not (found.tags and found.untagged):
            return None
        return {"metadata": {self.key: NOBODY}}

    def _owns(self, tag: Any) -> bool:
        if type(tag) is not str or not tag:
            return False
        if tag not in self._is_own:
            # A redacted state holds tokens of tags that look like personal data.
            known = tag
            if self._scrubber is not None and self._tenant is not None and self._is_own:
                known = self._scrubber.reveal(tag, user_id=self._tenant)
            self._is_own[tag] = self._is_own.get(known, False)
        return self._is_own[tag]

    def _provenance(self, message: BaseMessage) -> _Provenance:
        found = _Provenance()
        for told in (message.additional_kwargs, message.response_metadata):
            found.note(told, self.key)
            self._note_metadata(told.get("metadata"), found)
        self._note_metadata((message.__pydantic_extra__ or {}).get("metadata"), found)
        artifact = getattr(message, "artifact", None)
        if artifact is not None:
            self._search(artifact, found)
        if message.type in {"tool", "function"} and isinstance(message.content, str):
            self._read(message.content, found)
        return found

    def _note_metadata(self, metadata: Any, found: _Provenance) -> None:
        if isinstance(metadata, Mapping):
            found.note(metadata, self.key)

    def _read(self, content: str, found: _Provenance) -> None:
        """Documents that a tool returned as JSON, or as Python writes them."""
        if self.key not in content or "metadata" not in content:
            return
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            for written in self._written.finditer(content) if "metadata=" in content else ():
                found.tags.append(written[1] or written[2])
            return
        if isinstance(parsed, dict | list):
            self._search(parsed, found, only_documents=True)

    def _search(self, root: Any, found: _Provenance, *, only_documents: bool = False) -> None:
        """Look for documents in data of any depth, and for tags in what is around them."""
        # Kept alive, so that no other object gets the id of one.
        seen: dict[int, Any] = {}
        waiting = [root]
        while waiting:
            item = waiting.pop()
            if isinstance(item, _PLAIN) or id(item) in seen:
                continue
            seen[id(item)] = item
            if isinstance(item, list | tuple | set | frozenset):
                waiting.extend(item)
                continue
            failed, metadata, text = _described(item)
            if failed:
                found.tags.append(None)
            if isinstance(metadata, Mapping):
                found.note(metadata, self.key, text)
            if isinstance(item, Mapping):
                if not only_documents and self.key in item:
                    found.tags.append(item[self.key])
                # What is in the metadata of a document is about it.
                waiting.extend(v for v in item.values() if v is not metadata)
            elif text is None:
                waiting.extend(_fields(item))


def _described(item: Any) -> tuple[bool, Any, Any]:
    """Whether asking failed, the metadata of an item, and its text if it is a document."""
    if isinstance(item, Mapping):
        return False, item.get("metadata"), item.get("page_content", item.get("text"))
    try:
        metadata = getattr(item, "metadata", None)
        if not isinstance(metadata, Mapping):
            return False, None, None
        text = getattr(item, "page_content", None)
        return False, metadata, text if text is not None else getattr(item, "text", None)
    except Exception:  # noqa: BLE001 - a property of somebody else's
        return True, None, None


def _fields(item: Any) -> Iterator[Any]:
    if isinstance(item, BaseModel):
        yield from item.__dict__.values()
        yield from (item.__pydantic_extra__ or {}).values()
    elif dataclasses.is_dataclass(item):
        yield from (getattr(item, f.name, None) for f in dataclasses.fields(item))
