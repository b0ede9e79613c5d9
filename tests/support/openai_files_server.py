"""A loopback server for the parts of OpenAI's interface that keep files and what is made of them.

with OpenAIFilesServer() as server:
    client = OpenAI(base_url=server.url, api_key="x")
    server.add_file("file-1", b"text")
    client.files.delete("file-1")
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

_AT = 1_700_000_000
_ONE = re.compile(r"/v1/(files|vector_stores|models|batches|fine_tuning/jobs)/([^/]+)")
_ALL = re.compile(r"/v1/(files|vector_stores|batches|fine_tuning/jobs)")


class OpenAIFilesServer:
    """The server; a context manager. It listens on 127.0.0.1, on a free port.

    Attributes:
        calls: Method and path of each request, in order.
        lies: Paths whose deletion is confirmed and not carried out.
        failing: Paths that answer with status 500.
        page: How many items a page of a list has at most.
    """

    def __init__(self, page: int = 2) -> None:
        """See the attributes of the class."""
        self.calls: list[str] = []
        self.lies: set[str] = set()
        self.failing: set[str] = set()
        self.page = page
        self.contents: dict[str, bytes] = {}
        self.tables: dict[str, dict[str, Json]] = {
            name: {} for name in ("files", "vector_stores", "models", "batches", "fine_tuning/jobs")
        }
        self.places: dict[str, list[str]] = {}
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """What a client takes as `base_url`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # Filling it

    def add_file(self, id: str, content: bytes = b"text", purpose: str = "user_data") -> str:
        """A file as if it had been uploaded."""
        self.contents[id] = content
        self.tables["files"][id] = {
            "id": id,
            "object": "file",
            "bytes": len(content),
            "created_at": _AT,
            "filename": f"{id}.txt",
            "purpose": purpose,
            "status": "processed",
        }
        return id

    def add_store(self, id: str, *files: str) -> str:
        """A vector store with files in it."""
        self.places[id] = list(files)
        self.tables["vector_stores"][id] = {
            "id": id,
            "object": "vector_store",
            "created_at": _AT,
            "name": id,
            "status": "completed",
            "usage_bytes": 0,
            "last_active_at": _AT,
            "metadata": {},
            "file_counts": dict.fromkeys(
                ("in_progress", "completed", "failed", "cancelled", "total"), 0
            ),
        }
        return id

    def add_job(
        self,
        id: str,
        file: str,
        status: str,
        *,
        results: Sequence[str] = (),
        model: str | None = None,
    ) -> str:
        """A fine-tuning job that reads a file, and the model that came of it."""
        if model is not None:
            self.tables["models"][model] = {
                "id": model,
                "object": "model",
                "created": _AT,
                "owned_by": "us",
            }
        self.tables["fine_tuning/jobs"][id] = {
            "id": id,
            "object": "fine_tuning.job",
            "created_at": _AT,
            "model": "base",
            "organization_id": "us",
            "hyperparameters": {},
            "seed": 1,
            "status": status,
            "training_file": file,
            "validation_file": None,
            "result_files": list(results),
            "fine_tuned_model": model,
        }
        return id

    def add_batch(self, id: str, file: str, status: str, output: str | None = None) -> str:
        """A batch that reads a file, and its output."""
        self.tables["batches"][id] = {
            "id": id,
            "object": "batch",
            "created_at": _AT,
            "completion_window": "24h",
            "endpoint": "/v1/chat/completions",
            "input_file_id": file,
            "output_file_id": output,
            "status": status,
        }
        return id

    # Answering

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Status and body; bytes for the content of a file."""
        if path in self.failing:
            return 500, {"error": {"message": "the file of alice is on fire", "type": "server"}}
        if match := re.fullmatch(r"/v1/files/([^/]+)/content", path):
            return self._content(match[1])
        if match := re.fullmatch(r"/v1/vector_stores/([^/]+)/files(?:/([^/]+))?", path):
            return self._in_store(method, path, match[1], match[2], query)
        if match := re.fullmatch(r"/v1/(batches|fine_tuning/jobs)/([^/]+)/cancel", path):
            return self._cancel(match[1], match[2])
        if match := _ONE.fullmatch(path):
            return self._one(method, path, match[1], match[2])
        if match := _ALL.fullmatch(path):
            return self._page(list(self.tables[match[1]].values()), query)
        return 404, {"error": {"message": "no such path", "type": "invalid_request_error"}}

    def _content(self, id: str) -> tuple[int, Any]:
        if id not in self.contents:
            return _missing()
        if self.tables["files"][id]["purpose"] == "assistants":
            return 400, {"error": {"message": "not allowed for this purpose", "type": "invalid"}}
        return 200, self.contents[id]

    def _in_store(
        self, method: str, path: str, store: str, file: str | None, query: dict[str, list[str]]
    ) -> tuple[int, Any]:
        if store not in self.places or (file is not None and file not in self.places[store]):
            return _missing()
        if method == "DELETE" and file is not None:
            if path not in self.lies:
                self.places[store].remove(file)
            return 200, {"id": file, "object": "vector_store.file.deleted", "deleted": True}
        found = [
            {
                "id": id,
                "object": "vector_store.file",
                "created_at": _AT,
                "vector_store_id": store,
                "status": "completed",
                "usage_bytes": 1,
            }
            for id in self.places[store]
        ]
        return self._page(found, query)

    def _cancel(self, table: str, id: str) -> tuple[int, Any]:
        if id not in self.tables[table]:
            return _missing()
        found = self.tables[table][id]
        found["status"] = "cancelled"
        return 200, found

    def _one(self, method: str, path: str, table: str, id: str) -> tuple[int, Any]:
        if id not in self.tables[table]:
            return _missing()
        if method != "DELETE":
            return 200, self.tables[table][id]
        if path not in self.lies:
            del self.tables[table][id]
            self.contents.pop(id, None)
            self.places.pop(id, None)
        return 200, {"id": id, "object": "deleted", "deleted": True}

    def _page(self, items: list[Json], query: dict[str, list[str]]) -> tuple[int, Any]:
        ids = [item["id"] for item in items]
        after = query.get("after", [None])[0]
        start = ids.index(after) + 1 if after in ids else 0
        found = items[start : start + self.page]
        return 200, {
            "object": "list",
            "data": found,
            "has_more": start + self.page < len(items),
            "first_id": found[0]["id"] if found else None,
            "last_id": found[-1]["id"] if found else None,
        }


def _missing() -> tuple[int, Any]:
    return 404, {"error": {"message": "no such thing", "type": "invalid_request_error"}}


class _Handler(BaseHTTPRequestHandler):
    owner: OpenAIFilesServer

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        parts = urlsplit(self.path)
        self.owner.calls.append(f"{self.command} {parts.path}")
        status, body = self.owner.answer(self.command, parts.path, parse_qs(parts.query))
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
