"""PE-Rank's decoding: an order written in passage embeddings in place of text.

Nothing here is registered: it needs a checkpoint that was trained for it (a language model, an
encoder, and the projection between the two), and none is at hand. Who has one writes a subclass of
``EmbeddingListwise``; then every schedule and every reranker over windows works
with it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assay.models.protocols import Floats
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.windows.window import Ordered, Window, WindowRanker


class Decoder(Protocol):
    """A language model that has read a prompt of passage embeddings and the question."""

    def hidden(self, chosen: Sequence[int]) -> Floats:
        """The last hidden state after some passages were chosen, shape ``(dimension,)``.

        Args:
            chosen: places so far, in order; each call has one more than the one before.
        """


class EmbeddingListwise(WindowRanker):
    """Base of window rankers that choose passage after passage by their embeddings.

    Each passage is one position of the prompt: its embedding, brought to the model's dimension.
    Each step compares the hidden state with the passages that are left. Source: Liu et al. 2024
    (PE-Rank). Cost: one reading of about as many positions as passages and words of the question,
    and a step for each passage that is chosen; the subclass books it.

    Args:
        config: of the subclass.
        top: passages that are chosen, the others follow as shown; None for all.
    """

    def __init__(self, config: Config, *, top: int | None = None) -> None:
        super().__init__(config)
        self._top = top

    @abstractmethod
    def embed(self, window: Window, context: RunContext) -> Floats:
        """The passages as the decoder knows them, shape ``(n, dimension)``."""

    @abstractmethod
    def read(self, window: Window, passages: Floats, context: RunContext) -> Decoder:
        """Read the prompt of a window."""

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """One window after another; one whose hidden states are not finite keeps its order."""
        found = []
        for window, context in zip(windows, contexts, strict=True):
            context.check()
            context.count(windows=1)
            passages = self.embed(window, context)
            decoder = self.read(window, passages, context)
            order = constrained_order(passages, decoder.hidden, top=self._top)
            if order is None:
                context.count(windows_failed=1)
            kept = tuple(range(len(window.passages)))
            found.append(Ordered(order or kept, failed=order is None))
        return found


def constrained_order(
    passages: Floats,
    hidden: Callable[[Sequence[int]], Floats],
    *,
    top: int | None = None,
) -> tuple[int, ...] | None:
    """Choose, step by step, the passage that the hidden state points to, of those that are left.

    The last one is not asked for. The temperature of the paper's logits changes no order and is
    left out. Cost: a hidden state for each passage that is chosen, at most n - 1.

    Args:
        passages: shape ``(n, dimension)``; they are brought to length 1.
        hidden: see ``Decoder.hidden``.
        top: places that are chosen; the others follow in their order. None for all.

    Returns:
        A permutation of 0 to n - 1; of equal logits the first place is taken. None where a logit
        is not finite.

    Raises:
        ValueError: if the shapes do not fit.

    >>> points = np.eye(3, dtype=np.float32)
    >>> constrained_order(points, lambda chosen: np.array([0.1, 0.2, 0.9], dtype=np.float32))
    (2, 1, 0)
    """
    n = len(passages)
    lengths = np.linalg.norm(passages.astype(np.float64), axis=1, keepdims=True)
    points = passages / np.maximum(lengths, 1e-12)
    chosen: list[int] = []
    left = list(range(n))
    while len(left) > 1 and (top is None or len(chosen) < top):
        state = np.asarray(hidden(tuple(chosen)), dtype=np.float64)
        if state.shape != points.shape[1:]:
            raise ValueError(
                f"expected a hidden state of shape {points.shape[1:]}, found {state.shape}"
            )
        logits = points[left] @ state
        if not np.isfinite(logits).all():
            return None
        chosen.append(left.pop(int(np.argmax(logits))))
    return (*chosen, *left)


def list_mle(
    scores: Sequence[float] | NDArray[np.float64], *, weights: Sequence[float] | None = None
) -> float:
    """The loss that such a model is trained with, at least 0: of scores in the true order.

    ``sum_t w_t (log sum_{j >= t} exp(s_j) - s_t)``. Source: Xia et al. 2008 (ListMLE); the weights
    by place, such as 1 / t, are PE-Rank's.

    Args:
        scores: of the passages, best passage first.
        weights: one for each place; None for 1 each.

    >>> round(list_mle([2.0, 1.0, 0.0]), 5)
    0.72087
    """
    values = np.asarray(scores, dtype=np.float64)
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    total = []
    for place, (value, weight) in enumerate(zip(values, shares, strict=True)):
        top = float(values[place:].max())
        rest = top + math.log(float(np.exp(values[place:] - top).sum()))
        total.append(weight * (rest - value))
    return math.fsum(total)
