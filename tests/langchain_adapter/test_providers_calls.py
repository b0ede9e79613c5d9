"""A forbidden endpoint receives no connection at all: a loopback server is the witness.

Its name is that of a provider, so that what is forbidden is what would be forbidden in earnest.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from langchain_piirag import RedactedChatModel, RedactedModel, guard_model
from piirag.errors import ProviderPolicyError
from piirag.governance.providers import ProviderPolicy
from support.witness import Witness, answers_for_all, without_proxies

pytestmark = pytest.mark.filterwarnings("ignore::piirag.governance.providers.ProviderWarning")

WAYS = ["invoke", "stream", "batch", "ainvoke", "astream", "abatch"]
WRAPPERS = ["RedactedModel", "RedactedChatModel", "guard", "guard of a chain"]


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)
    answers_for_all(monkeypatch)


class Answer(BaseModel):
    """An answer."""

    text: str


def eu(**options: Any) -> ProviderPolicy:
    return ProviderPolicy(["eu"], on_stale="ignore", **options)


def chat(url: str, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(base_url=url, api_key="x", model="m", max_retries=0, **options)


def wrapped(kind: str, model: Any, policy: ProviderPolicy) -> Any:
    if kind == "RedactedModel":
        return RedactedModel(model, providers=policy)
    if kind == "RedactedChatModel":
        return RedactedChatModel(model, providers=policy)
    if kind == "guard":
        return guard_model(model, policy)
    return guard_model(model | RunnableLambda(lambda message: message), policy)


async def called(model: Any, way: str, **options: Any) -> None:
    if way == "invoke":
        model.invoke("hello", **options)
    elif way == "stream":
        list(model.stream("hello", **options))
    elif way == "batch":
        model.batch(["hello", "you"], **options)
    elif way == "ainvoke":
        await model.ainvoke("hello", **options)
    elif way == "astream":
        [chunk async for chunk in model.astream("hello", **options)]
    else:
        await model.abatch(["hello", "you"], **options)


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_forbidden_endpoint_gets_no_connection(kind: str, way: str) -> None:
    with Witness() as witness:
        await called(chat(witness.named("api.openai.com")), way)
        before = witness.accepted
        assert before, "without a policy, the witness is reached"
        model = wrapped(kind, chat(witness.named("api.openai.com")), eu())
        with pytest.raises(ProviderPolicyError, match="computes in global"):
            await called(model, way)
        assert witness.accepted == before


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("way", WAYS)
async def test_an_allowed_endpoint_is_called(kind: str, way: str) -> None:
    with Witness() as witness:
        await called(wrapped(kind, chat(witness.url), eu()), way)
        assert witness.requests
        before = witness.accepted
        with pytest.raises(ProviderPolicyError, match="self-hosted"):
            await called(wrapped(kind, chat(witness.url), eu(self_hosted_ok=False)), way)
        assert witness.accepted == before


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize(
    "options",
    [
        {"model": "gpt-oss:120b-cloud"},
        {"extra_body": {"model": "gpt-oss:120b-cloud"}},
        {"extra_body": {"models": ["gpt-oss:120b-cloud"]}},
        {"extra_headers": {"Host": "api.openai.com"}},
    ],
)
def test_what_a_call_asks_for_counts(kind: str, options: dict[str, Any]) -> None:
    with Witness() as witness:
        model = wrapped(kind, chat(witness.url), eu())
        model.invoke("hello")
        before = len(witness.requests)
        with pytest.raises(ProviderPolicyError):
            model.invoke("hello", **options)
        with pytest.raises(ProviderPolicyError):
            model.bind(**options).invoke("hello")
        assert len(witness.requests) == before


@pytest.mark.parametrize("kind", WRAPPERS)
def test_a_client_that_is_changed_after_it_was_checked(kind: str) -> None:
    with Witness() as good, Witness() as bad:
        inner = chat(good.url)
        model = wrapped(kind, inner, eu())
        model.invoke("hello")
        inner.root_client.base_url = bad.named("api.openai.com")
        with pytest.raises(ProviderPolicyError):
            model.invoke("hello")
        inner.root_client.base_url = good.url
        model.invoke("hello")
        assert bad.accepted == 0
        assert len(good.requests) == 2


def test_fallbacks_structure_tools_and_alternatives_stay_behind_the_policy() -> None:
    @tool
    def look(what: str) -> str:
        """Look something up."""
        return what

    with Witness() as good, Witness() as bad:
        forbidden = chat(bad.named("api.openai.com"))
        for kind in ("RedactedModel", "RedactedChatModel", "guard"):
            model = wrapped(kind, forbidden, eu())
            fine = wrapped(kind, chat(good.url), eu())
            field = ConfigurableField(id="which")
            for one, config in (
                (model.bind_tools([look]), None),
                (model.with_structured_output(Answer), None),
                (model.with_retry(), None),
                (model.bind(stop=["x"]), None),
                (fine.with_fallbacks([forbidden]), None),
                (
                    fine.configurable_alternatives(field, other=forbidden),
                    {"configurable": {"which": "other"}},
                ),
            ):
                with pytest.raises(ProviderPolicyError):
                    one.invoke("hello", config)
            allowed = fine.configurable_alternatives(field, other=forbidden)
            allowed.invoke("hello", {"configurable": {"which": "default"}})
        assert bad.accepted == 0
        assert good.requests


def test_other_ways_to_call_a_chat_model() -> None:
    with Witness() as witness:
        model = RedactedChatModel(chat(witness.named("api.openai.com")), providers=eu())
        guarded = guard_model(chat(witness.named("api.openai.com")), eu())
        for one in (model, guarded):
            with pytest.raises(ProviderPolicyError):
                one.generate([[HumanMessage("hello")]])
            with pytest.raises(ProviderPolicyError):
                list(one.stream("hello"))
        assert witness.accepted == 0


def test_a_user_of_a_wrapped_model_is_behind_the_policy_too() -> None:
    from piirag import Scrubber

    with Witness() as witness:
        inner = chat(witness.named("api.openai.com"))
        model = RedactedModel(inner, scrubber=Scrubber(), providers=eu())
        with pytest.raises(ProviderPolicyError):
            model.for_user("u1").invoke("hello")
        assert witness.accepted == 0


async def test_embeddings_are_egress_too() -> None:
    with Witness() as witness:
        options: dict[str, Any] = {"api_key": "x", "check_embedding_ctx_length": False}
        fine = guard_model(OpenAIEmbeddings(base_url=witness.url, **options), eu())
        assert fine.embed_query("hello")
        assert await fine.aembed_documents(["hello"])
        before = witness.accepted
        url = witness.named("api.openai.com")
        model = guard_model(OpenAIEmbeddings(base_url=url, **options), eu())
        for call in (model.embed_query, model.embed_documents):
            with pytest.raises(ProviderPolicyError):
                call("hello")
        with pytest.raises(ProviderPolicyError):
            await model.aembed_query("hello")
        with pytest.raises(ProviderPolicyError):
            await model.aembed_documents(["hello"])
        assert witness.accepted == before


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke"])
@pytest.mark.parametrize("kind", ["middleware", "guard"])
async def test_agents(kind: str, way: str) -> None:
    agents = pytest.importorskip("langchain.agents")
    from langchain_piirag import PIIRedactionMiddleware

    @tool
    def look(what: str) -> str:
        """Look something up."""
        return what

    def agent(url: str) -> Any:
        if kind == "guard":
            return agents.create_agent(guard_model(chat(url), eu()), tools=[look])
        middleware = [PIIRedactionMiddleware(providers=eu())]
        return agents.create_agent(chat(url), tools=[look], middleware=middleware)

    def calls(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        return [("look", {"what": "x"})]

    async def run(graph: Any) -> None:
        given = {"messages": [HumanMessage("hello")]}
        if way == "invoke":
            graph.invoke(given)
        elif way == "stream":
            list(graph.stream(given))
        else:
            await graph.ainvoke(given)

    with Witness(tool_reply=calls) as witness:
        await run(agent(witness.url))
        assert len(witness.requests) == 2, "the model, a tool, and the model again"
        before = witness.accepted
        with pytest.raises(ProviderPolicyError, match="computes in global"):
            await run(agent(witness.named("api.openai.com")))
        assert witness.accepted == before


def test_a_tracer_that_is_switched_on_stops_the_call() -> None:
    langsmith = pytest.importorskip("langsmith")
    with Witness() as witness:
        model = RedactedModel(chat(witness.url), providers=eu())
        guarded = guard_model(chat(witness.url), eu())
        loose = RedactedModel(chat(witness.url), providers=eu(check_tracers=False))
        model.invoke("hello")
        before = len(witness.requests)
        client = langsmith.Client(
            api_url=f"http://api.smith.langchain.com:{witness.port}/langsmith", api_key="x"
        )
        tracers = pytest.importorskip("langchain_core.tracers")
        tracer = tracers.LangChainTracer(client=client)
        for one in (model, guarded):
            with pytest.raises(ProviderPolicyError, match=r"api\.smith\.langchain\.com"):
                one.invoke("hello", {"callbacks": [tracer]})
        with (
            langsmith.tracing_context(enabled=True, client=client),
            pytest.raises(ProviderPolicyError, match=r"api\.smith\.langchain\.com"),
        ):
            model.invoke("hello")
        client.flush()
        assert not any(b"hello" in request.body for request in witness.requests[before:])
        loose.invoke("hello")
        assert any(b"hello" in request.body for request in witness.requests[before:])


def test_a_tracer_is_found_wherever_it_comes_from() -> None:
    langsmith = pytest.importorskip("langsmith")
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.tracers import LangChainTracer
    from langchain_core.tracers.context import tracing_v2_enabled

    prompt = ChatPromptTemplate.from_template("{text}")
    with Witness() as witness:
        here = f"http://127.0.0.1:{witness.port}"
        client = langsmith.Client(
            api_url=f"http://api.smith.langchain.com:{witness.port}", api_key="x", info={}
        )
        tracer = LangChainTracer(client=client)
        inner = chat(witness.url, callbacks=[tracer])
        chains = [prompt | inner, prompt | chat(witness.url).with_config(callbacks=[tracer])]
        for chain in (*chains, chains[0].with_fallbacks([chains[1]])):
            for one in (guard_model(chain, eu()), RedactedModel(chain, providers=eu())):
                with pytest.raises(ProviderPolicyError, match=r"api\.smith\.langchain\.com"):
                    one.invoke({"text": "hello"})
        with tracing_v2_enabled(client=client):
            for one in (guard_model(inner, eu()), RedactedModel(chat(witness.url), providers=eu())):
                with pytest.raises(ProviderPolicyError, match=r"api\.smith\.langchain\.com"):
                    one.invoke("hello")
        several = langsmith.Client(api_urls={here: "x", client.api_url: "x"}, info={})
        with pytest.raises(ProviderPolicyError, match=r"api\.smith\.langchain\.com"):
            guard_model(chat(witness.url), eu()).invoke(
                "hello", {"callbacks": [LangChainTracer(client=several)]}
            )
        client.flush()
        several.flush()
        assert not any(b"hello" in request.body for request in witness.requests)
