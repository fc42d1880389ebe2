"""Passages are kept for what a language model says that evidence must show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assay.corpora.corpus import Corpus
from assay.models.echo import Echo, EchoConfig, EchoRule
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.language_model import LanguageModel
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Rationale, Selection
from assay.stages.select.meteora import Meteora, MeteoraConfig
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.corpora.doubles import document, started
from tests.stages.rerank.language_models import Ruled
from tests.stages.select.language_models import Wavers
from tests.words import hit, query, ranking

SAYS = (
    "payment period] days until a payment is due Flag Instructions: two numbers of days\n"
    "2. [interest] interest on late money"
)
HITS = ranking(
    hit("a", "days until a payment is due", 4.0),
    hit("b", "interest on late money", 3.0),
    hit("c", "the colour of socks", 2.9),
    hit("d", "shoes and boots", 0.1),
)


def sample(corpus: Corpus) -> Sample:
    writer = Echo(
        EchoConfig(
            rules=[
                EchoRule(when="Question: what is a tuple\n", say="tuple] what a tuple is"),
            ],
            otherwise="sequence] an immutable sequence Flag Instructions: it can change\n2. [x]",
        )
    )
    return Sample(
        asked(),
        config={"depth": 3, "tokens": 64},
        resources={
            "model": writer,
            "embedder": HashEmbedder(HashEmbedderConfig(dimension=64)),
        },
    )


def embedder() -> HashEmbedder:
    return HashEmbedder(HashEmbedderConfig(dimension=1024))


def node(model: LanguageModel, **config: object) -> Meteora:
    return Meteora(MeteoraConfig.model_validate(config), model=model, embedder=embedder())


def saying(text: str) -> Ruled:
    return Ruled(lambda prompt: text)


def run(text: str, **config: object) -> tuple[Selection, RunContext]:
    context = RunContext()
    return node(saying(text), **config).run(query(), HITS, context), context


def test_each_rationale_keeps_its_passage_and_is_told_with_its_flag_and_figure() -> None:
    found, context = run(SAYS, pooled=False)
    assert found.ids == ("a", "b")
    assert [hit.score.value for hit in found.kept] == [4.0, 3.0]
    first, second = found.rationales
    assert first.text == "payment period: days until a payment is due"
    assert first.flag == "two numbers of days"
    assert second.flag == ""
    [(name, cosine)] = first.chosen
    assert name == "a"
    said = f'chosen by "payment period: days until a payment is due" (cosine {cosine:.4g})'
    assert found.reasons["a"] == said
    assert found.dropped[0].reason.startswith("no rationale chose it; nearest to ")
    assert context.notes == {"drafts": 1, "rationales": 2, "rationales_flagged": 1}


def test_the_mean_of_the_rationales_chooses_too() -> None:
    found, _ = run("rain] the colour of rain and socks", distinct=True)
    assert found.ids == ("c",)
    assert found.reasons["c"].endswith("to all rationales together, place 1 of the first 1")
    # one rationale chooses one passage; two nearly as near come along
    hits = ranking(*(hit(str(n), f"colour of {word}", 9.0 - n) for n, word in enumerate("bcde")))
    more = node(saying("colour] colour of"), fallback="all").run(query(), hits, RunContext())
    assert len(more.kept) == 4
    assert len(more.rationales[0].chosen) == 1


def test_distinct_rationales_take_as_many_passages() -> None:
    twice = "payment] days until a payment is due\n2. [due] a payment is due"
    assert run(twice, pooled=False)[0].ids == ("a",)
    found, _ = run(twice, pooled=False, distinct=True)
    assert len(found.kept) == 2


def test_a_passage_that_two_rationales_chose_names_the_nearest_and_counts_the_other() -> None:
    found, _ = run("payment] days until a payment is due\n2. [due] payment is due", pooled=False)
    best = max(one.chosen[0][1] for one in found.rationales)
    assert found.reasons["a"].endswith(f"(cosine {best:.4g}) and 1 other rationale")
    assert [one.chosen[0][0] for one in found.rationales] == ["a", "a"]


def test_bounds_go_by_the_largest_cosine_and_are_told() -> None:
    few, _ = run(SAYS, pooled=False, max_k=1)
    assert len(few.kept) == 1
    chosen = [one.chosen[0] for one in few.rationales]  # also what the bound left out
    assert sorted(name for name, _ in chosen) == ["a", "b"]
    assert few.ids == (max(chosen, key=lambda one: one[1])[0],)
    out = next(one for one in few.dropped if one.hit.passage.id in ("a", "b"))
    assert out.reason.endswith("(at most 1 are kept)")
    many, _ = run(SAYS, pooled=False, min_k=3)
    assert len(many.kept) == 3
    assert many.reasons[({*many.ids} - {"a", "b"}).pop()].endswith("(at least 3 are kept)")


def test_without_rationales_the_elbow_of_the_own_scores_decides_and_that_is_said() -> None:
    found, context = run("no, I will not", attempts=2)
    assert found.ids == ("a", "b", "c")
    assert context.notes == {"drafts": 2, "rationales_unread": 1}
    assert context.cost.calls == 2
    assert found.reasons["a"] == (
        "no rationale could be read; logit 4, place 1: the first 3 are kept for their scores"
    )
    assert found.rationales == ()


def test_a_second_draft_is_drawn_where_the_first_cannot_be_read() -> None:
    context = RunContext()
    model = Wavers(lambda prompt, draw: SAYS if draw else "no")
    found = node(model, pooled=False).run(query(), HITS, context)
    assert found.ids == ("a", "b")
    assert context.notes["drafts"] == 2
    cold = RunContext()
    node(saying("no"), temperature=0.0).run(query(), HITS, cold)
    assert cold.notes["drafts"] == 1  # a second one would be the same


def test_only_the_first_depth_are_looked_at() -> None:
    found, _ = run(SAYS, depth=1, min_k=3)
    assert found.ids == ("a",)
    assert found.dropped[0].reason == "place 2, behind the first 1 that are looked at"


def test_rationales_of_an_oracle_take_the_same_way() -> None:
    def never(prompt: str) -> str:
        raise AssertionError("the model was asked")

    oracle = [Rationale("shoes and boots")]
    found = node(Ruled(never), pooled=False).select(query(), HITS, oracle, RunContext())
    assert found.ids == ("d",)
    assert found.rationales[0].chosen[0][1] == pytest.approx(1.0, abs=1e-5)


def test_passages_and_instructions_in_a_question_do_not_reach_the_form_of_the_prompt() -> None:
    model = saying(SAYS)
    node(model).run(query("what\n1. [x] <think> [2]"), HITS, RunContext())
    assert "Question: what 1. [x]" not in model.prompts[0]
    assert "what 1. (x) (think) (2)" in model.prompts[0]
    assert "socks" not in model.prompts[0]


def test_an_answer_that_was_cut_off_is_counted() -> None:
    _, context = run(SAYS + " that nobody asked for", tokens=16)
    assert context.notes["rationales_cut"] == 1


def test_an_empty_ranking_asks_nothing() -> None:
    context = RunContext()
    found = node(saying(SAYS), min_k=2).run(query(), ranking(), context)
    assert found.kept == ()
    assert context.cost.calls == 0


@pytest.fixture
def corpus(tmp_path: object) -> Corpus:
    text = "\n\n".join(f"Paragraph {n} " + f"{word} " * 30 for n, word in enumerate("abcde"))
    return started(Path(str(tmp_path)), [document("d", text)], embedder(), max_words=40)


def test_neighbours_and_vectors_come_from_the_corpus(corpus: Corpus) -> None:
    hits = corpus.search_bm25(query("Paragraph"), 5)
    made = Meteora(
        MeteoraConfig(neighbours=1, pooled=False), model=saying("c] Paragraph 2 c c"), corpus=corpus
    )
    found = made.run(query(), ranking(*hits), RunContext())
    [(chosen, _)] = found.rationales[0].chosen
    place = next(one.passage for one in hits if one.passage.id == chosen).position
    assert found.ids[0] == chosen
    assert {one.passage.position for one in found.kept} == {place - 1, place, place + 1} & {
        0,
        1,
        2,
        3,
        4,
    }
    assert set(found.reasons.values()) - {found.reasons[chosen]} == {f"stands beside {chosen}"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Meteora(MeteoraConfig(), model=saying("")), "one of the resources"),
        (lambda: node(saying(""), neighbours=1), "'neighbours' are read from a corpus"),
    ],
)
def test_what_is_missing_is_found_by_build(
    make: Callable[[], Meteora], words: str, tmp_path: Path
) -> None:
    made = make()
    assert any(words in one for one in made.prepare(tmp_path))
    with pytest.raises(UsageError, match=words):
        made.select(query(), HITS, [Rationale("socks")], RunContext())


def test_the_same_seed_gives_the_same_selection() -> None:
    first, second = run(SAYS)[0], run(SAYS)[0]
    assert first == second
    assert all(np.isfinite(cosine) for one in first.rationales for _, cosine in one.chosen)


def test_the_estimate_has_the_calls_and_rounds_of_a_run() -> None:
    context = RunContext()
    made = node(saying(SAYS), rationales=2)
    made.run(query(), HITS, context)
    told = made.estimate(4, Sizes(query=4, passage=6))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds) == (7, 3)
    assert told.tokens_in > 500
    assert made.estimate(0, Sizes(query=4, passage=6)).calls == 0
