"""What cannot be seen in engines of LlamaIndex is unknown, and helpers are looked into."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core import MockEmbedding, PromptTemplate
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.memory import ChatSummaryMemoryBuffer
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool
from llama_index.core.vector_stores import SimpleVectorStore

import llama_index_piirag as li
from piirag import Policy, Scrubber
from piirag.governance.check.code import code_lines, look
from piirag.governance.check.config import Loaded
from piirag.governance.check.lines import FAIL, PASS, UNKNOWN

SCRUBBER = Scrubber(Policy(model="none"))
RAW = MockLLM()
RED = li.RedactedLLM(MockLLM())


def state(item: Any, line: str = "input") -> str:
    loaded = Loaded({"app:o": item})
    [found] = [x for x in code_lines(loaded, look(loaded)) if x.id == f"code.{line}"]
    return found.status


def index() -> Any:
    embed = MockEmbedding(embed_dim=8)
    return li.TenantIndex(SimpleVectorStore(), scrubber=SCRUBBER, embed_model=embed).for_user("u")


class OwnLLM(li.RedactedLLM):
    def complete(self, *args: Any, **kwargs: Any) -> Any:
        return RAW.complete(*args, **kwargs)


class OwnRetriever(BaseRetriever):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def _retrieve(self, query_bundle: Any) -> Any:
        return self.inner.retrieve(query_bundle)


def test_a_model_made_of_piirags_is_unknown() -> None:
    assert state(RED) == PASS
    assert state(OwnLLM(MockLLM())) == UNKNOWN


def test_a_retriever_of_ones_own_is_unknown() -> None:
    bound = index().as_retriever()
    assert state(bound, "retrieval") == PASS
    assert state(OwnRetriever(bound), "retrieval") == UNKNOWN


@pytest.mark.parametrize(("model", "status"), [(RAW, FAIL), (RED, PASS)])
def test_the_model_of_a_memory_is_seen(model: Any, status: str) -> None:
    memory = ChatSummaryMemoryBuffer.from_defaults(llm=model, token_limit=100)
    assert state(SimpleChatEngine.from_defaults(llm=RED, memory=memory)) == status


def test_the_model_of_a_selector_is_seen() -> None:
    tool = QueryEngineTool.from_defaults(index().as_query_engine(RED))
    selector = LLMSingleSelector.from_defaults(llm=RAW)
    engine = RouterQueryEngine(selector=selector, query_engine_tools=[tool], llm=RED)
    assert state(engine) == FAIL


def test_a_function_of_a_prompt_is_followed() -> None:
    def asks(**kwargs: Any) -> str:
        return str(RAW.complete("raw"))

    text = "{context_str} {query_str} {x}"
    told = PromptTemplate(text, function_mappings={"x": asks})
    plain = PromptTemplate(text, function_mappings={"x": lambda **kwargs: "x"})
    engine = index().as_query_engine(RED, text_qa_template=told)
    assert state(engine) == FAIL
    assert state(index().as_query_engine(RED, text_qa_template=plain)) == PASS
