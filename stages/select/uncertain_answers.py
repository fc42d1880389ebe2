"""How unsure a language model is of its answer, from several answers that it draws."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.models.language_model import Ability, Generation, LanguageModel
from assay.models.prompt import Message, Prompt, conversation, extended
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.text import content_words, fold
from assay.stages.rerank.generations import one_round

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

Measure = Literal["dispersion", "agreement", "entropy"]
"""What is measured: how far inner states lie apart; how few answers agree; how unlikely the written
tokens were."""

ALPHA = 1e-3
"""What is added to each direction, so that equal answers have a finite dispersion."""


class UncertaintyEstimator(Protocol):
    """Tells how unsure a model is of its answers to prompts; larger is less sure."""

    def uncertainties(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext]
    ) -> list[float]:
        """A finite figure for each prompt, in the measure's own unit.

        Args:
            prompts: questions, with or without a passage.
            contexts: one for each prompt.
        """


class SampledAnswers:
    """Draws answers to each prompt and measures how they differ; an ``UncertaintyEstimator``.

    Source: SeaKR (2024) for ``dispersion``; the other two are usual cheap stand-ins. Cost: for each
    prompt ``samples`` generations in one round, and with ``dispersion`` as many readings in
    another.

    Args:
        model: writes; for ``dispersion`` it also tells hidden states, and for ``entropy`` the
            log-probabilities of what it wrote.
        measure: see ``Measure``.
        samples: answers a prompt, at least 2.
        tokens: most tokens of an answer.
        temperature: of the draws, above 0.
        layer: whose states are compared: 0 for the embeddings, then the blocks; negative from the
            end.
        stop: texts at which an answer ends.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        measure: Measure,
        samples: int,
        tokens: int,
        temperature: float,
        layer: int = -1,
        stop: Sequence[str] = (),
    ) -> None:
        self._model = model
        self._measure = measure
        self._samples = samples
        self._tokens = tokens
        self._temperature = temperature
        self._layer = layer
        self._stop = stop

    @staticmethod
    def needs(measure: Measure) -> tuple[Ability, ...]:
        """Abilities of a model for a measure."""
        more = (Ability.HIDDEN_STATES,) if measure == "dispersion" else ()
        return (Ability.GENERATE, *more)

    def uncertainties(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext]
    ) -> list[float]:
        """One figure for each prompt; see the measures' functions for ranges.

        Raises:
            ModelError: if the model fails, or does not tell what the measure needs.
        """
        drawn = self._drawn(prompts, contexts)
        if self._measure == "agreement":
            return [disagreement([one.text for one in some]) for some in drawn]
        if self._measure == "entropy":
            return [self._entropy(some) for some in drawn]
        read = [
            _answered(prompt, one.text)
            for prompt, some in zip(prompts, drawn, strict=True)
            for one in some
        ]
        owners = [context for context in contexts for _ in range(self._samples)]
        states = self._model.hidden_states(read, owners, layer=self._layer)
        last = [one[-1] for one in states]
        return [
            dispersion(np.stack(last[begin : begin + self._samples]))
            for begin in range(0, len(last), self._samples)
        ]

    def _drawn(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext]
    ) -> list[list[Generation]]:
        """The answers to each prompt, each drawn by itself."""
        drawn: list[list[Generation]] = [[] for _ in prompts]
        with one_round(contexts):
            for draw in range(self._samples):
                written = self._model.generate_batch(
                    prompts,
                    contexts,
                    max_tokens=self._tokens,
                    stop=self._stop,
                    temperature=self._temperature,
                    draw=draw,
                )
                for answers, one in zip(drawn, written, strict=True):
                    answers.append(one)
        return drawn

    def _entropy(self, written: Sequence[Generation]) -> float:
        logprobs = [one.mean_logprob for one in written if one.text]
        known = [one for one in logprobs if one is not None]
        if len(known) < len(logprobs):
            raise ModelError(
                f"{self._model.name} tells no log-probabilities of what it writes: take the measure"
                " 'agreement', or an engine that tells them"
            )
        return mean_token_entropy(known)


def dispersion(states: NDArray[np.floating], alpha: float = ALPHA) -> float:
    """E = (1 / k) log det(Z J Z^T + alpha I), with J = I - 1 1^T / d: how far vectors lie apart.

    k equal vectors with centred squared length s give ``((k - 1) ln alpha + ln(k s + alpha)) / k``,
    so a threshold on E belongs to one model, one layer and one k. Adding a number to all
    components of every vector changes nothing.

    Source: SeaKR (2024), after INSIDE (Chen et al. 2024), where Z has a vector a row here.

    Args:
        states: shape ``(k, d)``, at least one row, finite.
        alpha: above 0.

    Raises:
        ModelError: if a number is not finite.

    >>> round(dispersion(np.zeros((20, 64))), 4)
    -6.9078
    """
    rows = np.asarray(states, dtype=np.float64)
    if not np.isfinite(rows).all():
        raise ModelError("a model gave a hidden state with a number that is not finite")
    centred = rows - rows.mean(axis=1, keepdims=True)
    # eigenvalues, since rounding can make the determinant's sign wrong where rows are equal
    values = np.maximum(np.linalg.eigvalsh(centred @ centred.T), 0.0)
    return float(np.log(values + alpha).sum() / len(rows))


def disagreement(answers: Sequence[str]) -> float:
    """Share of answers that do not say what most say, 0 (all agree) to 1 - 1 / k.

    Two answers are the same where their content words are, in their order; where they have none,
    where their letters are.

    Args:
        answers: at least one.

    >>> disagreement(["In Bergen.", "bergen", "Oslo", "Bergen!"])
    0.25
    """
    counts = Counter(_said(one) for one in answers)
    return 1.0 - max(counts.values()) / len(answers)


def mean_token_entropy(mean_logprobs: Sequence[float]) -> float:
    """Minus the mean of answers' mean log-probabilities a token, in nats, at least 0.

    For answers drawn at temperature 1 its expectation is about the entropy of a token; at another
    temperature it is a cross-entropy. 0 for no answers.

    >>> mean_token_entropy([-0.5, -1.5])
    1.0
    """
    if not mean_logprobs:
        return 0.0
    found = -math.fsum(mean_logprobs) / len(mean_logprobs)
    if not math.isfinite(found):
        raise ModelError("a model gave a log-probability that is not finite")
    return max(0.0, found)


def _said(answer: str) -> tuple[str, ...]:
    return tuple(content_words(answer)) or (fold(answer).strip(),)


def _answered(prompt: Prompt, answer: str) -> Prompt:
    """A prompt with its answer; the prompt alone where the answer is empty."""
    if not answer:
        return prompt
    messages = conversation(prompt)
    if messages is None or messages[-1].role == "assistant":
        return extended(prompt, answer)
    return (*messages, Message("assistant", answer))
