"""A memory that keeps pseudonyms, whatever it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.memory import BaseMemory

from llama_index_piirag.boundary import Boundary
from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.redaction import Scrubber
from piirag.tenancy.tags import TENANT_KEY


class ScrubbedMemory(BaseMemory):
    """Wraps any memory of LlamaIndex: messages are scrubbed before they go in.

    They are scrubbed once more when they come out: something else may have written there, or
    a value may have become known since.

    Args:
        memory: Where messages are kept, such as a `Memory` or a `ChatMemoryBuffer`.
        scrubber: Does the work; its vault keeps the values, encrypted.
        user_id: Whose conversation it is.
        known: Values the application knows that may be spoken of.
        allow_media: Let images, audio, video and files through.
        tenant_key: The metadata key under which messages name whose nodes they quote.
        shared_tools: Names of tools whose results are shared, where messages name the tool.

    Raises:
        ConfigurationError: Not a memory, an unusable key, or tools that are no list of names.
        InvalidUserIdError: No usable user id.
    """

    _memory: BaseMemory = PrivateAttr()
    # In a closure: LlamaIndex hands memories to its spans, and a tracer may follow attributes.
    _within: Callable[[], Boundary] = PrivateAttr()

    def __init__(
        self,
        memory: BaseMemory,
        *,
        scrubber: Scrubber,
        user_id: str,
        known: Known | None = None,
        allow_media: bool = False,
        tenant_key: str = TENANT_KEY,
        shared_tools: Collection[str] = (),
    ) -> None:
        if not isinstance(memory, BaseMemory):
            raise ConfigurationError(f"expected a memory, not {type(memory).__name__}")
        super().__init__()
        self._memory = memory
        boundary = Boundary(
            scrubber,
            user_id,
            known=known,
            allow_media=allow_media,
            tenant_key=tenant_key,
            shared_tools=shared_tools,
        )
        self._within = lambda: boundary

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "ScrubbedMemory"

    @classmethod
    def from_defaults(cls, **kwargs: Any) -> ScrubbedMemory:
        """The same as the constructor."""
        return cls(**kwargs)

    @property
    def tokenizer_fn(self) -> Callable[[str], list[Any]]:
        """The wrapped memory's, where it has one."""
        tokenizer: Callable[[str], list[Any]] = self._memory.tokenizer_fn  # type: ignore[attr-defined]
        return tokenizer

    def get(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """The messages to send, in pseudonyms."""
        return self._within().messages(self._memory.get(input=self._asked(input), **kwargs))

    def get_all(self) -> list[ChatMessage]:
        """All messages, in pseudonyms."""
        return self._within().messages(self._memory.get_all())

    def put(self, message: ChatMessage) -> None:
        """Scrub a message, and keep it."""
        self._memory.put(self._within().message(message))

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Scrub messages, and keep them."""
        self._memory.put_messages(self._within().messages(messages))

    def set(self, messages: list[ChatMessage]) -> None:
        """Scrub messages, and keep them in place of what was there."""
        self._memory.set(self._within().messages(messages))

    def reset(self) -> None:
        """Forget all messages."""
        self._memory.reset()

    async def aget(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """The messages to send, in pseudonyms."""
        asked = await asyncio.to_thread(self._asked, input)
        found = await self._memory.aget(input=asked, **kwargs)
        return await asyncio.to_thread(self._within().messages, found)

    async def aget_all(self) -> list[ChatMessage]:
        """All messages, in pseudonyms."""
        found = await self._memory.aget_all()
        return await asyncio.to_thread(self._within().messages, found)

    async def aput(self, message: ChatMessage) -> None:
        """Scrub a message, and keep it."""
        await self._memory.aput(await asyncio.to_thread(self._within().message, message))

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """Scrub messages, and keep them."""
        clean = await asyncio.to_thread(self._within().messages, messages)
        await self._memory.aput_messages(clean)

    async def aset(self, messages: list[ChatMessage]) -> None:
        """Scrub messages, and keep them in place of what was there."""
        await self._memory.aset(await asyncio.to_thread(self._within().messages, messages))

    async def areset(self) -> None:
        """Forget all messages."""
        await self._memory.areset()

    def _asked(self, input: str | None) -> str | None:
        return None if input is None else self._within().text(input)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("memory", type(self._memory).__name__)]
