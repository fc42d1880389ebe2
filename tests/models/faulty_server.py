"""A real HTTP server that speaks OpenAI's API properly or, as the test says, wrongly."""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECES = ("The", " sky", " is", " blue", ".", " The", " end", ".")


@dataclass
class FaultyServer:
    """What the server does; a test changes it before it asks.

    Args:
        pieces: what the model writes, token by token.
        faults: what happens to the next requests, one each; then all is well.
        obeys_stop: whether the model stops at a stop string.
        tells_logprobs: whether log-probabilities are told.
        shifts_prompt: whether those of a prompt stand one token too far.
        counts: whether it tells how many tokens there were.
        delay: seconds before each answer, and before each piece of a stream.
        vector: makes the vector of a text.
        requests: path and body of all that came.
        keys: what stood in the header ``Authorization``.
        headers: names of all headers that came, in small letters.
    """

    pieces: tuple[str, ...] = PIECES
    faults: list[Callable[[Handler], None]] = field(default_factory=list)
    obeys_stop: bool = True
    tells_logprobs: bool = True
    shifts_prompt: bool = False
    counts: bool = True
    delay: float = 0.0
    vector: Callable[[str], list[Any]] = lambda text: [float(len(text)), 1.0, 0.0]
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)
    base_url: str = ""
    most_at_once: int = 0
    at_once: int = 0
    sent: int = 0
    """Pieces that went out in streams."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away in the middle of a stream."""
    ends: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: what hangs lets go."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    rules: FaultyServer
    body: dict[str, Any]

    def do_POST(self) -> None:
        rules = self.rules
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with rules.lock:
            rules.requests.append((self.path, self.body))
            rules.keys.append(self.headers["authorization"])
            rules.headers |= {name.lower() for name in self.headers}
            rules.at_once += 1
            rules.most_at_once = max(rules.most_at_once, rules.at_once)
            fault = rules.faults.pop(0) if rules.faults else Handler.answer
        try:
            fault(self)
        except (BrokenPipeError, ConnectionResetError):
            rules.left.set()
            self.close_connection = True
        finally:
            with rules.lock:
                rules.at_once -= 1

    def log_message(self, *_: object) -> None:
        pass

    def send(self, data: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def answer(self) -> None:
        """As it should be."""
        if self.path.endswith("/embeddings"):
            rows = [
                {"index": place, "embedding": self.rules.vector(text)}
                for place, text in enumerate(self.body["input"])
            ]
            self.rules.ends.wait(self.rules.delay)
            return self.send(json.dumps({"data": rows[::-1]}).encode(), "application/json")
        pieces, finish = self._written()
        if self.body.get("stream"):
            return self.stream(pieces, finish)
        self.rules.ends.wait(self.rules.delay)
        choice = self._choice(pieces, "message") | {"finish_reason": finish}
        if self.body.get("echo"):
            prompt = tokens_of(self.body["prompt"])
            choice = self._choice([*prompt, *pieces], "message") | {"finish_reason": finish}
        if "prompt_logprobs" in self.body:
            choice["prompt_logprobs"] = [
                None if not place else {str(place): {"logprob": one, "decoded_token": token}}
                for place, (token, one) in enumerate(self._of_prompt())
            ]
        told = {"choices": [choice], **self._usage(pieces)}
        return self.send(json.dumps(told).encode(), "application/json")

    def stream(self, pieces: list[str], finish: str) -> None:
        self.open_stream()
        for piece in pieces:
            if self.rules.ends.wait(self.rules.delay):
                return
            self.event({"choices": [self._choice([piece], "delta") | {"finish_reason": None}]})
            self.rules.sent += 1
        self.event({"choices": [self._choice([], "delta") | {"finish_reason": finish}]})
        if self.body.get("stream_options", {}).get("include_usage") and self.rules.counts:
            self.event({"choices": [], **self._usage(pieces)})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def open_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, value: object) -> None:
        self.chunk(b": busy\n\ndata: " + json.dumps(value).encode() + b"\n\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _written(self) -> tuple[list[str], str]:
        limit = self.body.get("max_tokens") or self.body["max_completion_tokens"]
        pieces = list(self.rules.pieces[:limit])
        text = "".join(pieces)
        ends = [text.find(one) for one in self.body.get("stop", ()) if one in text]
        if ends and self.rules.obeys_stop:
            return tokens_of(text[: min(ends)]), "stop"
        return pieces, "length" if len(self.rules.pieces) > limit else "stop"

    def _choice(self, pieces: list[str], holder: str) -> dict[str, Any]:
        text, is_chat = "".join(pieces), "messages" in self.body
        told: dict[str, Any] | None = None
        if self.body.get("logprobs") and self.rules.tells_logprobs and is_chat:
            told = {"content": [self._row(piece) for piece in pieces]}
        elif self.body.get("logprobs") and self.rules.tells_logprobs:
            rows = [self._row(piece) for piece in pieces]
            numbers: list[float | None] = [one["logprob"] for one in rows]
            if self.body.get("echo"):
                numbers[: len(tokens_of(self.body["prompt"]))] = [
                    one if place else None for place, (_, one) in enumerate(self._of_prompt())
                ]
            told = {
                "tokens": pieces,
                "token_logprobs": numbers,
                "top_logprobs": [
                    {rival["token"]: rival["logprob"] for rival in one["top_logprobs"]}
                    for one in rows
                ],
            }
        holding: dict[str, Any] = {holder: {"content": text}} if is_chat else {"text": text}
        return {**holding, "logprobs": told}

    def _row(self, piece: str) -> dict[str, Any]:
        count = self.body.get("top_logprobs") or self.body["logprobs"]
        rivals = [(piece, logprob_of(piece)), ("yes", -3.0), (" yes", -4.0), (" No", -5.0)]
        return {
            "token": piece,
            "logprob": logprob_of(piece),
            "top_logprobs": [{"token": a, "logprob": b} for a, b in rivals[:count]],
        }

    def _of_prompt(self) -> list[tuple[str, float]]:
        tokens = tokens_of(self.body["prompt"])
        numbers = [logprob_of(one) for one in tokens]
        if self.rules.shifts_prompt:
            numbers = [numbers[-1], *numbers[:-1]]
        return list(zip(tokens, numbers, strict=True))

    def _usage(self, pieces: list[str]) -> dict[str, Any]:
        if not self.rules.counts:
            return {}
        prompt = self.body.get("prompt") or "".join(one["content"] for one in self.body["messages"])
        return {
            "usage": {
                "prompt_tokens": len(tokens_of(prompt)),
                "completion_tokens": len(pieces),
                "prompt_tokens_details": {"cached_tokens": 1},
            }
        }


def tokens_of(text: str) -> list[str]:
    """The server's tokens: words with the space before them."""
    return re.findall(r"\s?\w+|\s?[^\w\s]|\s", text)


def logprob_of(token: str) -> float:
    """The server's model: each token has its own probability everywhere, exact in binary."""
    return -(1 + zlib.crc32(token.encode()) % 1024) / 256


def status(code: int, text: str = "the server's own words", **headers: str) -> Callable[..., None]:
    """A fault: a status with a text."""

    def fault(handler: Handler) -> None:
        body = json.dumps({"error": {"message": text}}).encode()
        handler.send(body, "application/json", code, **headers)

    return fault


def says(data: bytes, kind: str = "application/json") -> Callable[..., None]:
    """A fault: 200 with these bytes."""
    return lambda handler: handler.send(data, kind)


def hang(handler: Handler) -> None:
    """A fault: no answer until the test ends."""
    handler.rules.ends.wait(30.0)
    handler.close_connection = True


def disconnect(handler: Handler) -> None:
    """A fault: the connection closes without an answer."""
    handler.close_connection = True


def break_off(handler: Handler) -> None:
    """A fault: the connection closes in the middle of the answer."""
    handler.close_connection = True
    if handler.body.get("stream"):
        handler.open_stream()
        handler.event({"choices": [{"delta": {"content": "The"}, "text": "The"}]})
        return
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')


def end_early(handler: Handler) -> None:
    """A fault: a stream that ends in good order, but in the middle of the answer."""
    handler.open_stream()
    handler.event({"choices": [{"delta": {"content": "The"}, "text": "The"}]})
    handler.chunk(b"data: [DONE]\n\n")
    handler.chunk(b"")


def stream_of(*chunks: bytes) -> Callable[..., None]:
    """A fault: a stream of these bytes."""

    def fault(handler: Handler) -> None:
        handler.open_stream()
        for one in chunks:
            handler.chunk(one)
        handler.chunk(b"")

    return fault


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """The server, running on a free port of this machine."""
    rules = FaultyServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"rules": rules}))
    server.daemon_threads = True
    rules.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield rules
    finally:
        rules.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
