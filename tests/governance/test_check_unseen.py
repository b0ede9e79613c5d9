"""What cannot be seen in code is unknown, and a raw model behind it is found where it can be."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

pytest.importorskip("langchain_core")

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.example_selectors import SemanticSimilarityExampleSelector
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, FewShotPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import BaseModel, field_validator

import langchain_piirag as lc
from piirag import Policy, Scrubber
from piirag.governance.check.code import code_lines, look
from piirag.governance.check.config import Loaded
from piirag.governance.check.lines import FAIL, PASS, UNKNOWN

RAW = FakeListChatModel(responses=["x"])
SCRUBBER = Scrubber(Policy(model="none"))
RED = lc.RedactedChatModel(RAW, scrubber=SCRUBBER)
CACHED = functools.lru_cache(RAW.invoke)
PROMPT = ChatPromptTemplate.from_template("{q}")


def state(item: Any, line: str = "input") -> str:
    loaded = Loaded({"app:o": item})
    [found] = [x for x in code_lines(loaded, look(loaded)) if x.id == f"code.{line}"]
    return found.status


def store() -> InMemoryVectorStore:
    return InMemoryVectorStore(DeterministicFakeEmbedding(size=4))


class Facts(BaseModel):
    """Data, and no code."""

    a: int


class Checked(BaseModel):
    """Data with code that runs on them."""

    a: int

    @field_validator("a")
    @classmethod
    def sent(cls, value: int) -> int:
        RAW.invoke(str(value))
        return value


class OwnParser(StrOutputParser):
    def parse(self, text: str) -> str:
        return str(RAW.invoke(text).content)


class OwnPass(RunnablePassthrough[Any]):
    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        RAW.invoke(str(input))
        return input


class OwnModel(lc.RedactedModel):
    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return RAW.invoke(input)


class OwnStore(lc.TenantVectorStore):
    pass


class OwnRetriever(BaseRetriever):
    inner: Any

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> Any:
        RAW.invoke(query)
        return self.inner.invoke(query)


class OwnHandler(BaseCallbackHandler):
    pass


class OwnBlocking(lc.PIICallbackHandler):
    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> Any:
        return None


class OwnText(str):
    def __str__(self) -> str:
        return str(RAW.invoke("x").content)


TEXT = OwnText("a")


def marked(text: str) -> str:
    return text


marked.model = RAW  # type: ignore[attr-defined]


def makes_a_model(text: str) -> Any:
    return FakeListChatModel(responses=["x"]).invoke(text)


def reaches_a_module(text: str) -> Any:
    return json.codecs.sys.modules["os"].system(text)  # type: ignore[attr-defined]


def reaches_a_module_of_its_own(text: str) -> Any:
    import json as j

    return j.codecs.sys.modules["os"].system(text)  # type: ignore[attr-defined]


def imports_a_module_of_a_module(text: str) -> Any:
    from json import codecs  # type: ignore[attr-defined]

    return codecs.open(text)


def hands_a_module_on(text: str) -> Any:
    module = json
    return module


def climbs(text: str) -> Any:
    return text.__class__.__base__.__subclasses__()


def climbs_by_text(text: str) -> Any:
    return getattr(hands_a_module_on, text)


def climbs_by_operator(text: str) -> Any:
    return operator.attrgetter("__glo" + "bals__")(hands_a_module_on)


def framework_function() -> Any:
    agents = pytest.importorskip("langchain.chat_models")
    init = agents.init_chat_model
    return RunnableLambda(lambda text: init("gpt-4o").invoke(text)) | RED


FOUND = {
    "a function in a cache": lambda: RunnableLambda(lambda x: CACHED(x)) | RED,
    "an attribute of a function": lambda: (
        RunnableLambda(lambda x: marked.model.invoke(x)) | RED  # type: ignore[attr-defined]
    ),
    "a method of a mapping": lambda: RunnableLambda(lambda x, get={"m": RAW}.get: get("m")) | RED,
    "a partial variable": lambda: (
        PromptTemplate.from_template(
            "{q}{x}", partial_variables={"x": lambda: RAW.invoke("raw").content}
        )
        | RED
    ),
    "an option of a call": lambda: RunnableLambda(lambda x, model: model).bind(model=RAW) | RED,
    "a step behind the model": lambda: RED | RunnableLambda(lambda x: RAW.invoke(x)),
}
UNSEEN = {
    "a parser": lambda: RED | OwnParser(),
    "a step": lambda: OwnPass() | RED,
    "a model": lambda: OwnModel(RAW, scrubber=SCRUBBER),
    "listeners": lambda: RED.with_listeners(on_start=lambda run: RAW.invoke(str(run.inputs))),
    "a callback handler": lambda: RED.with_config(callbacks=[OwnHandler()]),
    "a parser with validators": lambda: RED | PydanticOutputParser(pydantic_object=Checked),
    "a function that makes a model": lambda: RunnableLambda(makes_a_model) | RED,
    "a function of a framework": framework_function,
    "a module behind a module": lambda: RunnableLambda(reaches_a_module) | RED,
    "a module that is imported": lambda: RunnableLambda(reaches_a_module_of_its_own) | RED,
    "a part of a module": lambda: RunnableLambda(imports_a_module_of_a_module) | RED,
    "a module as a value": lambda: RunnableLambda(hands_a_module_on) | RED,
    "subclasses": lambda: RunnableLambda(climbs) | RED,
    "getattr": lambda: RunnableLambda(climbs_by_text) | RED,
    "attrgetter": lambda: RunnableLambda(climbs_by_operator) | RED,
    "methodcaller": lambda: (
        RunnableLambda(lambda x, call=operator.methodcaller("invoke", "raw"): call(x)) | RED
    ),
    "a text of one's own": lambda: RunnableLambda(lambda x, text=TEXT: x + text) | RED,
    "a chain that is wrapped": lambda: lc.RedactedModel(
        RunnableLambda(lambda messages: [HumanMessage("Jane Roe")]) | RAW, scrubber=SCRUBBER
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_raw_model_is_found(name: str) -> None:
    assert state(FOUND[name]()) == FAIL


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen_is_unknown(name: str) -> None:
    assert state(UNSEEN[name]()) == UNKNOWN


def test_a_parser_that_asks_a_model_is_found_or_unknown() -> None:
    parsers = pytest.importorskip("langchain_classic.output_parsers")
    inner = PydanticOutputParser(pydantic_object=Facts)
    assert state(RED | parsers.OutputFixingParser.from_llm(RAW, inner)) == FAIL


def test_a_handler_made_of_piirags_blocks_nothing_for_sure() -> None:
    assert state(RAW.with_config(callbacks=[lc.PIICallbackHandler()])) == PASS
    assert state(RAW.with_config(callbacks=[OwnBlocking()])) == FAIL


def test_stores_and_retrievers_made_of_piirags_are_unknown() -> None:
    own = OwnStore(store(), scrubber=SCRUBBER)
    assert state(own, "retrieval") == state(own, "ingestion") == UNKNOWN
    bound = lc.TenantVectorStore(store(), scrubber=SCRUBBER).for_user("u").as_retriever()
    assert state(bound, "retrieval") == PASS
    assert state(OwnRetriever(inner=bound), "retrieval") == UNKNOWN


def test_the_store_of_an_example_selector_is_seen() -> None:
    selector = SemanticSimilarityExampleSelector(vectorstore=store())
    prompt = FewShotPromptTemplate(
        example_selector=selector,
        example_prompt=PromptTemplate.from_template("{a}"),
        suffix="{q}",
        input_variables=["q"],
    )
    assert state(prompt | RED, "retrieval") == FAIL
    assert state(prompt | RED, "ingestion") == UNKNOWN


def test_middleware_of_ones_own_is_unknown() -> None:
    agents = pytest.importorskip("langchain.agents")
    from langchain.agents.middleware import AgentMiddleware

    class Own(AgentMiddleware):  # type: ignore[type-arg]
        def before_model(self, state: Any, runtime: Any) -> Any:
            return None

    class Redacts(lc.PIIRedactionMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return handler(request)

    guard = lc.PIIRedactionMiddleware()
    assert state(agents.create_agent(RAW, [], middleware=[guard])) == PASS
    assert state(agents.create_agent(RAW, [], middleware=[Own(), guard])) == UNKNOWN
    assert state(agents.create_agent(RAW, [], middleware=[Redacts()])) == FAIL


def test_graphs_and_their_ways_are_seen() -> None:
    graphs = pytest.importorskip("langgraph.graph")

    def built(way: Any) -> Any:
        graph = graphs.StateGraph(dict)
        graph.add_node("model", RED)
        graph.add_edge(graphs.START, "model")
        graph.add_conditional_edges("model", way, [graphs.END])
        return graph.compile()

    end = graphs.END
    assert state(built(lambda found: end)) == PASS
    assert state(built(lambda found: RAW.invoke(found) and end)) == FAIL


def parted(parts: Iterator[Any]) -> Iterator[Any]:
    yield from parts


def shaped(text: str) -> str:
    from collections.abc import Mapping

    day = date.today().isoformat()
    return json.dumps({"text": text, "day": day, "is": isinstance(text, Mapping)})


def test_ordinary_chains_pass() -> None:
    told = PROMPT.partial(today=lambda: date.today().isoformat())
    examples = FewShotPromptTemplate(
        examples=[{"a": "b"}],
        example_prompt=PromptTemplate.from_template("{a}"),
        suffix="{q}",
        input_variables=["q"],
    )
    chains = (
        told | RED | StrOutputParser(),
        examples | RED | JsonOutputParser(),
        PROMPT | RED.with_retry() | PydanticOutputParser(pydantic_object=Facts),
        RunnableParallel(q=RunnablePassthrough(), day=RunnableLambda(shaped)) | PROMPT | RED,
        RunnablePassthrough.assign(q=operator.itemgetter("q")) | PROMPT | RED,
        RunnablePassthrough.assign(q=lambda x: [HumanMessage(x["q"])]) | PROMPT | RED,
        lc.RedactedModel(RAW.with_retry(), scrubber=SCRUBBER) | StrOutputParser(),
        RED.bind(stop=["x"]) | RunnableGenerator(parted),
    )
    assert [state(chain) for chain in chains] == [PASS] * len(chains)
