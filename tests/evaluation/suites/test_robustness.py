"""The robustness suite: an answer is kept, or given up, where it should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assay.corpora.matching import is_correct
from assay.evaluation.suites.disturbances import (
    by_rules,
    passage_changes,
    question_changes,
    ranking_changes,
)
from assay.evaluation.suites.robustness import RobustnessSuite
from assay.pipeline.errors import UsageError
from tests.evaluation.suites.small import WRITER, runner, towns

DATA = towns()


def row(found: object, name: str) -> dict[str, float | None]:
    (one,) = [one for one in found.rows if one.name == name]  # type: ignore[attr-defined]
    return {"n": one.n} | {key: value.value for key, value in one.values.items()}


def test_a_pipeline_that_follows_its_evidence_is_robust(tmp_path: Path) -> None:
    suite = RobustnessSuite(families=("passage", "ranking"), rounds=2, depth=3, distractors=1)
    with runner(tmp_path) as one:
        found = suite.measure(DATA, one, seed=0)
        assert suite.measure(DATA, one, seed=0) == found
    assert row(found, "as they are") == {"n": 13, "right": 1.0, "abstained": pytest.approx(1 / 13)}
    # Two questions share each passage, so two rounds ask all twelve.
    assert row(found, "answer replaced") == {
        "n": 12, "robust": 1.0, "right": 1.0, "abstained": 0.0, "stale": 0.0,
    }  # fmt: skip
    for name in ("passage reworded", "unrelated sentences cut", "sentences shuffled"):
        assert row(found, name)["robust"] == 1.0
        assert row(found, name)["n"] == 12
    # Without the passage nothing is right: the pipeline must abstain, or be found out.
    missing = row(found, "relevant passages missing")
    assert missing["right"] == missing["abstained"]
    assert {one.name for one in found.rows} >= {
        "all changes of passages", "all changes of rankings", "all changes",
    }  # fmt: skip


def test_robustness_counts_only_what_was_right_before(tmp_path: Path) -> None:
    wrong = replace(DATA.queries[0], answers=("somebody else",))
    data = replace(DATA, queries=(wrong, *DATA.queries[1:]))
    with runner(tmp_path) as one:
        found = RobustnessSuite(families=("question",)).measure(data, one, seed=0)
    seen = [one for one in found.per_query if one["row"] == "question reworded"]
    right_before = [one for one in seen if one["right_before"]]
    assert len(seen) - len(right_before) == 1
    share = sum(one["right"] for one in right_before) / len(right_before)
    assert row(found, "question reworded")["robust"] == pytest.approx(share)
    assert row(found, "question reworded")["right"] == pytest.approx(
        sum(one["right"] for one in seen) / len(seen)
    )
    assert found.notes[0].startswith("'robust' is over the 12 questions of 13")


def test_an_answer_from_memory_is_stale(tmp_path: Path) -> None:
    """A pipeline that says what it said before is found out where the answer was replaced."""
    data = replace(DATA, queries=DATA.queries[1:2])
    with runner(tmp_path, text=WRITER) as one:
        found = RobustnessSuite(families=("passage",)).measure(data, one, seed=0)
    replaced = row(found, "answer replaced")
    assert (replaced["stale"], replaced["robust"], replaced["right"]) == (1.0, 0.0, 0.0)
    assert row(found, "passage reworded")["robust"] == 1.0


def test_a_model_writes_paraphrases_where_it_is_asked_to(tmp_path: Path) -> None:
    data = replace(DATA, queries=DATA.queries[:2])
    suite = RobustnessSuite(families=("question",), paraphrases="model")
    with runner(tmp_path, text=WRITER) as one:
        found = suite.measure(data, one, seed=0)
    said = {one["text"] for one in found.per_query if one["row"] == "question reworded"}
    assert said == {"A founder?"}


def test_paraphrases_by_a_model_need_one(tmp_path: Path) -> None:
    suite = RobustnessSuite(families=("question",), paraphrases="model")
    with runner(tmp_path) as one, pytest.raises(UsageError, match="no language model"):
        suite.measure(DATA, one, seed=0)


def test_a_set_without_answers_is_refused(tmp_path: Path) -> None:
    data = replace(DATA, queries=tuple(replace(one, answers=()) for one in DATA.queries[:2]))
    with runner(tmp_path) as one, pytest.raises(UsageError, match="which answers are right"):
        RobustnessSuite().measure(data, one, seed=0)


def test_edits_keep_what_they_must_and_leave_the_corpus_its_size() -> None:
    changes = {one.name: one for one in passage_changes(DATA, rounds=1, seed=0)}
    for name in ("passage reworded", "unrelated sentences cut", "sentences shuffled"):
        one = changes[name]
        assert one.documents is not None
        texts = {document.id: document.text for document in one.documents}
        assert texts.keys() == {document.id for document in DATA.documents}
        assert len(one.queries) == 12
        for query in one.queries:
            (passage,) = DATA.qrels[query.id]
            assert is_correct(texts[passage], query.answers)
    reworded = changes["passage reworded"].documents
    assert reworded is not None
    assert reworded[0].text.endswith(
        "Its market started trading in 1851. Farmers around it frequently sold wool."
        " Many visitors walk along the river in summer."
    )


def test_questions_that_share_a_passage_are_asked_in_different_rounds() -> None:
    one, two = (
        [one for one in passage_changes(DATA, rounds=n, seed=0) if one.name == "answer replaced"]
        for n in (1, 2)
    )
    assert [len(part.queries) for part in one] == [6]
    assert one[0].left_out == {
        "it has no answer or no relevant passage": 1,
        "it shares a passage with another question (more rounds ask it)": 6,
    }
    assert [len(part.queries) for part in two] == [6, 6]
    for part in two:
        assert part.may_abstain
        assert part.documents is not None
        texts = {document.id: document.text for document in part.documents}
        for query in part.queries:
            (passage,) = DATA.qrels[query.id]
            assert not is_correct(texts[passage], query.answers)
            assert is_correct(texts[passage], (part.instead[query.id],))


def test_rankings_lose_the_relevant_passages_and_get_others_that_say_nothing_right() -> None:
    changes = {one.name: one for one in ranking_changes(DATA, distractors=3, depth=5, seed=0)}
    gone = changes["relevant passages missing"]
    assert gone.changes["aldermoor-who"].remove == ("aldermoor",)
    put_in = changes["distractors put in"].changes["aldermoor-who"].insert
    assert len({name for _, name in put_in}) == len({place for place, _ in put_in}) == 3
    assert "aldermoor" not in {name for _, name in put_in}
    assert all(0 <= place < 5 for place, _ in put_in)
    orders = [one.order for one in changes["ranking shuffled"].changes.values()]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in orders)
    assert len(set(orders)) > 3


def test_distractors_stay_within_what_a_question_may_read() -> None:
    documents = [
        replace(one, metadata={"county": "north" if n < 2 else "south"})
        for n, one in enumerate(DATA.documents)
    ]
    scope = {"scope": {"field": "county", "value": "north"}}
    queries = tuple(replace(one, meta=scope) for one in DATA.queries[:1])
    data = replace(DATA, documents=tuple(documents), queries=queries)
    (change,) = [
        one
        for one in ranking_changes(data, distractors=3, depth=5, seed=0)
        if one.name == "distractors put in"
    ]
    assert {name for _, name in change.changes["aldermoor-who"].insert} == {"brackenfell"}


def test_every_question_change_leaves_the_labels() -> None:
    for change in question_changes(DATA, typos=2, paraphrase=by_rules, seed=3):
        before = {one.id: one for one in DATA.queries}
        for one in change.queries:
            assert one.text != before[one.id].text
            assert replace(one, text="") == replace(before[one.id], text="")
