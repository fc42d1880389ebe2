from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.protocols import Floats
from assay.pipeline.component import Config
from assay.pipeline.context import Cost, RunContext
from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
from assay.stages.windows.embedding_listwise import (
    Decoder,
    EmbeddingListwise,
    constrained_order,
    list_mle,
)
from assay.stages.windows.window import Sizes, Window
from tests.stages.rerank.oracles import QUESTION, ranking_of

ANGLE = 0.01


def state(values: list[float]) -> Floats:
    return np.array(values, dtype=np.float32)


class Pointing:
    """Points to the direction of what is most relevant; broken where it is told so."""

    def __init__(self, broken: bool) -> None:
        self._state = state([math.nan if broken else 0.0, 1.0])
        self.asked: list[tuple[int, ...]] = []

    def hidden(self, chosen: Sequence[int]) -> Floats:
        self.asked.append(tuple(chosen))
        return self._state


class Angles(EmbeddingListwise):
    """A passage's embedding turns towards (0, 1) with its relevance."""

    def __init__(self, *, top: int | None = None, broken: bool = False) -> None:
        super().__init__(Config(), top=top)
        self._broken = broken
        self.decoders: list[Pointing] = []

    @property
    def max_window(self) -> int:
        return 20

    def fingerprint(self) -> str:
        return "angles"

    def embed(self, window: Window, context: RunContext) -> Floats:
        turns = [ANGLE * float(one.text.rsplit(" ", 1)[1]) for one in window.passages]
        return np.array([[math.cos(one), math.sin(one)] for one in turns], dtype=np.float32)

    def read(self, window: Window, passages: Floats, context: RunContext) -> Decoder:
        self.decoders.append(Pointing(self._broken))
        return self.decoders[-1]

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        return Cost(calls=1, rounds=1, tokens_in=window + sizes.query, tokens_out=window - 1)


def test_the_loss_is_the_worked_number() -> None:
    assert list_mle([2.0, 1.0, 0.0]) == pytest.approx(0.72087, abs=1e-5)
    assert list_mle([2.0, 1.0, 0.0], weights=[1.0, 0.5, 1 / 3]) == pytest.approx(
        math.log(1 + math.exp(-1) + math.exp(-2)) + 0.5 * math.log(1 + math.exp(-1))
    )
    assert list_mle([1000.0, 0.0]) == 0.0
    assert list_mle([]) == 0.0


@given(st.integers(1, 12), st.integers(0, 99), st.sampled_from([None, 1, 3, 50]))
def test_every_decoding_is_a_permutation(n: int, seed: int, top: int | None) -> None:
    draw = np.random.default_rng(seed)
    points = draw.standard_normal((n, 4)).astype(np.float32)
    asked: list[tuple[int, ...]] = []

    def hidden(chosen: Sequence[int]) -> Floats:
        asked.append(tuple(chosen))
        drawn: Floats = draw.standard_normal(4).astype(np.float32)
        return drawn

    found = constrained_order(points, hidden, top=top)
    assert found is not None
    assert sorted(found) == list(range(n))
    steps = min(n - 1, n if top is None else top)
    assert asked == [found[:step] for step in range(steps)]


def test_what_was_chosen_is_not_chosen_again_however_much_it_is_pointed_to() -> None:
    points = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]], dtype=np.float32)
    assert constrained_order(points, lambda chosen: state([0.0, 5.0])) == (0, 2, 1)


def test_lengths_of_embeddings_do_not_count() -> None:
    points = np.array([[9.0, 0.0], [0.0, 0.1]], dtype=np.float32)
    assert constrained_order(points, lambda chosen: state([0.5, 0.6])) == (1, 0)


def test_after_the_first_the_others_follow_as_shown() -> None:
    points = np.eye(4, dtype=np.float32)
    found = constrained_order(points, lambda chosen: state([0.1, 0.2, 0.3, 0.4]), top=1)
    assert found == (3, 0, 1, 2)


def test_a_state_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="shape"):
        constrained_order(np.eye(2, dtype=np.float32), lambda chosen: state([1.0, 0.0, 0.0]))


def test_a_subclass_is_a_window_ranker_for_every_reranker() -> None:
    relevance = np.random.default_rng(0).permutation(30).tolist()
    ranker = Angles()
    node = SlidingWindowRerank(SlidingWindowConfig(), ranker=ranker)
    context = RunContext()
    found = node.run(QUESTION, ranking_of(relevance), context)
    best = [str(place) for place in np.argsort(-np.array(relevance))[:10]]
    assert list(found.ids[:10]) == best
    assert context.notes["windows"] == 2
    assert [len(one.asked) for one in ranker.decoders] == [19, 19]


def test_a_window_whose_states_are_not_finite_keeps_its_order_and_is_counted() -> None:
    context = RunContext()
    window = Window("q", tuple(hit.passage for hit in ranking_of([1, 2, 3]).hits))
    (found,) = Angles(broken=True).rank([window], [context])
    assert (found.order, found.failed) == ((0, 1, 2), True)
    assert context.notes == {"windows": 1, "windows_failed": 1}
