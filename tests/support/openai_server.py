"""A loopback server that speaks the OpenAI and LangSmith protocols, and keeps every byte it gets.

with OpenAIServer() as server:
    ChatOpenAI(base_url=server.url, api_key="x").invoke("hello")
    assert b"hello" in server.requests[0].body
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from support import openai_responses

Json = dict[str, Any]
Reply = Callable[[Json], str]
ToolReply = Callable[[Json], list[tuple[str, Json]]]

_CREATED = 1_700_000_000


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it came over the wire.

    Attributes:
        method: "GET", "POST" and so on.
        path: The path with its query string.
        headers: The headers, their names in lower case.
        body: The body, decompressed where a Content-Encoding header says that it was compressed.
        raw: The body as it was sent.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def wire(self) -> bytes:
        """Everything that left the client: path, headers, body."""
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.method} {self.path}\n{head}\n".encode("utf-8", "surrogateescape") + self.body

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def prompt_text(body: Json) -> str:
    """All text of a request: messages of any shape, a prompt, or an embedding's input."""
    if _is_response(body):
        items = [openai_responses.item_text(item) for item in openai_responses.items_of(body)]
        return "\n".join([*([body["instructions"]] if body.get("instructions") else []), *items])
    if "messages" not in body:
        prompt = body.get("prompt", body.get("input", ""))
        return prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False)
    return "\n".join(_content_text(message) for message in body["messages"])


def echo(body: Json) -> str:
    """The default reply: what the user said last."""
    messages = openai_responses.items_of(body) if _is_response(body) else body.get("messages", ())
    users = [m for m in messages if m.get("role") == "user"]
    return "You said: " + (_content_text(users[-1]) if users else prompt_text(body))


def _is_response(body: Json) -> bool:
    """Whether a request is one of the Responses API: embeddings have an input too."""
    given = body.get("input")
    items = isinstance(given, list) and bool(given) and isinstance(given[0], dict)
    return items or (given is not None and "instructions" in body)


def _content_text(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def vector_of(item: str | list[int], dimensions: int) -> list[float]:
    """A vector that depends on nothing but the input, with numbers between -1 and 1."""
    seed = json.dumps(item).encode()
    numbers = (blake2b(seed, digest_size=4, salt=i.to_bytes(8, "big")) for i in range(dimensions))
    return [int.from_bytes(n.digest(), "big") / 2**31 - 1 for n in numbers]


def _decompressed(data: bytes, encoding: str) -> bytes:
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    if encoding == "gzip":
        return gzip.decompress(data)
    return zlib.decompress(data) if encoding == "deflate" else data


class _Server(ThreadingHTTPServer):
    request_queue_size = 512  # a hundred clients may call at once
    daemon_threads = True


class OpenAIServer:
    """The server; a context manager. It listens on 127.0.0.1, on a free port.

    Attributes:
        requests: What has come in, in order.
        reply: Makes the reply's text from the request's JSON body.
        tool_reply: Makes (name, arguments) of tool calls, used for a chat request that offers tools
            and does not end in a tool's result; None, or an empty list, to answer in text.
        reasoning: Makes the summary of the reasoning before a reply of the Responses API; None for
            no such summary.
        chunk_size: How many characters a streamed piece has.
        dimensions: The length of an embedding where the request names none.
        zstd: Whether LangSmith clients are told to compress their traces.
    """

    def __init__(
        self,
        reply: Reply = echo,
        *,
        tool_reply: ToolReply | None = None,
        chunk_size: int = 3,
        dimensions: int = 64,
        zstd: bool = True,
    ) -> None:
        """See the attributes of the class."""
        self.reply = reply
        self.tool_reply = tool_reply
        self.reasoning: Reply | None = None
        self.chunk_size = chunk_size
        self.dimensions = dimensions
        self.zstd = zstd
        self.requests: list[RecordedRequest] = []
        self.failure: tuple[int, str] | None = None
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and free the port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def _root(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self._root}/v1"

    @property
    def url_langsmith(self) -> str:
        """The `api_url` for a LangSmith client."""
        return f"{self._root}/langsmith"

    @property
    def bodies(self) -> bytes:
        """All bodies so far, one after the other."""
        return b"\n".join(request.body for request in list(self.requests))

    def fail_with(self, status: int, message: str = "The request was refused") -> None:
        """From now on, answer with an error that repeats the whole prompt, as providers do."""
        self.failure = (status, message)

    def recover(self) -> None:
        """Answer normally again."""
        self.failure = None

    def pieces(self, text: str) -> Iterator[str]:
        """Cut a text as a stream does."""
        for start in range(0, len(text), self.chunk_size):
            yield text[start : start + self.chunk_size]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: OpenAIServer

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent."""

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _answer(self) -> None:
        raw = self._read()
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = _decompressed(raw, headers.get("content-encoding", ""))
        self.owner.requests.append(RecordedRequest(self.command, self.path, headers, body, raw))
        path = urlsplit(self.path).path
        try:
            if path.startswith("/langsmith/"):
                self._langsmith(path.removeprefix("/langsmith"))
            else:
                self._openai(path, json.loads(body) if body else {})
        except (BrokenPipeError, ConnectionResetError):  # the client has heard enough
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def _send(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_events(self, events: Iterator[Json]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _langsmith(self, path: str) -> None:
        if path == "/info":
            limits = {
                "use_multipart_endpoint": True,
                "scale_up_qsize_trigger": 1000,
                "scale_up_nthreads_limit": 16,
                "scale_down_nempty_trigger": 4,
                "size_limit": 100,
                "size_limit_bytes": 20_971_520,
            }
            flags = {"zstd_compression_enabled": self.owner.zstd}
            self._send({"version": "0", "batch_ingest_config": limits, "instance_flags": flags})
        elif path.startswith("/runs"):
            self._send({"message": "accepted"}, 202)
        else:
            self._send({"detail": "Not Found"}, 404)

    def _openai(self, path: str, body: Json) -> None:
        if self.owner.failure:
            status, message = self.owner.failure
            self._fail(status, f"{message}: {prompt_text(body)}")
        elif path == "/v1/models":
            self._send({"object": "list", "data": [{"id": "loopback", "object": "model"}]})
        elif path == "/v1/embeddings":
            self._embed(body)
        elif path == "/v1/chat/completions":
            self._complete(body, chat=True)
        elif path == "/v1/completions":
            self._complete(body, chat=False)
        elif path == "/v1/responses":
            self._respond(body)
        else:
            self._fail(404, "Unknown request URL")

    def _fail(self, status: int, message: str) -> None:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": None, "code": None}
        self._send({"error": error}, status)

    def _embed(self, body: Json) -> None:
        given = body["input"]
        one = isinstance(given, str) or (given and isinstance(given[0], int))
        data = []
        for index, item in enumerate([given] if one else given):
            vector: Any = vector_of(item, body.get("dimensions") or self.owner.dimensions)
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        self._send({"object": "list", "data": data, "model": body.get("model"), "usage": usage})

    def _complete(self, body: Json, *, chat: bool) -> None:
        messages = body.get("messages") or [{}]
        wanted = self.owner.tool_reply if chat and body.get("tools") else None
        calls = wanted(body) if wanted and messages[-1].get("role") != "tool" else []
        text = "" if calls else self.owner.reply(body)
        kind = "chat.completion" if chat else "text_completion"
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "reply-1", "created": _CREATED, "model": body.get("model", "loopback")}
        end = "tool_calls" if calls else "stop"
        if body.get("stream"):
            head["object"] = f"{kind}.chunk" if chat else kind
            final = usage if (body.get("stream_options") or {}).get("include_usage") else None
            self._send_events(self._events(head, text, calls, end, final, chat=chat))
            return
        choice: Json = {"index": 0, "finish_reason": end, "logprobs": None}
        if chat:
            choice["message"] = {"role": "assistant", "content": None if calls else text}
            if calls:
                choice["message"]["tool_calls"] = [_call(i, *call) for i, call in enumerate(calls)]
        else:
            choice["text"] = text
        self._send({**head, "object": kind, "choices": [choice], "usage": usage})

    def _respond(self, body: Json) -> None:
        owner = self.owner
        wanted = owner.tool_reply if body.get("tools") else None
        calls = wanted(body) if wanted and not openai_responses.ends_in_result(body) else []
        text = "" if calls else owner.reply(body)
        reasoning = owner.reasoning(body) if owner.reasoning is not None else None
        number = len(owner.requests)
        whole = openai_responses.response(body, number, text, calls, reasoning)
        if body.get("stream"):
            self._send_events(openai_responses.events(whole, owner.pieces))
        else:
            self._send(whole)

    def _events(
        self,
        head: Json,
        text: str,
        calls: list[tuple[str, Json]],
        end: str,
        usage: Json | None,
        *,
        chat: bool,
    ) -> Iterator[Json]:
        def event(part: Json, finish: str | None = None) -> Json:
            content = {"delta": part} if chat else {"text": part.get("content", "")}
            choice = {"index": 0, "finish_reason": finish, "logprobs": None, **content}
            return {**head, "choices": [choice]}

        if chat:
            yield event({"role": "assistant", "content": None if calls else ""})
        for piece in self.owner.pieces(text):
            yield event({"content": piece})
        for index, (name, arguments) in enumerate(calls):
            call = _call(index, name, arguments)
            written = call["function"].pop("arguments")
            yield event({"tool_calls": [{"index": index, **call}]})
            for piece in self.owner.pieces(written):
                part = {"index": index, "function": {"arguments": piece}}
                yield event({"tool_calls": [part]})
        yield event({}, end)
        if usage:
            yield {**head, "choices": [], "usage": usage}


def _call(index: int, name: str, arguments: Json) -> Json:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{index}", "type": "function", "function": function}
