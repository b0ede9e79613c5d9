"""Values in several blocks of a message, and values that tools were given (D5, S6, P18, L14)."""

from __future__ import annotations

import json
from typing import Any

import chromadb
import pytest
from llama_index.core import Document, MockEmbedding
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import CacheControl, CachePoint, ChatMessage, TextBlock
from llama_index.core.llms import MockLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.vector_stores.chroma import ChromaVectorStore

from llama_index_piirag import RedactedAgent, RedactedLLM, ScrubbedMemory, TenantIndex
from piirag import Scrubber
from support.llama_fakes import FakeChatLLM
from support.llama_server import model_over, tokens_in
from support.openai_server import OpenAIServer

PARTS = ["card 4111 1111 ", "1111 1111, jane.roe@", "example.com"]
RAW = ("1111", "jane.roe", "example.com")
MESSAGE = ChatMessage(role="user", blocks=[TextBlock(text=part) for part in PARTS])


def _sent(server: OpenAIServer, request: int = -1) -> str:
    return json.dumps(json.loads(server.requests[request].body)["messages"])


def test_D5_a_value_in_several_blocks_is_not_sent() -> None:
    with OpenAIServer() as server:
        RedactedLLM(model_over(server)).chat([MESSAGE])
        assert not any(raw in _sent(server) for raw in RAW)


def test_D5_a_memory_keeps_no_value_in_several_blocks() -> None:
    inner = ChatMemoryBuffer.from_defaults(token_limit=4000, tokenizer_fn=str.split)
    ScrubbedMemory(inner, scrubber=Scrubber(), user_id="u1").put(MESSAGE)
    assert not any(raw in repr(inner.get_all()) for raw in RAW)


async def test_P18_what_an_agents_tool_was_given_is_found_in_what_it_returns() -> None:
    def set_pin(value: str) -> str:
        """Set a PIN."""
        return f"ok, the PIN is now {value}, port 47110"

    def call(body: Any) -> list[tuple[str, Any]]:
        return [("set_pin", {"value": tokens_in(body)[0]})]

    with OpenAIServer(tool_reply=call) as server:
        made = FunctionAgent(
            llm=model_over(server), tools=[FunctionTool.from_defaults(set_pin)], streaming=False
        )
        memory = ChatMemoryBuffer.from_defaults(token_limit=4000, tokenizer_fn=str.split)
        agent = RedactedAgent(
            made, scrubber=Scrubber(), user_id="u1", restore_tool_args=["set_pin"]
        )
        await agent.run("My PIN: 4711", memory=memory)
        kept = " ".join(message.content or "" for message in memory.get_all())
        assert "now [PASSWORD_1], port 47110" in _sent(server)
    assert "is now [" in kept and "4711," not in kept


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "question", ["Is 4111111111111111 valid?", "Who is peter.miller@acme.com, 4111 1111 1111 1111?"]
)
def test_L14_new_values_of_a_question_come_back_to_who_asked(
    question: str, streaming: bool
) -> None:
    store = ChromaVectorStore(chromadb.EphemeralClient().get_or_create_collection("rows"))
    index = TenantIndex(store, scrubber=Scrubber(), embed_model=MockEmbedding(16)).for_user("bob")
    index.insert(Document(text="Jane likes tea."))
    answer = index.as_query_engine(llm=MockLLM(), streaming=streaming).query(question)
    said = "".join(answer.response_gen) if streaming else str(answer)
    assert f"Query: {question}" in said


class Marked(CachePoint):
    """A block of the application's, with metadata."""

    metadata: dict[str, Any]


def test_D5_what_stands_beside_a_cache_point_is_not_sent() -> None:
    inner = FakeChatLLM()
    block = Marked(cache_control=CacheControl(type="ephemeral"), metadata={"to": "jane@acme.com"})
    RedactedLLM(inner).chat([ChatMessage(role="user", blocks=[TextBlock(text="hi"), block])])
    assert "jane" not in repr(inner.messages)
