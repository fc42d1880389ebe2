"""Rerank by the grade that a language model is expected to give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.models.language_model import Ability, LanguageModel, PromptTooLong
from assay.models.prompt import Message, Prompt, conversation, extended
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Score, ScoreKind
from assay.stages.rerank.pair_prompts import PairPrompts, spaced, titled
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank
from assay.stages.rerank.two_passages import TwoPassages
from assay.stages.windows.window import Sizes

ANSWER = 8
"""Tokens that a grade and what ends it may have."""


class ExpectedRatingConfig(PointwiseConfig):
    """Settings of ``rerank.expected_rating@1``."""

    lowest: int = Field(1, ge=0, le=100, description="the lowest grade: irrelevant")
    highest: int = Field(5, ge=1, le=100, description="the highest grade: fully relevant")
    weighting: Literal["expected", "likeliest"] = Field(
        "expected",
        description="expected: the mean grade under the model's probabilities; likeliest: the"
        " likeliest grade times its probability, which falls off where the model is unsure",
    )
    grades_as: Literal["token", "text"] = Field(
        "token",
        description="token: each grade must be one token, one call a passage; text: grades of any"
        " length, such as 10, one call for each grade of a passage",
    )
    chat: bool = Field(False, description="whether the model's chat template writes the prompt")
    refine: int = Field(
        0,
        ge=0,
        le=50,
        description="so many of the best are compared with one another in both orders, at k (k-1)"
        " calls; 0 for none",
    )
    passage_tokens: int = Field(512, ge=1, le=100_000, description="most tokens of a passage")
    query_tokens: int = Field(256, ge=1, le=100_000, description="most tokens of a question")

    @model_validator(mode="after")
    def _grades_rise(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(
                f"'lowest' must be below 'highest', found {self.lowest} and {self.highest}"
            )
        if self.refine == 1:
            raise ValueError("'refine' compares passages with one another: 0, or at least 2")
        return self


@register("rerank.expected_rating@1")
class ExpectedRatingRerank(PointwiseRerank):
    """Ask for a whole-number grade and take the mean of what the model might have said.

    The probabilities of the grades are brought to a sum of 1 first; no text is generated.
    Grades of equal worth keep the order in which their passages came. With ``refine`` each two
    of the head are shown in both orders, so that a liking for a place cancels, and the head is
    ordered by its summed probabilities of being the better one, ties by grade; what is told is
    then the order alone. A longer passage or question is cut (``passages_cut``,
    ``queries_cut``).

    Source: Huang and Chen 2024 (InstUPR; both steps), the prompt in words of our own; the
    likeliest grade times its probability is ERank's score (arXiv 2509.00520, its section on
    fine-grained scores). Cost: one call a passage (one a grade with ``text``), in one round;
    ``refine`` of k adds k (k-1) calls and a round.

    Args:
        config: see ``ExpectedRatingConfig``.
        model: tells log-probabilities.
    """

    Config = ExpectedRatingConfig
    gives = ("rating", "order")

    def __init__(self, config: ExpectedRatingConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """What grades and comparisons are read from."""
        text = self.config.grades_as == "text"
        graded = Ability.SEQUENCE_LOGPROB if text else Ability.NEXT_TOKEN_LOGPROBS
        both = (graded, Ability.NEXT_TOKEN_LOGPROBS) if self.config.refine else (graded,)
        return {"model": tuple(dict.fromkeys(both))}

    @property
    def kind(self) -> ScoreKind:
        """A rating on the scale that is asked for."""
        return ScoreKind.RATING

    @property
    def grades(self) -> list[int]:
        """All grades, the lowest first."""
        return list(range(self.config.lowest, self.config.highest + 1))

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """The expected grades, of all pairs in one call of the model.

        Raises:
            UsageError: if a grade is not one token, where it has to be.
            ModelError: if the model gives no grade any probability.
        """
        asked = self._prompts.ask_all([(query.text, titled(one)) for query, one in pairs])
        prompts = [one.prompt for one in asked]
        if self.config.grades_as == "token":
            found = self._by_token(prompts, contexts)
        else:
            found = self._by_text(prompts, contexts)
        for one, context in zip(asked, contexts, strict=True):
            one.count(context)
        rated = [rating(row, self.grades, self.config.weighting) for row in found]
        if not np.isfinite(rated).all():
            raise ModelError(
                f"{self.name}: {self.model.name} gives none of the grades {self.grades} any"
                " probability: is it a model that answers?"
            )
        return rated

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries in one call, and refine all their heads in another."""
        rankings = super().run_batch(items, contexts)
        size = min(int(self.config.refine), int(self.config.depth))
        if size < 2:
            return rankings
        heads = [one.hits[:size] for one in rankings]
        shown: list[tuple[str, str, str]] = []
        owners: list[tuple[int, int, int]] = []
        for number, (item, head) in enumerate(zip(items, heads, strict=True)):
            for one, other in permutations(range(len(head)), 2):
                texts = (titled(head[one].passage), titled(head[other].passage))
                shown.append((item["query"].text, *texts))
                owners.append((number, one, other))
        won = self._pairs.first_wins(shown, [contexts[number] for number, _, _ in owners])
        totals = [[0.0] * len(head) for head in heads]
        for (number, one, other), chance in zip(owners, won, strict=True):
            totals[number][one] += chance
            totals[number][other] += 1.0 - chance
        return [
            self._refined(ranking, total) for ranking, total in zip(rankings, totals, strict=True)
        ]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """A call a passage or grade, and those of the refinement."""
        passages = min(n, self.config.depth)
        if not passages:
            return Cost()
        each, more = (1, 0) if self.config.grades_as == "token" else (len(self.grades), 2)
        calls = passages * each
        total = Cost(calls=calls, rounds=1, tokens_in=calls * (self._prompts.tokens(sizes) + more))
        size = min(int(self.config.refine), passages)
        if size >= 2:
            asked = size * (size - 1)
            tokens = asked * self._pairs.tokens(sizes)
            total.add(Cost(calls=asked, rounds=1, tokens_in=tokens))
        return total

    @property
    def _prompts(self) -> PairPrompts:
        return PairPrompts(
            self.model,
            self._written,
            query_tokens=self.config.query_tokens,
            passage_tokens=self.config.passage_tokens,
            answer_tokens=ANSWER,
            name=self.name,
        )

    @property
    def _pairs(self) -> TwoPassages:
        return TwoPassages(
            self.model,
            chat=self.config.chat,
            query_tokens=self.config.query_tokens,
            passage_tokens=self.config.passage_tokens,
            name=self.name,
        )

    def _written(self, query: str, passage: str) -> Prompt:
        low, high = self.config.lowest, self.config.highest
        parts = (
            f"How relevant is the passage to the query? Give a whole number from {low} (irrelevant,"
            f" or nonsense) to {high} (fully relevant).\n\nQuery:",
            spaced(query),
            "\n\nPassage:",
            spaced(passage),
            "\n\nGrade:",
        )
        return (Message("user", parts),) if self.config.chat else parts

    def _by_token(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext]
    ) -> NDArray[np.float64]:
        labels = [str(grade) for grade in self.grades]
        spaced_is_one = self.model.count_tokens(f" {labels[0]}") == 1
        asked = list(prompts)
        if not self.config.chat and not spaced_is_one:
            asked = [extended(one, " ") for one in asked]  # the space is a token of its own
        try:
            return self.model.next_token_logprobs(asked, labels, contexts)
        except PromptTooLong:
            raise
        except UsageError as error:
            raise UsageError(
                f"{self.name}: {error}; with 'grades_as: text' grades of several tokens work"
            ) from error

    def _by_text(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext]
    ) -> NDArray[np.float64]:
        """What ends a grade is scored with it: else 1 would be the beginning of 10."""
        jobs: list[tuple[Prompt, str]] = []
        owners: list[RunContext] = []
        for prompt, context in zip(prompts, contexts, strict=True):
            before = "" if conversation(prompt) else " "
            jobs += [(prompt, f"{before}{grade}\n") for grade in self.grades]
            owners += [context] * len(self.grades)
        scored = self.model.sequence_logprobs(jobs, owners)
        return np.array([one.logprob for one in scored]).reshape(len(prompts), len(self.grades))

    def _refined(self, ranking: Ranking, totals: Sequence[float]) -> Ranking:
        order = sorted(range(len(totals)), key=lambda place: -round(totals[place], 9))
        hits = [ranking.hits[place] for place in order] + list(ranking.hits[len(totals) :])
        return Ranking(
            ranking.query,
            tuple(
                Hit(hit.passage, Score(1 / place, ScoreKind.ORDER, self.name))
                for place, hit in enumerate(hits, 1)
            ),
            self.name,
        )


def rating(
    logprobs: Sequence[float] | NDArray[np.float64],
    grades: Sequence[int],
    weighting: Literal["expected", "likeliest"] = "expected",
) -> float:
    """A grade out of the log-probabilities of all grades.

    Args:
        logprobs: of each grade, up to a constant; minus infinity for impossible.
        grades: what they stand for.
        weighting: the mean grade, or the likeliest (of equals the lower) times its probability.

    Returns:
        Between the lowest and the highest grade (``likeliest``: from 0); nan where all are
        impossible.

    >>> round(rating([0, 0, 1, 2, 1], [1, 2, 3, 4, 5]), 5)
    3.66275
    >>> rating([0, 0, 0], [0, 5, 10], "likeliest")
    0.0
    """
    values = np.asarray(logprobs, dtype=np.float64)
    if not np.isfinite(values.max()):
        return float("nan")
    shares = np.exp(values - values.max())
    shares /= shares.sum()
    if weighting == "expected":
        return float(shares @ np.asarray(grades, dtype=np.float64))
    best = int(shares.argmax())
    return float(grades[best] * shares[best])
