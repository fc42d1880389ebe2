"""The conformal selector keeps what its fitted rule keeps, and only from the ranking of the fit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.pipeline import Hit, Ranking, Score, ScoreKind
from assay.pipeline.context import RunContext
from assay.pipeline.errors import DataError, UsageError
from assay.stages.select.conformal import Conformal, ConformalConfig
from assay.stages.select.conformal_rule import (
    ConformalRule,
    Measure,
    read,
    require_measure,
    usual_measure,
)
from tests.conformance.samples import Sample, asked
from tests.words import passage, query, ranking

RULE = ConformalRule(
    alpha=0.1,
    delta=0.1,
    guarantee="confidence",
    loss="all",
    measure="score",
    threshold=1.0,
    kind=ScoreKind.LOGIT,
    source="sample",
    n=200,
    missed_by_retrieval=3,
    lost=13.0,
    size=4.5,
    left_out={"nothing is needed": 7},
    data="0" * 64,
    name="toy",
)


def sample(corpus: Corpus) -> Sample:
    path = Path(tempfile.mkdtemp()) / "rule.json"
    RULE.write(path)
    return Sample(asked(), config={"path": str(path)})


def hits(*scores: float, kind: ScoreKind = ScoreKind.LOGIT, source: str = "sample") -> list[Hit]:
    return [
        Hit(passage(f"{kind}{number}", "A text."), Score(score, kind, source))
        for number, score in enumerate(scores)
    ]


def started(folder: Path, rule: ConformalRule) -> Conformal:
    rule.write(folder / "rule.json")
    node = Conformal(ConformalConfig(path="rule.json"))
    assert node.prepare(folder) == ()
    node.start()
    return node


def test_passages_are_kept_by_their_score_and_told_why(tmp_path: Path) -> None:
    context = RunContext()
    result = started(tmp_path, RULE).run(query(), ranking(*hits(2.5, 1.0, 0.5)), context)
    assert result.reasons == {
        "logit0": "logit 2.5, at least 1",
        "logit1": "logit 1, at least 1",
    }
    assert [one.reason for one in result.dropped] == ["logit 0.5, below 1"]
    assert context.notes == {
        "alpha": 0.1,
        "size": 2,
        "guarantee": "on at most 10 % of the questions evidence is missing, with confidence 90 %"
        " (200 calibration questions)",
    }


@pytest.mark.parametrize(
    ("measure", "kept", "dropped"),
    [
        ("place", "place 2 of the first 2", "place 3, behind the first 2"),
        ("gap", "BM25 1.5 below the best, at most 2", "BM25 2.5 below the best, more than 2"),
    ],
)
def test_scores_of_one_question_are_compared_by_place_or_gap(
    tmp_path: Path, measure: Measure, kept: str, dropped: str
) -> None:
    rule = replace(RULE, measure=measure, threshold=2.0, kind=ScoreKind.BM25)
    given_hits = hits(9.0, 7.5, 6.5, kind=ScoreKind.BM25)
    result = started(tmp_path, rule).run(query(), ranking(*given_hits), RunContext())
    assert result.reasons["bm251"] == kept
    assert [one.reason for one in result.dropped] == [dropped]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (hits(1.0, kind=ScoreKind.COSINE), "kind 'logit' from sample and is given.*'cosine' from"),
        (hits(1.0, source="other"), "from sample and is given scores of kind 'logit' from other"),
    ],
)
def test_scores_of_another_kind_or_source_are_refused(
    tmp_path: Path, wrong: list[Hit], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        started(tmp_path, RULE).run(query(), ranking(*wrong), RunContext())


def test_scores_of_two_sources_in_one_ranking_are_refused(tmp_path: Path) -> None:
    mixed = [*hits(2.0), *hits(1.0, source="other")]
    with pytest.raises(UsageError, match="from sample and from other"):
        started(tmp_path, RULE).run(query(), ranking(*mixed), RunContext())


def test_what_was_not_scored_is_dropped_by_score_and_kept_by_place(tmp_path: Path) -> None:
    mixed = ranking(*hits(2.0), *hits(30.0, kind=ScoreKind.BM25))
    by_score = started(tmp_path, RULE).run(query(), mixed, RunContext())
    assert [one.reason for one in by_score.dropped] == [
        "place 2 has no logit: those before it were scored"
    ]
    by_place = started(tmp_path, replace(RULE, measure="place", threshold=2.0))
    assert by_place.run(query(), mixed, RunContext()).ids == ("logit0", "bm250")


def test_nothing_may_be_kept(tmp_path: Path) -> None:
    assert started(tmp_path, RULE).run(query(), ranking(*hits(0.9)), RunContext()).kept == ()


def test_without_a_fit_the_error_names_the_command(tmp_path: Path) -> None:
    node = Conformal(ConformalConfig(path="none.json"))
    assert node.prepare(tmp_path) == ()
    with pytest.raises(UsageError, match="assay train conformal PIPELINE --data DIR --node NODE"):
        node.start()
    with pytest.raises(UsageError, match="was not started"):
        node.run(query(), Ranking(query(), (), "x"), RunContext())


def test_the_fingerprint_follows_the_rule(tmp_path: Path) -> None:
    first = started(tmp_path, RULE).parts()
    assert started(tmp_path, RULE).parts() == first
    assert started(tmp_path, replace(RULE, threshold=1.5)).parts() != first


def test_a_rule_is_read_as_it_was_written(tmp_path: Path) -> None:
    rule = replace(RULE, threshold=0.1 + 0.2, chosen_on=("used before",), upstream="abc")
    rule.write(tmp_path / "deep" / "rule.json")
    assert read(tmp_path / "deep" / "rule.json") == rule


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "assay-logistic/1"},
        {"threshold": None},
        {"threshold": "1"},
        {"threshold": True},
        {"threshold": 10**400},
        {"alpha": 1.5},
        {"delta": None},
        {"kind": "loudness"},
        {"measure": "mood"},
        {"kind": "bm25"},
        {"source": 3},
        {"left_out": 3},
        {"more": 1},
    ],
)
def test_a_damaged_rule_is_refused(tmp_path: Path, change: Mapping[str, Any]) -> None:
    RULE.write(tmp_path / "rule.json")
    told = json.loads((tmp_path / "rule.json").read_text()) | change
    (tmp_path / "rule.json").write_text(json.dumps(told))
    with pytest.raises((DataError, UsageError)):
        read(tmp_path / "rule.json")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": NaN}', "\x00"])
def test_a_file_that_is_no_rule_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "rule.json").write_text(text)
    with pytest.raises(DataError, match=r"rule\.json"):
        read(tmp_path / "rule.json")


def test_measures_that_mean_nothing_for_a_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="measure the 'place' or the 'gap'"):
        require_measure("score", ScoreKind.BM25)
    with pytest.raises(UsageError, match="nothing but the order"):
        require_measure("gap", ScoreKind.ORDER)
    for kind in ScoreKind:
        require_measure(usual_measure(kind), kind)


@given(st.lists(st.floats(-5, 5), max_size=12), st.floats(-5, 5), st.sampled_from(["score", "gap"]))
def test_what_is_kept_scores_no_lower_than_what_is_dropped(
    scores: list[float], threshold: float, measure: Measure
) -> None:
    rule = replace(RULE, measure=measure, threshold=threshold)
    given_hits = hits(*sorted(scores, reverse=True))
    kept = rule.kept(ranking(*given_hits))
    inside = [hit.score.value for hit, keep in zip(given_hits, kept, strict=True) if keep]
    outside = [hit.score.value for hit, keep in zip(given_hits, kept, strict=True) if not keep]
    assert not inside or not outside or min(inside) > max(outside)
