"""A real browser without a window, spoken to over two pipes by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0


def find_browser() -> str | None:
    """The browser of ``ASSAY_BROWSER``, else the first of ``NAMES`` that is installed."""
    named = os.environ.get("ASSAY_BROWSER")
    if named:
        return shutil.which(named)
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One browser with one page; what the page complains of is in ``complaints``."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._buffer = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._session: str | None = None
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        number = self._number
        while True:
            got = self._receive()
            if got.get("id") == number:
                assert "error" not in got, f"{method}: {got['error']}"
                result: dict[str, Any] = got["result"]
                return result

    def open(
        self, file: Path, *, width: int = 1100, height: int = 900, dark: bool = False,
        script: bool = True, paper: bool = False, fragment: str = "",
    ) -> None:  # fmt: skip
        """Load a file and wait until it is there; forgets earlier complaints."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Page.navigate", url="about:blank")  # the same file again is loaded again
        self._wait("Page.loadEventFired")
        self.complaints.clear()
        self.call("Page.navigate", url=file.resolve().as_uri() + fragment)
        self._wait("Page.loadEventFired")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self) -> bytes:
        """A PNG of the whole page, at most 16,000 pixels high."""
        width, height = self.ask("[innerWidth, document.documentElement.scrollHeight]")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=min(height, 16_000),
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        found = self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(found["data"])

    def paper(self) -> bytes:
        """The page as a PDF."""
        found = self.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(found["data"])

    def _wait(self, event: str) -> None:
        self._events.clear()
        end = time.monotonic() + PATIENCE
        while not any(one["method"] == event for one in self._events):
            assert time.monotonic() < end, f"no {event} within {PATIENCE} s"
            self._receive()

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], PATIENCE)
            assert ready, f"the browser has been silent for {PATIENCE} s"
            chunk = os.read(self._from, 1 << 20)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self._events.append(message)
            self._listen(message["method"], message["params"])
        return message

    def _listen(self, method: str, said: dict[str, Any]) -> None:
        match method:
            case "Log.entryAdded" if said["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(said["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(said["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(said["exceptionDetails"]))
            case "Network.requestWillBeSent" if said["request"]["url"].split(":")[0] not in {
                "file", "data", "about",
            }:  # fmt: skip
                self.complaints.append(f"asks for {said['request']['url']}")


@contextlib.contextmanager
def running(program: str) -> Iterator[Browser]:
    """A browser with a profile of its own, ended with all that it started."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        read_commands, write_commands = _pipe()
        read_answers, write_answers = _pipe()
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-extensions", "--remote-debugging-pipe",
            f"--user-data-dir={home}",
        ]  # fmt: skip
        nowhere = os.open(os.devnull, os.O_RDWR)
        process = os.posix_spawn(
            program, command, os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nowhere, 1), (os.POSIX_SPAWN_DUP2, nowhere, 2),
                (os.POSIX_SPAWN_DUP2, read_commands, 3), (os.POSIX_SPAWN_DUP2, write_answers, 4),
            ],
            setpgroup=0,
        )  # fmt: skip
        for end in (read_commands, write_answers, nowhere):
            os.close(end)
        try:
            yield Browser(write_commands, read_answers)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(write_commands)
            os.close(read_answers)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are not among the numbers that the browser is given."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
