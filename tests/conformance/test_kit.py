"""Each check of the kit can fail: for each there is a node that breaks just its promise."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from assay.pipeline import Hit, Node, Query, Ranking, RunContext, Selection, component
from assay.pipeline.component import Component
from tests.conformance.node import CHECKS, check_node
from tests.conformance.samples import A, B, hits, ranked
from tests.conformance.subject import Subject, rescoped, tenants
from tests.conformance.toys import INPUTS, Head, HeadConfig, failing


def test_a_right_node_passes_every_check() -> None:
    assert failing(Head) == set()
    check_node(Head, config={"k": 1}, resources={}, inputs=INPUTS)


def test_a_right_asynchronous_node_passes_every_check() -> None:
    class Waits(Node):
        """Waits for nothing."""

        name = "toys.waits@1"

        async def run(self, query: Query, context: RunContext) -> Query:
            context.note(seen=query.text)
            return query

    assert failing(Waits, inputs=[{"query": one} for one in (A, B)]) == set()


def test_a_function_as_a_node_is_checked_with_its_config(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, type[Component]] = {}
    monkeypatch.setattr(component, "LOCAL", known)

    @component.node("toys.cut@1")
    def cut(
        query: Query, ranking: Ranking, *, k: int = Field(1, ge=0, description="hits kept")
    ) -> Selection:
        """Keep the first k."""
        return Selection(query, ranking.hits[:k])

    made = known["toys.cut@1"]
    assert issubclass(made, Node)
    check_node(made, config={"k": 2}, resources={}, inputs=INPUTS)


def test_a_node_is_prepared_started_and_closed_as_a_pipeline_does_it(tmp_path: Path) -> None:
    calls: list[str] = []

    class Loads(Head):
        """Needs what start loads."""

        def prepare(self, base: Path) -> Sequence[str]:
            self.file = base / "hits.txt"
            return () if self.file.exists() else (f"no file '{self.file.name}'",)

        def start(self) -> None:
            calls.append("start")
            self.size = int(self.file.read_text(encoding="utf-8"))

        def close(self) -> None:
            calls.append("close")

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            return Selection(query, ranking.hits[: self.size])

    with pytest.raises(AssertionError, match=r"cannot be built: no file 'hits\.txt'"):
        check_node(Loads, config={}, resources={}, inputs=INPUTS, base=tmp_path)
    (tmp_path / "hits.txt").write_text("1", encoding="utf-8")
    check_node(Loads, config={}, resources={}, inputs=INPUTS, base=tmp_path)
    assert calls == ["start", "close"] * (len(calls) // 2)


def test_check_node_raises_the_sentence_of_the_first_broken_promise() -> None:
    class Text(Head):
        """Gives the wrong type."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            return "all of them"  # type: ignore[return-value]

    with pytest.raises(AssertionError, match="gives Selection, on input 0 it gave str"):
        check_node(Text, config={}, resources={}, inputs=INPUTS)


# -- name, docstring, annotations ------------------------------------------------------


def test_a_name_without_version_is_caught() -> None:
    wrong = type("Wrong", (Head,), {"__doc__": "Wrong.", "name": "toys.head"})
    assert failing(wrong) == {"named_documented_annotated"}


def test_a_class_without_docstring_is_caught() -> None:
    assert failing(type("Wrong", (Head,), {})) == {"named_documented_annotated"}


def test_a_run_without_annotation_is_caught() -> None:
    class Wrong(Head):
        """Wrong."""

        def run(self, query, ranking: Ranking) -> Selection:  # type: ignore[no-untyped-def,override]
            return Selection(query, ())

    with pytest.raises(AssertionError, match="parameter 'query' has no annotation"):
        CHECKS["named_documented_annotated"](Subject(Wrong, {}, {}, INPUTS))


def test_inputs_that_do_not_fit_the_ports_are_told() -> None:
    with pytest.raises(AssertionError, match=r"has the ports \['question'\], run has"):
        check_node(Head, config={}, resources={}, inputs=[{"question": A}])
    with pytest.raises(AssertionError, match="give at least one input"):
        check_node(Head, config={}, resources={}, inputs=[])


# -- output, determinism, batch, stream ------------------------------------------------


def test_an_output_of_another_type_is_caught() -> None:
    class Wrong(Head):
        """Says selection, gives a ranking; a cancelled request is told by the same type check."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            context.check()
            return ranking  # type: ignore[return-value]

    assert failing(Wrong) == {"output_fits"}


def test_a_note_that_the_run_record_cannot_hold_is_caught() -> None:
    class Wrong(Head):
        """Notes what JSON does not know."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            selection = super().run(query, ranking, context)
            context.note(best=float("inf"))
            return selection

    assert failing(Wrong) == {"output_fits"}


@pytest.mark.parametrize("where", ["output", "notes", "cost"])
def test_a_random_number_that_is_not_the_requests_is_caught(where: str) -> None:
    class Wrong(Head):
        """Asks the process for randomness."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            selection = super().run(query, ranking, context)
            number = random.getrandbits(60)
            if where == "notes":
                context.note(number=number)
            if where == "cost":
                context.spend(tokens_in=number)
            if where == "output":
                selection = replace(selection, query=replace(query, id=str(number)))
            return selection

    subject = Subject(Wrong, {}, {}, INPUTS)
    with pytest.raises(AssertionError, match=f"differ in their {where} on input 0"):
        CHECKS["same_input_same_output"](subject)


def test_a_join_by_position_is_caught() -> None:
    class Wrong(Node):
        """The first input wins."""

        name = "toys.join@1"

        def run(self, rankings: Mapping[str, Ranking]) -> Ranking:
            return next(iter(rankings.values()))

    inputs = [
        {"rankings": {"dense": ranked(one), "sparse": Ranking(one, (), "x")}} for one in (A, B)
    ]
    assert failing(Wrong, inputs=inputs) == {"same_input_same_output"}


class Turned(Head):
    """Gives the outputs of a batch in another order."""

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> Sequence[Selection]:
        first, *others = super().run_batch(items, contexts)
        return [*others, first]


class First(Head):
    """Forgets the other items of a batch."""

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> Sequence[Selection]:
        return [*super().run_batch(items, contexts)][:1]


class Single(Head):
    """A batch of one has no hits."""

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> Sequence[Selection]:
        found = super().run_batch(items, contexts)
        return [replace(found[0], kept=())] if len(items) == 1 else found


class Noteless(Head):
    """Leaves its notes in one context only."""

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> Sequence[Selection]:
        return super().run_batch(items, [contexts[0]] * len(items))


@pytest.mark.parametrize("wrong", [Turned, First, Single, Noteless])
def test_a_batch_that_differs_from_single_runs_is_caught(wrong: type[Node]) -> None:
    assert failing(wrong) == {"batch_equals_runs"}


def test_a_batch_that_raises_is_told_with_the_cause() -> None:
    class Wrong(Head):
        """Raises on a batch."""

        def run_batch(
            self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
        ) -> Sequence[Selection]:
            raise IndexError(len(items))

    with pytest.raises(AssertionError, match="run_batch on 1 items raised IndexError: 1"):
        check_node(Wrong, config={}, resources={}, inputs=INPUTS)


@pytest.mark.parametrize("end", [[], ["a text"], [3, Selection(A, ())], [Selection(A, ())]])
def test_a_stream_that_does_not_end_with_the_output_is_caught(end: list[object]) -> None:
    class Wrong(Head):
        """Streams something else."""

        def stream(self, query: Query, ranking: Ranking, context: RunContext) -> Iterator[Any]:
            yield from end

    assert failing(Wrong) == {"stream_ends_with_the_output"}


# -- inputs, shared state, cancellation ------------------------------------------------


def test_a_changed_input_is_caught() -> None:
    class Wrong(Head):
        """Writes into the query's filters, as on a copy of its own."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            selection = super().run(query, ranking, context)
            assert isinstance(query.filters, dict)
            query.filters["seen"] = True
            return selection

    assert failing(Wrong) == {"inputs_stay_as_they_are"}


class Remembers(Head):
    """Keeps the last query on itself."""

    last: Query | None = None

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        self.last = query
        return super().run(query, ranking, context)


class Counts(Head):
    """Grows a list that was there before."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        self.seen: list[str] = []

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        self.seen.append(query.id)
        return super().run(query, ranking, context)


class Board:
    """An object of a node's own, in which something can change."""

    def __init__(self) -> None:
        self.queries: dict[str, Query] = {}


class Hides(Head):
    """Keeps queries in an object of its own."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        self.board = Board()

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        self.board.queries[query.id] = query
        return super().run(query, ranking, context)


class Races(Head):
    """Hands the query on through a place that all instances share."""

    box: ClassVar[dict[str, Query]] = {}

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        self.box["query"] = query
        time.sleep(0.001)
        return super().run(self.box["query"], ranking, context)


class Caches(Head):
    """Caches hits for all tenants under one key."""

    cache: ClassVar[dict[int, tuple[Hit, ...]]] = {}

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        selection = super().run(query, ranking, context)
        return replace(selection, kept=self.cache.setdefault(self.config.k, selection.kept))


class Draws(Head):
    """Draws from a generator of its own, so that a second request gets other numbers."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        self.draw = random.Random(0)
        self.lock = threading.Lock()

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        with self.lock:
            number = self.draw.random()
        selection = super().run(query, ranking, context)
        context.note(number=number)
        return selection


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (Remembers, r"run changed the node itself \(last\)"),
        (Counts, r"run changed the node itself \(seen\)"),
        (Hides, r"run changed the node itself \(board\)"),
        (Races, r"with requests side by side, tenant \['[ab]'\] got"),
        (Caches, r"asked for tenant \['b'\], the output carries tenant \['a'\]"),
        (Draws, r"with requests side by side"),
    ],
)
def test_state_that_requests_share_is_caught(wrong: type[Node], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        CHECKS["nothing_shared_between_requests"](Subject(wrong, {}, {}, INPUTS))


def test_inputs_of_one_tenant_only_are_not_enough() -> None:
    with pytest.raises(AssertionError, match=r"all inputs are of tenant \['a'\]"):
        check_node(Head, config={}, resources={}, inputs=[INPUTS[0], rescoped(INPUTS[1], "a")])


def test_rescoping_changes_every_tenant_and_nothing_else() -> None:
    moved = rescoped(INPUTS[0], "c")
    assert tenants(moved) == {"c"}
    assert rescoped(moved, "a") == INPUTS[0]
    assert tenants(hits(A)) == {"a"}


def test_another_exception_on_cancellation_is_caught() -> None:
    class Wrong(Head):
        """Gives up in its own way."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            if context.cancelled.is_set():
                raise ValueError("half a selection")
            return super().run(query, ranking, context)

    assert failing(Wrong) == {"cancelled_in_good_order"}


def test_half_an_output_on_cancellation_is_caught() -> None:
    class Wrong(Head):
        """Gives nothing where it gives up."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            if context.cancelled.is_set():
                return None  # type: ignore[return-value]
            return super().run(query, ranking, context)

    assert failing(Wrong) == {"cancelled_in_good_order"}


def test_a_node_that_fails_on_its_sample_is_told_with_the_cause() -> None:
    class Wrong(Head):
        """Raises."""

        def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
            raise KeyError("passage")

    with pytest.raises(
        AssertionError, match=r"toys\.head@1: run raised KeyError: 'passage'"
    ) as caught:
        check_node(Wrong, config={}, resources={}, inputs=INPUTS)
    assert isinstance(caught.value.__cause__, KeyError)
