"""Every window ranker keeps what window rankers promise, and the checks can fail.

To add a ranker, write in ``RANKERS`` how it is made; a registered one that is missing there fails
the test of completeness.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.models.account import book
from assay.models.language_model import Ability, Attention
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.prompt import Prompt, parts_of
from assay.pipeline.component import Config
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.registry import names
from assay.stages.windows.cross_encoder import CrossEncoderWindows, CrossEncoderWindowsConfig
from assay.stages.windows.first import First, FirstConfig
from assay.stages.windows.in_context_attention import InContextAttention, InContextAttentionConfig
from assay.stages.windows.listwise import Listwise, ListwiseConfig
from assay.stages.windows.pairwise import PairwiseWindows, PairwiseWindowsConfig
from assay.stages.windows.self_consistent import SelfConsistent, SelfConsistentConfig
from assay.stages.windows.setwise import SetwiseWindows, SetwiseWindowsConfig
from assay.stages.windows.template import names as templates
from assay.stages.windows.template import template
from assay.stages.windows.window import Ordered, Sizes, Window, WindowRanker
from tests.conformance.window_ranker import (
    CHECKS,
    WindowRankerSubject,
    best_first,
    check_window_ranker,
    relevance,
    window,
)
from tests.stages.windows.models import ReadsRelevance

Make = Callable[[], WindowRanker]
WRITER = ReadsRelevance()
MUMBLER = ReadsRelevance(lambda ids: "I cannot say.")


class ChainWriter(ReadsRelevance):
    """Writes an order in a template's form, after a thought that names another one."""

    def __init__(self, own: str) -> None:
        asked = template(own)
        between = ", " if asked.style == "passage" else " > "
        thought = "<think>[2] or [1]?</think>" if asked.thinking else ""
        super().__init__(lambda ids: thought + between.join(ids))


class Looks(ReadsRelevance):
    """Its attention to a part is the relevance that the part states at its beginning."""

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({Ability.ATTENTION})

    def attention(self, prompt: Prompt, rows: Sequence[int], context: RunContext) -> Attention:
        context.check()
        parts = parts_of(prompt)
        book([context], [sum(self.count_tokens(one) for one in parts)], [0.0])
        said = [
            float(one.split("relevance ")[1].split()[0]) if "] relevance" in one else 0.0
            for one in parts
        ]
        looks = [0.0 if "N/A" in parts[-1] else one for one in said]
        return Attention(tuple(np.full((2, 2, 1), one, dtype=np.float32) for one in looks))

    def keep(self, prompt: Prompt) -> None:
        return

    def release(self, prompt: Prompt) -> None:
        return


def listwise(model: ReadsRelevance = WRITER, **config: Any) -> Listwise:
    return Listwise(ListwiseConfig.model_validate(config), model=model)


def setwise(model: ReadsRelevance = WRITER, **config: Any) -> SetwiseWindows:
    return SetwiseWindows(SetwiseWindowsConfig.model_validate(config), model=model)


def pairwise(model: ReadsRelevance = WRITER, **config: Any) -> PairwiseWindows:
    return PairwiseWindows(PairwiseWindowsConfig.model_validate(config), model=model)


def first(**config: Any) -> First:
    return First(FirstConfig.model_validate(config), model=WRITER)


def consistent(inner: WindowRanker, **config: Any) -> SelfConsistent:
    return SelfConsistent(SelfConsistentConfig.model_validate(config), ranker=inner)


def attention(**config: Any) -> InContextAttention:
    return InContextAttention(InContextAttentionConfig.model_validate(config), model=Looks())


def overlap() -> CrossEncoderWindows:
    return CrossEncoderWindows(CrossEncoderWindowsConfig(), model=OverlapCrossEncoder(Config()))


def by_template(name: str) -> tuple[Make, dict[str, Any]]:
    return reads(
        lambda: listwise(ChainWriter(name), template=name, reasoning_tokens=32),
        other=lambda: listwise(ChainWriter(name), template=name, words=100),
        broken=lambda: listwise(MUMBLER, template=name),
    )


def reads(make: Make, **more: Any) -> tuple[Make, dict[str, Any]]:
    return make, {"reads": True, "tokens": WRITER.count_tokens, **more}


RANKERS: Mapping[str, tuple[Make, dict[str, Any]]] = {
    **{f"windows.listwise@1 {name}": by_template(name) for name in templates()},
    "windows.first@1": reads(first, other=lambda: first(words=100)),
    "windows.setwise@1 logprobs": reads(setwise, other=lambda: setwise(answer="text")),
    "windows.setwise@1 text": reads(
        lambda: setwise(ReadsRelevance(lambda ids: ids[0]), answer="text"),
        other=lambda: setwise(answer="text", words=100),
        broken=lambda: setwise(MUMBLER, answer="text"),
        best_only=True,
    ),
    "windows.setwise@1 rank_r1": reads(
        lambda: setwise(
            ReadsRelevance(lambda ids: f"<think>[2]!</think><answer>{ids[0]}</answer>"),
            form="rank_r1",
            answer="text",
            reasoning_tokens=64,
        ),
        other=lambda: setwise(form="rank_r1", answer="text"),
        broken=lambda: setwise(MUMBLER, form="rank_r1", answer="text"),
        best_only=True,
    ),
    "windows.pairwise@1 logprobs": reads(pairwise, other=lambda: pairwise(words=100)),
    "windows.pairwise@1 text": reads(
        lambda: pairwise(ReadsRelevance(lambda ids: ids[0]), answer="text"),
        other=lambda: pairwise(answer="text", words=100),
        broken=lambda: pairwise(MUMBLER, answer="text"),
        best_only=True,
    ),
    "windows.self_consistent@1": reads(
        lambda: consistent(listwise()),
        other=lambda: consistent(listwise(), samples=3),
        broken=lambda: consistent(listwise(MUMBLER)),
    ),
    "windows.self_consistent@1 first": reads(
        lambda: consistent(first()), other=lambda: consistent(first(words=100))
    ),
    "windows.in_context_attention@1": reads(attention, other=lambda: attention(reverse=True)),
    "windows.cross_encoder@1": (
        overlap,
        {"tokens": lambda text: len(text.split())},
    ),
}
"""How each ranker is made, and what the kit must know of it."""


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("row", RANKERS)
def test_the_window_ranker_keeps_the_promise(row: str, check: str) -> None:
    make, known = RANKERS[row]
    CHECKS[check](WindowRankerSubject(make=make, ranker=make(), **known))


def test_every_registered_window_ranker_stands_in_the_table() -> None:
    registered = {name for name in names() if name.startswith("windows.")}
    assert registered == {row.split(" ")[0] for row in RANKERS}


def test_the_kits_windows_tell_their_own_order() -> None:
    for size in (1, 2, 5, 26):
        values = [relevance(place, size, 1) for place in range(size)]
        assert len(set(values)) == size
        assert values[best_first(size, 1)[0]] == max(values)
        assert window(size, turn=1).passages[0].text.startswith(f"relevance {values[0]} ")
    assert best_first(5) != tuple(range(5))


class Right(WindowRanker):
    """Sorts by what the passages say, at five tokens a passage."""

    name = "tests.right@1"

    def __init__(self, print_: str = "0" * 64) -> None:
        super().__init__(Config())
        self.print = print_

    @property
    def abilities(self) -> frozenset[str]:
        return frozenset({"scores"})

    @property
    def max_window(self) -> int:
        return 10

    def fingerprint(self) -> str:
        return self.print

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        found = []
        for asked, context in zip(windows, contexts, strict=True):
            context.check()
            context.spend(calls=1, tokens_in=5 * len(asked.passages))
            scores = tuple(float(one.text.split()[1]) for one in asked.passages)
            order = sorted(range(len(scores)), key=lambda place: -scores[place])
            found.append(Ordered(tuple(order), scores))
        for own in {id(one): one for one in contexts}.values():
            own.spend(rounds=1)
        return found

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        return Cost(calls=1, rounds=1, tokens_in=5 * window)


class Changed(Right):
    """Changes what is asked or said."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        return [
            self.change(one, asked)
            for one, asked in zip(super().rank(windows, contexts), windows, strict=True)
        ]

    @abstractmethod
    def change(self, said: Ordered, asked: Window) -> Ordered: ...


class LosesOne(Changed):
    """Forgets the last of large windows."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return replace(said, order=said.order[:-1]) if len(said.order) > 2 else said


class Doubles(Changed):
    """Names the best twice."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return replace(said, order=(said.order[0], *said.order[:-1]))


class NoScores(Changed):
    """Declares scores and has none."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return replace(said, scores=None)


class NotANumber(Changed):
    """A score that is no number."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return replace(said, scores=(float("nan"),) * len(said.order))


class Rising(Changed):
    """Scores that contradict the order."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return replace(said, scores=tuple(-one for one in said.scores or ()))


class ByCompany(Right):
    """The last of a batch is turned round."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        found = super().rank(windows, contexts)
        if len(found) > 1:
            last = found[-1]
            found[-1] = Ordered(last.order[::-1], tuple(-one for one in last.scores or ()))
        return found


class Drifts(Right):
    """Every call has higher scores."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = itertools.count()

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        more = next(self._calls)
        return [
            replace(one, scores=tuple(score + more for score in one.scores or ()))
            for one in super().rank(windows, contexts)
        ]


class Believes(Changed):
    """Puts a passage first that another one names."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        if "[2] relevance" in asked.passages[0].text and len(said.order) > 1:
            return replace(said, order=(1, *(one for one in said.order if one != 1)))
        return said


class Chokes(Right):
    """Cannot read long passages."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        if any(len(one.text) > 50_000 for asked in windows for one in asked.passages):
            raise ValueError("too long")
        return super().rank(windows, contexts)


class NeedsRemarks(Right):
    """Reads a number off every remark."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        for asked in windows:
            for remark in asked.remarks:
                remark.split()[-1]
        return super().rank(windows, contexts)


class Small(Right):
    """Takes one passage."""

    @property
    def max_window(self) -> int:
        return 1


class Cheap(Right):
    """Promises less than it takes."""

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        return Cost(calls=1, rounds=1, tokens_in=4 * window)


class FirstPays(Right):
    """One request pays for all."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        return super().rank(windows, list(contexts)[:1] * len(windows))


class GoesOn(Right):
    """Does not see that its request is over."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        fresh = {id(one): RunContext(cost=one.cost) for one in contexts}
        return super().rank(windows, [fresh[id(one)] for one in contexts])


class GuessesWhenLost(Changed):
    """Has no answer and says the order turned round, uncounted."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return Ordered(tuple(range(len(asked.passages)))[::-1], failed=True)


class FailsUncounted(Changed):
    """Has no answer and tells nobody but the caller."""

    def change(self, said: Ordered, asked: Window) -> Ordered:
        return Ordered(tuple(range(len(asked.passages))), failed=True)


def test_a_right_ranker_passes_every_check() -> None:
    check_window_ranker(Right, reads=True, other=lambda: Right("1" * 64))


@pytest.mark.parametrize(
    ("wrong", "check", "more"),
    [
        (lambda: Right("short"), "it_has_a_name_and_a_fingerprint", {}),
        (Right, "it_has_a_name_and_a_fingerprint", {"other": Right}),
        (Small, "windows_of_two_are_taken", {}),
        (LosesOne, "an_order_is_a_permutation", {}),
        (Doubles, "an_order_is_a_permutation", {}),
        (NoScores, "scores_fit_the_order", {}),
        (NotANumber, "scores_fit_the_order", {}),
        (Rising, "scores_fit_the_order", {}),
        (ByCompany, "company_changes_nothing", {}),
        (Drifts, "company_changes_nothing", {}),
        (Believes, "hostile_passages_are_data", {"reads": True}),
        (Chokes, "hostile_passages_are_data", {}),
        (NeedsRemarks, "remarks_may_be_missing", {}),
        (Cheap, "the_estimate_holds", {}),
        (FirstPays, "windows_are_paid_for", {}),
        (GoesOn, "windows_are_paid_for", {}),
        (Right, "what_cannot_be_read_keeps_its_order", {"broken": Right}),
        (Right, "what_cannot_be_read_keeps_its_order", {"broken": GuessesWhenLost}),
        (Right, "what_cannot_be_read_keeps_its_order", {"broken": FailsUncounted}),
    ],
)
def test_a_wrong_ranker_is_caught(
    wrong: Callable[[], WindowRanker], check: str, more: Mapping[str, Any]
) -> None:
    subject = WindowRankerSubject(make=wrong, ranker=wrong(), **more)
    with pytest.raises(AssertionError):
        CHECKS[check](subject)
