"""What a learned selector is told about scores, words, places and likenesses, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.pipeline import Hit, Passage, Ranking, Score, ScoreKind
from assay.pipeline.errors import UsageError
from assay.stages.select.learned_inputs import (
    PAIR_FEATURES,
    VECTOR_FEATURES,
    SetInputs,
    feature_names,
    learned_inputs,
)
from assay.stages.select.learned_places import PLACE_FEATURES, beside_one_another, place_features
from assay.stages.select.learned_scores import SCORE_FEATURES, score_features
from assay.stages.select.learned_texts import TEXT_FEATURES, text_features, title_links
from tests.words import LOCAL, passage, query

ANALYZER = Analyzer()


def column(found: np.ndarray, names: Sequence[str], name: str) -> list[float]:
    return [round(float(one), 4) for one in found[:, list(names).index(name)]]


def ranked(*pairs: tuple[str, float], kind: ScoreKind = ScoreKind.BM25) -> Ranking:
    hits = (Hit(passage(name, "A text."), Score(score, kind, "t")) for name, score in pairs)
    return Ranking(query(), tuple(hits), "t")


def test_scores_are_told_as_shares_distances_and_places() -> None:
    found = score_features(ranked(("a", 6.0), ("b", 4.0), ("c", 2.0)), ["c", "a", "x"])
    told = {name: column(found, SCORE_FEATURES, name) for name in SCORE_FEATURES}
    assert told["share"] == [0.0, 1.0, 0.0]
    assert told["spread"] == [-1.0, 1.0, 0.0]  # over the passages asked for, c and a
    assert told["squashed"] == [round(math.log(3), 4), round(math.log(7), 4), 0.0]
    assert told["behind"] == [2.0, 0.0, 0.0]
    assert told["to_next"] == [0.0, 2.0, 0.0]
    assert told["reciprocal"] == [0.3333, 1.0, 0.0]
    assert told["absent"] == [0.0, 0.0, 1.0]


def test_scores_of_another_kind_behind_the_best_do_not_count() -> None:
    mixed = Ranking(
        query(),
        ranked(("a", 1.0)).hits + ranked(("b", 99.0), kind=ScoreKind.LOGIT).hits,
        "t",
    )
    assert column(score_features(mixed, ["a", "b"]), SCORE_FEATURES, "absent") == [0.0, 1.0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
@settings(max_examples=60)
def test_any_finite_scores_give_finite_numbers(values: list[float]) -> None:
    pairs = [(f"p{n}", one) for n, one in enumerate(sorted(values, reverse=True))]
    found = score_features(ranked(*pairs), [name for name, _ in pairs])
    assert np.isfinite(found).all()


def test_words_of_the_question_are_found_by_their_stems() -> None:
    passages = [
        passage("a#0", "Tuples were released in 1991.", title="History"),
        passage("b#0", "Released in Utrecht by Guido."),
        passage("c#0", "Nothing of it."),
    ]
    found = text_features("When did Guido release tuples, 1991 or 1992?", passages, ANALYZER)
    told = {name: column(found, TEXT_FEATURES, name) for name in TEXT_FEATURES}
    assert told["names"] == [0.0, 1.0, 0.0]
    assert told["numbers"] == [0.5, 0.0, 0.0]
    assert told["has_digits"] == [1.0, 0.0, 0.0]
    assert told["covered"][0] > told["covered"][1] > told["covered"][2] == 0.0
    assert told["newly_covered"][1] < told["covered_rare"][1]  # what the first has is not new
    assert told["newly_covered"][0] == told["covered_rare"][0]


def test_a_title_that_another_passage_names_links_the_two() -> None:
    passages = [
        passage("a#0", "He was born in Haarlem.", title="Guido"),
        passage("b#0", "A city on the Spaarne.", title="Haarlem (city)"),
        passage("c#0", "Guido is a name.", title="Haarlem (city)"),
    ]
    links = title_links(passages)
    assert links.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]


def test_neighbours_in_the_document_are_told_with_their_scores() -> None:
    passages = [
        passage("d#1", "b", position=1),
        passage("e#0", "x", position=0),
        passage("d#0", "a", position=0),
    ]
    same, beside = beside_one_another(passages)
    assert same.tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert beside[0, 2] == 1.0
    scores, cosines = np.array([3.0, 2.0, 1.0]), np.array([0.5, 0.6, 0.7])
    found = place_features(passages, same, scores.astype(np.float32), cosines.astype(np.float32))
    told = {name: column(found, PLACE_FEATURES, name) for name in PLACE_FEATURES}
    assert told["has_previous"] == [1.0, 0.0, 0.0]
    assert told["previous_cosine"] == [0.7, 0.0, 0.0]
    assert told["next_score"] == [0.0, 0.0, 2.0]
    assert told["from_best"] == [0.0, 9.0, -1.0]
    assert told["lead_over_third"] == [2.0, 2.0, 2.0]
    assert told["nearest_better"] == [0.0, 0.0, 0.5]


def made(n: int, names: tuple[str, ...] = ("ranking", "other")) -> SetInputs:
    generator = np.random.default_rng(n)
    hits = [
        Hit(
            Passage(f"p{place}", f"d{place % 3}", f"text {place}", LOCAL, position=place),
            Score(float(n - place), ScoreKind.LOGIT, "t"),
        )
        for place in range(n)
    ]
    rankings = {name: Ranking(query(), tuple(hits), "t") for name in names}
    rows = generator.normal(size=(n + 1, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return learned_inputs(
        rankings, base="ranking", names=names, query=rows[0], passages=rows[1:], analyzer=ANALYZER
    )


@pytest.mark.parametrize("n", [0, 1, 2, 25])
def test_arrays_have_their_shapes_and_finite_numbers_for_any_size(n: int) -> None:
    found = made(n)
    assert found.features.shape == (n, len(feature_names(("ranking", "other"))))
    assert found.pairs.shape == (n, n, len(PAIR_FEATURES))
    assert found.features.dtype == found.pairs.dtype == np.float32
    assert np.isfinite(found.features).all()
    assert np.isfinite(found.pairs).all()


def test_likeness_to_better_passages_looks_up_only() -> None:
    found = made(5)
    names = feature_names(("ranking", "other"))
    start = names.index(VECTOR_FEATURES[0])
    alike = found.passages @ found.passages.T
    told = found.features[:, start + VECTOR_FEATURES.index("alike_to_better")]
    assert told[0] == 0.0
    for place in range(1, 5):
        assert told[place] == pytest.approx(alike[place, :place].max(), abs=1e-5)
    better = found.pairs[:, :, PAIR_FEATURES.index("better")]
    assert better.tolist() == np.tri(5, k=-1).tolist()


def test_a_ranking_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="trained with the ranking 'dense'"):
        learned_inputs(
            {"ranking": ranked(("a", 1.0))},
            base="ranking",
            names=("ranking", "dense"),
            query=np.ones(2, dtype=np.float32),
            passages=np.ones((1, 2), dtype=np.float32),
            analyzer=ANALYZER,
        )
