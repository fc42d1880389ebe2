"""What a server may do wrong, by a real one that does all of it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import SecretStr

from assay.models.language_model import Generation
from assay.models.openai import OpenAi
from assay.models.openai_api.failures import seconds_to_wait
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError
from tests.models.faulty_server import (
    PIECES,
    FaultyServer,
    break_off,
    disconnect,
    end_early,
    faulty_server,
    hang,
    says,
    status,
    stream_of,
)

pytest.importorskip("openai")

KEY = "sk-a-key-that-nobody-may-see"
NOW = {"retry_after": "0"}


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        yield running


@contextmanager
def engine(server: FaultyServer, **settings: Any) -> Iterator[OpenAi]:
    model = OpenAi(OpenAi.Config(**{"model": "m", "base_url": server.base_url, **settings}))
    model.start()
    try:
        yield model
    finally:
        model.close()


def whole(model: OpenAi, context: RunContext) -> object:
    return model.generate("Why?", context, max_tokens=20)


def streamed(model: OpenAi, context: RunContext) -> object:
    return list(model.stream("Why?", context, max_tokens=20))


both = pytest.mark.parametrize("ask", [whole, streamed])
Ask = Callable[[OpenAi, RunContext], object]


@both
@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        (says(b"<html>Welcome</html>", "text/html"), "Welcome"),
        (says(b"not json"), "not json"),
        (says(b"\xff\xfe\xfd"), "not UTF-8"),
        (says(b""), "is no"),
        (stream_of(b"data: {oops\n\n"), "not JSON"),
        (stream_of(b'data: {"choices": 3}\n\n'), "not JSON|broke off"),
        (stream_of(b"data: [1]\n\n"), "no JSON object|not JSON"),
        (stream_of(b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n'), "UTF-8"),
        (stream_of(b'data: {"error": {"message": "out of memory"}}\n\n'), "out of memory"),
    ],
)
def test_garbage_is_told_as_what_it_is_and_asked_for_once(
    server: FaultyServer, ask: Ask, fault: Callable[..., None], finding: str
) -> None:
    server.faults = [fault]
    if ask is whole and finding == "is no":
        finding = "not JSON"
    with engine(server) as model, pytest.raises(ModelError, match=finding):
        ask(model, RunContext())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (b"[]", "no JSON object"),
        (b"{}", "no choices"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": ["a"]}', "no JSON object"),
        (b'{"choices": [{"message": "a"}]}', "without a message"),
        (b'{"choices": [{"message": {"content": 3}}]}', "without a text"),
        (b'{"error": {"message": "out of memory"}}', "out of memory"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_json_of_another_form_is_told_as_what_it_is(
    server: FaultyServer, answer: bytes, finding: str
) -> None:
    server.faults = [says(answer)]
    with engine(server) as model, pytest.raises(ModelError, match=finding):
        whole(model, RunContext())


@both
@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_a_refusal_comes_through_with_its_text_and_is_not_tried_again(
    server: FaultyServer, ask: Ask, code: int
) -> None:
    server.faults = [status(code)]
    with (
        engine(server) as model,
        pytest.raises(ModelError, match=f"status {code}: .*the server's own words.*check"),
    ):
        ask(model, RunContext())
    assert len(server.requests) == 1


@both
@pytest.mark.parametrize(
    "fault", [status(429, **NOW), status(500, **NOW), status(503, **NOW), status(408, **NOW)]
)
def test_what_passes_by_itself_is_tried_again(
    server: FaultyServer, ask: Ask, fault: Callable[..., None]
) -> None:
    server.faults = [fault, fault]
    with engine(server, retries=2) as model:
        assert ask(model, RunContext())
    assert len(server.requests) == 3


@both
def test_what_does_not_pass_is_an_error_after_the_last_try(server: FaultyServer, ask: Ask) -> None:
    server.faults = [status(500, "out of memory", **NOW)] * 9
    with (
        engine(server, retries=2) as model,
        pytest.raises(ModelError, match=r"status 500: .*out of memory.*\(3 tries\)"),
    ):
        ask(model, RunContext())
    assert len(server.requests) == 3


@both
def test_a_lost_connection_is_tried_again(server: FaultyServer, ask: Ask) -> None:
    server.faults = [disconnect]
    with engine(server) as model:
        assert ask(model, RunContext())
    assert len(server.requests) == 2


def test_the_server_says_how_long_to_wait(server: FaultyServer) -> None:
    server.faults = [status(429, retry_after="1")]
    begin = time.monotonic()
    with engine(server) as model:
        whole(model, RunContext())
    assert 0.95 < time.monotonic() - begin < 5.0


@pytest.mark.parametrize("wait", ["30", "3600"])
def test_a_wait_beyond_the_deadline_is_not_begun(server: FaultyServer, wait: str) -> None:
    server.faults = [status(429, retry_after=wait)]
    context = RunContext(deadline=time.monotonic() + 5)
    begin = time.monotonic()
    with engine(server) as model, pytest.raises(ModelError, match=r"too late"):
        whole(model, context)
    assert time.monotonic() - begin < 3


def test_a_wait_ends_when_the_caller_gives_up(server: FaultyServer) -> None:
    server.faults = [status(429, retry_after="30")]
    context = RunContext()
    threading.Timer(0.2, context.cancelled.set).start()
    begin = time.monotonic()
    with engine(server) as model, pytest.raises(DeadlineExceeded, match="cancelled"):
        whole(model, context)
    assert time.monotonic() - begin < 3


def test_a_retry_after_is_read_in_both_of_its_forms() -> None:
    assert seconds_to_wait("1.5") == 1.5
    assert seconds_to_wait("-3") == 0.0
    assert seconds_to_wait("nan") is seconds_to_wait("soon") is seconds_to_wait(None) is None
    later = seconds_to_wait(formatdate(time.time() + 20, usegmt=True))
    assert later is not None and 15 < later <= 20


@both
def test_a_server_that_hangs_is_left_after_the_timeout(server: FaultyServer, ask: Ask) -> None:
    server.faults = [hang]
    with (
        engine(server, timeout=0.2, retries=0) as model,
        pytest.raises(ModelError, match=r"no answer for 0\.2 s.*raise timeout"),
    ):
        ask(model, RunContext())


@both
def test_a_server_that_hangs_is_left_at_the_deadline(server: FaultyServer, ask: Ask) -> None:
    server.faults = [hang]
    begin = time.monotonic()
    with engine(server) as model, pytest.raises(DeadlineExceeded, match="deadline"):
        ask(model, RunContext(deadline=begin + 0.2))
    assert time.monotonic() - begin < 3


def test_a_silence_in_the_middle_of_a_stream_ends_it_and_talk_does_not(
    server: FaultyServer,
) -> None:
    server.delay = 0.1
    with engine(server, timeout=0.4, retries=0) as model:
        assert streamed(model, RunContext())
        server.delay = 5
        with pytest.raises(ModelError, match=r"no answer for 0\.4 s"):
            streamed(model, RunContext())


@both
def test_an_answer_that_breaks_off_is_an_error(server: FaultyServer, ask: Ask) -> None:
    server.faults = [break_off] * 2
    with (
        engine(server, retries=0) as model,
        pytest.raises(ModelError, match=r"connection (failed|broke in the middle)"),
    ):
        ask(model, RunContext())


def test_a_stream_that_has_begun_is_not_begun_again(server: FaultyServer) -> None:
    server.faults = [break_off]
    context = RunContext()
    with engine(server, retries=5) as model:
        pieces = model.stream("Why?", context, max_tokens=20)
        assert next(pieces) == "The"
        with pytest.raises(ModelError, match="broke in the middle of the answer"):
            next(pieces)
    assert len(server.requests) == 1
    assert (context.cost.calls, context.cost.tokens_in) == (1, 2), "what was done is paid for"


def test_a_stream_that_ends_in_good_order_but_without_a_reason_is_an_error(
    server: FaultyServer,
) -> None:
    server.faults = [end_early]
    with engine(server) as model, pytest.raises(ModelError, match="broke off before its end"):
        streamed(model, RunContext())


def test_a_generation_ends_in_the_middle_when_the_caller_gives_up(server: FaultyServer) -> None:
    server.pieces, server.delay = PIECES * 20, 0.05
    context = RunContext()
    with engine(server, context_tokens=9000) as model:
        pieces = model.stream("Why?", context, max_tokens=500)
        assert next(pieces) == "The"
        context.cancelled.set()
        with pytest.raises(DeadlineExceeded, match="cancelled"):
            list(pieces)
        assert server.left.wait(5), "the connection is closed"
    assert server.sent < 40
    assert context.cost.tokens_out > 0


def test_a_generation_ends_in_the_middle_at_the_deadline(server: FaultyServer) -> None:
    server.pieces, server.delay = PIECES * 20, 0.05
    begin = time.monotonic()
    with engine(server, context_tokens=9000) as model:
        with pytest.raises(DeadlineExceeded, match="deadline"):
            list(model.stream("Why?", RunContext(deadline=begin + 0.3), max_tokens=500))
        assert server.left.wait(5)
    assert time.monotonic() - begin < 3


def test_closing_the_iterator_closes_the_connection(server: FaultyServer) -> None:
    server.pieces, server.delay = PIECES * 20, 0.02
    with engine(server, context_tokens=9000) as model:
        pieces = model.stream("Why?", RunContext(), max_tokens=500)
        assert next(pieces) == "The"
        assert isinstance(pieces, Generator)
        pieces.close()
        assert server.left.wait(5)
    assert server.sent < 40


def test_a_key_is_sent_and_never_told(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "an-organisation")
    server.faults = [
        status(401, f"{'x' * 250} no such key: {KEY}"),
        says(b'{"error": "' + b"x" * 230 + KEY.encode() + b'"}'),
    ]
    with engine(server, api_key=SecretStr(KEY)) as model:
        for _ in range(2):
            with pytest.raises(ModelError) as caught:
                whole(model, RunContext())
            told = [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
            assert not any(KEY[:8] in one for one in told)
            assert len(told[0]) < 600
        assert KEY not in repr(model.config) + model.fingerprint()
    assert server.keys == [f"Bearer {KEY}"] * 2
    assert "openai-organization" not in server.headers


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}€", f"{KEY} x"])
def test_a_key_that_no_header_may_hold_is_refused_at_the_start(
    server: FaultyServer, key: str
) -> None:
    with (
        pytest.raises(ModelError, match="api_key holds") as caught,
        engine(server, api_key=SecretStr(key)),
    ):
        pass
    assert KEY not in str(caught.value)


def test_the_environments_key_is_not_taken(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with engine(server) as model:
        whole(model, RunContext())
    assert KEY not in str(server.keys)


def test_no_more_requests_are_under_way_than_allowed_over_all_threads(
    server: FaultyServer,
) -> None:
    server.delay = 0.1
    with engine(server, concurrency=3) as model:

        def several() -> None:
            model.generate_batch(["Why?"] * 4, [RunContext()] * 4, max_tokens=9)

        threads = [threading.Thread(target=several) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(server.requests) == 8
    assert server.most_at_once == 3


def test_an_open_stream_that_nobody_reads_stops_no_other_request(server: FaultyServer) -> None:
    with engine(server, concurrency=1) as model:
        pieces = model.stream("Why?", RunContext(), max_tokens=20)
        next(pieces)
        assert whole(model, RunContext(deadline=time.monotonic() + 10))
        assert isinstance(list(pieces)[-1], Generation)


def test_the_first_failure_of_a_batch_ends_the_others(server: FaultyServer) -> None:
    server.faults = [hang, hang, status(400)]
    begin = time.monotonic()
    with engine(server) as model, pytest.raises(ModelError, match="status 400"):
        model.generate_batch(["a", "b", "c"], [RunContext()] * 3, max_tokens=9)
    assert time.monotonic() - begin < 5


def test_one_request_that_is_over_ends_the_batch_that_it_is_in(server: FaultyServer) -> None:
    over = RunContext(deadline=time.monotonic() - 1)
    with engine(server) as model, pytest.raises(DeadlineExceeded):
        model.generate_batch(["a", "b"], [RunContext(), over], max_tokens=9)
    assert not server.requests


def test_it_must_be_started_and_stays_closed(server: FaultyServer) -> None:
    model = OpenAi(OpenAi.Config(model="m", base_url=server.base_url))
    with pytest.raises(ModelError, match=r"call start\(\) first"):
        whole(model, RunContext())
    model.start()
    assert not server.requests, "the start asks nothing"
    assert whole(model, RunContext())
    model.close()
    model.close()
    for ask in (whole, streamed):
        with pytest.raises(ModelError, match=r"call start\(\) first"):
            ask(model, RunContext())


def test_closing_ends_what_is_under_way(server: FaultyServer) -> None:
    server.faults = [hang]
    failures: list[Exception] = []
    with engine(server) as model:

        def ask() -> None:
            try:
                whole(model, RunContext())
            except ModelError as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server.requests:
            time.sleep(0.01)
    thread.join(5)
    assert "closed in the middle" in str(failures[0])


def test_nothing_listens() -> None:
    config = OpenAi.Config(model="m", base_url="http://127.0.0.1:9/v1", retries=0)
    model = OpenAi(config)
    model.start()
    with pytest.raises(ModelError, match=r"connection failed.*look whether the server runs"):
        whole(model, RunContext())
    model.close()


def test_the_library_is_loaded_at_the_start_and_not_before() -> None:
    code = "import sys, assay.models.openai, assay.models.openai_embedder as e;"
    code += "print([one for one in ('openai', 'httpx', 'tokenizers') if one in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "[]"
