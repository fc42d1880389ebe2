"""Draw answers in small batches until one is good enough, else abstain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from assay.guards.abstain.p_true import CANDIDATES, FLOOR, truth_prompt
from assay.guards.abstain.reading import (
    STOP,
    Lengths,
    ReadingConfig,
    cost_of,
    passages_read,
    spoken,
)
from assay.guards.abstain.sequence_probability import answer_prompt
from assay.models.language_model import Ability, LanguageModel
from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.text import content_words
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Passage,
    Query,
    Score,
    ScoreKind,
    Selection,
)

REFUSAL = "i don't know"


class BestOfConfig(ReadingConfig):
    """Settings of ``abstain.best_of@1``."""

    accept: float = Field(description="lowest score, a logit, at which a batch's best is taken")
    batch: int = Field(3, ge=1, le=50, description="answers that are drawn together")
    batches: int = Field(3, ge=1, le=50, description="most batches")
    score: Literal["p_true", "encoder"] = Field(
        "p_true",
        description="p_true: the model's own logit for True against False; encoder: the logit of"
        " question and answer by the resource 'encoder'",
    )
    temperature: float = Field(1.0, gt=0, le=2, description="of the draws")
    tokens: int = Field(48, ge=1, le=2048, description="most tokens of an answer")


@register("abstain.best_of@1")
class BestOf(Node):
    """The best answer of the first batch whose best reaches ``accept``; without one, none.

    To abstain is one of the outcomes, so that bad draws do not force an answer. But every further
    draw is another chance to accept a wrong one (``false_acceptance``): an error rate of a single
    draw says nothing about the loop. So certify the loop as a whole: ``accept``, ``batch`` and
    ``batches`` are part of the pipeline's fingerprint, and what is counted is wrong outcomes of
    the loop. The same text drawn twice is scored once; a refusal is never accepted.

    Source: best of mini-N with an outside option (2025). Cost: at most ``batch * batches``
    generations and as many scores, two rounds a batch.

    Args:
        config: see ``BestOfConfig``.
        model: draws, and scores with ``p_true``.
        encoder: scores with ``encoder``.
    """

    Config = BestOfConfig

    def __init__(
        self, config: BestOfConfig, *, model: LanguageModel, encoder: CrossEncoder | None = None
    ) -> None:
        super().__init__(config)
        self.model = model
        self.encoder = encoder

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """Probabilities of the next token only where they score."""
        more = (Ability.NEXT_TOKEN_LOGPROBS,) if self.config.score == "p_true" else ()
        return {"model": (Ability.GENERATE, *more)}

    def run(self, query: Query, selection: Selection, context: RunContext) -> Answer | Abstention:
        """The first answer that is good enough, with its score, or an abstention.

        Raises:
            UsageError: if 'encoder' is to score and is not there.
        """
        passages = [hit.passage for hit in selection.kept[: self.config.max_passages]]
        if not passages:
            return _nothing()
        shown = passages_read(selection.kept, self.config)
        scores: dict[str, float] = {}
        drawn = 0
        for number in range(self.config.batches):
            texts = self._batch(query, shown, number, context)
            drawn += len(texts)
            fresh = [one for one in dict.fromkeys(texts) if one not in scores and _says(one)]
            scores |= zip(fresh, self._scores(query, shown, fresh, context), strict=True)
            said = [one for one in texts if one in scores]
            best = max(said, key=lambda one: scores[one], default=None)
            if best is not None and scores[best] >= self.config.accept:
                context.note(drawn=drawn, batches=number + 1, score=scores[best])
                return _answer(best, passages, scores[best], self.name)
        top = max(scores.values(), default=None)
        context.note(drawn=drawn, batches=self.config.batches)
        if top is not None:
            context.note(score=top)
        return Abstention(
            stage="abstain.best_of",
            reason=AbstentionReason.LOW_CONFIDENCE,
            detail=f"None of {drawn} drawn answers is good enough.",
            evidence=tuple(passages[:3]),
            score=None if top is None else Score(top, ScoreKind.LOGIT, self.name),
            threshold=self.config.accept,
            next_step="Read the nearest passages, or ask a more specific question.",
        )

    def estimate(self, n: int, sizes: Lengths) -> Cost:
        """All batches, every draw scored."""
        config = self.config
        own = self.model.count_prompt(answer_prompt("", ""))
        draws = config.batch * config.batches
        cost = cost_of(draws, n, sizes, config, own=own, out=config.tokens)
        if config.score == "p_true":
            own = self.model.count_prompt(truth_prompt("", "", "")) + config.tokens
            cost.add(cost_of(draws, n, sizes, config, own=own, out=0))
        else:
            cost.add(Cost(calls=draws, tokens_in=draws * (sizes.query + config.tokens)))
        cost.rounds = 2 * config.batches
        return cost

    def _batch(self, query: Query, shown: str, number: int, context: RunContext) -> list[str]:
        before = context.cost.rounds
        texts = [
            self.model.generate(
                answer_prompt(query.text, shown),
                context,
                max_tokens=self.config.tokens,
                stop=STOP,
                temperature=self.config.temperature,
                draw=number * self.config.batch + place,
            ).text
            for place in range(self.config.batch)
        ]
        # None of them waits for another.
        context.spend(rounds=min(0, before + 1 - context.cost.rounds))
        return [spoken(one) for one in texts]

    def _scores(
        self, query: Query, shown: str, texts: list[str], context: RunContext
    ) -> list[float]:
        if not texts:
            return []
        owners = [context] * len(texts)
        if self.config.score == "encoder":
            if self.encoder is None:
                raise UsageError(f"{self.name}: 'score: encoder' needs the resource 'encoder'")
            found = self.encoder.score([(query.text, one) for one in texts], owners)
            scores = [float(one) for one in found]
        else:
            prompts = [truth_prompt(query.text, one, shown) for one in texts]
            table = self.model.next_token_logprobs(prompts, CANDIDATES, owners)
            scores = [max(float(yes), FLOOR) - max(float(no), FLOOR) for yes, no in table]
        if any(math.isnan(one) for one in scores):
            raise ModelError("a model gave a score that is not a number")
        return scores


def false_acceptance(each: float, draws: int) -> float:
    """Probability that at least one of some independent wrong draws is accepted.

    >>> [round(false_acceptance(0.05, n), 6) for n in (4, 8, 16)]
    [0.185494, 0.33658, 0.559873]
    """
    return float(1.0 - (1.0 - each) ** draws)


def _says(text: str) -> bool:
    return bool(content_words(text)) and not text.casefold().startswith(REFUSAL)


def _answer(text: str, passages: list[Passage], score: float, source: str) -> Answer:
    """The answer, cited to the passage that holds most of its content words."""
    new = set(content_words(text))
    held = [len(new & set(content_words(f"{one.title} {one.text}"))) for one in passages]
    best = passages[held.index(max(held))]
    return Answer(
        text,
        (Citation(0, len(text), (best.id,)),),
        (best,),
        source=source,
        signals={"candidate_score": score},
    )


def _nothing() -> Abstention:
    return Abstention(
        stage="abstain.best_of",
        reason=AbstentionReason.NO_EVIDENCE,
        detail="No passage is left to answer from.",
        next_step="Ask about something that the corpus covers, or add documents.",
    )
