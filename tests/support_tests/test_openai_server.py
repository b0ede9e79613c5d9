"""The loopback server, against the clients that the tests use it with."""

import gzip
import json
import urllib.request
import uuid
import zlib

import openai
import pytest

from support.openai_server import OpenAIServer, prompt_text

HELLO = [{"role": "user", "content": "hello [PERSON_1]"}]


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="x", max_retries=0) as made:
        yield made


def test_chat_plain_and_streamed(server, client):
    reply = client.chat.completions.create(model="m", messages=HELLO)
    assert reply.choices[0].message.content == "You said: hello [PERSON_1]"
    stream = client.chat.completions.create(
        model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    events = list(stream)
    pieces = [event.choices[0].delta.content or "" for event in events if event.choices]
    assert "".join(pieces) == "You said: hello [PERSON_1]"
    assert max(map(len, pieces)) == 3
    assert events[-1].usage.total_tokens == 2
    assert [request.path for request in server.requests] == ["/v1/chat/completions"] * 2
    assert server.requests[0].json()["messages"] == HELLO
    assert (
        b"Authorization" in server.requests[0].wire or b"authorization" in server.requests[0].wire
    )


def test_reply_can_be_replaced(server, client):
    server.reply = lambda body: body["model"].upper()
    assert (
        client.chat.completions.create(model="m", messages=HELLO).choices[0].message.content == "M"
    )


def test_content_parts(client):
    parts = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    reply = client.chat.completions.create(model="m", messages=parts)
    assert reply.choices[0].message.content == "You said: hi"


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls(server, client, stream):
    server.tool_reply = lambda body: [("mail", {"to": "[EMAIL_1]"})]
    tools = [{"type": "function", "function": {"name": "mail", "parameters": {}}}]
    made = client.chat.completions.create(model="m", messages=HELLO, tools=tools, stream=stream)
    if stream:
        deltas = [event.choices[0].delta for event in made]
        calls = [call.function for delta in deltas for call in delta.tool_calls or ()]
        assert len(calls) > 3
        assert "".join(call.name or "" for call in calls) == "mail"
        arguments = "".join(call.arguments or "" for call in calls)
    else:
        assert made.choices[0].finish_reason == "tool_calls"
        arguments = made.choices[0].message.tool_calls[0].function.arguments
    assert json.loads(arguments) == {"to": "[EMAIL_1]"}
    told = [*HELLO, {"role": "tool", "tool_call_id": "call_0", "content": "done"}]
    after = client.chat.completions.create(model="m", messages=told, tools=tools)
    assert after.choices[0].message.content.startswith("You said")


def test_completions(client):
    assert client.completions.create(model="m", prompt="hi").choices[0].text == "You said: hi"
    events = client.completions.create(model="m", prompt="hi", stream=True)
    assert "".join(event.choices[0].text for event in events) == "You said: hi"


def test_embeddings_in_both_encodings(client):
    plain = client.embeddings.create(model="m", input=["a", "b"], encoding_format="float")
    packed = client.embeddings.create(model="m", input=["a", "b"])
    for left, right in zip(plain.data, packed.data, strict=True):
        assert left.embedding == pytest.approx(right.embedding, abs=1e-6)
    assert plain.data[0].embedding != plain.data[1].embedding
    tokens = client.embeddings.create(model="m", input=[[1, 2], [3]], dimensions=8)
    assert [len(item.embedding) for item in tokens.data] == [8, 8]
    assert len(client.embeddings.create(model="m", input=[1, 2]).data) == 1


def test_models_and_unknown_paths(client):
    assert [model.id for model in client.models.list()] == ["loopback"]
    with pytest.raises(openai.NotFoundError):
        client.files.list()


def test_failure_repeats_the_prompt(server, client):
    server.fail_with(400, "too long")
    with pytest.raises(openai.BadRequestError, match=r"too long: hello \[PERSON_1\]"):
        client.chat.completions.create(model="m", messages=HELLO)
    server.fail_with(503)
    with pytest.raises(openai.InternalServerError):
        client.embeddings.create(model="m", input="hello")
    server.recover()
    assert client.chat.completions.create(model="m", messages=HELLO).choices


def test_langchain_openai(server):
    langchain_openai = pytest.importorskip("langchain_openai")
    model = langchain_openai.ChatOpenAI(base_url=server.url, api_key="x", max_retries=0)
    assert model.invoke("hello").content == "You said: hello"
    chunks = [chunk.content for chunk in model.stream("hello [PERSON_1]")]
    assert "".join(chunks) == "You said: hello [PERSON_1]"
    assert not any("[PERSON_1]" in chunk for chunk in chunks)
    # With the length check on, the client downloads a tokeniser.
    embeddings = langchain_openai.OpenAIEmbeddings(
        base_url=server.url, api_key="x", check_embedding_ctx_length=False
    )
    assert len(embeddings.embed_query("hello")) == 64
    assert embeddings.embed_documents(["a", "b"])[0] == embeddings.embed_query("a")


async def test_langchain_openai_async(server):
    langchain_openai = pytest.importorskip("langchain_openai")
    model = langchain_openai.ChatOpenAI(base_url=server.url, api_key="x", max_retries=0)
    assert (await model.ainvoke("hello")).content == "You said: hello"
    assert "".join([chunk.content async for chunk in model.astream("hello")]) == "You said: hello"


def test_llama_index_openai(server):
    module = pytest.importorskip("llama_index.llms.openai")
    llm = module.OpenAI(model="gpt-4o-mini", api_base=server.url, api_key="x", max_retries=0)
    assert llm.complete("hello").text == "You said: hello"
    assert [chunk.delta for chunk in llm.stream_complete("hello")][:2] == ["", "You"]


@pytest.mark.parametrize("zstd", [True, False])
def test_langsmith_batches(zstd):
    langsmith = pytest.importorskip("langsmith")
    with OpenAIServer(zstd=zstd) as server:
        client = langsmith.Client(api_url=server.url_langsmith, api_key="x")
        run_id = uuid.uuid4()
        order = {"trace_id": run_id, "dotted_order": f"20250101T000000000000Z{run_id}"}
        client.create_run("a chain", {"question": "canary-in"}, "chain", id=run_id, **order)
        client.update_run(run_id, outputs={"answer": "canary-out"}, **order)
        client.flush()
        client.cleanup()
        sent = [request for request in server.requests if "/runs" in request.path]
        assert {request.path for request in sent} == {"/langsmith/runs/multipart"}
        assert b"canary-in" in server.bodies
        assert b"canary-out" in server.bodies
        if not zstd:
            assert all(request.raw == request.body for request in sent)


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "deflate"])
def test_compressed_bodies_are_recorded_in_both_forms(server, encoding):
    if encoding == "zstd":
        data = pytest.importorskip("zstandard").compress(b"canary")
    else:
        data = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](b"canary")
    url = f"{server.url_langsmith}/runs/multipart"
    request = urllib.request.Request(url, data, {"Content-Encoding": encoding})
    assert urllib.request.urlopen(request).status == 202
    assert (server.requests[0].raw, server.requests[0].body) == (data, b"canary")


def test_langsmith_single_runs(server):
    langsmith = pytest.importorskip("langsmith")
    client = langsmith.Client(
        api_url=server.url_langsmith, api_key="x", auto_batch_tracing=False, info={}
    )
    run_id = uuid.uuid4()
    client.create_run("a chain", {"question": "canary-in"}, "chain", id=run_id)
    client.update_run(run_id, outputs={"answer": "canary-out"})
    methods = [(request.method, request.path) for request in server.requests]
    assert methods == [("POST", "/langsmith/runs"), ("PATCH", f"/langsmith/runs/{run_id}")]
    assert b"canary-in" in server.bodies
    assert b"canary-out" in server.bodies


@pytest.mark.parametrize("stream", [False, True])
def test_responses(server, client, stream):
    server.reasoning = lambda body: "first I read, then I answer"
    options = {"model": "m", "input": "Hello äöü", "instructions": "Be kind."}
    if stream:
        events = list(client.responses.create(stream=True, **options))
        assert [e.sequence_number for e in events] == list(range(len(events)))
        deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
        assert len(deltas) > 3
        response = events[-1].response
        assert "".join(deltas) == response.output_text
    else:
        response = client.responses.create(**options)
    assert response.output_text == "You said: Hello äöü"
    assert response.output[0].summary[0].text == "first I read, then I answer"
    assert response.status == "completed"
    body = server.requests[-1].json()
    assert prompt_text(body) == "Be kind.\nHello äöü"


@pytest.mark.parametrize("stream", [False, True])
def test_responses_with_tool_calls(server, client, stream):
    server.tool_reply = lambda body: [("find", {"who": "ä"}), ("send", {"to": "b"})]
    tools = [{"type": "function", "name": "find", "parameters": {}, "strict": False}]
    options = {"model": "m", "tools": tools, "input": [{"role": "user", "content": "look"}]}
    if stream:
        events = list(client.responses.create(stream=True, **options))
        pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
        assert "".join(pieces) == '{"who": "ä"}{"to": "b"}'
        response = events[-1].response
    else:
        response = client.responses.create(**options)
    calls = [(item.name, item.arguments) for item in response.output]
    assert calls == [("find", '{"who": "ä"}'), ("send", '{"to": "b"}')]
    outputs = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "found"}
        for item in response.output
    ]
    said = [item.model_dump(exclude_none=True) for item in response.output]
    later = client.responses.create(**{**options, "input": [*options["input"], *said, *outputs]})
    assert later.output_text == "You said: look"
    assert later.output[0].id not in {item.id for item in response.output}
    assert "found" in prompt_text(server.requests[-1].json())
