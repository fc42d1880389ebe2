"""A pipeline in a langchain chain: the same outcomes, however it is called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("langchain_core", reason="needs langchain-core: pip install 'assay[langchain]'")

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel

from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Config,
    Node,
    Outcome,
    Pipeline,
    Query,
    RunContext,
    Scope,
    build_text,
)
from assay.pipeline.errors import NodeError, UsageError
from assay.pipeline.runnable import PipelineRunnable, as_runnable

DOCS = Path(__file__).resolve().parents[2] / "docs" / "langchain.md"

FILE = """assay: 1
name: picky
nodes:
  said: {use: given, inputs: {query: query}}
output: said
"""


class Picky(Node):
    """Answers, abstains or fails by the question's first letter; tells seed and scope."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.together: list[int] = []

    def run(self, query: Query, context: RunContext) -> Answer | Abstention:
        if query.text.startswith("f"):
            raise ValueError("the paper jammed")
        if query.text.startswith("a"):
            return Abstention("said", AbstentionReason.NO_EVIDENCE, query.text)
        return Answer(f"{query.scope.tenant} {context.seed} {query.text}", (), ())

    def run_batch(
        self, items: Sequence[dict[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Answer | Abstention]:
        self.together.append(len(items))
        return [self.run(**item, context=one) for item, one in zip(items, contexts, strict=True)]


class Meeting(Node):
    """Waits until two queries are under way and counts the most that ever were."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.lock, self.two = threading.Lock(), threading.Barrier(2)
        self.now = self.most = 0

    def run(self, query: Query) -> Answer:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.two.wait(timeout=10)
        with self.lock:
            self.now -= 1
        return Answer(query.text, (), ())


class Seen(BaseCallbackHandler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, name: str = "", **more: Any
    ) -> None:
        self.events.append(("start", (name, inputs, more.get("tags"))))

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        self.events.append(("end", outputs))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self.events.append(("error", type(error)))


def started(node: Node) -> Pipeline:
    made = build_text(FILE, name="p.yaml", base=Path("."), nodes={"said": node})
    made.start()
    return made


@pytest.fixture
def node() -> Picky:
    return Picky()


@pytest.fixture
def chain(node: Picky) -> Iterator[PipelineRunnable]:
    pipeline = started(node)
    yield as_runnable(pipeline, tenant="local")
    pipeline.close()


def caught(call: Callable[[], Outcome]) -> object:
    """An outcome, or the error in words."""
    try:
        return call()
    except (NodeError, UsageError) as error:
        return told(error)


def told(result: object) -> object:
    if isinstance(result, NodeError):  # a batch keeps the cause's words, not the cause
        return ("NodeError", result.node, result.query_digest, "the paper jammed" in str(result))
    return str(result) if isinstance(result, Exception) else result


def test_it_stands_between_other_runnables(chain: PipelineRunnable) -> None:
    text = RunnableLambda(lambda outcome: outcome.text)
    whole: Runnable[str, str] = RunnableLambda(str.strip) | chain | text
    assert whole.invoke("  who? ") == "local 0 who?"
    assert whole.batch([" x", "y "]) == ["local 0 x", "local 0 y"]
    assert asyncio.run(whole.ainvoke(" who?")) == "local 0 who?"
    both: Runnable[str, dict[str, Outcome]] = RunnableParallel(one=chain, two=chain)
    assert both.invoke("x") == {"one": chain.invoke("x"), "two": chain.invoke("x")}


def test_the_pipelines_own_method_makes_the_same(node: Picky) -> None:
    with started(node) as pipeline:
        made = pipeline.as_runnable(tenant="local")
        assert isinstance(made, PipelineRunnable)
        assert made.invoke("who?") == as_runnable(pipeline, tenant="local").invoke("who?")
        assert made.get_name() == "picky"
        assert "picky" in (made | RunnableLambda(str)).get_graph().draw_mermaid()


def test_text_a_mapping_and_a_query_ask_the_same(node: Picky) -> None:
    with started(node) as pipeline:
        free = as_runnable(pipeline)
        mapped = {"text": "who?", "tenant": "acme", "roles": ["audit"], "as_of": "2024-05-31"}
        query = free.query(mapped)
        assert query.scope == Scope("acme", ("audit",))
        assert query.as_of is not None and query.as_of.isoformat() == "2024-05-31"
        assert free.query(query) is query
        expected = Answer("acme 0 who?", (), ())
        assert free.invoke(mapped) == free.invoke(query) == expected
        assert as_runnable(pipeline, tenant="acme").invoke("who?") == expected
        assert as_runnable(pipeline, tenant="acme").invoke({"text": "who?"}) == expected


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("who?", r"names no tenant: pass \{'text'"),
        ({"text": "who?"}, "names no tenant"),
        ({"text": "who?", "tenent": "x"}, "no key 'tenent'; did you mean 'tenant'"),
        ({"tenant": "x"}, "cannot be read: .*text"),
        ({"text": "who?", "tenant": ""}, "cannot be read: .*tenant"),
        ({"text": "who?", "tenant": "x", "as_of": "May"}, "cannot be read: .*as_of"),
        ({"text": " ", "tenant": "x"}, "the question is empty"),
        (7, "found int"),
    ],
)
def test_a_question_that_cannot_be_read_says_why(question: Any, words: str) -> None:
    with started(Picky()) as pipeline, pytest.raises(UsageError, match=words):
        as_runnable(pipeline).invoke(question)


@pytest.mark.parametrize(
    "question", [{"text": "who?", "tenant": "other"}, Query("who?", Scope("other"))]
)
def test_a_runnable_of_one_tenant_does_not_answer_for_another(
    chain: PipelineRunnable, question: Any
) -> None:
    with pytest.raises(UsageError, match="for tenant 'local', the question names 'other'"):
        chain.invoke(question)


def test_an_abstention_is_returned_and_a_failure_raised(chain: PipelineRunnable) -> None:
    outcome = chain.invoke("as nobody knows")
    assert isinstance(outcome, Abstention)
    assert (outcome.reason, outcome.detail) == (AbstentionReason.NO_EVIDENCE, "as nobody knows")
    with pytest.raises(NodeError, match=r"node 'said' failed .* ValueError: the paper jammed"):
        chain.invoke("fail")
    with pytest.raises(NodeError, match="ValueError: the paper jammed"):
        chain.batch(["fine", "fail"])
    with pytest.raises(NodeError, match="ValueError: the paper jammed"):
        asyncio.run(chain.ainvoke("fail"))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.text("af x", max_size=4), max_size=6),
    st.one_of(st.none(), st.integers(1, 4)),
    st.integers(0, 3),
)
def test_every_way_of_calling_gives_the_same(
    chain: PipelineRunnable, questions: list[str], width: int | None, seed: int
) -> None:
    expected = [caught(lambda one=one: chain.invoke(one, seed=seed)) for one in questions]  # type: ignore[misc]
    inputs: list[Any] = list(questions)
    config: Any = {"max_concurrency": width}
    batch = chain.batch(inputs, config, return_exceptions=True, seed=seed)
    assert [told(one) for one in batch] == expected

    async def others() -> tuple[list[Any], list[object]]:
        many = await chain.abatch(inputs, config, return_exceptions=True, seed=seed)
        singles = await asyncio.gather(
            *(chain.ainvoke(one, seed=seed) for one in inputs), return_exceptions=True
        )
        return many, list(singles)

    many, singles = asyncio.run(others())
    assert [told(one) for one in many] == expected
    assert [told(one) for one in singles] == expected


def test_a_stream_is_the_outcome_once(chain: PipelineRunnable) -> None:
    async def collected() -> list[Outcome]:
        return [piece async for piece in chain.astream("who?")]

    assert list(chain.stream("who?")) == [chain.invoke("who?")]
    assert asyncio.run(collected()) == [chain.invoke("who?")]


def test_a_batch_carries_no_more_queries_together_than_the_config_allows(
    chain: PipelineRunnable, node: Picky
) -> None:
    chain.batch(["1", "2", "3", "4", "5"], {"max_concurrency": 2})
    assert node.together == [2, 2, 1]
    node.together.clear()
    chain.batch(["1", "2", "3"], [{"max_concurrency": 2}, {}, {"max_concurrency": 1}])
    assert node.together == [1, 1, 1]
    node.together.clear()
    chain.batch(["1", "2", "3", "4", "5"])
    assert node.together == [5]


def test_an_asynchronous_batch_obeys_the_config_too() -> None:
    meeting = Meeting()
    with started(meeting) as pipeline:
        chain = as_runnable(pipeline, tenant="local")
        questions: list[Any] = list("123456")
        outcomes = asyncio.run(chain.abatch(questions, {"max_concurrency": 2}))
    assert [one.text for one in outcomes if isinstance(one, Answer)] == questions
    assert meeting.most == 2


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_callbacks_see_each_question_start_and_end(
    chain: PipelineRunnable, many: bool, asynchronous: bool
) -> None:
    seen = Seen()
    config: Any = {"callbacks": [seen], "tags": ["t"]}
    if many:
        call = chain.abatch if asynchronous else chain.batch
        result: Any = call(["x", "fail"], config, return_exceptions=True)
    else:
        result = (chain.ainvoke if asynchronous else chain.invoke)("x", config)
    if asynchronous:

        async def waited() -> Any:
            return await result

        result = asyncio.run(waited())
    outcome = result[0] if many else result
    assert ("start", ("picky", "x", ["t"])) in seen.events
    assert ("end", outcome) in seen.events
    assert seen.events.count(("error", NodeError)) == int(many)
    assert len(seen.events) == (4 if many else 2)


def test_a_question_that_cannot_be_read_does_not_stop_the_batch(chain: PipelineRunnable) -> None:
    inputs: list[Any] = ["x", {"txt": "y"}, "z"]
    results: list[Any] = list(chain.batch(inputs, return_exceptions=True))
    first, second, third = results
    assert isinstance(second, UsageError)
    assert (first, third) == (chain.invoke("x"), chain.invoke("z"))


def test_seed_and_timeout_go_with_the_maker_or_the_call(chain: PipelineRunnable) -> None:
    seeded = as_runnable(chain.pipeline, tenant="local", seed=4)
    assert seeded.invoke("x") == Answer("local 4 x", (), ())
    assert (
        seeded.invoke("x", seed=5) == seeded.bind(seed=5).invoke("x") == Answer("local 5 x", (), ())
    )
    out = seeded.invoke("x", timeout=-1.0)
    assert isinstance(out, Abstention) and out.reason is AbstentionReason.BUDGET
    with pytest.raises(UsageError, match="no option 'sed'; did you mean 'seed'"):
        seeded.invoke("x", sed=5)


def test_schemas_of_input_and_output_can_be_made(chain: PipelineRunnable) -> None:
    said = chain.get_input_jsonschema()
    assert {"type": "string"} in said["anyOf"]
    assert "Abstention" in chain.get_output_jsonschema()["$defs"]


def test_the_page_on_langchain_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [part.split("```", 1)[0] for part in DOCS.read_text().split("\n```")[1:]]
    [file] = [one.removeprefix("yaml\n") for one in blocks if one.startswith("yaml\n")]
    [code] = [one.removeprefix("python\n") for one in blocks if one.startswith("python\n")]
    (tmp_path / "pipeline.yaml").write_text(file)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, str(DOCS), "exec"), names)
    assert names["text"] == "A tuple is an immutable sequence."
