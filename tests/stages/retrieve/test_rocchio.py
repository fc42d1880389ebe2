from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.stages.retrieve.rocchio import FINEST, Expansion, Weights, expansion, moved

IDF = {"cat": 2.0, "dog": 1.0, "owl": 3.0, "the": 0.1}


def idf(terms: Sequence[str]) -> Mapping[str, float]:
    return {term: IDF[term] for term in terms if term in IDF}


def expand(query: str, top: list[str], bottom: list[str] | None = None, **more: float) -> Expansion:
    weights = Weights(more.get("alpha", 1.0), more.get("beta", 0.5), more.get("gamma", 0.25))
    return expansion(
        query,
        top,
        bottom or [],
        count=int(more.get("count", 10)),
        weights=weights,
        terms=str.split,
        idf=idf,
    )


def test_a_vector_moves_by_the_formula() -> None:
    query = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    top = np.array([[0, 1, 0], [0, 0, 1]], dtype=np.float32)
    bottom = np.array([[1, 0, 0]], dtype=np.float32)
    found = moved(query, top, bottom, Weights(1.0, 0.5, 0.25))
    assert found.tolist() == [0.75, 0.25, 0.25]
    assert moved(query, top, bottom[:0], Weights(1.0, 0.5, 0.25)).tolist() == [1.0, 0.25, 0.25]


def test_a_vector_that_cancels_out_stays_as_it_was() -> None:
    query = np.array([1.0, 0.0], dtype=np.float32)
    assert moved(query, -query[None], query[None][:0], Weights(1.0, 1.0, 0.0)) is query


def test_words_weigh_by_the_formula_divided_by_their_idf() -> None:
    # query: cat has 2; its length is 2. top: cat 2, owl 3, of length sqrt(13).
    found = expand("cat", ["cat owl"])
    assert found.own == 1 / 2
    assert dict(found.words) == {
        "cat": pytest.approx(0.5 / math.sqrt(13)),
        "owl": pytest.approx(0.5 / math.sqrt(13)),
    }


def test_what_is_said_twice_counts_one_and_its_logarithm() -> None:
    found = expand("cat", ["owl owl dog"], count=1)
    tf = 1 + math.log(2)
    assert dict(found.words) == {"owl": pytest.approx(0.5 * tf / math.hypot(3 * tf, 1.0))}


def test_the_mean_is_over_all_best_and_the_last_are_taken_off() -> None:
    found = expand("cat", ["owl", "dog"], ["dog owl"])
    shares = {"dog": 1 / math.sqrt(10), "owl": 3 / math.sqrt(10)}
    assert dict(found.words) == {
        "dog": pytest.approx(0.5 / 2 - 0.25 * shares["dog"]),
        "owl": pytest.approx((0.5 / 2 - 0.25 * shares["owl"]) / 3),
    }
    assert "dog" not in expand("cat", ["owl"], ["dog"]).words


def test_terms_that_the_corpus_does_not_have_are_no_words() -> None:
    assert dict(expand("cat zebra", ["zebra"]).words) == {}
    assert expand("zebra", ["owl"]).own == 1.0


def test_only_so_many_new_words_and_any_of_the_query() -> None:
    assert set(expand("cat", ["cat owl dog the"], count=1).words) == {"cat", "owl"}
    assert set(expand("owl", ["cat owl dog the"], count=1).words) == {"cat", "owl"}


def test_weights_are_said_by_repetition() -> None:
    said = Expansion(2.0, {"owl": 1.0, "dog": 0.5, "the": 0.001}).text("cat cat")
    assert Counter(said.split()) == {"cat": 2 * FINEST, "owl": FINEST // 2, "dog": FINEST // 4}


def test_without_words_the_query_stays_as_it_is() -> None:
    assert Expansion(2.0, {}).text("cat") == "cat"
    assert Expansion(0.0, {"owl": 1.0}).text("cat") == "\n".join(["owl"] * FINEST)


@given(
    own=st.floats(0.01, 10),
    weights=st.lists(st.floats(0.001, 10), min_size=1, max_size=5),
)
def test_repetitions_are_in_proportion(own: float, weights: list[float]) -> None:
    words = {f"w{number}": weight for number, weight in enumerate(weights)}
    counts = Counter(Expansion(own, words).text("q").split())
    largest = max(own, *weights)
    for word, weight in {"q": own, **words}.items():
        assert abs(counts[word] - FINEST * weight / largest) <= 0.5 + 1e-9
    assert max(counts.values()) == FINEST


@given(st.lists(st.sampled_from(["cat owl", "dog the", "owl owl", "the", ""]), min_size=1))
def test_the_order_of_the_best_does_not_matter(top: list[str]) -> None:
    one, other = expand("cat", top), expand("cat", top[::-1])
    assert list(one.words) == list(other.words)
    assert list(one.words.values()) == pytest.approx(list(other.words.values()))


def test_a_stem_is_handed_on_as_the_word_that_gave_it_most_often() -> None:
    analyzer = Analyzer(stemmer="english")
    found = expansion(
        "x",
        ["Organizations organization organization", "organisms"],
        [],
        count=9,
        weights=Weights(1.0, 1.0, 0.0),
        terms=analyzer.terms,
        idf=lambda terms: dict.fromkeys(terms, 1.0),
    )
    assert "organization" in found.words
    assert "organizations" not in found.words
    for word in found.words:
        assert len(analyzer.terms(word)) == 1


def test_pieces_of_a_script_without_spaces_are_words_of_their_own() -> None:
    analyzer = Analyzer()
    found = expansion(
        "x",
        ["東京都"],
        [],
        count=9,
        weights=Weights(1.0, 1.0, 0.0),
        terms=analyzer.terms,
        idf=lambda terms: dict.fromkeys(terms, 1.0),
    )
    assert set(found.words) == set(analyzer.terms("東京都"))
