"""What a LangChain model offers beside being called: threats L5, L12, S8, P11."""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypedDict

import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, ConfigDict, Field, field_validator

from langchain_piirag import RedactedChatModel, RedactedModel
from langchain_piirag.calls import CallSettings
from piirag import Scrubber
from piirag.errors import ConfigurationError, ModelCallError
from support.canary import Canaries
from support.langchain_fakes import EchoChat, EchoLLM, Recorder
from support.openai_server import OpenAIServer, echo, prompt_text

MAIL = "jane.roe@example.com"
QUOTED = 'AB "12"\ncd'
KNOWN = {"PERSON": ["Jane Roe"], "CODE": [QUOTED]}
TEXT = f"Jane Roe <{MAIL}> has {QUOTED}"
CANARIES = Canaries([MAIL, "Jane Roe", QUOTED])
WRAPPERS = [RedactedModel, RedactedChatModel]


class Card(BaseModel):
    """A card."""

    model_config = ConfigDict(frozen=True)
    name: str = Field(max_length=8)
    mail: str = Field(pattern=r"^[^@\[]+@[^@]+$")
    code: str
    count: int = 1

    @field_validator("mail")
    @classmethod
    def _real(cls, value: str) -> str:
        if "[" in value:
            raise ValueError(f"no address: {value}")
        return value


class CardDict(TypedDict):
    """A card."""

    name: str
    mail: str
    code: str


SCHEMA = {**Card.model_json_schema(), "title": "Card"}
EXPECTED = {"name": "Jane Roe", "mail": MAIL, "code": QUOTED}


def _fill(body: Any) -> dict[str, Any]:
    """What a model says that copies the tokens it was given."""
    words = prompt_text(body).split()
    return {"name": words[0], "mail": words[1].strip("<>"), "code": words[-1]}


def _server(fill: Any = _fill) -> OpenAIServer:
    return OpenAIServer(
        lambda body: json.dumps(fill(body)),
        tool_reply=lambda body: [(body["tools"][0]["function"]["name"], fill(body))],
    )


def _open_ai(server: OpenAIServer, **kwargs: Any) -> ChatOpenAI:
    return ChatOpenAI(base_url=server.url, api_key="x", model="gpt-4o", max_retries=0, **kwargs)


HOW = {
    "invoke": lambda m: m.invoke(TEXT),
    "ainvoke": lambda m: asyncio.run(m.ainvoke(TEXT)),
    "batch": lambda m: m.batch([TEXT])[0],
    "stream": lambda m: list(m.stream(TEXT))[-1],
    "astream": lambda m: asyncio.run(_last(m.astream(TEXT))),
    "with_retry": lambda m: m.with_retry().invoke(TEXT),
    "with_config": lambda m: m.with_config(tags=["t"]).invoke(TEXT),
}


async def _last(items: Any) -> Any:
    return [item async for item in items][-1]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("schema", [Card, CardDict, SCHEMA], ids=["pydantic", "typed", "json"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_P11_structured_output_is_restored_and_then_validated(
    wrapper: Any, schema: Any, method: str, how: str
) -> None:
    with _server() as server:
        model = wrapper(_open_ai(server), known=KNOWN)
        result = HOW[how](model.with_structured_output(schema, method=method))
        sent = server.bodies
    assert CANARIES.scan_bytes(sent) == []
    if schema is Card:
        assert isinstance(result, Card)
        result = result.model_dump(exclude={"count"})
    assert result == EXPECTED


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_L5_what_does_not_fit_the_schema_is_an_error_without_text(
    wrapper: Any, method: str
) -> None:
    wrong = {"name": "Jane Roe and somebody else", "mail": MAIL, "code": "x"}
    with _server(lambda body: {**_fill(body), "name": _fill(body)["name"] * 3}) as server:
        model = wrapper(_open_ai(server), known=KNOWN)
        asked = model.with_structured_output(Card, method=method)
        with pytest.raises(ModelCallError) as caught:
            asked.invoke(TEXT)
        raw = model.with_structured_output(Card, method=method, include_raw=True).invoke(TEXT)
    assert wrong["name"] not in str(caught.value)
    assert CANARIES.scan_exception(caught.value) == []
    assert raw["parsed"] is None
    assert isinstance(raw["parsing_error"], ModelCallError)
    assert CANARIES.scan_exception(raw["parsing_error"]) == []
    assert MAIL in str(raw["raw"].content) + json.dumps(raw["raw"].tool_calls)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_include_raw_gives_message_and_data(wrapper: Any, method: str) -> None:
    with _server() as server:
        model = wrapper(_open_ai(server), known=KNOWN)
        result = model.with_structured_output(Card, method=method, include_raw=True).invoke(TEXT)
    assert result["parsed"].mail == MAIL
    assert result["parsing_error"] is None
    assert result["raw"].response_metadata["piirag"]["restored"] == 3


def test_L4_the_parser_is_no_run_that_a_tracer_sees() -> None:
    recorder = Recorder()
    with _server() as server:
        model = RedactedChatModel(_open_ai(server), known=KNOWN)
        model.with_structured_output(Card).invoke(TEXT, {"callbacks": [recorder]})
    assert recorder.events
    assert CANARIES.scan_text(recorder.of()) == []


def test_structured_output_of_a_model_with_fallbacks() -> None:
    with _server() as server:
        plain = _open_ai(server)
        model = RedactedModel(plain.with_fallbacks([plain]), known=KNOWN)
        assert model.with_structured_output(CardDict).invoke(TEXT) == EXPECTED
        assert list(model.with_structured_output(CardDict).stream(TEXT)) == [EXPECTED]
        for method in ("json_schema", "function_calling"):
            both = model.with_structured_output(CardDict, method=method, include_raw=True)
            for result in (both.invoke(TEXT), next(iter(both.stream(TEXT)))):
                assert result["parsed"] == EXPECTED
                assert MAIL in str(result["raw"].content) + json.dumps(result["raw"].tool_calls)
        assert CANARIES.scan_bytes(server.bodies) == []


def test_a_model_without_structured_output_says_so() -> None:
    with pytest.raises((ConfigurationError, NotImplementedError)):
        RedactedModel(EchoChat()).with_structured_output(Card)
    with pytest.raises(ConfigurationError):
        RedactedModel(RunnableLambda(str)).with_structured_output(Card)
    with pytest.raises(ConfigurationError):
        RedactedModel(RunnableLambda(str)).bind_tools([])


class Refuses(EchoChat):
    """Raises as OpenAI's client does, so many times."""

    times: int = 99

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        if len(self.seen) < self.times:
            self.seen.append(messages)
            import httpx

            request = httpx.Request("POST", "http://127.0.0.1", content=str(messages))
            response = httpx.Response(429, request=request, text=str(messages))
            raise openai.RateLimitError(str(messages), response=response, body=str(messages))
        return super()._generate(messages)


@pytest.mark.parametrize("given", [openai.RateLimitError, ModelCallError, Exception])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_S8_retries_see_the_provider_s_exceptions_and_no_tracer_sees_values(
    wrapper: Any, given: Any
) -> None:
    recorder = Recorder()
    inner = Refuses(seen=[], times=2)
    model = wrapper(inner, known=KNOWN).with_retry(
        retry_if_exception_type=(given,), wait_exponential_jitter=False, stop_after_attempt=3
    )
    assert model.invoke(TEXT, {"callbacks": [recorder]}).content == TEXT
    assert len(inner.seen) == 3
    assert CANARIES.scan_text(recorder.of()) == []
    with pytest.raises(ModelCallError) as caught:
        wrapper(Refuses(seen=[]), known=KNOWN).with_retry(
            wait_exponential_jitter=False, stop_after_attempt=2
        ).invoke(TEXT)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert CANARIES.scan_exception(caught.value) == []
    assert caught.value.status_code == 429


@pytest.mark.parametrize("given", [openai.RateLimitError, ModelCallError, Exception])
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("bound", [False, True])
def test_S8_a_plain_fallback_gets_placeholders(wrapper: Any, given: Any, bound: bool) -> None:
    recorder = Recorder()
    spare = EchoChat(seen=[])
    model = wrapper(Refuses(seen=[]), known=KNOWN)
    if bound:
        model = model.bind(stop=["never"]).with_config(tags=["t"])
    model = model.with_fallbacks([spare], exceptions_to_handle=(given,))
    assert model.invoke(TEXT, {"callbacks": [recorder]}).content == TEXT
    assert asyncio.run(model.ainvoke(TEXT)).content == TEXT
    assert len(spare.seen) == 2
    assert CANARIES.scan_text(repr(spare.seen)) == []
    assert CANARIES.scan_text(recorder.of()) == []


def test_S8_a_wrapped_fallback_is_redacted_once() -> None:
    spare = EchoChat(seen=[])
    model = RedactedModel(Refuses(seen=[]), known=KNOWN)
    model = model.with_fallbacks([RedactedModel(spare), RedactedChatModel(EchoChat(seen=[]))])
    assert model.invoke(TEXT).content == TEXT
    assert "LITERAL" not in repr(spare.seen)
    assert CANARIES.scan_text(repr(spare.seen)) == []
    with pytest.raises(ConfigurationError):
        model.with_fallbacks([spare], exception_key="error")


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_S8_fields_and_alternatives_can_be_configured(wrapper: Any) -> None:
    spare = EchoChat(seen=[])
    with OpenAIServer(echo) as server:
        model = wrapper(_open_ai(server, temperature=0.1), known=KNOWN)
        field = ConfigurableField(id="temperature")
        warm = model.configurable_fields(temperature=field)
        config: Any = {"configurable": {"temperature": 0.7, "customer": MAIL}}
        assert TEXT in warm.invoke(TEXT, config).content
        assert json.loads(server.requests[-1].body)["temperature"] == 0.7
        assert CANARIES.scan_bytes(server.bodies) == []
        asked = warm.bind_tools([{"name": "t", "description": "d", "parameters": {}}])
        asked.invoke(TEXT, config)
        assert json.loads(server.requests[-1].body)["tools"]
        for other in (spare, wrapper(spare), lambda: spare):
            both = model.configurable_alternatives(
                ConfigurableField(id="which"), default_key="main", spare=other
            )
            assert both.invoke(TEXT, {"configurable": {"which": "spare"}}).content == TEXT
    assert CANARIES.scan_text(repr(spare.seen)) == []
    assert "LITERAL" not in repr(spare.seen)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_bindings_keep_what_is_bound_and_stay_redacted(wrapper: Any) -> None:
    tool = {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {}}}
    with OpenAIServer(echo) as server:
        model = wrapper(_open_ai(server), known=KNOWN).bind(stop=[MAIL]).bind_tools([tool])
        assert TEXT in model.invoke(TEXT).content
        assert TEXT in model.with_config(run_name=MAIL).with_retry().invoke(TEXT).content
        assert TEXT in model.with_listeners(on_start=lambda run: None).invoke(TEXT).content
        for request in server.requests:
            assert json.loads(request.body)["tools"]
            assert json.loads(request.body)["stop"] == ["[EMAIL_ADDRESS_1]"]
        assert CANARIES.scan_bytes(server.bodies) == []
    assert "Card" not in repr(model)
    assert CANARIES.scan_text(repr(model) + str(model)) == []


def test_tools_bound_inside_keep_retries_and_options() -> None:
    with OpenAIServer(echo) as server:
        inner = _open_ai(server).bind(stop=["x"]).with_retry().with_fallbacks([_open_ai(server)])
        model = RedactedModel(inner, known=KNOWN).bind_tools([Card])
        model.invoke(TEXT)
        body = json.loads(server.requests[0].body)
    assert body["stop"] == ["x"]
    assert body["tools"][0]["function"]["name"] == "Card"
    assert type(model.model).__name__ == "RunnableWithFallbacks"


@pytest.fixture
def llm_cache():
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


@pytest.mark.parametrize("where", ["global", "own", "bound", "sequence"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_L12_two_tenants_share_no_reply_and_the_cache_holds_placeholders(
    wrapper: Any, where: str, llm_cache: InMemoryCache
) -> None:
    own = InMemoryCache()
    inner: Any = EchoChat(seen=[], cache=own) if where == "own" else EchoChat(seen=[])
    seen = inner.seen
    if where == "bound" and wrapper is RedactedModel:
        inner = inner.bind(stop=["x"]).with_fallbacks([EchoChat(seen=[])])
    if where == "sequence" and wrapper is RedactedModel:
        inner = inner | RunnableLambda(lambda message: message)
    scrubber = Scrubber()
    scrubber.scrub("a@b.example.com", user_id="alice")
    model = wrapper(inner, scrubber=scrubber, known=KNOWN)
    for user, mail in [("alice", MAIL), ("bob", "bob@example.org"), ("alice", "al@example.org")]:
        assert model.for_user(user).invoke(f"mail {mail}").content == f"mail {mail}"
    assert len(seen) == 2, "alice's second question is answered from the cache, bob's is not"
    assert model.for_user("bob").invoke("mail bob@example.org").content == "mail bob@example.org"
    assert len(seen) == 2
    held = repr((own if where == "own" else llm_cache)._cache)
    assert held.count("EMAIL_ADDRESS_1") >= 2
    assert Canaries([MAIL, "bob@example.org", "al@example.org"]).scan_text(held) == []
    assert "alice" not in held
    assert asyncio.run(model.for_user("bob").ainvoke(f"mail {MAIL}")).content == f"mail {MAIL}"


def test_L12_the_cache_of_a_text_model_is_kept_apart_too(llm_cache: InMemoryCache) -> None:
    inner = EchoLLM(seen=[])
    model = RedactedModel(inner, scrubber=Scrubber())
    for user in ("alice", "bob", "alice"):
        assert model.for_user(user).invoke(MAIL) == MAIL
    assert len(inner.seen) == 2


def test_exceptions_that_are_no_errors_pass() -> None:
    for kind in (KeyboardInterrupt, asyncio.CancelledError, SystemExit):
        inner = EchoChat(seen=[], error=kind())
        with pytest.raises(kind):
            RedactedModel(inner).invoke([HumanMessage("x")])
        with pytest.raises(kind):
            RedactedChatModel(inner).invoke([HumanMessage("x")])
        with pytest.raises(kind):
            RedactedChatModel(inner).generate([[HumanMessage("x")]])


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_L5_L6_errors_of_a_real_client_hold_no_text(wrapper: Any, status: int) -> None:
    with OpenAIServer(echo) as server:
        server.fail_with(status)
        model = wrapper(_open_ai(server), known=KNOWN)
        for call in (
            lambda: model.invoke(TEXT),
            lambda: list(model.stream(TEXT)),
            lambda: asyncio.run(model.ainvoke(TEXT)),
            lambda: model.batch([TEXT]),
            lambda: model.with_structured_output(Card).invoke(TEXT),
        ):
            with pytest.raises(ModelCallError) as caught:
                call()
            assert CANARIES.scan_exception(caught.value) == []
            assert "[PERSON_1]" not in str(vars(caught.value)) + str(caught.value)
            assert caught.value.status_code == status
        [kept] = model.batch([TEXT], return_exceptions=True)
        assert isinstance(kept, ModelCallError)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_S8_no_binding_leads_another_model_past_the_wrapper(wrapper: Any) -> None:
    async def started(*_: Any) -> None:
        pass

    field = ConfigurableField("m")
    ways: dict[str, Any] = {
        "alternatives": lambda w, other: w.configurable_alternatives(
            field, default_key="main", other=other
        ).with_config(configurable={"m": "other"}),
        "listeners": lambda w, other: w.with_alisteners(on_start=started).with_fallbacks([other]),
        "fields": lambda w, other: w.configurable_fields(
            error=ConfigurableField("e")
        ).with_fallbacks([other]),
    }
    for name, way in ways.items():
        for bind in (lambda w: w.bind(stop=["x"]), lambda w: w.with_config(tags=["a"])):
            failing = name != "alternatives"
            main = EchoChat(seen=[], error=RuntimeError("down") if failing else None)
            other = EchoChat(seen=[])
            way(bind(wrapper(main, known=KNOWN)), other).invoke(TEXT)
            assert other.seen, name
            assert CANARIES.scan_object(other.seen) == [], name


def test_L2_metadata_of_a_tracer_in_a_list_are_redacted() -> None:
    posted: list[Any] = []

    class Client:
        tracing_queue = None

        def create_run(self, *args: Any, **kwargs: Any) -> None:
            posted.append(kwargs)

        update_run = create_run

    tracer = LangChainTracer(client=Client(), tags=[MAIL], metadata={"who": MAIL})  # type: ignore[arg-type]
    RedactedModel(EchoChat(seen=[])).invoke("hi", {"callbacks": [tracer]})
    assert posted
    assert CANARIES.scan_object(posted) == []
    assert tracer.tags == [MAIL], "the caller's own is not changed"


async def test_P20_the_session_of_an_event_stream_is_closed(monkeypatch: Any) -> None:
    calls: list[Any] = []
    opened = CallSettings.open
    monkeypatch.setattr(
        CallSettings, "open", lambda self, *a: calls.append(opened(self, *a)) or calls[-1]
    )
    model = RedactedModel(EchoChat(seen=[]), known=KNOWN)
    async for _ in model.astream_events(TEXT, version="v2"):
        pass
    events = model.astream_events(TEXT, version="v2")
    await anext(events)
    await events.aclose()
    assert [call.session.mapping.closed for call in calls] == [True, True]
