"""Whose texts the messages of a call are: where LangChain's keep what tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_piirag.blocks import NESTS, SEARCHABLE, kind_of
from piirag.tenancy.provenance import NOBODY, SPEAKERS, TOOLS, Provenance
from piirag.tenancy.provenance import Owners as AnyOwners

__all__ = ["NOBODY", "Owners"]


class Owners(AnyOwners):
    """Tells by tags whose documents and tool results a call holds (threat P4).

    Args and raises as for `piirag.tenancy.provenance.Owners`.
    """

    def of(self, message: BaseMessage, tool: str | None = None) -> tuple[str | None, list[str]]:
        """Whose texts a message holds, as `RedactionSession.redact` takes it.

        Args:
            message: The message.
            tool: The tool that answers in it, where the message does not name it.

        Returns:
            The owner, None where it is the viewer; and the texts of those documents in it that
            are the viewer's own by their tags all the same.
        """
        role = getattr(message, "role", message.type)
        return self.judged(
            self._provenance(message),
            others=message.type in SPEAKERS or role in SPEAKERS,
            tool=(message.name or tool) if message.type in TOOLS else None,
        )

    def of_block(self, block: Any) -> tuple[bool, str | None]:
        """Whether a content block bears a tag, and whose text it then is."""
        return self.of_metadata(block.get("metadata") if isinstance(block, Mapping) else None)

    def _provenance(self, message: BaseMessage) -> Provenance:
        found = Provenance()
        for told in (message.additional_kwargs, message.response_metadata):
            found.note(told, self.key)
            found.note(told.get("metadata"), self.key)
        found.note((message.__pydantic_extra__ or {}).get("metadata"), self.key)
        artifact = getattr(message, "artifact", None)
        if artifact is not None:
            self.search(artifact, found)
        if message.type in TOOLS:
            content = message.content
            waiting: list[Any] = [content] if isinstance(content, str) else list(content)
            while waiting:
                block = waiting.pop()
                if isinstance(block, str):
                    self.read(block, found)
                elif kind_of(block) in SEARCHABLE:
                    waiting += self._read_block(block, found)
        return found

    def _read_block(self, block: Mapping[str, Any], found: Provenance) -> list[Any]:
        """Note what a block of a tool's tells, but for its metadata; the blocks within it."""
        within: list[Any] = []
        for key, value in block.items():
            if key in NESTS and isinstance(value, list):
                within += value
            elif key != "metadata":
                self.search(value, found)
        return within
