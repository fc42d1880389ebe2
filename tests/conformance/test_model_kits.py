"""The checks of models can fail: each is given a model that breaks just its promise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.language_model import Attention, Generation, SequenceScore
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.protocols import Floats
from assay.models.table_language_model import TableLanguageModel
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from tests.conformance import cross_encoder, embedder, language_model
from tests.conformance.language_model_scores import SCORE_CHECKS

TABLE = TableLanguageModel.Config.model_validate(
    {
        "rows": [
            {"after": " the", "then": {" sea": 0.5, " yes": 0.2, " no": 0.2}},
            {"after": "sea", "then": {" and": 0.6, ".": 0.2, "": 0.1}},
        ],
        "otherwise": {" the": 0.4, " yes": 0.2, " no": 0.1, " and": 0.1, "": 0.1},
        "context_tokens": 1024,
    }
)


def never_cancelled(context: RunContext) -> RunContext:
    return RunContext(seed=context.seed, cost=context.cost)


class Remembers(TableLanguageModel):
    """Its answer depends on what was asked before."""

    last = ""

    def stream(self, prompt: Any, context: RunContext, **more: Any) -> Iterator[str | Generation]:
        before, self.last = self.last, str(prompt)
        yield from super().stream(prompt if before in ("", self.last) else before, context, **more)


class ShowsStops(TableLanguageModel):
    """Streams what the stop string takes away."""

    def stream(self, prompt: Any, context: RunContext, **more: Any) -> Iterator[str | Generation]:
        *_, whole = super().stream(prompt, context, **more)
        if more.get("stop"):
            yield from list(super().stream(prompt, RunContext(), **more | {"stop": ()}))[:-1]
        elif isinstance(whole, Generation):
            yield whole.text
        yield whole


class Overruns(TableLanguageModel):
    """Writes a token more than asked for."""

    def stream(
        self, prompt: Any, context: RunContext, *, max_tokens: int, **more: Any
    ) -> Iterator[str | Generation]:
        yield from super().stream(prompt, context, max_tokens=max_tokens + 1, **more)


class Ignores(TableLanguageModel):
    """Takes forms and writes what it likes."""

    def stream(
        self, prompt: Any, context: RunContext, *, form: Any = None, **more: Any
    ) -> Iterator[str | Generation]:
        yield from super().stream(prompt, context, **more)


class OneDraw(TableLanguageModel):
    """Knows one draw only."""

    def stream(
        self, prompt: Any, context: RunContext, *, draw: int = 0, **more: Any
    ) -> Iterator[str | Generation]:
        yield from super().stream(prompt, context, **more)


class GoesOn(TableLanguageModel):
    """Does not see that its request was cancelled."""

    def stream(self, prompt: Any, context: RunContext, **more: Any) -> Iterator[str | Generation]:
        yield from super().stream(prompt, never_cancelled(context), **more)


class Unpaid(TableLanguageModel):
    """Forgets the account."""

    def stream(self, prompt: Any, context: RunContext, **more: Any) -> Iterator[str | Generation]:
        context.check()
        yield from super().stream(prompt, replace(context, cost=RunContext().cost), **more)


class OneSpelling(TableLanguageModel):
    """Does not add up the spellings of a candidate."""

    def next_token_logprobs(self, prompts: Any, candidates: Any, contexts: Any) -> Any:
        found = super().next_token_logprobs(prompts, candidates, contexts)
        return found - [0.5 if isinstance(one, str) else 0.0 for one in candidates]


class ByCompany(TableLanguageModel):
    """What stands beside a prompt changes its numbers."""

    def next_token_logprobs(self, prompts: Any, candidates: Any, contexts: Any) -> Any:
        return super().next_token_logprobs(prompts, candidates, contexts) - 0.01 * len(prompts)


class NotAdditive(TableLanguageModel):
    """Punishes long continuations."""

    def sequence_logprobs(self, pairs: Any, contexts: Any) -> list[SequenceScore]:
        return [
            SequenceScore(one.logprob - 0.1 * (one.tokens - 1), one.tokens)
            for one in super().sequence_logprobs(pairs, contexts)
        ]


class Keeps(TableLanguageModel):
    """A kept beginning saves nothing."""

    def keep(self, prompt: Any) -> None:
        return


class LooksAhead(TableLanguageModel):
    """Attends to what comes later."""

    def attention(self, prompt: Any, rows: Sequence[int], context: RunContext) -> Attention:
        found = super().attention(prompt, rows, context)
        return Attention(tuple(np.maximum(one, np.float32(0.001)) for one in found.parts))


class Padded(TableLanguageModel):
    """Its vectors depend on the longest prompt of the batch."""

    def hidden_states(self, prompts: Any, contexts: Any, *, layer: int = -1) -> Any:
        states = super().hidden_states(prompts, contexts, layer=layer)
        longest = max((len(one) for one in states), default=0)
        return [one + np.float32(0.001 * longest) for one in states]


def test_a_right_language_model_passes_every_check() -> None:
    language_model.check_language_model(
        lambda: TableLanguageModel(TABLE), loads=False, controls=("<|im_end|>",)
    )


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (Remembers, "the_same_prompt_gives_the_same_text"),
        (ShowsStops, "stop_strings_end_the_text"),
        (Overruns, "max_tokens_holds"),
        (Ignores, "undeclared_abilities_are_refused"),
        (OneDraw, "temperature_draws_by_seed_and_number"),
        (GoesOn, "a_request_that_is_over_is_left"),
        (Unpaid, "generations_are_paid_for"),
        (OneSpelling, "next_tokens_are_probabilities"),
        (ByCompany, "next_tokens_are_probabilities"),
        (NotAdditive, "sequences_obey_the_chain_rule"),
        (Keeps, "a_kept_prefix_changes_costs_only"),
        (LooksAhead, "attention_is_a_mean_of_rows"),
        (Padded, "hidden_states_are_vectors_of_tokens"),
    ],
)
def test_a_wrong_language_model_is_caught(wrong: type[TableLanguageModel], check: str) -> None:
    wrong.name = TableLanguageModel.name
    model = wrong(TABLE)
    subject = language_model.LanguageModelSubject(
        make=lambda: wrong(TABLE), model=model, loads=False
    )
    with pytest.raises(AssertionError):
        {**language_model.CHECKS, **SCORE_CHECKS}[check](subject)


class Long(HashEmbedder):
    """Vectors of length 2."""

    def embed_passages(self, texts: Any, contexts: Any) -> Floats:
        return 2.0 * super().embed_passages(texts, contexts)


class Drifts(HashEmbedder):
    """Every call gives other vectors."""

    def __init__(self, config: HashEmbedderConfig) -> None:
        super().__init__(config)
        self._calls = itertools.count()

    def embed_queries(self, texts: Any, contexts: Any) -> Floats:
        return np.roll(super().embed_queries(texts, contexts), next(self._calls), axis=1)


class FirstPays(HashEmbedder):
    """One request pays for all."""

    def embed_queries(self, texts: Any, contexts: Any) -> Floats:
        return super().embed_queries(texts, list(contexts)[:1] * len(texts))


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (Long, "vectors_have_their_shape_and_length"),
        (Drifts, "company_changes_nothing"),
        (FirstPays, "texts_are_paid_for"),
        (HashEmbedder, "long_texts_are_windowed_and_counted"),
    ],
)
def test_a_wrong_embedder_is_caught(wrong: type[HashEmbedder], check: str) -> None:
    config = HashEmbedderConfig()
    subject = embedder.EmbedderSubject(make=lambda: wrong(config), model=wrong(config), loads=False)
    with pytest.raises(AssertionError):
        embedder.CHECKS[check](subject)


class Ranks(OverlapCrossEncoder):
    """Scores against the rest of the batch."""

    def score(self, pairs: Any, contexts: Any) -> Floats:
        found = super().score(pairs, contexts)
        return found - found.mean() if len(found) else found


class Backwards(OverlapCrossEncoder):
    """Smaller is more relevant."""

    def score(self, pairs: Any, contexts: Any) -> Floats:
        return -super().score(pairs, contexts)


class Late(OverlapCrossEncoder):
    """Works on for a request that is over."""

    def score(self, pairs: Any, contexts: Any) -> Floats:
        return super().score(pairs, [never_cancelled(one) for one in contexts])


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (Ranks, "company_changes_nothing"),
        (Backwards, "scores_are_of_their_kind"),
        (Late, "pairs_are_paid_for"),
        (OverlapCrossEncoder, "long_passages_are_windowed_and_counted"),
    ],
)
def test_a_wrong_cross_encoder_is_caught(wrong: type[OverlapCrossEncoder], check: str) -> None:
    subject = cross_encoder.CrossEncoderSubject(
        make=lambda: wrong(Config()), model=wrong(Config()), loads=False
    )
    with pytest.raises(AssertionError):
        cross_encoder.CHECKS[check](subject)
