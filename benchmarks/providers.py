"""What the provider policy adds to a call, against the same model without it.

A `ChatOpenAI` calls a server on this machine that answers after 20 ms, once bare and once behind
`guard_model`, in turns, in one process. Told are the median of the ratios of neighbouring calls,
and what the check alone takes of 20 ms.

Run: python benchmarks/providers.py [--calls N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langchain_openai import ChatOpenAI

from langchain_piirag import guard_model
from piirag.governance.providers import ProviderPolicy, ProviderWarning

DELAY = 0.02
_REPLY = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "yes"},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


class _Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer after a while."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(DELAY)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_REPLY)))
        self.end_headers()
        self.wfile.write(_REPLY)

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent."""


def _timed(call: Any, *args: Any) -> float:
    begin = time.perf_counter()
    call(*args)
    return time.perf_counter() - begin


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    calls = parser.parse_args().calls
    warnings.simplefilter("ignore", ProviderWarning)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    model = ChatOpenAI(base_url=url, api_key="none", model="m")
    policy = ProviderPolicy(["eu"])
    guarded = guard_model(model, policy)
    for warm in (model, guarded):
        warm.invoke("hello")
    ratios = [_timed(guarded.invoke, "hello") / _timed(model.invoke, "hello") for _ in range(calls)]
    alone = statistics.median(_timed(policy.enforce, model) for _ in range(calls * 10))
    print(f"behind the policy / bare, median of {calls}: {statistics.median(ratios):.3f}")
    print(f"the check alone, as a share of {DELAY * 1000:.0f} ms: {alone / DELAY:.4f}")


if __name__ == "__main__":
    main()
