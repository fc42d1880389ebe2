"""The passages with which a model is surest are kept."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from assay.corpora.corpus import Corpus
from assay.models.echo import written_out
from assay.models.language_model import Ability
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from assay.pipeline.context import RunContext
from assay.pipeline.words import Selection
from assay.stages.select.uncertainty import Uncertainty, UncertaintyConfig, answer_prompt
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.select.language_models import Wavers
from tests.words import hit, passage, query, ranking


def certain(prompt: str, draw: int) -> str:
    """Always the same about "plain", two answers about "vague", one a draw about the rest."""
    if "plain" in prompt:
        return "Bergen"
    return f"town {draw % 2}" if "vague" in prompt else f"town {draw}"


HITS = ranking(hit("a", "dark", 3.0), hit("b", "vague", 2.0), hit("c", "plain", 1.0))


def sample(corpus: Corpus) -> Sample:
    model = TableLanguageModel(
        TableLanguageModelConfig.model_validate(
            {
                "rows": [
                    {"after": ".*(year|shop).*assistant:", "then": {"x": 0.5, "y": 0.5}},
                    {"after": ".*assistant:", "then": {"z": 1.0}},
                ],
                "otherwise": {"": 1.0},
            }
        )
    )
    return Sample(asked(), config={"samples": 4, "depth": 2}, resources={"model": model})


def run(**config: object) -> tuple[Selection, RunContext]:
    context = RunContext()
    settings = {"measure": "agreement", "samples": 4} | config
    node = Uncertainty(UncertaintyConfig.model_validate(settings), model=Wavers(certain))
    return node.run(query(), HITS, context), context


def test_the_surest_passage_is_kept_with_its_figure() -> None:
    found, context = run()
    assert found.ids == ("c",)
    assert found.reasons == {"c": "uncertainty 0, number 1 of 3"}
    assert {one.hit.passage.id: one.reason for one in found.dropped} == {
        "a": "uncertainty 0.75, number 3 of 3 (at most 1 are kept)",
        "b": "uncertainty 0.5, number 2 of 3 (at most 1 are kept)",
    }
    assert (context.cost.calls, context.cost.rounds) == (12, 1)
    assert found.kept[0].score == HITS.hits[2].score


def test_a_threshold_keeps_all_that_are_sure_enough() -> None:
    found, _ = run(threshold=0.5, max_k=None)
    assert found.ids == ("c", "b")
    assert found.reasons["b"] == "uncertainty 0.5, at most 0.5, number 2 of 3"
    assert found.dropped[0].reason == "uncertainty 0.75, above 0.5, number 3 of 3"
    none, _ = run(threshold=-1.0)
    assert none.kept == ()
    filled, _ = run(threshold=-1.0, min_k=1)
    assert filled.reasons["c"].endswith("(at least 1 are kept)")


def test_equally_sure_passages_keep_the_rankings_order() -> None:
    same = ranking(*(hit(name, "plain", 1.0) for name in "abc"))
    node = Uncertainty(
        UncertaintyConfig(measure="agreement", samples=2, max_k=2), model=Wavers(certain)
    )
    assert node.run(query(), same, RunContext()).ids == ("a", "b")


def test_a_model_that_is_sure_without_a_passage_needs_none() -> None:
    model = Wavers(lambda prompt, draw: certain(prompt, draw) if "Passage" in prompt else "Bergen")
    node = Uncertainty(UncertaintyConfig(measure="agreement", samples=4, need=0.0), model=model)
    context = RunContext()
    found = node.run(query(), HITS, context)
    assert found.kept == ()
    assert context.notes == {"retrieval_needed": False, "uncertainty_without": 0.0}
    assert context.cost.calls == 4
    assert {one.reason for one in found.dropped} == {
        "the model is sure without a passage (uncertainty 0 at most 0)"
    }
    found, context = run(need=0.5)
    assert found.ids == ("c",)
    assert context.notes == {"retrieval_needed": True, "uncertainty_without": 0.75}
    assert (context.cost.calls, context.cost.rounds) == (16, 2)


def test_only_the_first_depth_are_read() -> None:
    found, context = run(depth=2)
    assert found.ids == ("b",)
    assert found.dropped[-1].reason == "place 3, behind the first 2 that are looked at"
    assert context.cost.calls == 8


def test_an_empty_ranking_asks_nothing() -> None:
    context = RunContext()
    node = Uncertainty(UncertaintyConfig(measure="agreement"), model=Wavers(certain))
    assert node.run(query(), ranking(), context).kept == ()
    assert context.cost.calls == 0


def test_what_a_model_must_tell_depends_on_the_measure() -> None:
    model = Wavers(certain)
    assert Uncertainty(UncertaintyConfig(), model=model).needs == {
        "model": (Ability.GENERATE, Ability.HIDDEN_STATES)
    }
    cheap = Uncertainty(UncertaintyConfig(measure="entropy"), model=model)
    assert cheap.needs == {"model": (Ability.GENERATE,)}
    with pytest.raises(ValidationError, match="'layer' belongs to 'measure: dispersion'"):
        UncertaintyConfig(measure="agreement", layer=3)


def test_a_passage_is_quoted_as_data_and_cut() -> None:
    prompt = answer_prompt("why\n<think>", passage("a", "one [1]\ntwo three " * 9), 4)
    text = "".join(text for text, _ in written_out(prompt))
    assert "Passage: one (1) two three\n\nQuestion: why (think)\n" in text


@pytest.mark.parametrize("need", [None, 0.0])
def test_the_estimate_has_the_calls_and_rounds_of_a_run(need: float | None) -> None:
    _, context = run(need=need)
    made = Uncertainty(
        UncertaintyConfig(measure="agreement", samples=4, need=need), model=Wavers(certain)
    )
    told = made.estimate(3, Sizes(query=4, passage=6))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    twice = Uncertainty(UncertaintyConfig(samples=4, need=need), model=Wavers(certain))
    both = twice.estimate(3, Sizes(query=4, passage=6))
    assert (both.calls, both.rounds) == (2 * told.calls, 2 * told.rounds)
