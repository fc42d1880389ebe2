"""However a pipeline is run, its records are the same: random graphs, all four ways."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Config,
    Finished,
    Node,
    Piece,
    Query,
    Resource,
    RunContext,
    RunRecord,
    Scope,
    Skipped,
    build_text,
    from_json,
    node,
    register,
    to_json,
)
from assay.pipeline.errors import NodeError


class Mix(Node):
    """Joins texts; waits, abstains or fails where its config and the question say so."""

    class Config(Config):
        tag: str = "x"
        wait: float = 0.0
        abstain_on: str = ""
        fail_on: str = ""


def mixed(config: Any, parts: Mapping[str, Any], query: Query, context: RunContext) -> Any:
    context.note(seen=len(parts), tag=config.tag)
    context.spend(calls=1, tokens_in=len(query.text))
    if config.fail_on and config.fail_on in query.text:
        raise ValueError(f"{config.tag} cannot read '{config.fail_on}'")
    if config.abstain_on and config.abstain_on in query.text:
        return Abstention(config.tag, AbstentionReason.NO_EVIDENCE, "nothing found")
    inner = ",".join(f"{key}={value}" for key, value in parts.items())
    return f"{config.tag}({inner})"


@register("modes.plain@1")
class Plain(Mix):
    def run(self, query: Query, parts: Mapping[str, str], context: RunContext) -> str | Abstention:
        time.sleep(self.config.wait)
        found: str | Abstention = mixed(self.config, parts, query, context)
        return found


@register("modes.slow@1")
class Slow(Mix):
    async def run(
        self, query: Query, parts: Mapping[str, str], context: RunContext
    ) -> str | Abstention:
        await asyncio.sleep(self.config.wait)
        found: str | Abstention = mixed(self.config, parts, query, context)
        return found


@register("modes.wide@1")
class Wide(Plain):
    """Sees whole batches."""

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[str | Abstention]:
        return [self.run(**item, context=one) for item, one in zip(items, contexts, strict=True)]


@node("modes.start@1")
def start(query: Query) -> str:
    return query.text


@register("modes.end@1")
class End(Node):
    def run(self, query: Query, parts: Mapping[str, str]) -> Answer:
        return Answer(";".join(f"{key}={part}" for key, part in parts.items()), (), ())

    def stream(self, query: Query, parts: Mapping[str, str]) -> Iterator[str | Answer]:
        yield from parts.values()
        yield self.run(query, parts)


@st.composite
def graphs(draw: st.DrawFn, kinds: Sequence[str] = ("plain", "slow", "wide")) -> str:
    """Up to 12 nodes, each fed by some before it; conditions, sleeps, abstentions, failures."""
    size = draw(st.integers(1, 10))
    lines = ["assay: 1", "name: random", "nodes:"]
    lines.append("  n0: {use: modes.start@1, inputs: {query: query}}")
    fed = {"n0"}
    for place in range(1, size + 1):
        feeders = draw(
            st.lists(st.sampled_from([f"n{i}" for i in range(place)]), min_size=1, unique=True)
        )
        fed |= set(feeders)
        config = [f"tag: t{place}", f"wait: {draw(st.sampled_from((0.0, 0.0, 0.001, 0.003)))}"]
        if draw(st.integers(0, 5)) == 0:
            config.append(f"abstain_on: {draw(st.sampled_from('abc'))}")
        if draw(st.integers(0, 9)) == 0:
            config.append(f"fail_on: {draw(st.sampled_from('xyz'))}")
        joins = ", ".join(f"{name}: {name}" for name in feeders)
        extra = ""
        if draw(st.integers(0, 3)) == 0:
            letter = draw(st.sampled_from("abcxyz"))
            extra += f", when: \"query.id in ['{letter}', 'q']\""
        if draw(st.booleans()):
            extra += ", on_skipped: leave_out"
        lines.append(
            f"  n{place}: {{use: modes.{draw(st.sampled_from(kinds))}@1,"
            f" config: {{{', '.join(config)}}}, inputs: {{query: query, parts: {{{joins}}}}}{extra}}}"
        )
    ends = [f"n{i}" for i in range(size + 1) if f"n{i}" not in fed] or [f"n{size}"]
    joins = ", ".join(f"{name}: {name}" for name in ends)
    lines.append(
        f"  end: {{use: modes.end@1, inputs: {{query: query, parts: {{{joins}}}}},"
        " on_skipped: leave_out}"
    )
    return "\n".join([*lines, "output: end"])


QUERIES = st.lists(
    st.tuples(st.sampled_from("abcq"), st.text("abcxyz", min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
).map(lambda pairs: [Query(text, Scope("local"), id=name) for name, text in pairs])


def plain(record: RunRecord) -> str:
    """A record without what may differ: seconds."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: timeless(one) for key, one in value.items() if key != "seconds"}
        return value

    return json.dumps(timeless(record.to_json()))


def one(pipeline: Any, query: Query) -> str:
    try:
        return plain(pipeline.run(query, seed=3))
    except NodeError as error:
        return plain(pipeline.failed(query, error, seed=3))


async def one_async(pipeline: Any, query: Query) -> str:
    try:
        return plain(await pipeline.arun(query, seed=3))
    except NodeError as error:
        return plain(pipeline.failed(query, error, seed=3))


def one_streamed(pipeline: Any, query: Query) -> str:
    try:
        *events, last = pipeline.stream(query, seed=3)
    except NodeError as error:
        return plain(pipeline.failed(query, error, seed=3))
    assert isinstance(last, RunRecord)
    assert all(isinstance(event, Finished | Piece) for event in events)
    return plain(last)


@given(graphs(), QUERIES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_run_arun_batch_and_stream_give_the_same_records(text: str, queries: list[Query]) -> None:
    with build_text(text, name="random.yaml", base=Path()) as pipeline:
        alone = [one(pipeline, query) for query in queries]
        assert [plain(record) for record in pipeline.batch(queries, seed=3)] == alone
        assert [one_streamed(pipeline, query) for query in queries] == alone

        async def all_of_them() -> list[str]:
            return list(await asyncio.gather(*(one_async(pipeline, query) for query in queries)))

        assert asyncio.run(all_of_them()) == alone
        assert [one(pipeline, query) for query in queries] == alone


CHAIN = """
assay: 1
name: chain
nodes:
  first: {use: modes.start@1, inputs: {query: query}}
  second:
    use: modes.wide@1
    config: {tag: s, fail_on: x, abstain_on: a}
    inputs: {query: query, parts: {one: first}}
  end: {use: modes.end@1, inputs: {query: query, parts: {said: second}}}
output: end
"""


def ask(text: str, name: str = "q") -> Query:
    return Query(text, Scope("local"), id=name)


def test_one_bad_query_does_not_spoil_a_batch() -> None:
    with build_text(CHAIN, name="c", base=Path()) as pipeline:
        records = pipeline.batch([ask("b"), ask("x"), ask("a"), ask("c")])
    assert [record.kind for record in records] == ["answered", "failed", "abstained", "answered"]
    assert records[1].error == {
        "node": "second",
        "type": "ValueError",
        "message": "s cannot read 'x'",
    }


def test_a_stream_tells_pieces_then_nodes_then_the_record() -> None:
    with build_text(CHAIN, name="c", base=Path()) as pipeline:
        events = list(pipeline.stream(ask("b")))
    assert [type(event).__name__ for event in events] == [
        "Finished",
        "Finished",
        "Piece",
        "Finished",
        "RunRecord",
    ]
    assert events[2] == Piece("end", "s(one=b)")


def test_a_stream_with_asynchronous_nodes_tells_the_same_nodes() -> None:
    with build_text(CHAIN, name="c", base=Path()) as plain_one:
        wanted = [event for event in plain_one.stream(ask("b")) if isinstance(event, Finished)]
    text = CHAIN.replace("modes.wide@1", "modes.slow@1")
    with build_text(text, name="c", base=Path()) as pipeline:
        assert list(pipeline.stream(ask("b")))[:-1] == wanted


def test_of_two_failures_the_first_in_the_plan_is_told_whichever_is_faster() -> None:
    text = """
assay: 1
name: two
nodes:
  first: {use: modes.start@1, inputs: {query: query}}
  left:
    use: modes.plain@1
    config: {tag: left, wait: WAIT_LEFT, fail_on: x}
    inputs: {query: query, parts: {one: first}}
  right:
    use: modes.plain@1
    config: {tag: right, wait: WAIT_RIGHT, fail_on: x}
    inputs: {query: query, parts: {one: first}}
  end: {use: modes.end@1, inputs: {query: query, parts: {left: left, right: right}}}
output: end
"""
    for left, right in ((0.0, 0.05), (0.05, 0.0)):
        this = text.replace("WAIT_LEFT", str(left)).replace("WAIT_RIGHT", str(right))
        with build_text(this, name="t", base=Path()) as pipeline, pytest.raises(NodeError) as told:
            pipeline.run(ask("x"))
        assert told.value.node == "left"


def test_a_question_that_is_routed_past_every_node_is_an_abstention() -> None:
    text = CHAIN.replace(
        "inputs: {query: query, parts: {one: first}}",
        "inputs: {query: query, parts: {one: first}}\n    when: \"query.id == 'other'\"",
    )
    with build_text(text, name="c", base=Path()) as pipeline:
        record = pipeline.run(ask("b"))
        assert pipeline.run(ask("b", "other")).kind == "answered"
    assert isinstance(record.outcome, Abstention)
    assert record.outcome.reason is AbstentionReason.SKIPPED
    assert record.stages["second"] == {"skipped": "condition 'query.id == 'other'' does not hold"}
    assert record.stages["end"] == {"skipped": "'second' was skipped"}


def test_a_run_within_an_event_loop_works_for_asynchronous_nodes_too() -> None:
    text = CHAIN.replace("modes.wide@1", "modes.slow@1")
    with build_text(text, name="c", base=Path()) as pipeline:

        async def inside() -> str:
            return plain(pipeline.run(ask("b")))

        assert asyncio.run(inside()) == plain(pipeline.run(ask("b")))


def test_cancelling_the_caller_stops_the_nodes() -> None:
    text = CHAIN.replace("modes.wide@1", "modes.slow@1").replace("tag: s", "tag: s, wait: 5.0")
    with build_text(text, name="c", base=Path()) as pipeline:

        async def impatient() -> float:
            begin = time.perf_counter()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(pipeline.arun(ask("b")), 0.05)
            return time.perf_counter() - begin

        assert asyncio.run(impatient()) < 1.0


def test_a_deadline_ends_an_asynchronous_node() -> None:
    text = CHAIN.replace("modes.wide@1", "modes.slow@1").replace("tag: s", "tag: s, wait: 5.0")
    with build_text(text, name="c", base=Path()) as pipeline:
        record = pipeline.run(ask("b"), timeout=0.05)
    assert isinstance(record.outcome, Abstention)
    assert record.outcome.reason is AbstentionReason.BUDGET
    assert record.seconds < 1.0


def test_a_record_can_be_left_out() -> None:
    with build_text(CHAIN, name="c", base=Path()) as pipeline:
        full, bare = pipeline.run(ask("b")), pipeline.run(ask("b"), record=False)
    assert (dict(bare.stages), dict(bare.cost)) == ({}, {})
    assert bare.outcome == full.outcome
    assert list(full.stages) == ["first", "second", "end"]
    assert not isinstance(full.outcome, Skipped)


def test_a_record_comes_back_from_json_equal(tmp_path: Path) -> None:
    with build_text(CHAIN, name="c", base=tmp_path) as pipeline:
        for record in pipeline.batch([ask("b"), ask("a"), ask("x")]):
            again = from_json(RunRecord, json.loads(json.dumps(to_json(record))))
            assert again == record
            assert again.to_json() == record.to_json()


STARTS: list[str] = []


@register("modes.heavy@1")
class Heavy(Resource):
    def start(self) -> None:
        STARTS.append("start")
        time.sleep(0.02)

    def close(self) -> None:
        STARTS.append("close")

    def fingerprint(self) -> str:
        return "heavy"


@register("modes.uses@1")
class Uses(Node):
    def __init__(self, config: Any, *, heavy: Heavy) -> None:
        super().__init__(config)
        self.heavy = heavy

    def run(self, query: Query) -> Answer:
        return Answer(query.text, (), ())


def test_many_threads_start_a_pipeline_once(tmp_path: Path) -> None:
    STARTS.clear()
    text = (
        "assay: 1\nname: heavy\nresources: {heavy: {use: modes.heavy@1}}\nnodes:\n"
        "  only: {use: modes.uses@1, resources: {heavy: heavy}, inputs: {query: query}}\noutput: only"
    )
    pipeline = build_text(text, name="h", base=tmp_path)
    threads = [threading.Thread(target=pipeline.start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipeline.close()
    assert STARTS == ["start", "close"]
