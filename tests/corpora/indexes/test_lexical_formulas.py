"""The four libraries, held together by the formulas that they state."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.corpora.indexes.bm25s_bm25 import Bm25sBm25
from assay.corpora.indexes.index import Found
from assay.corpora.indexes.lexical import LexicalIndex, LexicalSearcher, Words
from assay.corpora.indexes.numpy_bm25 import NumpyBm25
from assay.corpora.indexes.rank_bm25_bm25 import RankBm25Bm25
from assay.corpora.indexes.tantivy_bm25 import TantivyBm25
from assay.pipeline.errors import UsageError
from tests.conformance.index_subject import none
from tests.corpora.indexes.lexical_subjects import cut, lucene, okapi

Passages = Mapping[int, Sequence[str]]
KINDS = (NumpyBm25, TantivyBm25, Bm25sBm25, RankBm25Bm25)
PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"


def searcher(index: LexicalIndex, passages: Passages, folder: Path) -> LexicalSearcher:
    items = ((row, {"all": terms}) for row, terms in sorted(passages.items()))
    assert index.update(None, folder, added=items, removed=none())
    opened = index.open(folder)
    assert isinstance(opened, LexicalSearcher)
    return opened


def found(index: LexicalIndex, passages: Passages, terms: Sequence[str], k: int = 10**6) -> Found:
    with TemporaryDirectory() as folder:
        opened = searcher(index, passages, Path(folder))
        result = opened.search(Words(tuple(terms)), k)
        opened.close()
        return result


def scores(index: LexicalIndex, passages: Passages, terms: Sequence[str]) -> dict[int, float]:
    result = found(index, passages, terms)
    return dict(zip(result.rows.tolist(), result.scores.tolist(), strict=True))


THREE = {7: ["cat", "sat", "mat"], 8: ["cat", "cat"], 12: ["dog"]}


def test_worked_numbers() -> None:
    # N = 3, mean length 2. cat is in 2 passages: ln(1 + 1.5 / 2.5) = 0.470004.
    # Row 7: 1 / (1 + 1.2 * (0.25 + 0.75 * 3 / 2)) = 1 / 2.65; row 8: 2 / (2 + 1.2) = 0.625.
    by_bm25s = scores(Bm25sBm25(), THREE, ["cat"])
    assert by_bm25s == pytest.approx({8: 0.293752, 7: 0.177360}, abs=1e-6)
    # numpy and tantivy: the same times 2.2; the lengths are exact.
    for kind in (NumpyBm25, TantivyBm25):
        found_by_it = scores(kind(), THREE, ["cat"])
        assert found_by_it == pytest.approx({8: 0.646255, 7: 0.390192}, abs=1e-6)
    # rank_bm25: ln(1.5) - ln(2.5) < 0, so 0.25 of the mean idf of cat, sat, mat and dog:
    # (-0.510826 + 3 * 0.510826) / 4 = 0.255413. Row 8: 0.063853 * 2 * 2.5 / (2 + 1.5);
    # row 7: 0.063853 * 2.5 / (1 + 1.5 * 1.375).
    by_rank_bm25 = scores(RankBm25Bm25(), THREE, ["cat"])
    assert by_rank_bm25 == pytest.approx({8: 0.0912189, 7: 0.0521251}, abs=1e-6)


def test_a_term_that_comes_twice_counts_twice() -> None:
    for kind in KINDS:
        once, twice = (scores(kind(), THREE, ["dog"] * times) for times in (1, 2))
        assert twice == pytest.approx({row: 2 * score for row, score in once.items()})


@pytest.mark.parametrize(
    ("length", "kept"),
    [(0, 0), (39, 39), (40, 40), (41, 40), (57, 56), (63, 60), (64, 64), (95, 88), (1000, 984)],
)
def test_lengths_are_cut_as_stated(length: int, kept: int) -> None:
    assert cut(length) == kept
    if not length:
        return
    passages = {1: ["a", *["b"] * (length - 1)], 2: ["c"] * 10}
    mean = (length + 10) / 2
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * kept / mean))
    assert scores(TantivyBm25(), passages, ["a"]) == pytest.approx({1: expected}, rel=1e-6)


TERMS = st.sampled_from("abcdefgh")
CORPORA = st.lists(st.lists(TERMS, max_size=60), min_size=1, max_size=12)


@settings(max_examples=12, deadline=None)
@given(CORPORA, st.lists(TERMS, min_size=1, max_size=6))
def test_scores_are_those_of_the_formulas(texts: list[list[str]], asked: list[str]) -> None:
    passages = dict(enumerate(texts))
    query = sorted(asked)
    by_tantivy = scores(TantivyBm25(), passages, asked)
    assert by_tantivy == pytest.approx(
        lucene(passages, query, gain=2.2, kept=cut), rel=1e-5, abs=1e-6
    )
    by_bm25s = scores(Bm25sBm25(k1=0.9, b=0.4), passages, asked)
    assert by_bm25s == pytest.approx(lucene(passages, query, k1=0.9, b=0.4), rel=1e-5, abs=1e-6)
    by_numpy = scores(NumpyBm25(k1=0.9, b=0.4), passages, asked)
    expected = lucene(passages, query, k1=0.9, b=0.4, gain=1.9)
    assert by_numpy == pytest.approx(expected, rel=1e-5, abs=1e-6)
    by_rank_bm25 = scores(RankBm25Bm25(), passages, asked)
    expected = okapi(passages, query)
    assert {row: one for row, one in by_rank_bm25.items() if one > 1e-6} == pytest.approx(
        {row: one for row, one in expected.items() if one > 1e-6}, rel=1e-5, abs=1e-6
    )


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 39).flatmap(
        lambda size: st.lists(st.lists(TERMS, min_size=size, max_size=size), max_size=12)
    ),
    st.lists(TERMS, min_size=1, max_size=4),
)
def test_three_libraries_agree_but_for_a_factor(texts: list[list[str]], asked: list[str]) -> None:
    passages = dict(enumerate(texts))
    other = found(Bm25sBm25(), passages, asked)
    apart = np.abs(np.diff(other.scores)) > 1e-5 * np.abs(other.scores[:-1])
    for kind in (NumpyBm25, TantivyBm25):
        one = found(kind(), passages, asked)
        assert sorted(one.rows.tolist()) == sorted(other.rows.tolist())
        assert one.scores == pytest.approx(2.2 * other.scores, rel=1e-5)
        if apart.all():
            assert one.rows.tolist() == other.rows.tolist()


def test_real_text_is_ranked_alike() -> None:
    analyzer = Analyzer(stemmer="english", stop_words="english")
    blocks = [block for block in PAGE.read_text(encoding="utf-8").split("\n\n") if block.strip()]
    passages = {number: analyzer.terms(block) for number, block in enumerate(blocks)}
    for question in ("certificate of a pipeline", "which floor holds models", "scope of a query"):
        asked = analyzer.terms(question)
        query = sorted(asked)
        by_tantivy = scores(TantivyBm25(), passages, asked)
        expected = lucene(passages, query, gain=2.2, kept=cut)
        assert by_tantivy == pytest.approx(expected, rel=1e-5)
        by_bm25s = scores(Bm25sBm25(), passages, asked)
        assert by_bm25s == pytest.approx(lucene(passages, query), rel=1e-5)
        # Cutting a length takes less than an eighth of it, so a score gains less than an eighth.
        for row, score in by_tantivy.items():
            assert 1 - 1e-5 <= score / (2.2 * by_bm25s[row]) < 1.125
        by_numpy = scores(NumpyBm25(), passages, asked)
        assert by_numpy == pytest.approx({row: 2.2 * one for row, one in by_bm25s.items()})
        by_rank_bm25 = scores(RankBm25Bm25(), passages, asked)
        assert by_rank_bm25 == pytest.approx(okapi(passages, query), rel=1e-5)


def test_statistics_count_passages_with_a_term(tmp_path: Path) -> None:
    for kind in KINDS:
        with TemporaryDirectory() as folder:
            opened = searcher(kind(), THREE, Path(folder))
            facts = opened.statistics(["cat", "cat", "dog", "bird"])
            assert facts.passages == 3
            assert facts.counts == {"cat": 2, "dog": 1, "bird": 0}
            opened.close()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_questions_are_refused(kind: type[LexicalIndex], tmp_path: Path) -> None:
    opened = searcher(kind(), THREE, tmp_path)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="no field 'bdy'"):
        opened.search(Words(("cat",), "bdy"), 3)
    with pytest.raises(UsageError, match="no field 'title'"):
        opened.statistics(["cat"], field="title")
    with pytest.raises(UsageError, match="from 1; asked for 0"):
        opened.search(Words(("cat",)), 0)
    assert len(opened.search(Words(()), 3).rows) == 0
    assert len(opened.search(Words(("", "a b", "bird")), 3).rows) == 0
    opened.close()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_items_are_refused(kind: type[LexicalIndex], tmp_path: Path) -> None:
    for number, terms in enumerate((["a b"], [""], ["a", ""], ["a\n"], ["a\tb", "c"], [" "])):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(UsageError, match="row 5 is empty or has white space"):
            kind().update(None, folder, added=iter([(5, {"all": terms})]), removed=none())  # type: ignore[call-arg]
    with pytest.raises(UsageError, match=r"row 5 has fields \['body'\]; the index has \['all'\]"):
        kind().update(None, tmp_path, added=iter([(5, {"body": ["a"]})]), removed=none())  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_odd_characters_are_terms_like_others(kind: type[LexicalIndex], tmp_path: Path) -> None:
    odd = ["\ud800", "\x00", "\u3000x", "\U0001f3fd", '"', "a" * 5000, "\x1c"]
    passages = {number: [term] for number, term in enumerate(odd)} | {99: ["plain"]}
    opened = searcher(kind(), passages, tmp_path)  # type: ignore[call-arg]
    for number, term in enumerate(odd):
        assert opened.search(Words((term,)), 9).rows.tolist() == [number]
    opened.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [{"k1": -1.0}, {"b": 1.1}, {"k1": math.nan}, {"b": math.inf}])
def test_parameters_out_of_range_are_refused(
    kind: type[LexicalIndex], wrong: Mapping[str, float]
) -> None:
    with pytest.raises(UsageError, match="k1 from 0 and b from 0 to 1"):
        kind(**wrong)  # type: ignore[arg-type]
    for fields in ((), ("all", "all"), ("All",), ("row_number",)):
        with pytest.raises(UsageError, match="distinct names in small letters"):
            kind(fields)  # type: ignore[call-arg]


def test_tantivy_refuses_other_parameters_and_names_the_library_that_takes_them() -> None:
    with pytest.raises(UsageError, match=r"k1 = 1.2 and b = 0.75; found k1 = 0.9.*numpy"):
        TantivyBm25(k1=0.9)
    with pytest.raises(UsageError, match="epsilon"):
        RankBm25Bm25(epsilon=-1)


@pytest.mark.parametrize(
    ("kind", "module"),
    [(TantivyBm25, "tantivy"), (Bm25sBm25, "bm25s"), (RankBm25Bm25, "rank_bm25")],
)
def test_a_missing_library_is_told(
    kind: type[LexicalIndex], module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher(kind(), THREE, tmp_path).close()  # type: ignore[call-arg]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match="pip install"):
        kind().open(tmp_path)  # type: ignore[call-arg]
