"""Vectors that go in, vectors that are asked, and the search that is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.corpora.indexes import dense
from assay.corpora.indexes.dense import DenseSearcher
from assay.corpora.indexes.faiss_vectors import FaissVectors
from assay.corpora.indexes.flat_vectors import FlatVectors
from assay.corpora.indexes.index import Index, Rows
from assay.corpora.indexes.rows import RowMap
from assay.corpora.indexes.segments import Segment, absorbed
from assay.models.protocols import Floats
from assay.pipeline.errors import CorpusError, UsageError
from tests.conformance.index_subject import contents, none

MAKERS: dict[str, Callable[[], FlatVectors | FaissVectors]] = {
    "flat": FlatVectors,
    "faiss": lambda: FaissVectors("flat"),
}


def f32(*numbers: float) -> Floats:
    return np.array(numbers, dtype=np.float32)


def units(count: int, dimension: int, seed: int = 0) -> Floats:
    made = np.random.default_rng(seed).standard_normal((count, dimension))
    unit: Floats = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


def step(
    index: Index[Floats, Floats],
    folder: Path,
    old: Path | None,
    added: Iterable[tuple[int, Any]],
    removed: Iterable[int] = (),
) -> Path | None:
    """One update; the new folder, or None where the index wants to begin anew."""
    folder.mkdir(parents=True)
    lost = np.array(sorted(removed), dtype=np.int64)
    return folder if index.update(old, folder, added=added, removed=lost) else None


def made(index: Any, folder: Path, vectors: Floats) -> DenseSearcher:
    step(index, folder, None, enumerate(vectors))
    searcher: DenseSearcher = index.open(folder)
    return searcher


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([1.0, 0.0, 0.0], r"the vector of row 7 has the shape \(3,\), expected \(2,\)"),
        ([[1.0, 0.0]], r"row 7 has the shape \(1, 2\)"),
        ([np.nan, 1.0], "the vector of row 7 has the length nan"),
        ([np.inf, 0.0], "the vector of row 7 has the length inf"),
        ([3e38, 3e38], "the vector of row 7 has the length"),
        ([0.5, 0.5], r"the vector of row 7 has the length 0\.707107, expected 1, or 0"),
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused_with_its_row(
    kind: str, vector: list[Any], message: str, tmp_path: Path
) -> None:
    added = [(2, f32(0, 1)), (7, np.array(vector, dtype=np.float32))]
    with pytest.raises(CorpusError, match=message):
        step(MAKERS[kind](), tmp_path / "new", None, added)


def test_rows_must_rise_and_be_new(tmp_path: Path) -> None:
    one = f32(0, 1)
    with pytest.raises(CorpusError, match="row 5 was added after row 5"):
        step(FlatVectors(), tmp_path / "a", None, [(5, one), (5, one)])
    old = step(FlatVectors(), tmp_path / "b", None, [(5, one)])
    emptied = step(FlatVectors(), tmp_path / "c", old, [], [])
    with pytest.raises(CorpusError, match="row 4 was added after row 5"):
        step(FlatVectors(), tmp_path / "d", emptied, [(4, one)])


def test_a_later_vector_of_another_dimension_is_refused(tmp_path: Path) -> None:
    old = step(FlatVectors(), tmp_path / "old", None, [(0, f32(0, 1))])
    with pytest.raises(CorpusError, match=r"shape \(3,\), expected \(2,\)"):
        step(FlatVectors(), tmp_path / "new", old, [(1, f32(0, 1, 0))])


@pytest.mark.parametrize("kind", MAKERS)
def test_a_query_that_cannot_be_compared_is_the_callers_mistake(kind: str, tmp_path: Path) -> None:
    searcher = made(MAKERS[kind](), tmp_path / "one", units(5, 3))
    for asked in ([1, 0], [[1, 0, 0]], [np.nan, 0, 0], [np.inf, 0, 0]):
        with pytest.raises(UsageError, match=r"the query's vector (has the shape|holds a number)"):
            searcher.search(np.array(asked, dtype=np.float32), 1)
    with pytest.raises(UsageError, match="best k from 1; asked for 0"):
        searcher.search(f32(1, 0, 0), 0)


def test_the_length_of_a_query_changes_nothing(tmp_path: Path) -> None:
    searcher = made(FlatVectors(), tmp_path / "one", units(50, 8))
    asked = units(1, 8, seed=3)[0]
    for length in (1e-30, 0.3, 7.0, 1e30):
        found = searcher.search((asked * np.float32(length)).astype(np.float32), 5)
        same = searcher.search(asked, 5)
        assert found.rows.tolist() == same.rows.tolist()
        assert found.scores == pytest.approx(same.scores, abs=1e-6)


def test_zeros_have_cosine_0_with_everything(tmp_path: Path) -> None:
    vectors = np.concatenate([units(3, 4), np.zeros((2, 4), dtype=np.float32)])
    searcher = made(FlatVectors(), tmp_path / "one", vectors)
    found = searcher.search(np.zeros(4, dtype=np.float32), 1)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    assert found.scores.tolist() == [0.0] * 5
    assert searcher.search(vectors[0], 5).scores[searcher.search(vectors[0], 5).rows > 2].tolist() \
        == [0.0, 0.0]  # fmt: skip


@pytest.mark.parametrize("dimension", [1, 3, 24, 383])
def test_equal_vectors_tie_wherever_they_lie(dimension: int, tmp_path: Path) -> None:
    """A matrix product gives equal vectors slightly different scores by their places."""
    rng = np.random.default_rng(dimension)
    kinds = units(3, dimension)
    places = rng.integers(3, size=701)
    searcher = made(FlatVectors(), tmp_path / "one", kinds[places])
    asked = units(1, dimension, seed=9)[0]
    order = np.argsort(-(kinds.astype(np.float64) @ asked))
    found = searcher.search(asked, 1)
    if dimension > 1:  # in one dimension two kinds may be equal
        assert found.rows.tolist() == np.flatnonzero(places == order[0]).tolist()
    assert len(set(found.scores.tolist())) == 1


@given(
    st.integers(1, 40), st.integers(1, 300), st.integers(1, 50), st.integers(0, 2**32 - 1),
    st.booleans(),
)  # fmt: skip
def test_a_score_is_that_of_the_vector_alone_and_candidates_hold_the_best(
    dimension: int, count: int, k: int, seed: int, filtered: bool
) -> None:
    rng = np.random.default_rng(seed)
    vectors = units(count, dimension, seed)[rng.integers(count, size=count)]
    asked = units(1, dimension, seed + 1)[0]
    chosen = np.flatnonzero(rng.random(count) < rng.random()) if filtered else None
    every = np.arange(count) if chosen is None else chosen
    scores = dense.cosines(vectors, asked, every)
    for place, score in zip(every, scores, strict=True):
        alone = dense.cosines(vectors[place : place + 1].copy(), asked, np.array([0]))
        assert alone[0] == score
    if not len(every):
        return
    near = dense.candidates(vectors, asked, k, chosen)
    least = np.sort(scores)[::-1][: min(k, len(every))][-1]
    assert set(every[scores >= least].tolist()) <= set(near.tolist()) <= set(every.tolist())


def test_a_long_candidate_list_is_compared_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = units(100, 4)
    whole = made(FlatVectors(), tmp_path / "one", vectors).search(vectors[3], 100)
    monkeypatch.setattr(dense, "BLOCK", 7)
    monkeypatch.setattr(dense, "_SCANNED", 7)
    searcher = made(FlatVectors(), tmp_path / "two", vectors)
    for k in (10, 100):
        found = searcher.search(vectors[3], k)
        assert found.rows.tolist() == whole.rows[:k].tolist()
        assert found.scores.tolist() == whole.scores[:k].tolist()
        few = searcher.search(vectors[3], k, allowed=np.arange(0, 100, 9))
        assert few.rows.tolist() == [row for row in whole.rows.tolist() if row % 9 == 0][:k]


@pytest.mark.parametrize("kind", MAKERS)
def test_vectors_come_back_as_they_were_added_in_the_order_asked(kind: str, tmp_path: Path) -> None:
    index, vectors = MAKERS[kind](), units(40, 6)
    old = step(index, tmp_path / "a", None, zip(range(0, 60, 2), vectors[:30], strict=True))
    folder = step(index, tmp_path / "b", old, zip(range(60, 70), vectors[30:], strict=True), [4])
    assert folder is not None
    searcher = index.open(folder)
    given_back = searcher.vectors(np.array([69, 0, 58, 0]))
    assert given_back.dtype == np.float32
    assert np.array_equal(given_back, vectors[[39, 0, 29, 0]])
    assert searcher.vectors(none()).shape == (0, 6)
    for row in (4, 1, 70, -1):
        with pytest.raises(CorpusError, match=f"row {row} is not in the index"):
            searcher.vectors(np.array([0, row]))


def test_both_exact_indexes_find_the_same_to_the_last_bit(tmp_path: Path) -> None:
    vectors = units(500, 16)
    one = made(FlatVectors(), tmp_path / "flat", vectors)
    other = made(FaissVectors("auto"), tmp_path / "faiss", vectors)
    assert one.exact and other.exact and one.fingerprint() == other.fingerprint()
    assert one.kind == other.kind == one.note == "flat: 500 vectors of 16, exact"
    for seed in range(5):
        asked = units(1, 16, seed)[0]
        for allowed in (None, np.arange(0, 500, 3), np.arange(0, 500, 50)):
            left = one.search(asked, 7, allowed=allowed)
            right = other.search(asked, 7, allowed=allowed)
            assert left.rows.tolist() == right.rows.tolist()
            assert left.scores.tolist() == right.scores.tolist()


def test_an_update_links_what_stays_and_writes_what_is_new(tmp_path: Path) -> None:
    vectors = units(100, 4)
    old = step(FlatVectors(), tmp_path / "a", None, enumerate(vectors[:90]))
    new = step(FlatVectors(), tmp_path / "b", old, zip(range(90, 100), vectors[90:], strict=True))
    assert old is not None and new is not None
    for name in ("0-89.rows.npy", "0-89.vectors.npy"):
        assert (old / name).stat().st_ino == (new / name).stat().st_ino
    assert sorted(contents(new)) == [
        "0-89.rows.npy", "0-89.vectors.npy", "90-99.rows.npy", "90-99.vectors.npy",
        "files.json", "removed.npy", "segments.json",
    ]  # fmt: skip


def test_many_small_updates_leave_few_segments_and_drop_removed_vectors(tmp_path: Path) -> None:
    vectors, folder = units(96, 4), tmp_path / "0"
    assert step(FlatVectors(), folder, None, enumerate(vectors[:4])) == folder
    for number in range(1, 24):
        some = range(4 * number, 4 * number + 4)
        lost = [4 * number - 1] if number % 4 == 0 else []
        added = [(row, vectors[row]) for row in some]
        new = step(FlatVectors(), tmp_path / str(number), folder, added, lost)
        assert new is not None
        folder = new
    segments = [name for name in contents(folder) if name.endswith(".rows.npy")]
    assert len(segments) <= 5
    searcher = FlatVectors().open(folder)
    assert searcher.size == 96 - 5
    rows = np.concatenate([np.load(folder / name) for name in segments])
    assert len(rows) < 96, "segments that were written anew still hold removed rows"


def test_after_a_fifth_is_removed_it_is_begun_anew(tmp_path: Path) -> None:
    vectors = units(100, 4)
    old = step(FlatVectors(), tmp_path / "a", None, enumerate(vectors))
    assert step(FlatVectors(), tmp_path / "b", old, [], range(20)) is not None
    assert step(FlatVectors(), tmp_path / "c", old, [], range(21)) is None


def test_a_folder_of_another_kind_of_index_is_told(tmp_path: Path) -> None:
    made(FlatVectors(), tmp_path / "flat", units(5, 4))
    with pytest.raises(
        CorpusError, match="written as 'flat vectors 1', expected 'faiss vectors 1'"
    ):
        FaissVectors().open(tmp_path / "flat")


def rows_of(*values: int) -> Rows:
    return np.array(values, dtype=np.int64)


@given(
    st.lists(st.integers(0, 400), min_size=1, unique=True),
    st.lists(st.integers(-5, 420), unique=True),
    st.lists(st.integers(0, 400), unique=True),
    st.booleans(),
)
def test_places_of_allowed_rows_are_right_for_dense_and_sparse_rows(
    held: list[int], allowed: list[int], removed: list[int], far: bool
) -> None:
    rows = np.sort(np.array(held, dtype=np.int64)) * (1 if not far else 1_000_003)
    asked = np.sort(np.array(allowed, dtype=np.int64)) * (1 if not far else 1_000_003)
    lost = np.sort(np.array(removed, dtype=np.int64)) * (1 if not far else 1_000_003)
    cut = len(rows) // 2
    known = RowMap([cut, len(rows) - cut], rows, lost)
    one, other = known.open_places(asked)
    assert one is not None and other is not None
    found = np.concatenate([rows[:cut][one], rows[cut:][other]])
    assert found.tolist() == sorted(set(rows.tolist()) & set(asked.tolist()) - set(lost.tolist()))
    alive = known.open_places(None)
    left = [part[chosen] if chosen is not None else part
            for part, chosen in zip((rows[:cut], rows[cut:]), alive, strict=True)]  # fmt: skip
    assert np.concatenate(left).tolist() == sorted(set(rows.tolist()) - set(lost.tolist()))
    assert known.size == len(np.concatenate(left))


def test_places_of_a_read_only_array_are_kept_and_of_a_view_of_another_are_not() -> None:
    known = RowMap([4], rows_of(1, 3, 5, 7), none())
    frozen = rows_of(3, 7)
    frozen.flags.writeable = False
    first, again = known.open_places(frozen)[0], known.open_places(frozen)[0]
    assert first is again and first is not None and first.tolist() == [1, 3]
    base = rows_of(3, 7)
    view = base[:]
    view.flags.writeable = False
    assert known.open_places(view)[0] is not None
    base[0] = 5
    changed = known.open_places(view)[0]
    assert changed is not None and changed.tolist() == [2, 3]
    for number in range(30):  # no more than a few are kept
        other = rows_of(number)
        other.flags.writeable = False
        known.open_places(other)
    assert len(known._kept) <= 8


def test_segments_are_written_anew_only_where_they_fit() -> None:
    segments = [Segment("a", 10), Segment("b", 10)]
    assert absorbed(segments, 10, lambda one: one.name == "b") == 1
    assert absorbed(segments, 10, lambda one: one.name == "a") == 0
    assert absorbed(segments, 0, lambda one: True) == 0
    assert absorbed([], 5, lambda one: True) == 0


def test_damage_to_what_is_too_large_to_be_digested_is_told(tmp_path: Path) -> None:
    """Of large files only the size is looked at; what cannot be an array must still be told."""
    from assay.corpora.indexes.folders import seal

    made(FlatVectors(), tmp_path / "one", units(50, 4))

    def harmed(name: str, array: NDArray[Any]) -> None:
        before = (tmp_path / "one" / name).read_bytes()
        np.save(tmp_path / "one" / name, array)
        seal(tmp_path / "one")
        with pytest.raises(CorpusError, match="is damaged"):
            FlatVectors().open(tmp_path / "one")
        (tmp_path / "one" / name).write_bytes(before)

    harmed("0-49.vectors.npy", units(50, 5))
    harmed("0-49.vectors.npy", units(49, 4))
    harmed("0-49.vectors.npy", units(50, 4).astype(np.float64))
    harmed("0-49.vectors.npy", np.asfortranarray(units(50, 4)))
    harmed("0-49.rows.npy", np.arange(49))
    harmed("0-49.rows.npy", np.arange(50)[::-1].copy())
    harmed("0-49.rows.npy", np.arange(50) * 0.5)
    (tmp_path / "one" / "0-49.vectors.npy").write_bytes(b"no array")
    seal(tmp_path / "one")
    with pytest.raises(CorpusError, match=r"vectors\.npy is no array of numbers"):
        FlatVectors().open(tmp_path / "one")
