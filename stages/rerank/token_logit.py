"""Rerank by how much likelier a language model says yes than no."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from assay.models.fit import TooLong
from assay.models.language_model import Ability, LanguageModel
from assay.models.token_logit_scorer import TokenLogitScorer, TokenLogitScorerConfig
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.identity import code_digest
from assay.pipeline.words import Passage, Query, ScoreKind
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes

Transform = Literal["identity", "sigmoid", "softmax"]


class TokenLogitConfig(PointwiseConfig, TokenLogitScorerConfig):
    """Settings of ``rerank.token_logit@1``: those of the scorer, and what its score becomes."""

    too_long: TooLong = Field(
        "head",
        description="a passage that does not fit: cut to its head, tail, or both (middle left"
        " out), or refused, or read in windows of which the best counts, at a call for each",
    )
    transform: Transform = Field(
        "identity",
        description="identity: the difference of the logits of yes and no; softmax: the share of"
        " yes among the two; sigmoid: the logistic function of difference / temperature",
    )
    temperature: float = Field(
        1.0, gt=0.0, le=1000.0, description="of sigmoid alone; zerank publishes 5"
    )

    @model_validator(mode="after")
    def _temperature_is_used(self) -> Self:
        if self.temperature != 1.0 and self.transform != "sigmoid":
            raise ValueError(
                f"'temperature' belongs to 'transform: sigmoid', found '{self.transform}'"
            )
        return self


@register("rerank.token_logit@1")
class TokenLogitRerank(PointwiseRerank):
    """Ask about each passage and compare the log-probabilities of yes and no.

    The forms are those of ``models.token_logit_scorer@1``: monoT5, Qwen3-Reranker,
    mxbai-rerank-v2, zerank, a plain one for any model, and one of your own. The task is never
    cut, only the passage (``passages_cut``), and a question that fills more than half of the
    prompt. Every transform keeps the order. With ``identity`` the score is a logit; the other
    two give a rating, the expected grade from 0 (no) to 1 (yes), which nobody calibrated. zerank
    publishes sigmoid(l / 5) of the raw logit l of "Yes"; a raw logit cannot be had from
    log-probabilities, so l is the difference to "No" here (``scorer_forms`` tells more).
    Source: Nogueira et al. 2020 (monoT5), and the model cards. Cost: one call a passage (one a
    window with ``windows``), all in one round, no generated token.

    Args:
        config: see ``TokenLogitConfig``.
        model: tells log-probabilities of the next token; every answer must be one token of it.
    """

    Config = TokenLogitConfig
    gives = ("logit", "rating")
    needs = {"model": (Ability.NEXT_TOKEN_LOGPROBS,)}

    def __init__(self, config: TokenLogitConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    @property
    def kind(self) -> ScoreKind:
        """A logit, or a rating where it was brought to 0 to 1."""
        return ScoreKind.LOGIT if self.config.transform == "identity" else ScoreKind.RATING

    @property
    def _scorer(self) -> TokenLogitScorer:
        own = set(TokenLogitScorerConfig.model_fields)
        settings = {name: value for name, value in self.config if name in own}
        return TokenLogitScorer(TokenLogitScorerConfig(**settings), model=self.model)

    def parts(self) -> Mapping[str, Any]:
        """The scorer inside, its form and its code."""
        return {
            "scorer": self._scorer.fingerprint(),
            "code": code_digest(TokenLogitScorer),
        }

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """All pairs in one call of the model."""
        texts = [(query.text, read(passage)) for query, passage in pairs]
        found = self._scorer.score(texts, contexts)
        return [self.transformed(float(value)) for value in found]

    def transformed(self, difference: float) -> float:
        """A score of a difference of logits.

        Args:
            difference: of yes and no, any real number.
        """
        if self.config.transform == "identity":
            return difference
        return sigmoid(difference / float(self.config.temperature))

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """A call a passage; with ``windows`` one for each window of a long one."""
        passages = min(n, self.config.depth)
        if not passages:
            return Cost()
        form = self.config.asked()
        own = self.model.count_prompt(form.prompt("", "", self.config.instruction))
        query = form.holds("query") * sizes.query
        limit = self.model.context_length - 1
        if self.config.max_tokens is not None:
            limit = min(limit, self.config.max_tokens)
        room = max(1, limit - own - query)
        windows = -(-sizes.passage // room) if self.config.too_long == "windows" else 1
        read_ = sizes.passage if windows > 1 else min(room, sizes.passage)
        calls = passages * max(1, windows)
        return Cost(calls=calls, rounds=1, tokens_in=calls * (own + query) + passages * read_)


def sigmoid(logit: float) -> float:
    """The logistic function, for any real number.

    >>> round(sigmoid(10 / 5), 5), round(sigmoid(2 - -1), 5)
    (0.8808, 0.95257)
    """
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)
