"""Pages in headless Chromium: what they fetch, what the console says, how wide they are.

It speaks the DevTools protocol over two pipes, which needs neither a port nor a library.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DESK, PHONE = 1280, 390
"""Widths of windows, in CSS pixels."""

_PATIENCE = 60.0


@dataclass
class Look:
    """What was seen of a page.

    Args:
        fetched: Addresses it asked for, its own left out.
        console: What the console said, and exceptions.
        width: How wide its content is, in CSS pixels.
        text: The text that is shown.
        picture: A picture of all of it, as PNG.
        pdf: The page as it is printed.
    """

    fetched: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    width: int = 0
    text: str = ""
    picture: bytes = b""
    pdf: bytes = b""


def look_at(page: Path, width: int, folder: Path, *, dark: bool = False) -> Look:
    """Open a page in a window of a width.

    Args:
        page: The page.
        width: In CSS pixels.
        folder: Where Chromium may keep its profile.
        dark: Whether the reader prefers dark pages.
    """
    with _browser(folder) as browser:
        return browser.look(page.resolve().as_uri(), width, dark)


@contextmanager
def _browser(folder: Path) -> Iterator[_Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    name = next(filter(None, map(shutil.which, names)), None)
    if name is None:
        if os.environ.get("PIIRAG_CI"):
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed")
    from_us, to_it = os.pipe()
    from_it, to_us = os.pipe()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'chromium'}",
        "about:blank",
    ]

    # The protocol is spoken on descriptors 3 and 4.
    shell = f'exec 3<&{from_us} 4>&{to_us}; exec "$0" "$@"'
    process = subprocess.Popen(
        ["bash", "-c", shell, name, *options],
        pass_fds=(from_us, to_us),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(from_us)
    os.close(to_us)
    try:
        yield _Browser(to_it, from_it)
    finally:
        # Its own group: what it started must not write into a folder that is being removed.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(to_it)
        os.close(from_it)


class _Browser:
    def __init__(self, to_it: int, from_it: int) -> None:
        self._to, self._from = to_it, from_it
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        self._seen = Look()
        self._loaded = False

    def look(self, address: str, width: int, dark: bool) -> Look:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        wish = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=wish)
        self._own = address
        self._call("Page.navigate", url=address)
        until = time.monotonic() + _PATIENCE
        while not self._loaded:
            self._read(until)
        self._seen.width = self._value("document.documentElement.scrollWidth")
        self._seen.text = self._value("document.body.innerText")
        whole = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        self._seen.picture = base64.b64decode(whole["data"])
        self._seen.pdf = base64.b64decode(self._call("Page.printToPDF")["data"])
        return self._seen

    def _value(self, expression: str) -> Any:
        return self._call("Runtime.evaluate", expression=expression)["result"]["value"]

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + _PATIENCE
        while True:
            answer = self._read(until)
            if answer.get("id") == self._number:
                assert "result" in answer, answer.get("error")
                return answer["result"]

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            # `select` takes no descriptor above 1023, and a process of many tests has them.
            poll = select.poll()
            poll.register(self._from, select.POLLIN)
            ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
            data = os.read(self._from, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("Chromium does not answer")
            self._rest += data
        line, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            if address != self._own:
                self._seen.fetched.append(address)
        elif method == "Log.entryAdded":
            self._seen.console.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self._seen.console.append(str(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self._seen.console.append(params["exceptionDetails"]["text"])
