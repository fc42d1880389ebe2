"""Rerank by how likely a language model finds the question after each passage."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from assay.models.language_model import Ability, LanguageModel
from assay.models.prompt import Prompt
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Passage, Query, ScoreKind
from assay.stages.rerank.pair_prompts import Asked, PairPrompts, titled
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank
from assay.stages.rerank.question_prompts import TEMPLATES, QuestionTemplate, TemplateName
from assay.stages.rerank.question_uncertainty import cut_off, entropies
from assay.stages.windows.window import Sizes

SEVERAL = 16
"""Tokens kept free for what a chat template adds behind the question's beginning."""


class QueryLikelihoodConfig(PointwiseConfig):
    """Settings of ``rerank.query_likelihood@1``."""

    template: TemplateName = Field(
        "upr",
        description="upr: the published text; chat: the same as a turn; examples: three worked"
        " examples first, better for small models",
    )
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="of the log-probabilities of the question's tokens; the order is one"
    )
    subtract_prior: bool = Field(
        False,
        description="take off what the question has after an empty passage, so that scores of"
        " several questions can be compared; a call more a question",
    )
    passage_tokens: int = Field(512, ge=1, le=100_000, description="most tokens of a passage")
    query_tokens: int = Field(
        128, ge=1, le=10_000, description="a longer question is scored by its beginning"
    )
    uncertainty_samples: int = Field(
        0,
        ge=0,
        le=128,
        description="draws a passage from which the entropy of the question's words is estimated,"
        " a call of one token each; 0 leaves it out",
    )
    uncertainty_weight: float = Field(
        0.0, ge=-10.0, le=10.0, description="times the uncertainty, which is added to the score"
    )
    cut_off_margin: float | None = Field(
        None,
        ge=0.0,
        le=1000.0,
        description="note as cut_off how many passages are not further than this below the best;"
        " the ranking stays whole",
    )

    @model_validator(mode="after")
    def _uncertainty_is_known(self) -> Self:
        if self.uncertainty_weight and not self.uncertainty_samples:
            raise ValueError("'uncertainty_weight' needs 'uncertainty_samples' of at least 1")
        return self


@register("rerank.query_likelihood@1")
class QueryLikelihoodRerank(PointwiseRerank):
    """Score a passage by log P(question | passage), with no training and no generated text.

    Passages that repeat the question's words are favoured, and questions of bare keywords are
    scored poorly. A question longer than ``query_tokens`` is scored by its beginning
    (``queries_cut``), a passage by its first ``passage_tokens`` (``passages_cut``).

    With ``uncertainty_samples`` the mean entropy u of the question's words after each passage is
    estimated (``question_uncertainty``) and weight * u is added; the run record notes its mean
    over the passages as ``uncertainty``. ``cut_off`` is noted where a margin is given. A score
    is a likelihood where it is a plain mean; a sum, one without its prior and one with an
    uncertainty may be anything and are told as logits.

    Source: Sachan et al. 2022 (UPR); T-PGN, arXiv 2106.13618 (uncertainty). Cost: one call a
    passage in one round, a call more for the prior; with uncertainty so many calls of one token
    a passage more, in a second round.
    Beginnings that prompts share are computed once.

    Args:
        config: see ``QueryLikelihoodConfig``.
        model: tells how likely a continuation is; with uncertainty it writes, too.
    """

    Config = QueryLikelihoodConfig
    gives = ("likelihood", "logit")

    def __init__(self, config: QueryLikelihoodConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """To score, and to write where uncertainty is asked for."""
        writes = (Ability.GENERATE,) if self.config.uncertainty_samples else ()
        return {"model": (Ability.SEQUENCE_LOGPROB, *writes)}

    @property
    def kind(self) -> ScoreKind:
        """A likelihood for a plain mean, else a logit."""
        config = self.config
        plain = config.reduction == "mean" and not config.subtract_prior
        return ScoreKind.LIKELIHOOD if plain and not config.uncertainty_weight else ScoreKind.LOGIT

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """All pairs in one call of the model, those that begin alike side by side.

        Raises:
            ModelError: if the model finds a question impossible, or with uncertainty tells no
                log-probabilities of what it writes.
        """
        asked = self._prompts.ask_all([(query.text, titled(one)) for query, one in pairs])
        jobs = [
            (one.prompt, self._question(one), context)
            for one, context in zip(asked, contexts, strict=True)
        ]
        empties = self._empties(asked, contexts) if self.config.subtract_prior else {}
        found = self._likelihoods([*jobs, *empties.values()])
        values = found[: len(jobs)]
        if empties:
            priors = dict(zip(empties, found[len(jobs) :], strict=True))
            values = [
                value - priors[one.query, id(context)]
                for value, one, context in zip(values, asked, contexts, strict=True)
            ]
        unsure = self._uncertainties(asked, contexts)
        for one, context in zip(asked, contexts, strict=True):
            one.count(context)
        weight = float(self.config.uncertainty_weight)
        if self.config.cut_off_margin is not None:
            self._note_cut_off(values, unsure, contexts)
        return [value + weight * u for value, u in zip(values, unsure, strict=True)]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """A call a passage, one for the prior, and those of the uncertainty."""
        calls = min(n, self.config.depth)
        if not calls:
            return Cost()
        prompt = self._prompts.tokens(sizes)
        query = min(sizes.query, self.config.query_tokens)
        total = Cost(calls=calls, rounds=1, tokens_in=calls * (prompt + query))
        if self.config.subtract_prior:
            empty = self._prompts.tokens(Sizes(sizes.query, 0))
            total.add(Cost(calls=1, tokens_in=empty + query))
        if samples := self.config.uncertainty_samples:
            # Samples begin all along the question, behind half of it at the mean.
            tokens = samples * calls * (prompt + query // 2)
            total.add(
                Cost(calls=samples * calls, rounds=1, tokens_in=tokens, tokens_out=samples * calls)
            )
        return total

    @property
    def _template(self) -> QuestionTemplate:
        return TEMPLATES[self.config.template]

    @property
    def _prompts(self) -> PairPrompts:
        template = self._template
        return PairPrompts(
            self.model,
            lambda _, passage: template.write(passage),
            query_tokens=self.config.query_tokens,
            passage_tokens=self.config.passage_tokens,
            answer_tokens=self.config.query_tokens + SEVERAL,
            name=self.name,
        )

    def _question(self, one: Asked) -> str:
        return f"{self._template.before}{one.query}"

    def _empties(
        self, asked: Sequence[Asked], contexts: Sequence[RunContext]
    ) -> dict[tuple[str, int], tuple[Prompt, str, RunContext]]:
        """A question after an empty passage, once for each question of each request."""
        return {
            (one.query, id(context)): (self._template.write(""), self._question(one), context)
            for one, context in zip(asked, contexts, strict=True)
        }

    def _likelihoods(self, jobs: Sequence[tuple[Prompt, str, RunContext]]) -> list[float]:
        """Of each continuation, as reduced; equal prompts stand side by side meanwhile."""
        first: dict[Prompt, int] = {}
        for prompt, _, _ in jobs:
            first.setdefault(prompt, len(first))
        order = sorted(range(len(jobs)), key=lambda place: first[jobs[place][0]])
        beginning = self._template.beginning
        kept = self.model.prefix(beginning) if beginning else contextlib.nullcontext()
        with kept:
            scored = self.model.sequence_logprobs(
                [jobs[place][:2] for place in order], [jobs[place][2] for place in order]
            )
        values = [0.0] * len(jobs)
        for place, score in zip(order, scored, strict=True):
            values[place] = score.logprob if self.config.reduction == "sum" else score.mean
        if not all(math.isfinite(value) for value in values):
            raise ModelError(
                f"{self.name}: {self.model.name} gives a question no probability at all after a"
                " passage: it is no model of this text"
            )
        return values

    def _uncertainties(self, asked: Sequence[Asked], contexts: Sequence[RunContext]) -> list[float]:
        samples = int(self.config.uncertainty_samples)
        if not samples:
            return [0.0] * len(asked)
        found = entropies(
            self.model,
            [one.prompt for one in asked],
            [one.query for one in asked],
            contexts,
            samples=samples,
            before=self._template.before,
        )
        for places in _by_request(contexts):
            mean = sum(found[place] for place in places) / len(places)
            contexts[places[0]].note(uncertainty=round(mean, 6))
        return found

    def _note_cut_off(
        self,
        values: Sequence[float],
        unsure: Sequence[float],
        contexts: Sequence[RunContext],
    ) -> None:
        weight, margin = self.config.uncertainty_weight, self.config.cut_off_margin
        for places in _by_request(contexts):
            order = sorted(places, key=lambda place: -(values[place] + weight * unsure[place]))
            kept = cut_off(
                [values[place] for place in order],
                [unsure[place] for place in order],
                weight=weight,
                margin=margin,
            )
            contexts[places[0]].note(cut_off=kept)


def _by_request(contexts: Sequence[RunContext]) -> list[list[int]]:
    """The places of each request's items."""
    found: dict[int, list[int]] = {}
    for place, context in enumerate(contexts):
        found.setdefault(id(context), []).append(place)
    return list(found.values())
