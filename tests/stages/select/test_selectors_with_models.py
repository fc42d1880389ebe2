"""The selectors that ask a language model, on a real, small one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from assay.models.files.store import default_store
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import ScoreKind
from assay.stages.select.meteora import Meteora, MeteoraConfig
from assay.stages.select.set import Set, SetConfig
from assay.stages.select.sufficient import Sufficient, SufficientConfig
from assay.stages.select.uncertainty import Uncertainty, UncertaintyConfig
from tests.words import hit, query, ranking

pytestmark = pytest.mark.models

KEY = "smollm2-135m-instruct-q4_1"
ASKED = query("who built the Eiffel Tower")
HITS = ranking(
    hit("a", "The Eiffel Tower in Paris was finished in 1889 by Gustave Eiffel.", 3.0),
    hit("b", "Cook the carrots for twenty minutes, then add salt and cream.", 1.0),
    asked=ASKED,
)


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaCpp]:
    try:
        default_store().locate(KEY)
    except ModelError as error:
        pytest.skip(str(error))
    found = LlamaCpp(LlamaCppConfig(model=KEY, context_tokens=1024, threads=1))
    found.start()
    yield found
    found.close()


def test_a_forced_form_is_always_read_and_tells_log_probabilities(model: LlamaCpp) -> None:
    context = RunContext()
    config = SetConfig(constrained=True, tokens=16, scores="likelihood")
    found = Set(config, model=model).run(ASKED, HITS, context)
    assert "answers_unread" not in context.notes
    assert "identifiers_unknown" not in context.notes
    for one in found.kept:
        assert one.score.kind is ScoreKind.LIKELIHOOD
        assert one.score.value < 0


def test_rationales_or_the_fallback_account_for_every_passage(model: LlamaCpp) -> None:
    context = RunContext()
    config = MeteoraConfig(tokens=48, rationales=2, attempts=1)
    embedder = HashEmbedder(HashEmbedderConfig(dimension=256))
    found = Meteora(config, model=model, embedder=embedder).run(ASKED, HITS, context)
    assert {*found.ids, *(one.hit.passage.id for one in found.dropped)} == {"a", "b"}
    assert ("rationales_unread" in context.notes) == (not found.rationales)


def test_a_judge_that_writes_anything_gives_a_decision(model: LlamaCpp) -> None:
    context = RunContext()
    Sufficient(SufficientConfig(tokens=16), model=model).run(ASKED, HITS, context)
    assert context.notes["sufficient"] in (True, False)


def test_states_behind_the_last_block_give_a_finite_dispersion(model: LlamaCpp) -> None:
    context = RunContext()
    config = UncertaintyConfig(samples=2, tokens=2, depth=1, need=-100.0)
    found = Uncertainty(config, model=model).run(ASKED, HITS, context)
    assert len(found.kept) == 1
    alone = context.notes["uncertainty_without"]
    assert isinstance(alone, float)
    assert math.isfinite(alone)
    assert context.notes["retrieval_needed"] is True
