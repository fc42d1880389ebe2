"""Spans tell what a run did and cost, and nothing of what was asked or read."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import timeit
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from assay.pipeline import (
    Answer,
    Cost,
    Node,
    Query,
    RunContext,
    Scope,
    build_text,
    node,
    register,
    tracing,
)
from assay.pipeline.errors import NodeError
from assay.pipeline.record import stage
from tests.words import hit, query, selection

trace = pytest.importorskip("opentelemetry.trace", reason="install the extra 'otel'")
sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="install opentelemetry-sdk")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Each test finds out anew whether somebody listens."""
    tracing._library.cache_clear()
    yield
    tracing._library.cache_clear()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    # the global provider can be set once in a process only, so the lookup is replaced
    made = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: made)
    return made


@pytest.fixture
def seen(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def spans(seen: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in seen.get_finished_spans()}


def parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def written(span: ReadableSpan) -> str:
    return f"{span.to_json()} {span.events}"


def test_nodes_lie_below_their_run_and_the_run_below_the_callers_span(
    seen: InMemorySpanExporter, provider: TracerProvider
) -> None:
    with provider.get_tracer("caller").start_as_current_span("request"):
        one = tracing.tracer()
        with one.run("toy", "q1"):
            for name in ("found", "said"):
                with one.node(name, f"toys.{name}@1"):
                    pass
    found = spans(seen)
    run = found["assay.run toy"]
    assert parent(run) == found["request"].context.span_id
    for name in ("found", "said"):
        assert parent(found[f"assay.node {name}"]) == run.context.span_id
    assert run.attributes == {"assay.pipeline": "toy", "assay.query.id": "q1"}
    assert found["assay.node said"].attributes == {
        "assay.node": "said",
        "assay.component": "toys.said@1",
    }


def test_parallel_nodes_of_parallel_runs_each_lie_below_their_own_run(
    seen: InMemorySpanExporter,
) -> None:
    together = Barrier(4, timeout=10)

    def run(name: str) -> None:
        one = tracing.tracer()

        def node(side: str) -> None:
            with one.node(f"{name}-{side}", "retrieve.bm25@1"):
                together.wait()

        with one.run(name, ""), ThreadPoolExecutor(2) as pool:
            list(pool.map(node, ("left", "right")))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, ("a", "b")))
    found = spans(seen)
    assert len(found) == 6
    for name in ("a", "b"):
        for side in ("left", "right"):
            node = found[f"assay.node {name}-{side}"]
            assert parent(node) == found[f"assay.run {name}"].context.span_id
            assert node.context.trace_id == found[f"assay.run {name}"].context.trace_id


def test_what_a_model_library_traces_lies_below_the_node(
    seen: InMemorySpanExporter, provider: TracerProvider
) -> None:
    one = tracing.tracer()

    def node() -> None:
        with one.node("said", "generate.llm@1"):
            provider.get_tracer("library").start_span("chat").end()

    with one.run("toy", "q1"), ThreadPoolExecutor(1) as pool:
        pool.submit(node).result()
    found = spans(seen)
    assert parent(found["chat"]) == found["assay.node said"].context.span_id


def test_after_a_run_the_callers_span_is_the_current_one_again(
    seen: InMemorySpanExporter,
) -> None:
    before = trace.get_current_span()
    one = tracing.tracer()
    with one.run("toy", "q1"), one.node("said", "toys.say@1"):
        assert trace.get_current_span() is not before
    assert trace.get_current_span() is before


def test_figures_of_a_node_are_counts_calls_and_tokens(seen: InMemorySpanExporter) -> None:
    entry = stage(selection(hit("a", "A secret."), hit("b", "Another.")), RunContext())
    verdicts = {"verdicts": [{"id": "a", "flags": [{"name": "echo"}]}, {"id": "b", "flags": []}]}
    cost = Cost(calls=3, rounds=1, tokens_in=70, tokens_out=9, seconds=0.5)
    one = tracing.tracer()
    with one.run("toy", "q1"):
        with one.node("kept", "select.top_k@1") as span:
            tracing.report(span, entry, cost)
        with one.node("judged", "verify.echo@1") as span:
            tracing.report(span, verdicts, Cost())
        with one.node("found", "retrieve.bm25@1") as span:
            tracing.report(span, {"abstention": {"reason": "no_evidence"}}, Cost())
    found = {name: dict(span.attributes or {}) for name, span in spans(seen).items()}
    assert found["assay.node kept"] == {
        "assay.node": "kept",
        "assay.component": "select.top_k@1",
        "assay.passages": 2,
        "assay.kept": 2,
        "assay.dropped": 0,
        "assay.calls": 3,
        "assay.rounds": 1,
        "gen_ai.usage.input_tokens": 70,
        "gen_ai.usage.output_tokens": 9,
    }
    assert found["assay.node judged"]["assay.flagged"] == 1
    assert found["assay.node found"]["assay.reason"] == "no_evidence"
    assert found["assay.node found"]["gen_ai.operation.name"] == "retrieval"


def fail_with_a_secret() -> None:
    """A run that does all it can to get the word 'secret' into its spans."""
    one = tracing.tracer()
    entry = stage(query("a secret question"), RunContext())
    with (
        one.run("toy", "the secret question itself") as run,
        one.node("said", "toys.say@1") as node,
    ):
        tracing.report(node, entry, Cost(calls=1))
        run.set("assay.text", "secret")
        run.set("assay.reason", "a secret answer")
        run.set("assay.outcome", "failed")
        raise NodeError("said", "0123456789ab", ValueError("cannot read 'secret'"))


def trace_a_secret() -> None:
    with pytest.raises(NodeError):
        fail_with_a_secret()


def test_text_stays_out_of_spans(seen: InMemorySpanExporter) -> None:
    trace_a_secret()
    found = spans(seen)
    assert len(found) == 2
    assert not [name for name, span in found.items() if "secret" in written(span)]
    run = found["assay.run toy"].attributes or {}
    assert run["assay.outcome"] == "failed"
    assert len(str(run["assay.query.id"])) == 12


def test_text_is_traced_where_the_environment_asks_for_it(
    seen: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tracing.TEXT_VARIABLE, "1")
    trace_a_secret()
    run = spans(seen)["assay.run toy"]
    assert run.attributes is not None
    assert run.attributes["assay.text"] == "secret"
    assert run.attributes["assay.query.id"] == "the secret question itself"
    assert run.status.description == "ValueError: cannot read 'secret'"


def test_an_error_marks_node_and_run_by_the_class_of_its_cause(
    seen: InMemorySpanExporter,
) -> None:
    trace_a_secret()
    for span in spans(seen).values():
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.status.description == "ValueError"
        assert span.attributes is not None
        assert span.attributes["error.type"] == "ValueError"
        assert not span.events


def test_a_run_without_error_is_not_marked(seen: InMemorySpanExporter) -> None:
    with tracing.tracer().run("toy", "q1"):
        pass
    assert spans(seen)["assay.run toy"].status.status_code is trace.StatusCode.UNSET


def test_without_a_provider_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = trace.ProxyTracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: proxy)
    assert tracing.tracer() is tracing.NOTHING


def test_a_provider_that_does_nothing_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = trace.NoOpTracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: idle)
    assert tracing.tracer() is tracing.NOTHING


def test_without_the_library_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    one = tracing.tracer()
    assert one is tracing.NOTHING
    with one.run("toy", "q1") as run, one.node("said", "toys.say@1") as node:
        run.set("assay.outcome", "answered")
        tracing.report(node, {"verdicts": "never looked at"}, Cost())


def test_an_error_passes_through_a_tracer_that_does_nothing() -> None:
    with (
        pytest.raises(KeyError, match="gone"),
        tracing.NOTHING.run("toy", "q1"),
        tracing.NOTHING.node("said", "toys.say@1"),
    ):
        raise KeyError("gone")


def test_whether_somebody_listens_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask() -> object:
        asked.append(1)
        return trace.ProxyTracerProvider()

    monkeypatch.setattr(trace, "get_tracer_provider", ask)
    for _ in range(3):
        tracing.tracer()
    assert asked == [1]


def test_a_span_that_nobody_reads_costs_microseconds_at_most() -> None:
    one = tracing.NOTHING

    def node() -> None:
        with one.node("said", "toys.say@1") as span:
            span.set("assay.calls", 1)

    best = min(timeit.repeat(node, number=2000, repeat=5)) / 2000
    assert best < 5e-6  # about 0.2 microseconds on a quiet machine


REAL = """
import sys
import assay.pipeline
from assay.pipeline import tracing
assert not [one for one in sys.modules if one.startswith("opentelemetry")]
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
seen = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(seen))
trace.set_tracer_provider(provider)
with tracing.tracer().run("toy", "q1"):
    pass
print([span.name for span in seen.get_finished_spans()])
"""


def test_importing_it_loads_no_library_and_the_programs_own_provider_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL], capture_output=True, text=True, check=False, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "['assay.run toy']", done.stderr


@node("spans.slow@1")
async def slow(query: Query) -> str:
    await asyncio.sleep(0)
    return query.text


TWO = """
assay: 1
name: two
nodes:
  first: {use: spans.first@1, inputs: {query: query}}
  said: {use: spans.said@1, inputs: {text: first}}
output: said
"""


@node("spans.first@1")
def first(query: Query) -> str:
    if query.text == "fail":
        raise ValueError("on purpose")
    return query.text


@register("spans.said@1")
class Said(Node):
    """Sees whole batches, and streams."""

    def run(self, text: str) -> Answer:
        return Answer(text, (), ())

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Answer]:
        return [self.run(**item) for item in items]

    def stream(self, text: str) -> Iterator[str | Answer]:
        yield text
        yield self.run(text)


@pytest.mark.parametrize("kind", ["spans.first@1", "spans.slow@1"])
@pytest.mark.parametrize("way", ["run", "arun", "batch", "stream"])
def test_every_way_of_running_makes_a_span_a_run_and_one_below_it_for_each_node(
    seen: InMemorySpanExporter, provider: TracerProvider, way: str, kind: str
) -> None:
    text = TWO.replace("spans.first@1", kind)
    queries = [Query(text, Scope("local"), id=text) for text in ("one", "other")]
    caller = provider.get_tracer("caller").start_as_current_span("request")
    with build_text(text, name="two.yaml", base=Path()) as pipeline, caller as request:
        if way == "run":
            for query in queries:
                pipeline.run(query)
        elif way == "arun":
            for query in queries:
                asyncio.run(pipeline.arun(query))
        elif way == "batch":
            pipeline.batch(queries)
        else:
            for query in queries:
                for _ in pipeline.stream(query):
                    assert trace.get_current_span() is request
    found = seen.get_finished_spans()
    runs = [span for span in found if span.name == "assay.run two"]
    assert [span.attributes and span.attributes["assay.outcome"] for span in runs] == [
        "answered"
    ] * 2
    assert {parent(span) for span in runs} == {request.get_span_context().span_id}
    for name in ("first", "said"):
        below = [parent(span) for span in found if span.name == f"assay.node {name}"]
        assert sorted(map(str, below)) == sorted(str(span.context.span_id) for span in runs)


@pytest.mark.parametrize("way", ["run", "batch", "stream"])
def test_a_run_that_fails_is_marked_so_however_it_was_run(
    seen: InMemorySpanExporter, way: str
) -> None:
    query = Query("fail", Scope("local"))
    with build_text(TWO, name="two.yaml", base=Path()) as pipeline, suppress(NodeError):
        match way:
            case "run":
                pipeline.run(query)
            case "batch":
                pipeline.batch([query])
            case _:
                list(pipeline.stream(query))
    run = spans(seen)["assay.run two"]
    assert run.attributes is not None and run.attributes["assay.outcome"] == "failed"
