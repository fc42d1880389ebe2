from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import LabelledQuery
from assay.corpora.matching import is_correct
from assay.evaluation.suites.candidate_bm25 import analyzer_for
from assay.evaluation.suites.conditions import NO_PASSAGE, TAKEN, TOO_FEW, Families, Family
from assay.evaluation.suites.multi_condition import MultiConditionSuite, chain, query_text
from assay.pipeline import registry
from assay.pipeline.errors import UsageError
from tests.evaluation.made import dataset, document, question
from tests.evaluation.suites.direct_runner import DirectRunner, words_then
from tests.evaluation.suites.toy_rerankers import TOYS, rivers

ANALYZER = analyzer_for("english")


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", lambda: TOYS)


def families(count: int = 3, seed: int = 0) -> list[Family]:
    found, left_out = Families(rivers(), ANALYZER, seed=seed).make(count, 2)
    assert not left_out
    return found


# -- conditions -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_variant_meets_exactly_its_conditions_and_answers_the_question(count: int) -> None:
    for family in families(count):
        for met, variant in enumerate((*family.variants, family.passage)):
            terms = set(ANALYZER.terms(variant.text))
            kept = [one.terms <= terms for one in family.conditions]
            assert kept == [number < met for number in range(count)]
            assert is_correct(variant.text, family.query.answers)
            assert variant.metadata == family.passage.metadata
            if met < count:
                assert variant.id == f"{family.passage.id}-met-{met}"


def test_conditions_are_rare_words_of_other_sentences_in_the_order_of_the_text() -> None:
    for family in families():
        said = set(ANALYZER.terms(f"{family.query.text} {family.passage.title}"))
        for one in family.conditions:
            assert one.sentence in family.passage.text
            assert not is_correct(one.sentence, family.query.answers)
            assert said.isdisjoint(one.terms)
            places = [one.sentence.index(word) for word in one.words]
            assert places == sorted(places)
            # Words with the passage's number stand in no other passage.
            assert any(word[-1].isdigit() for word in one.words)


def test_the_same_seed_gives_the_same_families_and_another_one_other_orders() -> None:
    assert families(seed=1) == families(seed=1)
    assert [one.conditions for one in families(seed=1)] != [
        one.conditions for one in families(seed=2)
    ]


def test_what_has_no_family_is_counted_with_its_reason() -> None:
    data = rivers()
    extra = [
        LabelledQuery("again", "Who opened the Arn's bridge?", ("Number0",), True),
        question("nothing"),
        question("short"),
    ]
    qrels = {**data.qrels, "again": {"arn": 1}, "short": {"tiny": 1}}
    more = dataset(
        [*data.queries, *extra], [*data.documents, document("tiny", "One word.")], qrels, data.spans
    )
    found, left_out = Families(more, ANALYZER, seed=0).make(3, 2)
    assert len(found) == 12
    assert left_out == {TAKEN: 1, NO_PASSAGE: 1, TOO_FEW: 1}


# -- figures ---------------------------------------------------------------------------


def test_pairs_are_right_where_more_conditions_stand_higher() -> None:
    met = {"none": 0, "one": 1, "both": 2}
    kept = chain(met, ["both", "one", "none"])
    assert (kept.right, kept.pairs, kept.right_by_one, kept.pairs_by_one) == (3, 3, 2, 2)
    turned = chain(met, ["none", "one", "both"])
    assert (turned.right, turned.pairs, turned.unseen) == (0, 3, 0)
    # What is not ranked stands below what is; of two such nothing is known.
    some = chain(met, ["one"])
    assert (some.right, some.pairs, some.unseen) == (1, 2, 1)
    assert chain({"a": 1, "b": 1}, ["a", "b"]).pairs == 0


@given(st.permutations(["a", "b", "c", "d"]))
def test_a_ranking_and_its_reverse_share_the_pairs_out(ranked: list[str]) -> None:
    met = {"a": 0, "b": 1, "c": 1, "d": 3}
    one, other = chain(met, ranked), chain(met, ranked[::-1])
    assert one.pairs == other.pairs == 5
    assert one.right + other.right == 5


def test_conditions_are_said_in_each_form() -> None:
    conditions = families()[0].conditions
    first, second, third = (" and ".join(one.words) for one in conditions)
    listed = query_text("Who?", conditions, "list")
    assert listed == f"Who?\nThe passage must mention:\n- {first}\n- {second}\n- {third}"
    assert query_text("Who?", conditions, "prose") == (
        f"Who? The passage should also speak of {first}, of {second}, and of {third}."
    )
    assert query_text("Who?", conditions, "reversed").endswith(f"- {second}\n- {first}")
    assert query_text("Who?", conditions, "in front").endswith("\nWho?")
    assert query_text("Who?", (), "in front") == "Who?"


# -- the suite ---------------------------------------------------------------------------


def test_bm25_follows_the_conditions_and_no_order_of_words(tmp_path: Path) -> None:
    data = rivers()
    runner = DirectRunner(words_then(), data, tmp_path)
    found = MultiConditionSuite().measure(data, runner, seed=0)
    rows = {row.name: row for row in found.rows}
    assert list(rows) == [
        "3 conditions as a list", "3 conditions in prose", "3 conditions as a list in reverse order",
        "3 conditions before the question", "2 conditions as a list", "1 condition as a list",
        "no condition",
    ]  # fmt: skip
    first = rows["3 conditions as a list"]
    assert first.n == 12
    assert {key: first.values[key].value for key in ("win rate", "in order", "first")} == {
        "win rate": 1, "in order": 1, "first": 1,
    }  # fmt: skip
    assert (first.values["ndcg@10"].value or 0) > 0.9
    turned = rows["3 conditions as a list in reverse order"]
    assert turned.values["overlap@10"].value == 1
    assert turned.differences["ndcg@10"].value == 0
    assert "win rate" not in rows["no condition"].values
    assert any("36 passages that meet fewer were added" in one for one in found.notes)
    one = found.per_query[0]
    ranks = [one[f"rank, {met} met"] for met in range(4)]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[3] == 1


def test_a_ranking_that_shuns_the_words_of_the_question_loses_every_pair(tmp_path: Path) -> None:
    data = rivers()
    runner = DirectRunner(words_then(("reranked", {"use": "toys.fewest@1"})), data, tmp_path)
    found = MultiConditionSuite(conditions=2, forms=()).measure(data, runner, seed=0)
    first = found.rows[0]
    assert first.values["win rate"].value == 0
    assert first.values["first"].value == 0
    assert (first.values["ndcg@10"].value or 0) < 0.9


def test_a_set_whose_passages_are_too_short_is_refused_with_reasons(tmp_path: Path) -> None:
    data = dataset([question("a")], [document("d", "One sentence.")], {"a": {"d": 1}})
    runner = DirectRunner(words_then(), data, tmp_path)
    with pytest.raises(UsageError, match=r"can get 3 conditions \(1: no relevant passage has"):
        MultiConditionSuite().measure(data, runner, seed=0)
