"""Passages are read until a judge finds that they suffice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.corpora.corpus import Corpus
from assay.models.echo import Echo, EchoConfig, EchoRule
from assay.models.language_model import PromptTooLong
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import (
    Hit,
    Passage,
    Query,
    Ranking,
    Rationale,
    Score,
    ScoreKind,
    Selection,
)
from assay.stages.select.sufficiency import Sufficiency, SufficiencyJudge
from assay.stages.select.sufficient import Sufficient, SufficientConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.language_models import Ruled
from tests.words import hit, query, ranking


class Collects(SufficiencyJudge):
    """Wants passages that say "one" and "two"."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.seen: list[tuple[str, ...]] = []

    def fingerprint(self) -> str:
        return "collects"

    def judge(self, query: Query, passages: Sequence[Passage], context: RunContext) -> Sufficiency:
        self.seen.append(tuple(one.id for one in passages))
        said = " ".join(one.text for one in passages)
        missing = [word for word in ("one", "two") if word not in said]
        return Sufficiency(not missing, missing[0] if missing else "")


def sample(corpus: Corpus) -> Sample:
    writer = Echo(
        EchoConfig(
            rules=[
                EchoRule(when="Question: what is a tuple\n.*repair", say="SUFFICIENT"),
                EchoRule(when="mutable sequence.*grows", say="SUFFICIENT"),
            ],
            otherwise="MISSING: what a tuple is good for",
        )
    )
    return Sample(asked(), config={"max_steps": 2}, resources={"model": writer})


HITS = ranking(
    hit("a", "one", 4.0), hit("b", "dust", 3.0), hit("c", "two", 2.0), hit("d", "more", 1.0)
)


def run(ranked: Ranking = HITS, **config: object) -> tuple[Selection, RunContext, Collects]:
    context, judge = RunContext(), Collects()
    node = Sufficient(SufficientConfig.model_validate(config), judge=judge)
    return node.run(query(), ranked, context), context, judge


def test_reading_stops_as_soon_as_the_evidence_suffices() -> None:
    found, context, judge = run()
    assert found.ids == ("a", "b", "c")
    assert judge.seen == [("a",), ("a", "b"), ("a", "b", "c")]
    assert context.notes == {"sufficient": True, "missing": "", "judgements": 3}
    end = "the evidence was found sufficient after 3 passages"
    assert found.reasons["b"] == f"place 2 of 3 read; {end}"
    assert found.dropped[0].reason == f"place 4, not read: {end}"
    assert found.rationales == ()


def test_what_is_missing_is_handed_out() -> None:
    found, context, judge = run(max_steps=2)
    assert found.ids == ("a", "b")
    assert len(judge.seen) == 2
    assert context.notes == {"sufficient": False, "missing": "two", "judgements": 2}
    assert found.rationales == (Rationale("two"),)
    end = 'the evidence was not found sufficient after 2 passages; missing: "two"'
    assert found.dropped[0].reason == f"place 3, not read: {end}"
    nothing, _, _ = run(max_steps=2, insufficient="none")
    assert nothing.kept == ()
    assert nothing.dropped[0].reason == end


def test_several_passages_can_be_added_at_a_time() -> None:
    found, _, judge = run(step=2)
    assert judge.seen == [("a", "b"), ("a", "b", "c", "d")]
    assert len(found.kept) == 4
    assert [len(one) for one in run(step=3, max_steps=1)[2].seen] == [3]


@pytest.mark.parametrize("factor", [10.0, 0.1, -1.0])
def test_scores_change_nothing(factor: float) -> None:
    scaled = Ranking(
        HITS.query,
        tuple(
            Hit(one.passage, Score(one.score.value * factor, ScoreKind.LOGIT, "test"))
            for one in HITS.hits
        ),
        "test",
    )
    expected, found = run()[0], run(scaled)[0]
    assert found.ids == expected.ids
    assert found.reasons == expected.reasons
    assert [one.reason for one in found.dropped] == [one.reason for one in expected.dropped]


def test_with_no_passages_there_is_still_something_to_search_for() -> None:
    found, context, judge = run(ranking())
    assert (found.kept, found.dropped) == ((), ())
    assert judge.seen == [()]
    assert context.notes == {"sufficient": False, "missing": "one", "judgements": 1}


def test_a_language_model_judges_and_what_cannot_be_read_is_not_enough() -> None:
    def says(prompt: str) -> str:
        if "two" in prompt:
            return "SUFFICIENT"
        return "well" if "dust" in prompt else "MISSING: the second"

    model, context = Ruled(says), RunContext()
    found = Sufficient(SufficientConfig(), model=model).run(query(), HITS, context)
    assert found.ids == ("a", "b", "c")
    assert context.notes == {
        "sufficient": True,
        "missing": "",
        "judgements": 3,
        "judgements_unread": 1,
    }
    assert (context.cost.calls, context.cost.rounds) == (3, 3)


def test_a_prompt_that_does_not_fit_has_shorter_passages_and_says_so() -> None:
    long = ranking(hit("a", "word " * 500))
    context = RunContext()
    model = Ruled(lambda prompt: "SUFFICIENT", context_tokens=400)
    assert Sufficient(SufficientConfig(), model=model).run(query(), long, context).ids == ("a",)
    assert context.notes["prompts_shortened"] in (1, 2, 3)
    small = Ruled(lambda prompt: "SUFFICIENT", context_tokens=150)
    with pytest.raises(PromptTooLong):
        Sufficient(SufficientConfig(), model=small).run(query(), long, RunContext())


def test_there_must_be_exactly_one_judge(tmp_path: Path) -> None:
    none = Sufficient(SufficientConfig())
    both = Sufficient(SufficientConfig(), model=Ruled(), judge=Collects())
    one = Sufficient(SufficientConfig(), judge=Collects())
    assert [len(list(node.prepare(tmp_path))) for node in (none, both, one)] == [1, 1, 0]
    with pytest.raises(UsageError, match="one of the resources"):
        none.run(query(), HITS, RunContext())


@pytest.mark.parametrize(("n", "steps"), [(0, 1), (4, 4)])
def test_the_estimate_has_the_calls_and_rounds_of_a_run_that_never_ends(n: int, steps: int) -> None:
    context = RunContext()
    made = Sufficient(SufficientConfig(), model=Ruled(lambda prompt: "MISSING: all"))
    made.run(query(), ranking(*HITS.hits[:n]), context)
    told = made.estimate(n, Sizes(query=4, passage=6))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (steps, steps)
    own = Sufficient(SufficientConfig(), judge=Collects())
    assert own.estimate(n, Sizes(query=4, passage=6)).calls == steps


def test_evidence_of_which_nobody_could_tell_was_not_found_sufficient() -> None:
    context = RunContext()
    made = Sufficient(SufficientConfig(max_steps=2), model=Ruled(lambda prompt: "well"))
    found = made.run(query(), HITS, context)
    assert found.ids == ("a", "b")
    assert context.notes["sufficient"] is False
    assert found.dropped[0].reason.endswith(
        "the evidence was not found sufficient after 2 passages"
    )
