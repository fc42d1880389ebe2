from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.dataset import load
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.protocols import Floats
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from benchmarks.retrieval import CORPUS, figures, main, measured, told
from benchmarks.retrieval_quality.choosing import (
    CORPORA,
    FEEDBACKS,
    TEXTS,
    Retrieved,
    choose,
    examples_of,
    fit_model,
)
from benchmarks.retrieval_quality.measuring import Measured, measure
from benchmarks.retrieval_quality.reading import read_texts
from benchmarks.retrieval_quality.scoring import ndcg
from benchmarks.retrieval_quality.source import Found, Remembering, retrieve
from benchmarks.retrieval_quality.systems import exchanged, fusions, shuffled
from benchmarks.retrieval_quality.tasks import TASKS, Question, Task, fold_of, questions_of, read

LOCAL = Scope("local")
WEIGHTS = {"bm25": 0.45, "dense": 0.55}
ANIMALS = ("fox", "owl", "cow", "hen", "cat", "dog")


def write(root: Path, *, scoped: bool = False) -> Path:
    """A set of animals: a passage in each of two books, a question about each of them."""
    folder = root / "animals"
    folder.mkdir()
    passages = [
        {
            "id": f"{book}-{animal}",
            "title": animal if book == "a" else "",
            "text": f"The {animal} of book {book} sleeps {place} hours.",
            "meta": {"book": book},
        }
        for book in "ab"
        for place, animal in enumerate(ANIMALS)
    ]
    questions = [
        {
            "id": f"q-{animal}",
            "text": f"How long does the {animal} sleep?",
            "meta": {"scope": {"field": "book", "value": "a"}} if scoped else {},
        }
        for animal in ANIMALS
    ]
    for name, rows in (("corpus", passages), ("queries", questions)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    judged = "".join(f"q-{animal}\ta-{animal}\t1\n" for animal in ANIMALS[:-1])
    (folder / "qrels.tsv").write_text(f"{judged}q-dog\ta-dog\t0\n", encoding="utf-8")
    return folder


def ranking(*names: str, query: str = "q") -> Ranking:
    hits = (
        Hit(Passage(name, name, name, LOCAL), Score(-float(place), ScoreKind.LOGIT, "t"))
        for place, name in enumerate(names)
    )
    return Ranking(Query(query, LOCAL, id=query), tuple(hits), "t")


def question(
    name: str, grades: Mapping[str, int], filters: Mapping[str, str] | None = None
) -> Question:
    return Question(Query(name, LOCAL, id=name, filters=filters or {}), grades, "report", name)


def embedder() -> HashEmbedder:
    return HashEmbedder(HashEmbedderConfig(dimension=256))


def test_only_questions_with_a_relevant_passage_are_asked(tmp_path: Path) -> None:
    data = load(write(tmp_path, scoped=True))
    found = questions_of(Task("animals", "animals"), data, 100)
    assert [one.query.id for one in found] == ["q-cat", "q-cow", "q-fox", "q-hen", "q-owl"]
    assert {tuple(one.query.filters.items()) for one in found} == {(("book", "a"),)}
    everywhere = questions_of(Task("animals", "animals", in_scope=False), data, 100)
    assert not any(one.query.filters for one in everywhere)


def test_a_smaller_sample_is_a_part_of_a_larger_one(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    samples = [
        {one.query.id for one in questions_of(Task("animals", "animals"), data, limit)}
        for limit in (2, 4)
    ]
    assert [len(one) for one in samples] == [2, 4]
    assert samples[0] < samples[1]


def test_the_folds_are_a_property_of_the_id_and_keep_their_shares() -> None:
    folds = [fold_of("set", f"q{number}") for number in range(1000)]
    assert folds == [fold_of("set", f"q{number}") for number in range(1000)]
    assert 350 < folds.count("dev") < 450


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    found, missing = read(tmp_path, (Task("animals", "animals"), Task("none", "nowhere")))
    assert (list(found), list(missing)) == (["animals"], ["nowhere"])
    assert "corpus.jsonl" in missing["nowhere"]


def test_without_any_set_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert all(f"left out: {task.folder}" in said for task in TASKS)


def test_ndcg_has_linear_gain_and_0_for_nothing_found() -> None:
    asked = [question("a", {"x": 2, "y": 1}), question("b", {"x": 1}), question("c", {"x": 1})]
    found = ndcg(asked, [ranking("y", "x"), ranking(), ranking("x")])
    # (1 + 2 / log2(3)) / (2 + 1 / log2(3))
    assert found == pytest.approx([0.8597, 0.0, 1.0], abs=1e-4)


def test_an_exchanged_ranking_is_of_a_question_that_sees_the_same_passages() -> None:
    found = [
        Found(
            question(name, {"x": 1}, {"book": book}),
            {"bm25": ranking(name), "dense": ranking("d")},
            ranking("d"),
        )
        for name, book in (("a1", "a"), ("a2", "a"), ("b1", "b"))
    ]
    spoilt = exchanged(found, "bm25")
    assert [one["bm25"].ids for one in spoilt] == [("a2",), ("a1",), ("b1",)]
    assert [one["bm25"].query.id for one in spoilt] == ["a1", "a2", "b1"]
    assert all(one["dense"].ids == ("d",) for one in spoilt)
    assert shuffled(found, "dense") == [one.rankings for one in found]


def test_the_reference_ranks_the_same_passages_by_bare_libraries(tmp_path: Path) -> None:
    data = load(write(tmp_path, scoped=True))
    questions = questions_of(Task("animals", "animals"), data, 100)
    settings = {"stemmer": "english", "stop_words": "english"}
    made = retrieve(
        data,
        questions,
        embedder=embedder(),
        folder=tmp_path / "index",
        settings=settings,
        fuse=fusions(WEIGHTS)["rrf"],
        with_reference=True,
    )
    for one in made:
        own = {**one.rankings, **{f"reference {k}": r for k, r in one.reference.items()}}
        relevant = next(iter(one.question.grades))
        for name in ("bm25", "reference bm25", "reference hybrid"):
            assert own[name].ids[0] == relevant
        assert all(passage.startswith("a-") for found in own.values() for passage in found.ids)
        # Both read the same vectors; of equal scores either may come first.
        scores = [
            {hit.passage.id: hit.score.value for hit in own[name].hits}
            for name in ("dense", "reference dense")
        ]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)
    again = retrieve(
        data,
        questions,
        embedder=embedder(),
        folder=tmp_path / "index",
        settings=settings,
        fuse=fusions(WEIGHTS)["rrf"],
    )
    assert [one.rankings for one in again] == [one.rankings for one in made]


def test_all_systems_are_measured_and_told(tmp_path: Path) -> None:
    write(tmp_path)
    task = Task("animals", "animals", issue=(0.1, 0.2, 0.3))
    rows = measured(
        [task, Task("none", "nowhere")],
        read(tmp_path, [task])[0],
        embedder=embedder(),
        folder=tmp_path / "index",
        limit=100,
    )
    assert [row.task.name for row in rows] == ["animals"]
    values = rows[0].values
    assert {"bm25", "adaptive", "rrf, dense shuffled", "adaptive, bm25 exchanged"} <= set(values)
    assert {"reference bm25", "reference hybrid"} <= set(values)
    assert all(len(own) == 5 and all(0 <= one <= 1 for one in own) for own in values.values())
    shown = told(rows)
    assert shown.count("| animals |") == 3
    assert "0.100 / 0.200 / 0.300" in shown
    report = next(one for one in figures(rows) if one["fold"] == "report")
    assert report["n"] == len(rows[0].only("report").questions)


def test_differences_are_paired_and_the_better_part_is_named() -> None:
    asked = [question(f"q{number}", {"x": 1}) for number in range(30)]
    hard = [number % 2 for number in range(30)]
    row = Measured(
        TASKS[0],
        asked,
        {"bm25": hard, "adaptive": [0.5 * one + 0.25 for one in hard], "dense": hard},
    )
    assert row.mean("adaptive") == row.mean("bm25") == 0.5
    assert row.better(("bm25", "dense")) == "bm25"
    plus = Measured(TASKS[0], asked, {"a": [one + 0.1 for one in hard], "b": hard})
    low, high = plus.difference("a", "b").interval or (0.0, 0.0)
    assert (low, high) == pytest.approx((0.1, 0.1))
    wide = plus.estimate("b").interval or (0.0, 0.0)
    assert wide[1] - wide[0] > 0.2


def test_a_spoilt_part_is_told_from_a_sound_one(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    questions = questions_of(Task("animals", "animals"), data, 100)
    found = retrieve(
        data,
        questions,
        embedder=embedder(),
        folder=tmp_path / "index",
        settings={},
        fuse=fusions(WEIGHTS)["rrf"],
    )
    row = measure(Task("animals", "animals"), found, fusions(WEIGHTS))
    assert row.mean("bm25") == 1.0
    assert row.mean("rrf, bm25 exchanged") < 0.9 < row.mean("rrf")


def test_the_model_is_fitted_on_what_it_is_given(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    questions = questions_of(Task("animals", "animals"), data, 100)
    found = retrieve(
        data,
        questions,
        embedder=embedder(),
        folder=tmp_path / "index",
        settings={},
        fuse=fusions(WEIGHTS)["rrf"],
    )
    model = fit_model(examples_of({"animals": found}), WEIGHTS)
    assert model.facts["sets"] == ["animals"]
    assert model.facts["examples"] == 5


def test_settings_are_compared_on_what_they_may_be_chosen_on(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    questions = questions_of(Task("animals", "animals"), data, 3)
    asked: list[tuple[Mapping[str, Any], tuple[int, float] | None]] = []

    def retrieve_all(settings: Mapping[str, Any], feedback: tuple[int, float] | None) -> Retrieved:
        asked.append((settings, feedback))
        return {
            "animals": retrieve(
                data,
                questions,
                embedder=embedder(),
                folder=tmp_path / "index",
                settings=settings,
                fuse=fusions(WEIGHTS)["adaptive"],
                feedback=feedback,
            )
        }

    said, model = choose(retrieve_all, chosen=CORPUS, weights=WEIGHTS)
    assert asked[: len(CORPORA)] == [(one, None) for one in CORPORA.values()]
    assert {feedback for _, feedback in asked[len(CORPORA) :]} == set(FEEDBACKS)
    assert all(settings == CORPUS for settings, _ in asked[len(CORPORA) :])
    assert said.count("| animals | mean |") == 8
    assert "| weighted, softmax, dense 0.55 | " in said
    assert f"| phrases {TEXTS[-1][0]}, titles {TEXTS[-1][1]} | " in said
    assert "| bm25, shuffled, 50 % | " in said
    assert "| fitted on the other tasks | " in said
    assert model.facts["examples"] == 3


def test_fusing_what_was_read_gives_what_the_node_gives(tmp_path: Path) -> None:
    data = load(write(tmp_path))
    found = retrieve(
        data,
        questions_of(Task("animals", "animals"), data, 100),
        embedder=embedder(),
        folder=tmp_path / "index",
        settings={},
        fuse=fusions(WEIGHTS)["rrf"],
        feedback=None,
    )
    assert [one.feedback for one in found] == [None] * 5
    for one in found:
        read = read_texts(one.question, one.rankings)
        expected = fusions(WEIGHTS)["adaptive"](one.rankings)
        made = read.fused(WEIGHTS)
        assert made.ids == expected.ids
        assert [hit.score.value for hit in made.hits] == [hit.score.value for hit in expected.hits]


def test_an_embedder_that_remembers_embeds_each_question_once() -> None:
    asked: list[Sequence[str]] = []

    class Telling(HashEmbedder):
        def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
            asked.append(texts)
            return super().embed_queries(texts, contexts)

    plain = Telling(HashEmbedderConfig(dimension=256))
    remembering = Remembering(plain)
    for texts in (["red fox", "owl", "red fox"], ["owl", "cow"], []):
        contexts = [RunContext() for _ in texts]
        found = remembering.embed_queries(texts, contexts)
        assert found.shape == (len(texts), 256)
        if texts:
            assert found.tolist() == embedder().embed_queries(texts, contexts).tolist()
    assert asked == [["red fox", "owl"], ["cow"]]
    assert remembering.fingerprint() == plain.fingerprint()
