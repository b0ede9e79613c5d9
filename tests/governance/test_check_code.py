"""Looking into code: what is protected, what is not, and what cannot be seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("langchain_core")
pytest.importorskip("llama_index.core")

from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    RunnableLambda,
    RunnablePassthrough,
    RunnableWithFallbacks,
)
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore

import langchain_piirag as lc
import llama_index_piirag as li
from piirag import Policy, Scrubber
from piirag.governance.check.code import code_lines, look
from piirag.governance.check.config import Loaded
from piirag.governance.check.lines import FAIL, NOT_APPLICABLE, PASS, UNKNOWN

SCRUBBER = Scrubber(Policy(model="none"))
PROMPT = ChatPromptTemplate.from_template("{context} {question}")
EMBED = MockEmbedding(embed_dim=8)


class Model(GenericFakeChatModel):
    """A chat model that takes tools."""

    messages: Iterator[Any] = iter(())

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


@tool
def lookup(name: str) -> str:
    """Look somebody up."""
    return name


def joined(documents: Any) -> str:
    """A function of which all can be seen."""
    return "\n".join(json.dumps(re.sub(r"\s+", " ", d.page_content)) for d in documents)


def leaky(documents: Any) -> str:
    """A function that may send anything anywhere."""
    import urllib.request

    urllib.request.urlopen("http://127.0.0.1:1/", joined(documents).encode())
    return joined(documents)


def store() -> InMemoryVectorStore:
    return InMemoryVectorStore(DeterministicFakeEmbedding(size=8))


def states(*objects: Any) -> dict[str, str]:
    """What the lines say of objects, without those of the same name in front."""
    loaded = Loaded({f"app:o{i}": item for i, item in enumerate(objects)})
    lines = code_lines(loaded, look(loaded))
    return {line.id.removeprefix("code."): line.status for line in lines}


def evidence(line: str, *objects: Any) -> str:
    loaded = Loaded({f"app:o{i}": item for i, item in enumerate(objects)})
    [found] = [x for x in code_lines(loaded, look(loaded)) if x.id == f"code.{line}"]
    return " ".join(found.evidence)


def chain(retriever: Any, model: Any, function: Any = joined) -> Any:
    steps = {"context": retriever | function, "question": RunnablePassthrough()}
    return steps | PROMPT | model | StrOutputParser()


def user_retriever() -> Any:
    return lc.TenantVectorStore(store(), scrubber=SCRUBBER).for_user("u").as_retriever()


def test_nothing_named_is_unknown_and_never_a_pass() -> None:
    assert set(states().values()) == {UNKNOWN}


def test_a_chain_of_piirags_parts_passes() -> None:
    found = states(chain(user_retriever(), lc.RedactedChatModel(Model())))
    assert found == {
        "objects": PASS,
        "input": PASS,
        "ingestion": PASS,
        "retrieval": PASS,
        "tools": NOT_APPLICABLE,
    }


def test_a_raw_model_fails() -> None:
    found = states(chain(user_retriever(), Model()))
    assert found["input"] == FAIL and found["retrieval"] == PASS
    assert "Model at app:o0" in evidence("input", chain(user_retriever(), Model()))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: m.bind(stop=["x"]),
        lambda m: m.with_retry(),
        lambda m: RunnableWithFallbacks(runnable=lc.RedactedChatModel(Model()), fallbacks=[m]),
        lambda m: RunnablePassthrough.assign(x=m),
        lambda m: RunnableLambda(lambda q: m.invoke(q)),
        lambda m: m.with_config(tags=["t"]),
        lambda m: PROMPT | {"a": m, "b": StrOutputParser()},
    ],
    ids=["bind", "retry", "fallback", "assign", "closure", "config", "parallel"],
)
def test_a_raw_model_is_found_wherever_it_hides(wrap: Any) -> None:
    assert states(wrap(Model()))["input"] == FAIL


GLOBAL_MODEL = Model()


def asks_the_global(question: str) -> Any:
    return GLOBAL_MODEL.invoke(question)


def test_a_raw_model_in_a_global_is_found() -> None:
    assert states(RunnableLambda(asks_the_global))["input"] == FAIL


def test_a_raw_retriever_fails_and_its_store_is_unknown() -> None:
    found = states(chain(store().as_retriever(), lc.RedactedChatModel(Model())))
    assert found["retrieval"] == FAIL and found["ingestion"] == UNKNOWN


def test_a_wrapped_retriever_passes_and_says_nothing_of_ingestion() -> None:
    wrapped = lc.PIIRetriever(store().as_retriever(), scrubber=SCRUBBER, user_id="u")
    found = states(chain(wrapped, lc.RedactedChatModel(Model())))
    assert found["retrieval"] == PASS and found["ingestion"] == UNKNOWN
    raw_question = lc.PIIRetriever(
        store().as_retriever(), scrubber=SCRUBBER, user_id="u", scrub_query=False
    )
    assert states(raw_question)["retrieval"] == UNKNOWN


def test_a_function_that_imports_is_unknown() -> None:
    made = chain(user_retriever(), lc.RedactedChatModel(Model()), leaky)
    found = states(made)
    assert found["input"] == UNKNOWN and found["retrieval"] == UNKNOWN
    assert "cannot look into" in evidence("input", made)


@pytest.mark.parametrize("name", ["eval", "open", "nobody_knows"])
def test_a_function_that_may_do_anything_is_unknown(name: str) -> None:
    made: dict[str, Any] = {}
    exec(f"def odd(x):\n    return {name}(x)\n", made)
    found = states(chain(user_retriever(), lc.RedactedChatModel(Model()), made["odd"]))
    assert found["input"] == UNKNOWN


def test_an_object_that_nobody_knows_is_unknown() -> None:
    assert states(object())["input"] == UNKNOWN
    assert states([lc.RedactedChatModel(Model()), object()])["input"] == UNKNOWN


def test_a_callback_that_blocks_counts_and_one_that_audits_does_not() -> None:
    blocks = lc.PIICallbackHandler()
    audits = lc.PIICallbackHandler(prompts="audit")
    assert states(Model().with_config(callbacks=[blocks]))["input"] == PASS
    assert states(Model(callbacks=[blocks]))["input"] == PASS
    assert states(Model().with_config(callbacks=[audits]))["input"] == FAIL


def test_a_guard_of_providers_redacts_nothing() -> None:
    """It is a part of piirag around a raw model, and must not hide that it is raw."""
    from langchain_piirag.provider_guard import GuardedChatModel, ProviderGuard
    from llama_index_piirag.provider_guard import GuardedLLM
    from piirag.governance.providers import ProviderPolicy

    policy = ProviderPolicy(allowed_regions={"eu"})
    guarded = (
        ProviderGuard(Model(), policy),
        GuardedChatModel(Model(), policy),
        GuardedLLM(MockLLM(), policy),
    )
    for model in guarded:
        assert states(model)["input"] == FAIL
        [seen] = look(Loaded({"app:o": model}))
        assert seen.policy
    inside = lc.RedactedChatModel(GuardedChatModel(Model(), policy))
    outside = lc.RedactedChatModel(Model(), providers=policy)
    assert states(inside)["input"] == states(outside)["input"] == PASS
    assert [s.policy for s in look(Loaded({"a": inside, "b": outside}))] == [True, True]


def test_agents_of_langchain() -> None:
    agents = pytest.importorskip("langchain.agents")
    guarded = agents.create_agent(Model(), [lookup], middleware=[lc.PIIRedactionMiddleware()])
    assert states(guarded)["input"] == PASS and states(guarded)["tools"] == PASS
    raw = agents.create_agent(Model(), [lookup])
    assert states(raw)["input"] == FAIL and states(raw)["tools"] == FAIL
    wrapped = agents.create_agent(lc.RedactedChatModel(Model()), [lookup])
    assert states(wrapped)["input"] == PASS and states(wrapped)["tools"] == PASS


def test_middleware_that_calls_a_model_of_its_own_fails() -> None:
    agents = pytest.importorskip("langchain.agents")
    from langchain.agents.middleware import SummarizationMiddleware

    past = SummarizationMiddleware(Model(), trigger=("tokens", 100))
    agent = agents.create_agent(Model(), [lookup], middleware=[past, lc.PIIRedactionMiddleware()])
    assert states(agent)["input"] == FAIL
    assert "SummarizationMiddleware" in evidence("input", agent)


def test_a_tenant_index_of_llama_index_passes() -> None:
    index = li.TenantIndex(SimpleVectorStore(), scrubber=SCRUBBER, embed_model=EMBED)
    found = states(index.for_user("u").as_query_engine(MockLLM()))
    assert (found["input"], found["ingestion"], found["retrieval"]) == (PASS, PASS, PASS)


def test_a_raw_engine_of_llama_index_fails() -> None:
    index = VectorStoreIndex.from_documents([Document(text="x")], embed_model=EMBED)
    found = states(index.as_query_engine(llm=MockLLM()))
    assert (found["input"], found["ingestion"], found["retrieval"]) == (FAIL, UNKNOWN, FAIL)


def test_nodes_scrubbed_at_the_end_leave_the_question_unknown() -> None:
    index = VectorStoreIndex.from_documents([Document(text="x")], embed_model=EMBED)
    last = li.PIINodePostprocessor(SCRUBBER, user_id="u")
    engine = index.as_query_engine(llm=li.RedactedLLM(MockLLM()), node_postprocessors=[last])
    found = states(engine)
    assert (found["input"], found["retrieval"]) == (PASS, UNKNOWN)


def test_pipelines_of_llama_index() -> None:
    scrubs = li.PIINodeScrubber(SCRUBBER, user_id="u")
    first = IngestionPipeline(transformations=[scrubs, SentenceSplitter()])
    late = IngestionPipeline(transformations=[SentenceSplitter(), scrubs])
    kept = IngestionPipeline(transformations=[scrubs], docstore=SimpleDocumentStore())
    ours = li.PIIIngestionPipeline(SCRUBBER, user_id="u", transformations=[SentenceSplitter()])
    told = [states(pipeline)["ingestion"] for pipeline in (first, late, kept, ours)]
    assert told == [PASS, FAIL, FAIL, PASS]


def test_chat_engines_of_llama_index() -> None:
    raw = SimpleChatEngine.from_defaults(llm=MockLLM())
    assert states(raw)["input"] == FAIL
    wrapped = li.RedactedChatEngine(raw, scrubber=SCRUBBER, user_id="u")
    assert states(wrapped)["input"] == PASS


def test_the_worst_of_several_objects_counts() -> None:
    good = chain(user_retriever(), lc.RedactedChatModel(Model()))
    assert states(good, Model())["input"] == FAIL
    index = VectorStoreIndex.from_documents([Document(text="x")], embed_model=EMBED)
    assert states(good, index.as_query_engine(llm=MockLLM()))["retrieval"] == FAIL


def test_evidence_holds_no_values() -> None:
    secret = "Ottoline Vance"
    bound = lc.RedactedChatModel(Model()).bind(stop=[secret])
    hidden = RunnableLambda(lambda q, who=secret: q + who)
    for line in ("input", "retrieval", "tools", "objects"):
        assert secret not in evidence(line, bound, hidden)
