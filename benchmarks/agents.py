"""What an agent leaks, with LangChain's own PIIMiddleware and with ours, on the same inputs.

Only e-mail addresses and card numbers are planted, which both look for. PIIMiddleware runs with
everything it has switched on. Each line counts the planted values that a sink holds, in any of
the forms that `tests/support/canary.py` knows. The model is a loopback server that does as told.

Run: python benchmarks/agents.py
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from langchain.agents import create_agent
from langchain.agents.middleware import PIIMiddleware
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver

from langchain_piirag import PIIRedactionMiddleware
from piirag import Scrubber
from support.canary import Canaries
from support.openai_server import OpenAIServer

MAIL = "jane.roe@example.com"
CARD = "4111111111111111"
WIDE = "jane.roe＠example.com"
CANARIES = Canaries([MAIL, CARD, WIDE])
PEER, WIRE, STATE = "PIIMiddleware", "piirag, wire", "piirag, state"
SYSTEMS = (PEER, WIRE, STATE)
_TOKEN = re.compile(r"\[[A-Z_]+_\d+\]|\[REDACTED_[A-Z_]+\]|[\w.]+@[\w.]+")


@dataclass
class Bench:
    """One agent under one system."""

    system: str
    server: OpenAIServer
    agent: Any
    users: Any
    saver: InMemorySaver
    given: list[str] = field(default_factory=list)

    def invoke(self, messages: list[Any], thread: str = "1") -> Any:
        """Run the agent as its user would."""
        config: Any = {"configurable": {"thread_id": thread}}
        return self.users.invoke({"messages": messages}, config, context={"user_id": "alice"})

    def stream(self, messages: list[Any], **kwargs: Any) -> list[Any]:
        """Stream the agent from inside: what a log or another service would see."""
        config: Any = {"configurable": {"thread_id": "stream"}}
        if self.system == STATE:
            scrubber = self.users.middleware.state_scrubber("alice")
            messages = scrubber.state({"messages": messages})["messages"]
            config["configurable"]["__piirag_protected"] = True
        context = {"user_id": "alice"}
        return list(self.agent.stream({"messages": messages}, config, context=context, **kwargs))

    @property
    def wire(self) -> bytes:
        """What reached the model."""
        return b"\n".join(request.wire for request in self.server.requests)


def _peer(strategy: Any = "redact") -> list[Any]:
    every = {"apply_to_input": True, "apply_to_output": True, "apply_to_tool_results": True}
    return [PIIMiddleware(kind, strategy=strategy, **every) for kind in ("email", "credit_card")]


@contextmanager
def bench(
    system: str,
    *,
    reply: Callable[[Any], str] = lambda body: "noted",
    calls: Callable[[Any], list[tuple[str, Any]]] | None = None,
    system_prompt: str | None = None,
    middleware: list[Any] | None = None,
) -> Iterator[Bench]:
    """An agent with two tools, one of which is allowed real values, under one system."""
    given: list[str] = []

    @tool
    def send(to: str) -> str:
        """Send a mail."""
        given.append(to)
        return f"sent to {to}"

    @tool
    def lookup(query: str) -> str:
        """Look something up."""
        return f"found {MAIL} with card {CARD}"

    ours = None
    if middleware is None and system != PEER:
        ours = PIIRedactionMiddleware(
            scrubber=Scrubber(),
            mode="wire" if system == WIRE else "state",
            restore_tool_args=["send"],
        )
    saver = InMemorySaver()
    server = OpenAIServer(reply, tool_reply=calls)
    with server:
        agent = create_agent(
            ChatOpenAI(base_url=server.url, api_key="x", model="m", max_retries=0),
            [send, lookup],
            middleware=[ours] if ours else middleware or _peer(),
            context_schema=dict,
            checkpointer=saver,
            system_prompt=system_prompt,
        )
        yield Bench(system, server, agent, ours.protect(agent) if ours else agent, saver, given)


def _leaks(data: Any) -> int:
    """How many of the planted values stand in it."""
    hits = CANARIES.scan_bytes(data) if isinstance(data, bytes) else CANARIES.scan_object(data)
    return len({hit.index for hit in hits})


def _stored(made: Bench) -> int:
    return _leaks([made.saver.storage, made.saver.blobs, made.saver.writes])


def history(system: str) -> int:
    """Earlier messages of the user, in what reaches the model (langchain issue 40704)."""
    with bench(system) as made:
        made.invoke([HumanMessage(f"I am {MAIL}"), AIMessage("hello"), HumanMessage("go on")])
        return _leaks(made.wire)


def earlier_calls(system: str) -> int:
    """Arguments of tool calls without content, in what reaches the model (issue 37659)."""
    call = {"name": "send", "args": {"to": MAIL}, "id": "c", "type": "tool_call"}
    with bench(system) as made:
        made.invoke(
            [
                HumanMessage("write"),
                AIMessage("", tool_calls=[call]),
                ToolMessage("sent", tool_call_id="c"),
                HumanMessage("and now?"),
            ]
        )
        return _leaks(made.wire)


def system_prompt(system: str) -> int:
    """The system prompt, in what reaches the model."""
    with bench(system, system_prompt=f"You serve {MAIL}.") as made:
        made.invoke([HumanMessage("hello")])
        return _leaks(made.wire)


def disguised(system: str) -> int:
    """An address with a full-width at sign, in what reaches the model."""
    with bench(system) as made:
        made.invoke([HumanMessage(f"I am {WIDE}")])
        return _leaks(made.wire)


def checkpoint(system: str) -> int:
    """The message of the user, in the checkpointer."""
    with bench(system) as made:
        made.invoke([HumanMessage(f"I am {MAIL}, card {CARD}")])
        return _stored(made)


def tool_results(system: str) -> int:
    """What a tool returns, in the checkpointer."""
    with bench(system, calls=lambda body: [("lookup", {"query": "x"})]) as made:
        made.invoke([HumanMessage("look")])
        return _stored(made)


def messages_stream(system: str) -> int:
    """What a tool returns, in `stream_mode="messages"`."""
    with bench(system, calls=lambda body: [("lookup", {"query": "x"})]) as made:
        return _streamed(made, [HumanMessage("look")])


def said_by_the_model(system: str) -> int:
    """A value that the model says by itself, in `stream_mode="messages"`."""
    with bench(system, reply=lambda body: f"write to {MAIL}, she will know what to do.") as made:
        return _streamed(made, [HumanMessage("whom do I ask?")])


def _streamed(made: Bench, messages: list[Any]) -> int:
    chunks = [chunk for chunk, _ in made.stream(messages, stream_mode="messages")]
    return _leaks("".join(chunk.text for chunk in chunks))


def updates_stream(system: str) -> int:
    """What a tool returns, in `stream_mode="updates"`."""
    with bench(system, calls=lambda body: [("lookup", {"query": "x"})]) as made:
        return _leaks(made.stream([HumanMessage("look")], stream_mode="updates"))


def block_error(system: str) -> int:
    """What the exception holds when the policy is to block."""
    from piirag import Policy

    middleware: list[Any] = _peer("block")
    if system != PEER:
        scrubber = Scrubber(Policy(replies="block"))
        middleware = [PIIRedactionMiddleware(scrubber=scrubber)]
    with bench(system, reply=lambda body: f"ask {MAIL}", middleware=middleware) as made:
        try:
            made.invoke([HumanMessage("whom do I ask?")])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
            return _leaks(error)
    return 0


def guessed(system: str) -> int:
    """Stored tokens that give their value to whoever has a list of addresses to try."""
    middleware = [PIIMiddleware("email", strategy="hash")] if system == PEER else None
    with bench(system, middleware=middleware) as made:
        made.invoke([HumanMessage(f"I am {MAIL}")])
        config: Any = {"configurable": {"thread_id": "1"}}
        text = str(made.agent.get_state(config).values["messages"][0].content)
        return int(hashlib.sha256(MAIL.encode()).hexdigest()[:8] in text or MAIL in text)


BEHIND_THE_STATE = frozenset(
    {"checkpoint", "tool_results", "messages_stream", "updates_stream", "guessed"}
)
"""Sinks of the state, which is real with ``mode="wire"``: that mode makes no promise for them."""

LEAKS: tuple[Callable[[str], int], ...] = (
    history,
    earlier_calls,
    system_prompt,
    disguised,
    checkpoint,
    tool_results,
    messages_stream,
    updates_stream,
    said_by_the_model,
    block_error,
    guessed,
)


def _send(body: Any) -> list[tuple[str, Any]]:
    text = next(m["content"] for m in body["messages"] if m["role"] == "user")
    return [("send", {"to": _TOKEN.findall(text)[0]})]


def allowed_tool(system: str) -> bool:
    """A tool on the allow-list gets the address that the user gave."""
    with bench(system, calls=_send) as made:
        made.invoke([HumanMessage(f"write to {MAIL}")])
        return made.given == [MAIL]


def readable(system: str) -> bool:
    """The user reads the answer with the address in it."""
    with bench(system, reply=lambda b: "sent to " + _send(b)[0][1]["to"]) as made:
        out = made.invoke([HumanMessage(f"write to {MAIL}")])
        return bool(out["messages"][-1].text == f"sent to {MAIL}")


def readable_stream(system: str) -> bool:
    """The same, streamed."""
    with bench(system, reply=lambda b: "sent to " + _send(b)[0][1]["to"]) as made:
        config: Any = {"configurable": {"thread_id": "1"}}
        parts = made.users.stream(
            {"messages": [HumanMessage(f"write to {MAIL}")]},
            config,
            context={"user_id": "alice"},
            stream_mode="messages",
        )
        return "".join(c.text for c, _ in parts) == f"sent to {MAIL}"


def v3_tool_arguments(system: str) -> bool:
    """Read as a v3 stream, the agent still calls its tool with arguments (issue 40767)."""
    with bench(system, calls=lambda body: [("send", {"to": "the whole team"})]) as made:
        config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 12}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = made.users.stream_events(
                {"messages": [HumanMessage("write to them")]},
                config,
                context={"user_id": "alice"},
                version="v3",
            )
            try:
                run.output  # noqa: B018 - drives the run
            except Exception:  # noqa: BLE001 - the arguments tell
                return False
        return made.given == ["the whole team"]


WORKS: tuple[Callable[[str], bool], ...] = (
    allowed_tool,
    readable,
    readable_stream,
    v3_tool_arguments,
)


def _cell(name: str, system: str, value: int | bool) -> str:
    if system == WIRE and name in BEHIND_THE_STATE:
        return "real state"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def main() -> None:
    """Print both tables; with ``--json``, as JSON."""
    logging.disable(logging.CRITICAL)
    table = {
        "leaks": {f.__name__: {s: f(s) for s in SYSTEMS} for f in LEAKS},
        "works": {f.__name__: {s: f(s) for s in SYSTEMS} for f in WORKS},
    }
    if "--json" in sys.argv:
        print(json.dumps(table, indent=1))
        return
    notes = {f.__name__: str(f.__doc__).strip() for f in (*LEAKS, *WORKS)}
    for title, rows in table.items():
        print(f"| {title} | " + " | ".join(SYSTEMS) + " |")
        print("|---|" + "---:|" * len(SYSTEMS))
        for name, row in rows.items():
            cells = [_cell(name, system, value) for system, value in row.items()]
            print(f"| {notes[name].rstrip('.')} | " + " | ".join(cells) + " |")
        print()


if __name__ == "__main__":
    main()
