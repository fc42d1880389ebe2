"""What a window ranker does: it puts a few passages in order for a query.

This is the one thing that listwise, setwise and pairwise rerankers ask of a model. What differs
between them is which few passages are shown when, and that is a schedule
(``assay.stages.schedules``). So every window ranker goes with every schedule: a language model
that writes a permutation, one whose first token is read, a cross-encoder that sorts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from assay.pipeline.component import Resource
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Passage


class WindowAbility(StrEnum):
    """What a window ranker may be able to tell; a node names what it needs."""

    SCORES = "scores"
    """A score for each passage of a window: log-odds up to a constant for the window, where the
    ranker's docstring says nothing else."""
    REMARKS = "remarks"
    """It reads the remarks of a window; others pass them over."""


@dataclass(frozen=True, slots=True)
class Window:
    """A few passages to be put in order.

    Args:
        query: the question's text.
        passages: in the order in which they are shown, at least one.
        remarks: a line for each passage that may be read beside its text, such as
            ``"BM25 score: 12.345"``, '' for none; empty for none at all.
    """

    query: str
    passages: tuple[Passage, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a ranker said of a window.

    Args:
        order: places in the window, best first; always a permutation of all of them.
        scores: by place in the window, larger is better, to be compared within this window only;
            None where the ranker tells none.
        failed: whether the ranker's answer could not be read; the order is then as shown.
        reasoning: what the model wrote before its answer, for the audit; '' for nothing.
    """

    order: tuple[int, ...]
    scores: tuple[float, ...] | None = None
    failed: bool = False
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths in tokens, from which the cost of a call is estimated.

    Args:
        query: tokens of the question.
        passage: tokens of a passage with its title, at the mean.
        marks: tokens that a cross-encoder puts around a pair; most put three.
    """

    query: int
    passage: int
    marks: int = 3


class WindowRanker(Resource):
    """Orders up to ``max_window`` passages at a time.

    The same window gives the same order, whatever stands in the same batch. A window whose
    answer cannot be read keeps its order and is counted in the run record as
    ``windows_failed``; it never changes another window.
    """

    @property
    def abilities(self) -> frozenset[str]:
        """What it tells beside the order; see ``WindowAbility``."""
        return frozenset()

    @property
    @abstractmethod
    def max_window(self) -> int:
        """Most passages of a window, at least 2."""

    @abstractmethod
    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """Put each window in order, all of them in one round.

        Args:
            windows: of at most ``max_window`` passages each.
            contexts: one for each window, as it comes; the same one may come often.

        Raises:
            ModelError: if the model fails for all of them.
            DeadlineExceeded: if a request ends meanwhile.
        """

    @abstractmethod
    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """What one window of so many passages will cost; once started.

        Args:
            window: passages in the window.
            sizes: lengths of the texts.
        """
