"""The selectors' benchmark: sets, folds, scores, what is fitted, and what is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.evaluation.metrics.selection import FIXED_K
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.training.labelled_rankings import LabelledRankings
from benchmarks.select_figures import rankings, sets
from benchmarks.select_figures.cases import FOLDS, Case, cases_of, folds_of
from benchmarks.select_figures.features import features
from benchmarks.select_figures.learned import CrossFitted, matched, mean_recall
from benchmarks.select_figures.protocol import Chooser, Method, run
from benchmarks.select_figures.rankings import Asked, Vectors
from benchmarks.select_figures.rationales import by_rationales, rationales
from benchmarks.select_figures.scoring import figures, row
from benchmarks.select_figures.simple import (
    at_least,
    best_cut,
    by_signal,
    first,
    fixed_k,
    mass,
    mean_f1,
    oracle_k,
)
from benchmarks.select_figures.tables import BASELINE, f1_table, measured

HERE = Scope("local")


def case(
    scores: Mapping[str, float],
    needed: Collection[str],
    *,
    name: str = "q",
    fold: int = 0,
    spans: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    meta: Mapping[str, object] | None = None,
    answers: Sequence[str] = (),
) -> Case:
    """A question with one ranking under all names, vectors by the passages' places."""
    query = Query(f"what is {name}", HERE, id=name)
    ids = sorted(scores, key=lambda one: -scores[one])
    passages = {
        one: Passage(one, "d", f"text of {one}", HERE, position=place)
        for place, one in enumerate(ids)
    }
    hits = tuple(
        Hit(passages[one], Score(scores[one], ScoreKind.LOGIT, "rerank.cross_encoder@1"))
        for one in ids
    )
    ranking = Ranking(query, hits, "rerank.cross_encoder@1")
    unit = np.eye(len(ids) + 1, dtype=np.float32)
    vectors = Vectors({one: unit[place] for place, one in enumerate(ids)}, {name: unit[-1]}, {})
    names = ("ranking", "judge", "bm25", "dense", "hybrid")
    grades = dict.fromkeys(needed, 1)
    labelled = LabelledRankings(dict.fromkeys(names, ranking), grades, "a set", name)
    asked = Asked(query, grades, name, answers, meta or {}, spans or {}, {})
    texts = {one: passage.text for one, passage in passages.items()}
    return Case(labelled, asked, vectors, texts, fold, name)


def test_f1_counts_an_empty_set_as_nothing_and_leaves_out_questions_that_need_nothing() -> None:
    asked = case({"a": 3, "b": 2, "c": 1}, {"a", "z"})
    found = row(asked, ["a", "b"])
    assert (found.f1, found.precision, found.recall, found.size) == (0.5, 0.5, 0.5, 2)
    assert row(asked, []).f1 == 0.0
    assert row(asked, []).precision is None
    assert row(case({"a": 1}, ()), ["a"]).f1 is None


def test_sizes_are_told_apart_by_whether_a_question_needs_something() -> None:
    cases = [case({"a": 1}, {"a"}, name="x"), case({"a": 1, "b": 0}, (), name="y")]
    found = figures(cases, [row(cases[0], ["a"]), row(cases[1], ["a", "b"])])
    assert found["size"].value == 1.0
    assert found["size_none"].value == 2.0
    assert found["empty_none"].value == 0.0
    assert found["iou"].value is None


def test_span_recall_and_overlap_count_what_is_kept_against_the_evidence() -> None:
    asked = case({"a": 2, "b": 1}, {"a"}, spans={"a": [(0, 4)]})
    kept = row(asked, ["a"])
    assert (kept.span_words, kept.span_found) == (1, 1)
    assert kept.iou == pytest.approx(4 / len("text of a"))
    assert row(asked, ["b"]).iou == 0.0


def test_evidence_that_was_not_retrieved_counts_as_missed() -> None:
    assert row(case({"a": 1}, {"z"}), ["a"]).recall == 0.0


def test_folds_hold_whole_clusters_and_are_about_equally_large() -> None:
    ranking = case({"a": 1}, {"a"}).ranking
    labelled = [
        LabelledRankings({"ranking": ranking}, {}, "", f"c{place % 23}") for place in range(230)
    ]
    folds = folds_of(labelled)
    sizes = [sum(folds[one.cluster] == fold for one in labelled) for fold in range(FOLDS)]
    assert sum(sizes) == 230
    assert max(sizes) - min(sizes) <= 10


@pytest.mark.parametrize("seed", range(20))
def test_the_best_cut_is_that_of_trying_every_cut(seed: int) -> None:
    generator = np.random.default_rng(seed)
    cases = []
    for number in range(4):
        scores = {f"p{place}": round(float(generator.normal()), 1) for place in range(6)}
        needed = [name for name in scores if generator.random() < 0.4] + ["missed"] * (seed % 2)
        cases.append(case(scores, set(needed), name=f"q{number}"))
    values, cuts = by_signal("judge"), np.arange(-2, 2, 0.1).tolist()
    found = best_cut(cases, values, cuts)
    tried = [mean_f1(cases, at_least(values, cut)) for cut in cuts]
    assert mean_f1(cases, at_least(values, found)) == pytest.approx(max(tried))
    assert found == cuts[int(np.argmax(np.round(tried, 9)))]


def test_the_fixed_k_is_that_of_the_other_questions() -> None:
    cases = [case({"a": 4, "b": 3, "c": 2, "d": 1}, {"a", "b", "c"}, name=str(n)) for n in range(3)]
    assert list(fixed_k(cases)(case({"x": 9, "y": 8, "z": 7, "w": 6}, {"w"}))) == ["x", "y", "z"]


def test_no_fixed_k_beats_the_oracle() -> None:
    asked = case({"a": 4, "b": 3, "c": 2, "d": 1}, {"a", "c"})
    best = mean_f1([asked], oracle_k([]))
    assert all(mean_f1([asked], first(k)) <= best for k in FIXED_K)
    assert list(oracle_k([])(case({"a": 1}, ()))) == []


def test_top_p_keeps_the_shortest_beginning_that_holds_the_share() -> None:
    asked = case({"a": 3, "b": 2, "c": 1}, {"a"})
    chooser = mass(lambda _: {"a": 0.6, "b": 0.3, "c": 0.1}, 0.8)
    assert list(chooser(asked)) == ["a", "b"]


def test_the_matched_cut_reaches_the_recall_of_the_fixed_k_with_as_few_as_it_can() -> None:
    cases = [case({"a": 3, "b": 2, "c": 1}, {"a", "b"}, name=str(n)) for n in range(4)]

    def probabilities(_: Case) -> dict[str, float]:
        return {"a": 0.9, "b": 0.5, "c": 0.2}

    chooser = matched(probabilities, fixed_k)(cases)
    assert mean_recall(cases, chooser) == 1.0
    assert set(chooser(cases[0])) == {"a", "b"}


def test_features_of_a_passage_are_finite_and_as_many_for_every_question() -> None:
    many = features(case({"a": 3, "b": 2, "c": 2}, {"a"}))
    single, nothing = features(case({"a": 0}, {"a"})), features(case({}, ()))
    assert np.isfinite(many).all()
    assert many.shape[1] == single.shape[1] == nothing.shape[1]
    assert len(nothing) == 0


class TestProtocol:
    """Cross-validation, and going on with what is kept."""

    cases: Sequence[Case] = tuple(
        case({"a": 2, "b": 1}, {"a"}, name=f"q{number}", fold=number % FOLDS)
        for number in range(10)
    )

    def test_nothing_is_fitted_on_the_fold_that_it_is_tested_on(self, tmp_path: Path) -> None:
        def fit(cases: Sequence[Case]) -> Chooser:
            seen = {one.fold for one in cases}

            def choose(one: Case) -> list[str]:
                assert one.fold not in seen
                return ["a"]

            assert len(seen) == FOLDS - 1
            return choose

        found = run(Method("m", fit), {"a set": self.cases}, tmp_path)
        assert found["a set"] == {f"q{number}": frozenset({"a"}) for number in range(10)}

    def test_what_is_kept_is_not_chosen_again_and_a_cut_off_line_is(self, tmp_path: Path) -> None:
        asked: list[str] = []

        def fit(_: Sequence[Case]) -> Chooser:
            def choose(one: Case) -> list[str]:
                asked.append(one.query.id)
                return list(one.ids)

            return choose

        method = Method("m", fit, "none")
        first_time = run(method, {"a set": self.cases}, tmp_path)
        path = tmp_path / "chosen" / "m.jsonl"
        lines = path.read_text().splitlines()
        assert len(lines) == FOLDS
        path.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20] + "\n")
        asked.clear()
        assert run(method, {"a set": self.cases}, tmp_path) == first_time
        assert len(asked) == 2

    def test_a_fit_that_is_refused_leaves_its_fold_out(self, tmp_path: Path) -> None:
        def fit(cases: Sequence[Case]) -> Chooser:
            if not any(one.fold == 0 for one in cases):
                raise UsageError("too few")
            return first(1)

        found = run(Method("m", fit), {"a set": self.cases}, tmp_path)
        assert sorted(found["a set"]) == [f"q{n}" for n in range(10) if n % FOLDS]

    def test_probabilities_of_a_question_come_from_a_model_that_did_not_see_it(
        self, tmp_path: Path
    ) -> None:
        times: list[int] = []

        def train(cases: Sequence[Case], _: Path) -> object:
            times.append(len(cases))
            seen = {one.query.id for one in cases}
            return lambda one: {"a": float(one.query.id in seen)}

        fitted = CrossFitted("m", {"a set": self.cases}, train, tmp_path)  # type: ignore[arg-type]
        assert [fitted(one)["a"] for one in self.cases] == [0.0] * 10
        assert times == [8] * FOLDS
        assert not fitted.fold("all", 0).keys() & fitted.fold("all", 1).keys()
        again = CrossFitted("m", {"a set": self.cases}, train, tmp_path)  # type: ignore[arg-type]
        assert again(self.cases[0]) == {"a": 0.0}
        assert len(times) == FOLDS


def test_the_table_marks_what_is_significantly_better_and_tells_partial_questions() -> None:
    cases = [case({"a": 3, "b": 2}, {"a"}, name=f"q{number}") for number in range(30)]
    both = {one.query.id: frozenset({"a", "b"}) for one in cases}
    one = {one.query.id: frozenset({"a"}) for one in cases[:20]}
    found = [
        measured(BASELINE, "s", cases, both, both),
        measured("better", "s", cases, one, both),
    ]
    assert "| better | 1.000 ▲ (20) |" in f1_table(found, ["s"])
    assert found[1].difference.value == pytest.approx(1 / 3)
    json.dumps(found[1].to_json(), allow_nan=False)


def test_steps_of_a_decomposition_become_rationales_with_their_answers_put_in() -> None:
    steps = [
        {"question": "Who wrote it?", "answer": "Ann"},
        {"question": "Where was #1 born? (#3)", "answer": "Rome"},
    ]
    asked = case({"a": 1}, {"a"}, meta={"decomposition": steps})
    assert rationales(asked) == ["Who wrote it? Ann", "Where was Ann born? (#3) Rome"]
    assert rationales(case({"a": 1}, (), meta={"decomposition": steps})) == []


def test_each_rationale_takes_its_passage_and_neighbours_come_along_when_asked() -> None:
    asked = case({"a": 4, "b": 3, "c": 2, "d": 1}, {"b"})
    vectors = asked.vectors.passages["b"][None]
    assert by_rationales(lambda _: vectors, pooled=False)(asked) == {"b"}
    assert by_rationales(lambda _: vectors, pooled=False, neighbours=True)(asked) == {"a", "b", "c"}
    assert by_rationales(lambda _: vectors[:0])(asked) == set()


def test_rankings_come_back_as_they_were_written(tmp_path: Path) -> None:
    query = Query("why?", HERE, id="q1")
    passages = [Passage(f"p{number}", "d", f"text\u2028{number}", HERE) for number in range(3)]
    found = {"bm25": [("p0", 2.0)], "dense": [("p1", 0.5), ("p0", 0.25)], "hybrid": [("p1", 1.0)]}
    asked = [Asked(query, {"p1": 1, "p2": 1}, "c", ["x"], {}, {"p1": [(0, 2)]}, found)]
    rows = {one.id: np.full(4, 0.5, dtype=np.float32) for one in passages}
    rankings.write(tmp_path, "s", asked, passages, Vectors(rows, {"q1": rows["p0"]}, {}))
    assert rankings.sets_of(tmp_path) == ["s"]
    assert rankings.load(tmp_path, "s") == []  # the judge has not read it
    (tmp_path / "s.judge.jsonl").write_text(
        '{"question": "q1", "logits": {"p1": -1.0, "p0": 2.0}}\n{"question": "q1", "lo'
    )
    [one] = rankings.load(tmp_path, "s")
    assert one.rankings["ranking"].ids == one.rankings["judge"].ids == ("p0", "p1")
    assert one.rankings["dense"].hits[0].score == Score(0.5, ScoreKind.COSINE, "retrieve.dense@1")
    assert one.needed == {"p1", "p2"}
    [ready] = cases_of(tmp_path, "s")
    assert ready.gold == {"p1": [(0, 2)]}
    assert ready.matrix.shape == (2, 4)
    assert rankings.vectors_of(tmp_path, "s")(["why?", "text\u20281"]).shape == (2, 4)


def test_sentences_of_a_paragraph_are_its_passages_and_those_with_evidence_are_needed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "clapnq_dev"
    folder.mkdir()
    text = "Cats sleep. Dogs bark at cats. Birds sing."
    (folder / "corpus.jsonl").write_text(
        json.dumps({"id": "p", "title": "Pets", "text": text, "meta": {}})
        + "\n"
        + json.dumps({"id": "other", "title": "", "text": "Not asked about.", "meta": {}})
    )
    questions: list[dict[str, Any]] = [
        {"id": name, "text": "who barks?", "answers": [], "meta": {"paragraph": "p"}}
        for name in ("q1", "q2")
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, questions)))
    (folder / "qrels.tsv").write_text("q1\tp\t1\n")
    (folder / "spans.jsonl").write_text(
        json.dumps({"qid": "q1", "docid": "p", "start": 12, "end": 30, "text": text[12:30]})
    )
    one = next(one for one in sets.SETS if one.name == "clapnq_dev")
    ready = sets.prepare(one, tmp_path)
    assert [document.text for document in ready.data.documents] == [
        "Cats sleep.",
        "Dogs bark at cats.",
        "Birds sing.",
    ]
    assert ready.data.qrels == {"q1": {"p#1": 1}, "q2": {}}
    assert ready.places["p#2"] == ("p", 2)
    assert ready.clusters == {"q1": "p", "q2": "p"}
    assert sets.prepare(one, tmp_path, limit=1).data.queries == ()  # whole clusters only
