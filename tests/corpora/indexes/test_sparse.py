"""The index over weights by term."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.indexes import sparse_segments, sparse_weights
from assay.corpora.indexes.folders import seal
from assay.corpora.indexes.index import Weights
from assay.corpora.indexes.sparse_weights import SparseWeights
from assay.pipeline.errors import CorpusError, UsageError
from tests.conformance.index import CHECKS
from tests.conformance.index_subject import IndexSubject, contents

TERMS = ["sea", "bird", "##ing", "日本", "a b", "\ud800", "", "é", *(f"t{n}" for n in range(30))]


def weights(rng: np.random.Generator) -> dict[str, float]:
    """Weights of some terms; one in ten has none, and some are alike."""
    if rng.random() < 0.1:
        return {}
    count = int(rng.integers(1, 9))
    chosen = rng.choice(len(TERMS), count, replace=False)
    return {TERMS[place]: float(rng.integers(1, 12)) / 4 for place in chosen}


def products(live: Mapping[int, Weights], gone: object, asked: Weights) -> dict[int, float]:
    scores = {
        row: sum(asked[term] * weight for term, weight in item.items() if term in asked)
        for row, item in live.items()
    }
    return {row: score for row, score in scores.items() if score > 0}


SUBJECT: IndexSubject[Weights, Weights] = IndexSubject(
    name="sparse weights", make=SparseWeights, item=weights, asked=weights, scores=products,
    tolerance=1e-6,
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_the_sparse_index_keeps_the_promise(check: str, tmp_path: Path) -> None:
    CHECKS[check](SUBJECT, tmp_path)


def step(
    folder: Path, old: Path | None, added: Iterable[tuple[int, Any]], lost: Iterable[int] = ()
) -> Path:
    folder.mkdir()
    assert SparseWeights().update(
        old, folder, added=added, removed=np.array(sorted(lost), dtype=np.int64)
    )
    return folder


def test_a_score_is_the_sum_of_products(tmp_path: Path) -> None:
    items = [{"bird": 1.5, "sea": 2.0}, {"bird": 0.5, "fly": 3.0}, {"fly": 1.0}, {}]
    searcher = SparseWeights().open(step(tmp_path / "one", None, enumerate(items)))
    found = searcher.search({"bird": 2.0, "sea": 0.25, "unknown": 9.0}, 9)
    assert found.rows.tolist() == [0, 1]
    assert found.scores.tolist() == [3.5, 1.0]
    assert searcher.search({}, 3).rows.tolist() == []
    assert searcher.search({"fly": 0.0}, 3).rows.tolist() == []
    assert searcher.note == "sparse: 5 weights of 4 passages, exact"


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -0.5, 1e300])
def test_a_weight_that_is_none_is_refused_with_row_and_term(weight: float, tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"of row 4, the weight of 'sea' is .*expected 0 to 1,000"
    ):
        step(tmp_path / "one", None, [(1, {"sea": 1.0}), (4, {"bird": 1.0, "sea": weight})])
    searcher = SparseWeights().open(step(tmp_path / "two", None, [(1, {"sea": 1.0})]))
    with pytest.raises(UsageError, match="the query's weight of 'sea' is"):
        searcher.search({"sea": weight}, 1)
    with pytest.raises(UsageError, match="best k from 1"):
        searcher.search({"sea": 1.0}, 0)


def test_weights_of_nothing_are_left_out(tmp_path: Path) -> None:
    folder = step(tmp_path / "one", None, [(0, {"sea": 0.0, "bird": 1e-60, "fly": 1.0})])
    searcher = SparseWeights().open(folder)
    assert searcher.search({"sea": 1.0, "bird": 1e6}, 1).rows.tolist() == []
    assert "1 weights" in searcher.note


def test_rows_must_rise_and_be_new(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="row 2 was added after row 2"):
        step(tmp_path / "one", None, [(2, {}), (2, {})])
    old = step(tmp_path / "two", None, [(2, {"a": 1.0})])
    with pytest.raises(CorpusError, match="row 1 was added after row 2"):
        step(tmp_path / "three", old, [(1, {"a": 1.0})])


def test_the_heaviest_weights_have_finite_scores(tmp_path: Path) -> None:
    heavy = {f"t{number}": sparse_weights.HEAVIEST for number in range(1000)}
    searcher = SparseWeights().open(step(tmp_path / "one", None, [(0, heavy)]))
    assert searcher.search(heavy, 1).scores.tolist() == pytest.approx([1e15])


items_of = st.dictionaries(st.text(max_size=3), st.floats(0.0078125, 100, width=32), max_size=5)


@settings(max_examples=20, deadline=None)
@given(st.lists(items_of, max_size=12), items_of, st.integers(1, 7))
def test_how_rows_came_in_changes_no_bit(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, float]], asked: Any, part: int
) -> None:
    base = tmp_path_factory.mktemp("sparse")
    with pytest.MonkeyPatch.context() as patch:
        whole = step(base / "whole", None, enumerate(items))
        patch.setattr(sparse_segments, "LARGEST", 8)  # many segments, all of them small
        patch.setattr(sparse_weights, "LARGEST", 8)
        folder, rows = None, list(enumerate(items))
        for number in range(0, len(items), part):
            folder = step(base / f"p{number}", folder, rows[number : number + part])
    one = SparseWeights().open(whole).search(asked, 4)
    if folder is not None:
        other = SparseWeights().open(folder).search(asked, 4)
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores.tolist() == other.scores.tolist()


def test_many_weights_make_several_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_segments, "LARGEST", 100)
    rng = np.random.default_rng(1)
    items = [weights(rng) for _ in range(200)]
    folder = step(tmp_path / "one", None, enumerate(items))
    assert len([name for name in contents(folder) if name.endswith(".rows.npy")]) > 5
    searcher = SparseWeights().open(folder)
    assert searcher.size == 200
    for _ in range(10):
        asked = weights(rng)
        expected = products(dict(enumerate(items)), None, asked)
        found = searcher.search(asked, 1000)
        assert dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(
            expected
        )


def test_an_update_links_what_stays_and_drops_removed_rows_of_what_it_writes_anew(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(2)
    items = [{"all": 1.0, **weights(rng)} for _ in range(60)]
    first = step(tmp_path / "a", None, list(enumerate(items))[:50])
    second = step(tmp_path / "b", first, list(enumerate(items))[50:55])
    third = step(tmp_path / "c", second, list(enumerate(items))[55:], [3, 52])
    assert (first / "0-49.weights.npy").stat().st_ino == (third / "0-49.weights.npy").stat().st_ino
    assert np.load(third / "50-59.rows.npy").tolist() == [50, 51, 53, 54, 55, 56, 57, 58, 59]
    assert np.load(third / "removed.npy").tolist() == [3]
    found = SparseWeights().open(third).search({"all": 2.0}, 1).rows.tolist()
    assert found == [row for row in range(60) if row not in (3, 52)]


def test_damage_to_what_is_too_large_to_be_digested_is_told(tmp_path: Path) -> None:
    folder = step(tmp_path / "one", None, [(0, {"a": 1.0, "b": 2.0}), (1, {"b": 1.0})])

    def harmed(name: str, array: Any) -> None:
        before = (folder / name).read_bytes()
        np.save(folder / name, array)
        seal(folder)
        with pytest.raises(CorpusError, match="is damaged"):
            SparseWeights().open(folder).search({"a": 1.0, "b": 1.0}, 2)
        (folder / name).write_bytes(before)

    harmed("0-1.places.npy", np.array([0, 0, 7], dtype=np.int32))
    harmed("0-1.places.npy", np.array([0, 0], dtype=np.int32))
    harmed("0-1.starts.npy", np.array([0, 1, 5], dtype=np.int64))
    harmed("0-1.ends.npy", np.array([1, 9], dtype=np.int64))
    harmed("0-1.weights.npy", np.array([1, 2, 3], dtype=np.float64))
