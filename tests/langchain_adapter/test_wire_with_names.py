"""On the wire with the bundled model on, as users run it: no name is passed along as known."""

from __future__ import annotations

from langchain_openai import ChatOpenAI

from langchain_piirag import RedactedModel
from piirag import Redactor
from support.canary import Canaries
from support.conversations import SHAPES, conversation, said
from support.openai_server import OpenAIServer

MODEL = True


def test_S6_no_pattern_s_value_leaves_and_replies_are_what_they_were() -> None:
    """Names are found by a model that misses some; mail, cards and the rest never are."""
    redactor = Redactor()
    with OpenAIServer(said) as server:
        plain = ChatOpenAI(base_url=server.url, api_key="x", model="m")
        model = RedactedModel(plain, redactor, allow_media=True)
        for number in range(len(SHAPES)):
            one = conversation(number)
            before = len(server.requests)
            reply = model.invoke(one.input, **one.options)
            wire = b"".join(request.wire for request in server.requests[before:])
            others = [value for value in one.values if value not in one.names]
            assert Canaries(others).scan_bytes(wire) == [], number
            assert reply.text == plain.invoke(one.input, **one.options).text, number
