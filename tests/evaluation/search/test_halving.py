"""The search: what wins, what is noted, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.dataset import Dataset, load
from assay.corpora.local import LocalCorpus
from assay.evaluation import records
from assay.evaluation.sampling import only_fold
from assay.evaluation.search import halving
from assay.evaluation.search.goals import constraint_of, objective_of
from assay.evaluation.search.halving import Found, Search
from assay.evaluation.search.journal import Journal, Score
from assay.evaluation.search.rungs import rungs_of
from assay.evaluation.search.space import read_space
from assay.evaluation.search.workbench import Workbench
from assay.pipeline import build
from assay.pipeline.errors import DataError

SPACE = "fields: {quoted.answer_sentences: [1, 2], chosen.k: [1, 2, 3], found.k: [4, 5]}"


def search(
    place: Path,
    space: str = SPACE,
    *,
    objective: str = "qa.correct",
    constraints: Sequence[str] = (),
    trials: int = 5,
    cached: bool = True,
    smallest: int | None = None,
    monkeypatch: pytest.MonkeyPatch | None = None,
    out: str = "out",
) -> Found:
    (place / "space.yaml").write_text(space)
    pipeline = build(place / "p.yaml")
    corpus = pipeline.resources["corpus"]
    assert isinstance(corpus, LocalCorpus)
    whole = load(place / "set")
    if not corpus.indexed:
        corpus.index(whole.documents, skipped={}, progress=lambda *_: None)
    if smallest is not None and monkeypatch is not None:

        def small(dataset: Dataset, *, seed: int) -> Any:
            return rungs_of(dataset, seed=seed, smallest=smallest)

        monkeypatch.setattr(halving, "rungs_of", small)
    bench = Workbench(place / "p.yaml", place, cached=cached)
    asked = Search(
        read_space(place / "space.yaml", bench.source),
        objective_of(objective),
        tuple(constraint_of(one) for one in constraints),
        trials,
        0,
        "local",
    )
    folder = place / out
    with bench:
        return halving.search(
            bench,
            asked,
            only_fold(whole, "tune"),
            folder / "trials",
            Journal(folder, {"objective": objective}),
            advance=lambda *_: None,
            say=lambda _: None,
        )


def plain(found: Found) -> list[dict[str, Any]]:
    return [asdict(replace(one, seconds=0.0)) for one in found.scores]


def test_the_best_objective_wins_and_the_earlier_of_equals(place: Path) -> None:
    found = search(place, trials=20)
    assert found.exhausted
    assert len(found.scores) == 12
    assert found.unchanged.objective == 0.0
    assert (found.winner.objective, found.winner.settings["quoted.answer_sentences"]) == (1.0, 2)
    equals = [one.trial for one in found.scores if one.objective == 1.0]
    assert len(equals) > 1
    assert found.winner.trial == min(equals)


def test_the_unchanged_pipeline_has_to_be_beaten(place: Path) -> None:
    found = search(place, "fields: {found.k: [2, 3, 4, 5]}")
    assert found.winner.trial == 0
    assert {one.objective for one in found.scores} == {0.0}


def test_a_constraint_keeps_a_better_objective_from_winning(place: Path) -> None:
    free = search(place, objective="selection.recall", trials=20, out="free")
    bound = search(
        place, objective="qa.correct", constraints=["selection.size<=1"], trials=20, out="bound"
    )
    assert free.winner.objective == 1.0
    assert bound.winner.settings == {"quoted.answer_sentences": 2}
    assert bound.winner.feasible
    assert any(one.objective == 1.0 and not one.feasible for one in bound.scores)


def test_where_none_keeps_a_constraint_the_one_that_misses_it_least_is_told(place: Path) -> None:
    found = search(place, constraints=["selection.size>=2.5", "qa.correct>=0.5"], trials=20)
    assert found.winner.feasible  # three passages and two sentences
    found = search(place, constraints=["selection.size>=4"], trials=20, out="other")
    assert not found.winner.feasible
    assert found.winner.settings["chosen.k"] == 3


def test_a_figure_that_is_not_measurable_keeps_no_bound(place: Path) -> None:
    found = search(place, constraints=["poison.asr<=1"], trials=1)
    assert found.unchanged.violations == (None,)
    assert not found.unchanged.feasible


def test_better_trials_answer_more_questions_and_are_asked_each_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = search(place, trials=9, smallest=2, monkeypatch=monkeypatch)
    assert found.rungs[-1] == 15
    assert len(found.rungs) == 2
    on = [[one.trial for one in found.scores if one.rung == rung] for rung in (0, 1)]
    assert len(on[0]) == 10
    assert len(on[1]) == 4  # a third of nine, and the unchanged pipeline
    assert 0 in on[1]
    assert found.winner.rung == found.unchanged.rung == 1
    assert found.winner.objective == 1.0
    records = place / "out" / "trials" / f"{found.winner.trial:04}" / "records.jsonl"
    asked = [json.loads(line)["query_id"] for line in records.read_text().splitlines()]
    assert len(asked) == len(set(asked)) == 15


def test_settings_that_cannot_be_built_are_noted_as_impossible(place: Path) -> None:
    found = search(place, "fields: {found.k: [0, 3], chosen.k: [1, 2]}")
    impossible = [one for one in found.scores if one.problem]
    assert {one.settings["found.k"] for one in impossible} == {0}
    assert len(impossible) == 2
    assert all(one.objective is None and not one.feasible for one in impossible)
    assert "greater than or equal to 1" in impossible[0].problem
    assert found.winner.problem == ""


def test_a_stopped_search_goes_on_to_where_an_unstopped_one_comes(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = search(place, out="whole")
    real, runs = records.run_records, []

    def stopping(*arguments: Any, **named: Any) -> Any:
        runs.append(1)
        if len(runs) == 4:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(halving, "run_records", stopping)
    with pytest.raises(KeyboardInterrupt):
        search(place)
    file = place / "out" / "trials.jsonl"
    assert [json.loads(line)["trial"] for line in file.read_text().splitlines()] == [0, 1, 2]
    with file.open("a") as stream:
        stream.write('{"trial": 3, "sett')  # what a killed process may leave
    monkeypatch.setattr(halving, "run_records", real)
    again = search(place)
    assert plain(again) == plain(whole)
    assert again.winner.settings == whole.winner.settings
    more = search(place, trials=7)
    assert plain(more)[:6] == plain(whole)


def test_a_journal_with_a_damaged_line_says_where(place: Path) -> None:
    journal = Journal(place / "out", {})
    journal.add(Score(0, {}, 0, 3, 0.5))
    file = place / "out" / "trials.jsonl"
    file.write_text('{"trial": 0}\n' + file.read_text())
    with pytest.raises(DataError, match=r"trials\.jsonl:1 is no score"):
        Journal(place / "out", {})
