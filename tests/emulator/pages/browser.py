# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that tests control by its DevTools protocol, over two pipes: no port, no dependency."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.skipped import WANTING

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED = "POLARIS_REQUIRE_BROWSER"
"""Variable that lets tests fail without Chromium; else they are skipped."""
PATIENCE = 120
"""Seconds that the browser may take for an answer; a backstop for a busy machine."""
_NAME = "Chromium (Debian package chromium)"

needs_chromium = pytest.mark.skipif(BINARY is None and not os.environ.get(REQUIRED), reason=WANTING + _NAME)

# Chromium reads commands from descriptor 3 and writes answers to 4, whatever the numbers of the pipes are here.
_WIRE = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, end in zip((3, 4), ends):
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
_SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # it shows pages of this test only, and root can't have a sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",  # a name that its owner points to this machine
)


class Chromium:
    """The connection to one browser."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._buffer = b""
        self._last = 0
        self._events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command; other messages that arrive meanwhile are events."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def events(self, session: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the events of a tab: those that have arrived, then later ones."""
        seen = 0
        while True:
            while seen >= len(self._events):
                self._events.append(self._read())
            event = self._events[seen]
            seen += 1
            if event.get("sessionId") == session:
                yield event["method"], event["params"]

    def arrived(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the events of a tab that have arrived."""
        return [(one["method"], one["params"]) for one in self._events if one.get("sessionId") == session]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            assert ready, f"Chromium said nothing for {PATIENCE} s"
            received = os.read(self._answers, 1 << 16)
            assert received, "Chromium has gone"
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """One tab with its own profile."""

    def __init__(self, chromium: Chromium, base_url: str) -> None:
        self._chromium = chromium
        self._base_url = base_url
        self._context = chromium.call("Target.createBrowserContext")["browserContextId"]
        target = chromium.call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        self._session = chromium.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._loaded: set[str] = set()
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def close(self) -> None:
        """Close the tab with its profile."""
        self._chromium.call("Target.disposeBrowserContext", browserContextId=self._context)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command to this tab."""
        return self._chromium.call(method, self._session, **parameters)

    def open(self, path: str) -> None:
        """Open a page of the console, and wait for it."""
        self._wait_for_load(self.call("Page.navigate", url=f"{self._base_url}/__emulator__{path}")["loaderId"])

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Do something that opens another page, and wait for that page."""
        for method, event in self._chromium.arrived(self._session):
            if method == "Page.lifecycleEvent":
                self._loaded.add(event["loaderId"])
        yield
        self._wait_for_load(None)

    def _wait_for_load(self, loader: str | None) -> None:
        for method, event in self._chromium.events(self._session):
            if method != "Page.lifecycleEvent" or event["name"] != "load":
                continue
            if event["loaderId"] == loader or (loader is None and event["loaderId"] not in self._loaded):
                return

    def wait_for(self, method: str) -> dict[str, Any]:
        """Return the parameters of the first event of a kind."""
        return next(event for name, event in self._chromium.events(self._session) if name == method)

    def run(self, expression: str) -> Any:
        """Return the value of an expression, or of its promise."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a change of the page makes an expression true."""
        self.run(
            "new Promise(done => { const watch = new MutationObserver(look);"
            f" function look() {{ ({condition}) && done(watch.disconnect()) }}"
            " watch.observe(document, {subtree: true, childList: true, characterData: true}); look() })"
        )

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def tab(self) -> str:
        """Press Tab, and return the element with the focus: its text, or its label."""
        self.press("Tab", 9)
        return str(
            self.run(
                "(e => (e.labels && e.labels[0] || e).textContent.trim() && !e.ariaLabel ?"
                " (e.labels && e.labels[0] || e).textContent.trim() : e.ariaLabel || e.tagName)(document.activeElement)"
            )
        )

    def enter(self) -> None:
        """Press Enter."""
        self.press("Enter", 13)

    def resize(self, width: int, height: int = 780) -> None:
        """Make the page as wide as a phone, or as a desktop."""
        mobile = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name: str) -> None:
        """Make the page light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def complaints(self) -> list[str]:
        """Return the errors that the browser reports: of scripts, of the network, of the policy."""
        self.run("0")
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event) for method, event in self._chromium.arrived(self._session) if method in kinds]


@contextmanager
def chromium(home: Path) -> Iterator[Chromium]:
    """
    Run a browser until the block ends.

    :param home: Directory for what it writes.
    """
    if BINARY is None:
        raise RuntimeError(f"There is no {_NAME}, and {REQUIRED} is set.")
    read_command, commands = os.pipe()
    answers, write_answer = os.pipe()
    wire = [sys.executable, "-I", "-S", "-c", _WIRE, str(read_command), str(write_answer)]
    command = [*wire, BINARY, *_SWITCHES, f"--user-data-dir={home / 'profile'}", "about:blank"]
    with (
        (home / "chromium.log").open("wb") as log,
        subprocess.Popen(command, pass_fds=(read_command, write_answer), stdout=log, stderr=log) as process,
    ):
        os.close(read_command)
        os.close(write_answer)
        try:
            browser = Chromium(commands, answers)
            yield browser
            browser.call("Browser.close")
        finally:
            os.close(commands)
            os.close(answers)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
