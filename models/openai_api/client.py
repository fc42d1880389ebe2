"""How requests reach a server that speaks OpenAI's API: limits, retries, time, errors.

The ``openai`` client carries the requests. Everything of one engine runs on one event loop in a
thread of its own, so that a request can be given up in the middle and one limit holds for all
threads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from assay.models import account
from assay.models.openai_api.config import ServerConfig
from assay.models.openai_api.events import EventReader, UnreadableReply, parsed
from assay.models.openai_api.failures import (
    NEXT_STEP,
    TRANSIENT,
    FailedTry,
    seconds_to_wait,
    transport_errors,
)
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError

Result = TypeVar("Result")

SHOWN = 300
"""Characters of a server's text that a message repeats."""
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more before the next try is not asked again."""
FIRST_WAIT = 0.5
"""Seconds before the second try; each further one doubles it."""

_LOOK = 0.05  # seconds between two looks whether the caller gave up


@dataclass(frozen=True, slots=True)
class ServerRequest(Generic[Result]):
    """One request and how its answer is read.

    Args:
        kind: which part of the API.
        body: the JSON object that is sent.
        read: turns a JSON object of the answer into a value; raises ``UnreadableReply``.
    """

    kind: Literal["chat", "completions", "embeddings", "rerank"]
    body: Mapping[str, Any]
    read: Callable[[Any], Result]


class ServerClient:
    """Requests to one server.

    A try fails for good, or may pass by itself: no connection, no answer in time, status 408,
    409, 425, 429 or 5xx. Those are tried again after ``Retry-After`` or, without it, after 0.5,
    1, 2, ... seconds; never where the wait would outlast the request's deadline. What the caller
    gives up is ended at once, and its connection closed.

    Args:
        config: where the server is.
        name: the engine's registered name, for messages.
    """

    def __init__(self, config: ServerConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Any = None
        self._library: Any = None
        self._broken: tuple[type[Exception], ...] = ()
        self._places = asyncio.Semaphore(0)

    # -- life ---------------------------------------------------------------

    def start(self) -> None:
        """Make ready; no request is sent.

        Raises:
            ModelError: if the library is missing.
        """
        try:
            import openai
        except ImportError as error:
            raise ModelError(
                f"{self._name} needs the library openai: `pip install 'assay[openai]'`"
            ) from error
        key = self._config.api_key
        secret = key.get_secret_value() if key else "none"
        if not re.fullmatch(r"[!-~]+", secret):
            raise ModelError(
                f"{self._name}: api_key holds a space, a line's end or another character that no"
                " HTTP header may hold: look how its variable was set"
            )
        client = openai.AsyncOpenAI(
            api_key=secret,
            base_url=self._config.base_url,
            max_retries=0,
            timeout=None,
        )
        # The library takes these from the environment; a server of ours must not learn them.
        client.organization = client.project = None
        self._library, self._client = openai, client
        self._broken = (openai.APIConnectionError, *transport_errors())
        self._places = asyncio.Semaphore(self._config.concurrency)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"{self._name} requests", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End what is under way and close every connection."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._client = None

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.close()

    # -- use ----------------------------------------------------------------

    def ask(
        self, requests: Sequence[ServerRequest[Result]], contexts: Sequence[RunContext]
    ) -> list[Result]:
        """Send requests at the same time, as many as ``concurrency`` lets, begun in order.

        The first failure ends the others.

        Args:
            requests: what is asked.
            contexts: of those that wait for it.

        Raises:
            ModelError: if the server fails.
            DeadlineExceeded: if one of those that wait is out of time or gave up.
        """
        account.check(contexts)
        loop = self._running()
        futures = [
            asyncio.run_coroutine_threadsafe(self._tried(self._whole(one), contexts), loop)
            for one in requests
        ]
        try:
            waiting = set(futures)
            while waiting:
                done, waiting = concurrent.futures.wait(
                    waiting, _look(contexts), concurrent.futures.FIRST_COMPLETED
                )
                for one in done:
                    self._outcome(one)
                if waiting:
                    account.check(contexts)
            return [self._outcome(one) for one in futures]
        finally:
            for one in futures:
                one.cancel()

    def stream(
        self, request: ServerRequest[Result], context: RunContext
    ) -> Generator[Result, None, None]:
        """Send a request and give the parts of its answer as they come.

        Closing the iterator closes the connection. Nothing is tried again once a part came.

        Raises:
            ModelError: if the server fails.
            DeadlineExceeded: if the request is out of time or was given up.
        """
        context.check()
        parts: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(
            self._tried(self._parts(request, parts.put), [context]), self._running()
        )
        future.add_done_callback(lambda _: parts.put(None))
        try:
            while True:
                try:
                    part = parts.get(timeout=_look([context]))
                except queue.Empty:
                    context.check()
                    continue
                if part is None:
                    self._outcome(future)
                    return
                context.check()
                yield part
        finally:
            future.cancel()

    def failure(self, finding: str) -> ModelError:
        """An error that names engine, server and finding; the key in it becomes ``***``."""
        return ModelError(self._hidden(f"{self._name} at {self._config.base_url}: {finding}"))

    # -- one try after another ------------------------------------------------

    async def _tried(
        self, send: Callable[[], Awaitable[Result]], contexts: Sequence[RunContext]
    ) -> Result:
        tries = 0
        while True:
            tries += 1
            try:
                async with self._places:
                    return await send()
            except FailedTry as error:
                failed = error
            wait = failed.wait if failed.wait is not None else FIRST_WAIT * 2 ** (tries - 1)
            left = _time_left(contexts)
            after = f" ({tries} tries)" if tries > 1 else ""
            if not failed.transient or tries > self._config.retries:
                break
            if wait > LONGEST_WAIT or (left is not None and wait > left):
                after += f"; the next try would come in {wait:g} s, which is too late"
                break
            await asyncio.sleep(wait)
        # Outside of the handler: the library's error, which may repeat the key, is not its cause.
        raise self.failure(f"{failed.finding}{after}: {failed.next_step}")

    def _whole(self, request: ServerRequest[Result]) -> Callable[[], Awaitable[Result]]:
        async def send() -> Result:
            async def reading() -> Result:
                async with self._opened(request, stream=False) as response:
                    return request.read(parsed(await response.read()))

            return await self._guarded(reading, lambda: True)

        return send

    def _parts(
        self, request: ServerRequest[Result], put: Callable[[Result], None]
    ) -> Callable[[], Awaitable[None]]:
        begun = False

        async def send() -> None:
            async def reading() -> None:
                nonlocal begun
                async with (
                    asyncio.timeout(self._config.timeout) as limit,
                    self._opened(request, stream=True) as response,
                ):
                    async for event in _events(response):
                        limit.reschedule(asyncio.get_running_loop().time() + self._config.timeout)
                        put(request.read(event))
                        begun = True

            await self._guarded(reading, lambda: not begun, timed=True)

        return send

    async def _guarded(
        self,
        reading: Callable[[], Awaitable[Result]],
        repeatable: Callable[[], bool],
        *,
        timed: bool = False,
    ) -> Result:
        """One try; whatever goes wrong is told in one class."""
        try:
            if timed:
                return await reading()
            async with asyncio.timeout(self._config.timeout):
                return await reading()
        except TimeoutError:
            seconds = f"{self._config.timeout:g} s"
            raise FailedTry(
                f"no answer for {seconds}",
                "look whether the server is busy, or raise timeout",
                transient=repeatable(),
            ) from None
        except UnreadableReply as error:
            raise FailedTry(self._hidden(str(error))[:SHOWN], error.next_step) from None
        except self._library.APIStatusError as error:
            raise self._refused(error) from None
        except self._broken as error:
            finding = type(error.__cause__ or error).__name__
            detail = str(error.__cause__ or error)
            raise FailedTry(
                f"the connection failed ({finding}: {detail[:SHOWN]})"
                if repeatable()
                else f"the connection broke in the middle of the answer ({finding})",
                "look whether the server runs and base_url is right",
                transient=repeatable(),
            ) from None
        except self._library.OpenAIError as error:
            raise FailedTry(
                f"{type(error).__name__}: {str(error)[:SHOWN]}", "check the engine's settings"
            ) from None

    def _refused(self, error: Any) -> FailedTry:
        status = int(error.status_code)
        # Hidden before it is cut: half a key at the cut would not be recognised.
        text = " ".join(self._hidden(str(error.response.text)).split())[:SHOWN]
        step = NEXT_STEP.get(status, "look into the server's log")
        return FailedTry(
            f"status {status}: {text or 'no text'}",
            step,
            transient=status in TRANSIENT or status >= 500,
            wait=seconds_to_wait(error.response.headers.get("retry-after")),
        )

    def _opened(self, request: ServerRequest[Any], *, stream: bool) -> Any:
        client = self._client
        rest = dict(request.body)
        needed = {"model": self._config.model}
        match request.kind:
            case "chat":
                send = client.chat.completions.with_streaming_response.create
                needed["messages"] = rest.pop("messages")
            case "completions":
                send = client.completions.with_streaming_response.create
                needed["prompt"] = rest.pop("prompt")
            case "embeddings":
                send = client.embeddings.with_streaming_response.create
                needed["input"] = rest.pop("input")
                needed["encoding_format"] = rest.pop("encoding_format")
            case "rerank":  # no part of OpenAI's API, but its servers have it beside the others
                return self._posted("/rerank", needed | rest)
        if stream:
            return send(**needed, stream=True, extra_body=rest)
        return send(**needed, extra_body=rest)

    @asynccontextmanager
    async def _posted(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[Any]:
        """The response to a request that the library has no method for."""
        import httpx

        response = await self._client.post(path, cast_to=httpx.Response, body=body)
        yield _Whole(response.content)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise ModelError(f"{self._name} is not started: call start() first")
        return self._loop

    def _outcome(self, future: concurrent.futures.Future[Result]) -> Result:
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ModelError(f"{self._name} was closed in the middle of a request") from None

    def _hidden(self, text: str) -> str:
        key = self._config.api_key
        secret = key.get_secret_value() if key else ""
        return text.replace(secret, "***") if secret else text


@dataclass(frozen=True, slots=True)
class _Whole:
    """A response that was read."""

    content: bytes

    async def read(self) -> bytes:
        return self.content


async def _events(response: Any) -> AsyncIterator[Any]:
    """The JSON objects of a stream of server-sent events."""
    reader = EventReader()
    async for data in response.iter_bytes():
        for event in reader.add(data):
            yield event
        if reader.done:
            return
    for event in reader.end():
        yield event


def _time_left(contexts: Sequence[RunContext]) -> float | None:
    left = [one for context in contexts if (one := context.time_left()) is not None]
    return min(left, default=None)


def _look(contexts: Sequence[RunContext]) -> float:
    left = _time_left(contexts)
    return _LOOK if left is None else min(_LOOK, left + 0.001)
