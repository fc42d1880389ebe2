"""Rerank by what a language model says of each passage after it has reasoned about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field, model_validator

from assay.models.language_model import Ability, Generation, LanguageModel
from assay.models.prompt import Prompt, extended
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import Passage, Query, ScoreKind
from assay.stages.rerank.generations import generated
from assay.stages.rerank.judgements import (
    CLOSED,
    StyleName,
    chain_of,
    erank_prompt,
    grade_of,
    rank1_prompt,
)
from assay.stages.rerank.pair_prompts import PairPrompts, titled
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank
from assay.stages.windows.template import neutral
from assay.stages.windows.window import Sizes

ANSWER = 24
"""Tokens that an answer may have behind the reasoning."""

NAN = math.nan


class ReasoningConfig(PointwiseConfig):
    """Settings of ``rerank.reasoning@1``."""

    depth: int = Field(
        20,
        ge=1,
        le=1000,
        description="passages that are judged; those behind them follow in the order and with the"
        " scores with which they came",
    )
    style: StyleName = Field(
        "rank1",
        description="rank1: reasoning, then the share of true among true and false, 0 to 1;"
        " erank: reasoning, then a grade from 0 to 10 times its probability",
    )
    definition: str = Field("", description="what relevant means, a sentence; for erank only")
    reasoning_tokens: int = Field(
        2048,
        ge=16,
        le=131_072,
        description="most tokens of reasoning; a longer one failed, and its passage keeps its"
        " place",
    )
    expected_tokens: int = Field(
        300,
        ge=1,
        le=131_072,
        description="tokens of reasoning at the mean; only for the cost that is told beforehand",
    )
    temperature: float | None = Field(
        0.0, ge=0.0, le=2.0, description="0 takes the likeliest token; null leaves it to the model"
    )
    chains: int = Field(
        3, ge=0, le=100, description="best passages whose reasoning is kept in the run record"
    )
    chain_characters: int = Field(
        2000, ge=1, le=100_000, description="most characters of a kept reasoning, from its end"
    )
    passage_tokens: int = Field(1024, ge=1, le=100_000, description="most tokens of a passage")
    query_tokens: int = Field(1024, ge=1, le=100_000, description="most tokens of a question")

    @model_validator(mode="after")
    def _definition_is_used(self) -> Self:
        if self.definition and self.style != "erank":
            raise ValueError(
                f"'definition' has no place in the prompt of '{self.style}': leave it out"
            )
        return self


@dataclass(frozen=True, slots=True)
class _Judged:
    """A passage's score, nan for a failure, and how the model came to it."""

    score: float
    chain: str = ""


@register("rerank.reasoning@1")
class ReasoningRerank(PointwiseRerank):
    """Let the model think about each passage by itself, then read its judgement.

    Reasoning that does not end within its tokens, an answer without a grade and a model that
    fails for one passage are failures: the passage keeps its place (``pointwise.arranged``), and
    all of them are counted as ``passages_failed``, the first kind also as
    ``reasoning_truncated``. The reasoning of the best ``chains`` passages is kept in the notes as
    ``reasoning_1`` (the best), ..., each behind its passage's id; a longer one keeps its end.
    A model that tells no probability of what it wrote gives bare grades (``grades_unweighted``).
    Equal scores keep the order in which their passages came. Identifiers and answer marks inside
    a passage are neutralised.

    Source: Weller et al. 2025 (Rank1); ERank, arXiv 2509.00520. Cost: one long generation a
    passage in one round; ``rank1`` adds one call a passage, of a prompt that was mostly read
    before, in a second round.

    Args:
        config: see ``ReasoningConfig``.
        model: writes; for ``rank1`` it also tells log-probabilities of the next token.
    """

    Config = ReasoningConfig
    gives = ("rating",)

    def __init__(self, config: ReasoningConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """To write; for Rank1 also to tell how likely the answers are."""
        told = (Ability.NEXT_TOKEN_LOGPROBS,) if self.config.style == "rank1" else ()
        return {"model": (Ability.GENERATE, *told)}

    @property
    def kind(self) -> ScoreKind:
        """A rating: 0 to 1 for ``rank1``, 0 to 10 for ``erank``."""
        return ScoreKind.RATING

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        """Judgements of all pairs, nan for failures.

        Raises:
            ModelError: if the model fails for all of them.
        """
        asked = self._prompts.ask_all(
            [(query.text, neutral(titled(passage))) for query, passage in pairs]
        )
        prompts = [one.prompt for one in asked]
        rank1 = self.config.style == "rank1"
        written = generated(
            self.model,
            prompts,
            contexts,
            max_tokens=self.config.reasoning_tokens + (0 if rank1 else ANSWER),
            stop=(CLOSED,) if rank1 else (),
            temperature=self.config.temperature,
        )
        judge = self._by_token if rank1 else self._by_grade
        judged = judge(prompts, written, contexts)
        for one, context in zip(asked, contexts, strict=True):
            one.count(context)
        self._keep_chains(judged, [passage.id for _, passage in pairs], contexts)
        return [one.score for one in judged]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """Generations of ``expected_tokens`` each; for Rank1 all of it is then read again."""
        calls = min(n, self.config.depth)
        if not calls:
            return Cost()
        prompt, chain = self._prompts.tokens(sizes), int(self.config.expected_tokens)
        total = Cost(calls=calls, rounds=1, tokens_in=calls * prompt, tokens_out=calls * chain)
        if self.config.style == "rank1":
            total.add(Cost(calls=calls, rounds=1, tokens_in=calls * (prompt + chain)))
        return total

    def estimate_note(self, n: int) -> str:
        """What the estimate rests on."""
        return f"mean, for {self.config.expected_tokens} tokens of reasoning a passage"

    @property
    def _prompts(self) -> PairPrompts:
        return PairPrompts(
            self.model,
            self._written,
            query_tokens=self.config.query_tokens,
            passage_tokens=self.config.passage_tokens,
            answer_tokens=self.config.reasoning_tokens + ANSWER,
            name=self.name,
        )

    def _written(self, query: str, passage: str) -> Prompt:
        if self.config.style == "rank1":
            return rank1_prompt(query, passage)
        return erank_prompt(query, passage, self.config.definition)

    def _by_token(
        self,
        prompts: Sequence[Prompt],
        written: Sequence[Generation | None],
        contexts: Sequence[RunContext],
    ) -> list[_Judged]:
        """The share of true among true and false behind each reasoning that came to an end."""
        ended = [place for place, one in enumerate(written) if one and one.finish == "stop"]
        judged = [_Judged(NAN)] * len(prompts)
        texts = {place: one.text for place, one in enumerate(written) if one}
        for place, one in enumerate(written):
            contexts[place].count(reasoning_truncated=int(bool(one) and place not in ended))
        if not ended:
            return judged
        logprobs = self.model.next_token_logprobs(
            [extended(prompts[place], f"{texts[place]}{CLOSED}") for place in ended],
            ["true", "false"],
            [contexts[place] for place in ended],
        )
        for place, (true, false) in zip(ended, logprobs, strict=True):
            share = share_of(float(true), float(false))
            judged[place] = _Judged(share, chain_of(texts[place]))
        return judged

    def _by_grade(
        self,
        prompts: Sequence[Prompt],
        written: Sequence[Generation | None],
        contexts: Sequence[RunContext],
    ) -> list[_Judged]:
        """The grade of each answer, times the probability with which it was written."""
        judged = []
        for one, context in zip(written, contexts, strict=True):
            grade = grade_of(one) if one else None
            if one is None or grade is None:
                context.count(reasoning_truncated=int(one is not None and one.finish == "length"))
                judged.append(_Judged(NAN))
                continue
            context.count(grades_unweighted=int(not grade.weighted))
            judged.append(_Judged(grade.score, chain_of(one.text)))
        return judged

    def _keep_chains(
        self, judged: Sequence[_Judged], ids: Sequence[str], contexts: Sequence[RunContext]
    ) -> None:
        """Note the reasoning of each request's best passages."""
        rows: dict[int, list[int]] = {}
        for place, context in enumerate(contexts):
            if not math.isnan(judged[place].score):
                rows.setdefault(id(context), []).append(place)
        longest = int(self.config.chain_characters)
        for places in rows.values():
            best = sorted(places, key=lambda place: -judged[place].score)[: self.config.chains]
            for number, place in enumerate(best, 1):
                chain = judged[place].chain
                kept = chain if len(chain) <= longest else f"… {chain[-longest:]}"
                contexts[place].note(**{f"reasoning_{number}": f"{ids[place]}: {kept}"})


def share_of(true: float, false: float) -> float:
    """The probability of true among true and false; nan where both are impossible.

    >>> round(share_of(2.0, -1.0), 5)
    0.95257
    """
    best = max(true, false)
    if not math.isfinite(best):
        return NAN
    return math.exp(true - best) / (math.exp(true - best) + math.exp(false - best))
