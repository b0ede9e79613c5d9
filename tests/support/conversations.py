"""Generated conversations in every shape of message that LangChain has, full of personal data.

Each is made from its number alone, so a failing one can be made again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

_FIRST = "Jane Omar Zoë Ludmila Hanako Pierre Ingrid Kofi Aisha Bruno".split()
_LAST = "Roeburn Haddadi Ünalan Petrovna Yamashita Lefèvre Sørensen Mensahpur Khanova Conti".split()
_PIXELS = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"


@dataclass
class Conversation:
    """A conversation.

    Attributes:
        number: What it was made from.
        input: What a model takes.
        values: The personal data in it.
        names: Those of the values that the application knows.
        options: Options of the call.
    """

    number: int
    input: Any
    values: list[str]
    names: list[str]
    options: dict[str, Any] = field(default_factory=dict)


class _Person:
    def __init__(self, rng: random.Random) -> None:
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        self.name = f"{first} {last}"
        host = last.encode("idna").decode()
        self.mail = f"{rng.choice(['info', 'x.y'])}{rng.randrange(10**6)}@{host}.example.com"
        self.card = _card(rng)
        self.iban = _iban(rng)
        self.phone = f"+1 415-555-{rng.randrange(1000, 9999)}"
        self.address = f"203.0.113.{rng.randrange(100, 255)}"
        self.values = [self.name, self.mail, self.card, self.iban, self.phone, self.address]

    def text(self, rng: random.Random) -> str:
        parts = [
            f"{self.name} wrote from {self.mail}.",
            f"The card is {self.card}, please check!",
            f"Pay to {self.iban} soon.",
            f"Call {self.phone} today;",
            f'login from "{self.address}"\n\tfailed \\ twice',
            "Print [PERSON_1] and [EMAIL_ADDRESS_9], please.",
        ]
        rng.shuffle(parts)
        return " ".join(parts[: rng.randrange(2, 6)])

    def json(self, rng: random.Random) -> dict[str, Any]:
        return {
            "who": self.name,
            "mails": [self.mail, {"deep": self.iban}],
            "note": self.text(rng),
            self.mail: True,
            "card": int(self.card) if rng.random() < 0.5 else self.card,
        }


def _card(rng: random.Random) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    total = sum(sum(divmod(d * 2, 10)) if i % 2 == 0 else d for i, d in enumerate(digits))
    return "".join(map(str, [*digits, -total % 10]))


def _iban(rng: random.Random) -> str:
    account = "".join(str(rng.randrange(10)) for _ in range(18))
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


Shape = Callable[[_Person, random.Random], Any]
_SHAPES: dict[str, Shape] = {}


def _shape(function: Shape) -> Shape:
    _SHAPES[function.__name__.strip("_")] = function
    return function


@_shape
def _string(p: _Person, rng: random.Random) -> Any:
    return p.text(rng)


@_shape
def _system_and_human(p: _Person, rng: random.Random) -> Any:
    return [SystemMessage(f"You serve {p.name}, {p.mail}."), HumanMessage(p.text(rng))]


@_shape
def _history(p: _Person, rng: random.Random) -> Any:
    turns: list[Any] = [SystemMessage(p.text(rng))]
    for _ in range(rng.randrange(1, 4)):
        turns += [HumanMessage(p.text(rng), id=f"m-{p.mail}"), AIMessage(p.text(rng))]
    return [*turns, HumanMessage(p.text(rng))]


@_shape
def _dicts(p: _Person, rng: random.Random) -> Any:
    return [
        {"role": "system", "content": p.text(rng)},
        {"role": "user", "content": [{"type": "text", "text": p.text(rng)}], "name": p.name},
    ]


@_shape
def _tuples(p: _Person, rng: random.Random) -> Any:
    return [("system", p.text(rng)), ("human", p.text(rng)), ("ai", p.text(rng)), p.mail]


@_shape
def _prompt_value(p: _Person, rng: random.Random) -> Any:
    prompt = ChatPromptTemplate.from_messages([("system", "{a}"), ("human", "{b}")])
    return prompt.invoke({"a": p.text(rng), "b": p.text(rng)})


@_shape
def _string_prompt_value(p: _Person, rng: random.Random) -> Any:
    return PromptTemplate.from_template("{a}").invoke({"a": p.text(rng)})


@_shape
def _speakers(p: _Person, rng: random.Random) -> Any:
    return [HumanMessage(p.text(rng), name=p.name), ChatMessage(p.text(rng), role="user")]


@_shape
def _text_blocks(p: _Person, rng: random.Random) -> Any:
    blocks: list[Any] = [p.text(rng), {"type": "text", "text": p.text(rng)}]
    return [SystemMessage([{"type": "text", "text": p.text(rng)}]), HumanMessage(blocks)]


@_shape
def _annotated_blocks(p: _Person, rng: random.Random) -> Any:
    block = {
        "type": "text",
        "text": p.text(rng),
        "annotations": [{"type": "citation", "title": p.name, "cited_text": p.mail}],
        "extras": {p.mail: [p.iban]},
    }
    return [HumanMessage([block]), AIMessage([block]), HumanMessage("and?")]


@_shape
def _images(p: _Person, rng: random.Random) -> Any:
    url = f"data:image/png;base64,{_PIXELS}"
    blocks: list[Any] = [
        {"type": "text", "text": p.text(rng)},
        {"type": "image_url", "image_url": {"url": url, "detail": p.mail}, "caption": p.name},
        {"type": "image", "base64": _PIXELS, "mime_type": "image/png", "title": p.text(rng)},
        {"type": "image_url", "image_url": {"url": f"https://cdn.example.org/{p.mail}.png"}},
    ]
    return [HumanMessage(blocks)]


@_shape
def _files(p: _Person, rng: random.Random) -> Any:
    data = f"data:application/pdf;base64,{_PIXELS}"
    name = p.name.replace(" ", "_") + ".pdf"
    blocks: list[Any] = [
        {"type": "file", "file": {"filename": name, "file_data": data}},
        {"type": "file", "base64": _PIXELS, "mime_type": "application/pdf", "filename": p.mail},
        {"type": "text", "text": p.text(rng)},
    ]
    return [HumanMessage(blocks)]


def _call(p: _Person, rng: random.Random, number: int = 1) -> Any:
    return {"name": "lookup", "args": p.json(rng), "id": f"call_{number}", "type": "tool_call"}


@_shape
def _tool_call(p: _Person, rng: random.Random) -> Any:
    calls = [_call(p, rng, n) for n in range(rng.randrange(1, 4))]
    results = [
        ToolMessage(p.text(rng), tool_call_id=call["id"], artifact={"row": p.values}, name="lookup")
        for call in calls
    ]
    return [HumanMessage(p.text(rng)), AIMessage("", tool_calls=calls), *results]


@_shape
def _tool_results(p: _Person, rng: random.Random) -> Any:
    blocks: list[Any] = [{"type": "text", "text": p.text(rng)}, p.text(rng)]
    return [
        HumanMessage(p.text(rng)),
        AIMessage(p.text(rng), tool_calls=[_call(p, rng)]),
        ToolMessage(blocks, tool_call_id="call_1", status="error"),
        HumanMessage("why?"),
    ]


@_shape
def _json_results(p: _Person, rng: random.Random) -> Any:
    table = json.dumps(
        {"rows": [p.mail, p.iban, {"name": p.name}]}, ensure_ascii=rng.random() < 0.5
    )
    return [
        HumanMessage("look it up"),
        AIMessage("", tool_calls=[_call(p, rng)]),
        ToolMessage(table, tool_call_id="call_1"),
    ]


@_shape
def _private_ids(p: _Person, rng: random.Random) -> Any:
    call = {**_call(p, rng), "id": f"call {p.mail}"}
    return [
        HumanMessage(p.text(rng), id=p.iban),
        AIMessage("", tool_calls=[call], id=f"run-{p.card}"),
        ToolMessage(p.text(rng), tool_call_id=f"call {p.mail}"),
    ]


@_shape
def _raw_calls(p: _Person, rng: random.Random) -> Any:
    function = {"name": "lookup", "arguments": json.dumps(p.json(rng))}
    raw = {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    return [
        HumanMessage(p.text(rng), additional_kwargs={"name": p.name}),
        AIMessage("", additional_kwargs={**raw, "refusal": p.mail, "reasoning_content": p.iban}),
        ToolMessage(p.text(rng), tool_call_id="call_1", additional_kwargs={"source": p.mail}),
    ]


@_shape
def _functions(p: _Person, rng: random.Random) -> Any:
    call = {"name": "lookup", "arguments": json.dumps(p.json(rng), ensure_ascii=False)}
    return [
        HumanMessage(p.text(rng)),
        AIMessage("", additional_kwargs={"function_call": call}),
        FunctionMessage(p.text(rng), name="lookup"),
    ]


@_shape
def _broken_calls(p: _Person, rng: random.Random) -> Any:
    bad = {
        "name": "lookup",
        "args": json.dumps(p.json(rng))[:-3],
        "id": "call_1",
        "error": f"no JSON from {p.mail}",
        "type": "invalid_tool_call",
    }
    return [
        HumanMessage(p.text(rng)),
        AIMessage("", invalid_tool_calls=[bad]),
        ToolMessage(p.text(rng), tool_call_id="call_1"),
    ]


@_shape
def _chunks(p: _Person, rng: random.Random) -> Any:
    piece = {"name": "lookup", "args": json.dumps(p.json(rng)), "id": "call_1", "index": 0}
    chunk = AIMessageChunk(p.text(rng), tool_call_chunks=[piece], chunk_position="last")
    return [HumanMessage(p.text(rng)), chunk, ToolMessage(p.text(rng), tool_call_id="call_1")]


@_shape
def _metadata(p: _Person, rng: random.Random) -> Any:
    told = {"model_name": "m", "headers": {"x-user": p.mail}, "piirag": {"restored": 1}}
    return [
        HumanMessage(p.text(rng), response_metadata=told),
        AIMessage(p.text(rng), response_metadata=told, id=p.mail),
        HumanMessage(p.text(rng)),
    ]


@_shape
def _json_text(p: _Person, rng: random.Random) -> Any:
    return [HumanMessage(json.dumps({"name": p.name, "mail": p.mail, "iban": p.iban}))]


@_shape
def _table(p: _Person, rng: random.Random) -> Any:
    return [HumanMessage(f"name,mail,iban\n{p.name},{p.mail},{p.iban}\n| {p.phone} | {p.mail} |")]


_OPTIONS: list[Callable[[_Person], dict[str, Any]]] = [
    lambda p: {},
    lambda p: {"stop": [p.mail]},
    lambda p: {"user": p.mail},
    lambda p: {"extra_body": {"metadata": {"customer": p.name, "iban": p.iban}}},
    lambda p: {"extra_headers": {"X-Customer": p.mail}},
    lambda p: {"extra_body": {"note": {"deep": [p.text(random.Random(1))]}}},
]

SHAPES = sorted(_SHAPES)
"""Names of the shapes."""


def conversation(number: int) -> Conversation:
    """The conversation with a number; the shapes take turns."""
    rng = random.Random(number)
    person = _Person(rng)
    shape = _SHAPES[SHAPES[number % len(SHAPES)]]
    options = _OPTIONS[number // len(SHAPES) % len(_OPTIONS)](person)
    return Conversation(number, shape(person, rng), person.values, [person.name], options)


def said(body: dict[str, Any]) -> str:
    """What an echo model answers: all text and all arguments of a request, leaf by leaf."""
    return "\n".join(leaf for message in body["messages"] for leaf in _leaves(message))


def _leaves(value: Any, key: str = "") -> list[str]:
    if key in {"role", "name", "id", "tool_call_id", "type", "image_url", "file", "input_audio"}:
        return []
    if isinstance(value, str) and key == "arguments":
        try:
            return _leaves(json.loads(value))
        except ValueError:
            return []
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in _leaves(v, k)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [str(value)] if isinstance(value, str) or type(value) is int else []
