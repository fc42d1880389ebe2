"""Draw several answers and see how far they mean the same."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from assay.guards.abstain.p_true import share_true
from assay.guards.abstain.reading import (
    STOP,
    Lengths,
    ReadingConfig,
    cost_of,
    passages_read,
    quoted,
    spoken,
)
from assay.guards.abstain.sequence_probability import answer_prompt
from assay.models.language_model import Ability, Generation, LanguageModel
from assay.models.protocols import CrossEncoder
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.text import content_words, fold
from assay.pipeline.words import Answer, Query, Selection, Signals


class SampledAnswersConfig(ReadingConfig):
    """Settings of ``abstain.sampled_answers@1``."""

    samples: int = Field(5, ge=2, le=50, description="answers that are drawn")
    temperature: float = Field(1.0, gt=0, le=2, description="of the draws")
    tokens: int = Field(48, ge=1, le=2048, description="most tokens of an answer")
    weighted: bool = Field(
        False,
        description="also give weighted_entropy, by how likely each answer is; the model must tell"
        " log-probabilities of what it writes",
    )
    entails: float = Field(
        0.5,
        ge=0,
        le=1,
        description="least probability of 'yes' at which judge or encoder finds that one answer"
        " entails another",
    )


@register("abstain.sampled_answers@1")
class SampledAnswers(Node):
    """Self-consistency and semantic entropy, out of the same draws.

    ``majority`` (share of the commonest meaning), ``pairwise`` (share of pairs that mean the same),
    ``entropy`` (of the shares of meanings, as a share of the most there can be, ln samples),
    ``with_answer`` (share of draws that mean what the given answer means), and, if ``weighted``,
    ``weighted_entropy`` (in nats, each meaning with the sum of its answers' length-normalised
    likelihoods, which are made to sum to 1).

    Two answers mean the same if their content words are the same in order, or, with ``judge`` or
    ``encoder``, if each entails the other. With words alone the given answer also agrees with a
    draw whose content words it holds.

    Sources: Wang and others, Self-consistency (2022); Farquhar and others, Detecting
    hallucinations using semantic entropy, Nature 630 (2024). Cost: ``samples`` generations in one
    round; with a judge or an encoder at most ``samples * (samples + 1)`` calls in another, fewer
    where draws have the same words.

    Args:
        config: see ``SampledAnswersConfig``.
        model: draws the answers.
        judge: says yes or no to entailment; or
        encoder: a cross-encoder whose logit for (one, other) tells it, such as one for inference.
    """

    Config = SampledAnswersConfig
    needs = {"model": (Ability.GENERATE,), "judge": (Ability.NEXT_TOKEN_LOGPROBS,)}

    def __init__(
        self,
        config: SampledAnswersConfig,
        *,
        model: LanguageModel,
        judge: LanguageModel | None = None,
        encoder: CrossEncoder | None = None,
    ) -> None:
        super().__init__(config)
        self.model = model
        self.judge = judge
        self.encoder = encoder

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether there is at most one that judges."""
        if self.judge is not None and self.encoder is not None:
            return ("entailment is told by 'judge' or by 'encoder': give one of them",)
        return ()

    def run(
        self, query: Query, answer: Answer, selection: Selection, context: RunContext
    ) -> Signals:
        """The figures of one answer.

        Raises:
            ModelError: if ``weighted`` asks for log-probabilities that the model does not tell.
        """
        drawn = self._drawn(query, selection, context)
        texts = [spoken(one.text) for one in drawn]
        meant = self._meanings(query.text, [*texts, fold(answer.text)], context)
        own = meant.pop()
        figures = agreement(meant)
        if self.judge is None and self.encoder is None:
            same = [
                meaning == own or _holds(answer.text, text)
                for meaning, text in zip(meant, texts, strict=True)
            ]
        else:
            same = [meaning == own for meaning in meant]
        figures["with_answer"] = sum(same) / len(same)
        if self.config.weighted:
            figures["weighted_entropy"] = weighted_entropy(meant, [_mean(one) for one in drawn])
        context.note(**figures)
        return Signals(self.name, figures)

    def estimate(self, n: int, sizes: Lengths) -> Cost:
        """All draws, and every pair judged."""
        config = self.config
        own = self.model.count_prompt(answer_prompt("", ""))
        cost = cost_of(config.samples, n, sizes, config, own=own, out=config.tokens)
        if self.judge is not None or self.encoder is not None:
            pairs = config.samples * (config.samples + 1)
            cost.add(
                Cost(calls=pairs, rounds=1, tokens_in=pairs * (2 * config.tokens + sizes.query))
            )
        return cost

    def _drawn(self, query: Query, selection: Selection, context: RunContext) -> list[Generation]:
        prompt = answer_prompt(query.text, passages_read(selection.kept, self.config))
        before = context.cost.rounds
        drawn = [
            self.model.generate(
                prompt,
                context,
                max_tokens=self.config.tokens,
                stop=STOP,
                temperature=self.config.temperature,
                draw=draw,
            )
            for draw in range(self.config.samples)
        ]
        # None of them waits for another.
        context.spend(rounds=min(0, before + 1 - context.cost.rounds))
        return drawn

    def _meanings(self, question: str, texts: Sequence[str], context: RunContext) -> list[int]:
        """The number of each text's meaning; a text joins the first meaning that it shares."""
        keys = [_key(one) for one in texts]
        first = list(dict.fromkeys(keys))
        if self.judge is None and self.encoder is None:
            return [first.index(key) for key in keys]
        shown = dict(reversed(list(zip(keys, texts, strict=True))))
        pairs = [(one, other) for one in first for other in first if one != other]
        likely = self._entailments(
            question, [(shown[one], shown[other]) for one, other in pairs], context
        )
        held = {pair for pair, p in zip(pairs, likely, strict=True) if p >= self.config.entails}
        heads: list[str] = []
        number: dict[str, int] = {}
        for key in first:
            alike = [
                place
                for place, head in enumerate(heads)
                if (key, head) in held and (head, key) in held
            ]
            number[key] = alike[0] if alike else len(heads)
            if not alike:
                heads.append(key)
        return [number[key] for key in keys]

    def _entailments(
        self, question: str, pairs: Sequence[tuple[str, str]], context: RunContext
    ) -> list[float]:
        if not pairs:
            return []
        owners = [context] * len(pairs)
        if self.encoder is not None:
            asked = [(f"{question} {one}", f"{question} {other}") for one, other in pairs]
            logits = self.encoder.score(asked, owners)
            return [share_true(float(one), 0.0) for one in np.asarray(logits)]
        assert self.judge is not None
        prompts = [entailment_prompt(question, one, other) for one, other in pairs]
        found = self.judge.next_token_logprobs(prompts, ("yes", "no"), owners)
        return [share_true(float(yes), float(no)) for yes, no in found]


def agreement(meanings: Sequence[int]) -> dict[str, float]:
    """``majority``, ``pairwise`` and ``entropy`` of draws, by the number of each one's meaning.

    Args:
        meanings: two or more.

    >>> {name: round(one, 6) for name, one in agreement([0, 0, 0, 1, 2]).items()}
    {'majority': 0.6, 'pairwise': 0.3, 'entropy': 0.590436}
    """
    n = len(meanings)
    counts = Counter(meanings).values()
    return {
        "majority": max(counts) / n,
        "pairwise": sum(one * (one - 1) for one in counts) / (n * (n - 1)),
        "entropy": entropy([one / n for one in counts]) / math.log(n),
    }


def entropy(shares: Iterable[float]) -> float:
    """Minus the sum of p ln p, in nats."""
    return max(0.0, -math.fsum(one * math.log(one) for one in shares if one > 0))


def weighted_entropy(meanings: Sequence[int], logprobs: Sequence[float]) -> float:
    """Semantic entropy in nats, each meaning with the share of its answers' likelihoods.

    >>> round(weighted_entropy([0, 0, 0, 1, 2], [-0.5, -0.7, -0.6, -1.5, -2.5]), 6)
    0.523686
    """
    largest = max(logprobs)
    shares = dict.fromkeys(meanings, 0.0)
    for meaning, logprob in zip(meanings, logprobs, strict=True):
        shares[meaning] += math.exp(logprob - largest)
    total = math.fsum(shares.values())
    return entropy(one / total for one in shares.values())


def entailment_prompt(question: str, one: str, other: str) -> str:
    """What "yes" or "no" follows."""
    return (
        f"Question: {quoted(question)}\nFirst answer: {quoted(one)}\n"
        f"Second answer: {quoted(other)}\n"
        "Does the first answer entail the second? Write yes or no.\nAnswer:"
    )


def _mean(one: Generation) -> float:
    if one.pieces is None:
        raise ModelError(
            "the model tells no log-probabilities of what it writes: set 'weighted: false', or take"
            " an engine that tells them"
        )
    return sum(piece.logprob for piece in one.pieces) / len(one.pieces) if one.pieces else 0.0


def _key(text: str) -> str:
    """What makes two answers the same: their content words, or their letters without any."""
    return " ".join(content_words(text)) or fold(text).casefold()


def _holds(answer: str, draw: str) -> bool:
    own = content_words(draw)
    return bool(own) and set(own) <= set(content_words(answer))
