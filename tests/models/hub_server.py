"""A hub on this machine: the few addresses that ``huggingface_hub`` asks for, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """What the hub holds and how it misbehaves.

    Args:
        files: content of the only repository, ``maker/model``, by path.
        card: the model's card.
        wrong: what is sent in the place of a file, by path.
        held: a file of which the last byte is kept back until ``let_go`` is set.
        status: for answers other than 200.
        reason: the hub's code for what is wrong (``GatedRepo``).
        asked: paths that were asked for.
    """

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=lambda: {"license": "apache-2.0"})
    wrong: dict[str, bytes] = field(default_factory=dict)
    held: str = ""
    holding: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    status: int = 200
    reason: str = ""
    asked: list[str] = field(default_factory=list)
    url: str = ""


def sibling(path: str, content: bytes) -> dict[str, Any]:
    """What the hub says about a file: weights have a sha256, texts what git calls them by."""
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    said: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": blob}
    if path.endswith((".safetensors", ".gguf", ".onnx", ".bin")):
        sha256 = hashlib.sha256(content).hexdigest()
        said["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
    return said


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub at ``hub.url`` until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(body=True)

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(path)
            if hub.status != 200:
                self.send(hub.status, b"{}", {"X-Error-Code": hub.reason}, body=body)
                return
            if path.startswith("/api/models/maker/model/revision/"):
                if path.rpartition("/")[2] not in ("main", "v1", COMMIT):
                    self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body=body)
                    return
                said = {
                    "id": "maker/model",
                    "sha": COMMIT,
                    "cardData": hub.card,
                    "siblings": [sibling(*one) for one in hub.files.items()],
                }
                self.send(200, json.dumps(said).encode(), {}, body=body)
                return
            begin = f"/maker/model/resolve/{COMMIT}/"
            name = path.removeprefix(begin)
            if path.startswith(begin) and name in hub.files:
                content = hub.wrong.get(name, hub.files[name])
                etag = hashlib.sha256(hub.files[name]).hexdigest()
                headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
                if body and name == hub.held:
                    self.hold(content, headers)
                    return
                self.send(200, content, headers, body=body)
                return
            self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)

        def send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def hold(self, content: bytes, headers: dict[str, str]) -> None:
            self.send(200, content, headers, body=False)
            self.wfile.write(content[:-1])
            self.wfile.flush()
            hub.holding.set()
            hub.let_go.wait(30)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing: the test's output is the test's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
