"""BM25 by numpy: its several ways to one result, its segments, and what updates leave behind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.corpora.indexes import numpy_bm25, postings_scoring, postings_writing
from assay.corpora.indexes.index import Found, Rows
from assay.corpora.indexes.lexical import Words
from assay.corpora.indexes.numpy_bm25 import NumpyBm25
from assay.corpora.indexes.numpy_searcher import NumpySearcher
from assay.corpora.indexes.postings import COMMON, head_of, load
from assay.corpora.indexes.postings_scoring import Scoring, Step
from assay.corpora.indexes.postings_writing import Gathering
from assay.corpora.indexes.segments import read
from assay.models.protocols import Floats
from assay.pipeline.errors import CorpusError, UsageError
from tests.conformance.index_subject import none
from tests.corpora.indexes.lexical_subjects import lucene

Passages = Mapping[int, Sequence[str]]


def made(
    rng: np.random.Generator, rows: Sequence[int], *, terms: int = 400
) -> dict[int, list[str]]:
    """Passages with terms of all kinds, from those in every second one to those in one alone."""
    chances = np.minimum(0.6, 3.0 / np.arange(1, terms + 1))
    held = rng.random((len(rows), terms)) < chances
    times = rng.integers(1, 5, (len(rows), terms))
    return {
        row: [f"t{one}" for one in np.flatnonzero(held[n]) for _ in range(times[n, one])]
        for n, row in enumerate(rows)
    }


def items(passages: Passages) -> Iterator[tuple[int, dict[str, Sequence[str]]]]:
    return ((row, {"all": terms}) for row, terms in sorted(passages.items()))


def fresh(folder: Path, passages: Passages) -> NumpySearcher:
    folder.mkdir()
    assert NumpyBm25().update(None, folder, added=items(passages), removed=none())
    return NumpyBm25().open(folder)


def exactly(found: Found) -> tuple[list[int], list[float]]:
    return found.rows.tolist(), found.scores.tolist()


def questions(rng: np.random.Generator, count: int) -> list[Words]:
    """Some of common terms alone, some of rare ones, most of both, some with one twice."""
    asked = []
    for number in range(count):
        common = rng.integers(0, 12, number % 5)
        rare = rng.integers(12, 400, number % 3)
        terms = [f"t{one}" for one in (*common, *rare, *rare[: number % 2])]
        asked.append(Words(tuple(terms) or ("t0",)))
    return asked


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, list[str]], NumpySearcher]:
    passages = made(np.random.default_rng(1), range(0, 6000, 2))
    return passages, fresh(tmp_path_factory.mktemp("large") / "index", passages)


def test_all_ways_to_search_find_the_same_to_the_last_bit(
    large: tuple[dict[int, list[str]], NumpySearcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    passages, searcher = large
    rng = np.random.default_rng(2)
    rows = np.array(sorted(passages))
    half = np.sort(rng.choice(rows, len(rows) // 2, replace=False))
    kept = half.copy()
    kept.flags.writeable = False
    for number, asked in enumerate(questions(rng, 40)):
        expected = lucene(passages, sorted(asked.terms), gain=2.2)
        for allowed in (None, half, kept, half[::40]):
            right = expected
            if allowed is not None:
                right = {row: expected[row] for row in allowed.tolist() if row in expected}
            whole = searcher.search(asked, 10**6, allowed=allowed)
            found = dict(zip(whole.rows.tolist(), whole.scores.tolist(), strict=True))
            assert found == pytest.approx(right, rel=1e-5)
            for k in (1, 10, 300):
                best = searcher.search(asked, k, allowed=allowed)
                size = len(best.rows)
                assert size >= min(k, len(whole.rows))
                assert exactly(best) == (
                    whole.rows[:size].tolist(),
                    whole.scores[:size].tolist(),
                )
                # All that tie with the last have come.
                assert size == len(whole.rows) or whole.scores[size] < best.scores[-1]
                with monkeypatch.context() as other:
                    quicker = bool(number % 2)
                    other.setattr(
                        postings_scoring.Scoring, "is_quicker_among", lambda *_, it=quicker: it
                    )
                    assert exactly(searcher.search(asked, k, allowed=allowed)) == exactly(best)
                with monkeypatch.context() as other:
                    other.setattr(postings_scoring, "NEAR", 10**9)  # common terms never wait
                    assert exactly(searcher.search(asked, k, allowed=allowed)) == exactly(best)


def test_common_terms_are_mostly_looked_up_not_added(
    large: tuple[dict[int, list[str]], NumpySearcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, searcher = large
    added: list[int] = []
    usual = postings_scoring.Scoring._add

    def told(self: Scoring, step: Step, scores: Floats) -> None:
        added.append(step.number)
        usual(self, step, scores)

    monkeypatch.setattr(postings_scoring.Scoring, "_add", told)
    (scoring,) = searcher._scoring["all"]
    common = {int(one) for one in scoring._postings.common}
    assert len(common) > 5
    for _ in range(2):
        searcher.search(Words(("t0", "t1", "t60", "t70")), 5)
    assert len(added) == 4  # t60 and t70, twice
    assert not common & set(added)


def test_an_array_of_allowed_rows_that_changes_is_looked_at_anew(
    large: tuple[dict[int, list[str]], NumpySearcher],
) -> None:
    passages, searcher = large
    rows = np.array(sorted(passages))
    allowed = rows[:1500].copy()
    one = searcher.search(Words(("t1", "t2")), 5, allowed=allowed)
    allowed[:] = rows[1500:]
    other = searcher.search(Words(("t1", "t2")), 5, allowed=allowed)
    assert max(one.rows) < 3000 <= min(other.rows)


def chain(folder: Path, rng: np.random.Generator, steps: int) -> tuple[Path, dict[int, list[str]]]:
    """A folder after some updates, and what it ought to hold."""
    live: dict[int, list[str]] = {}
    old: Path | None = None
    highest = 0
    for number in range(steps):
        size = int(rng.integers(1, 120))
        added = made(rng, range(highest, highest + size), terms=60)
        highest += size
        lost: Rows = np.sort(rng.choice(sorted(live), len(live) // 9, replace=False)).astype(int)
        new = folder / str(number)
        new.mkdir()
        assert NumpyBm25().update(old, new, added=items(added), removed=lost)
        live = {row: one for row, one in live.items() if row not in set(lost.tolist())} | added
        old = new
    assert old is not None
    return old, live


@pytest.mark.parametrize("small", [0, 150, 10_000])
def test_updates_lead_to_the_same_bits_as_an_index_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(numpy_bm25, "SMALL", small)
    rng = np.random.default_rng(3)
    folder, live = chain(tmp_path, rng, 12)
    chained, anew = NumpyBm25().open(folder), fresh(tmp_path / "fresh", live)
    assert chained.fingerprint() == anew.fingerprint()
    assert chained.size == anew.size == len(live)
    terms = [f"t{one}" for one in range(60)]
    assert chained.statistics(terms) == anew.statistics(terms)
    for _ in range(40):
        asked = Words(tuple(rng.choice(terms, int(rng.integers(1, 6)))))
        for k in (1, 7, 10**6):
            assert exactly(chained.search(asked, k)) == exactly(anew.search(asked, k))


def test_segments_stay_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_bm25, "SMALL", 50)
    folder, live = chain(tmp_path, np.random.default_rng(4), 25)
    segments = read(folder, numpy_bm25.FORM).layout.segments
    assert 1 < len(segments) <= 6
    assert sum(one.rows for one in segments) >= len(live)


def test_a_worn_index_is_written_anew_without_being_asked_for_all_rows(tmp_path: Path) -> None:
    passages = made(np.random.default_rng(5), range(300), terms=60)
    fresh(tmp_path / "old", passages)
    lost = np.arange(0, 300, 3)
    (tmp_path / "new").mkdir()
    assert NumpyBm25().update(tmp_path / "old", tmp_path / "new", added=iter([]), removed=lost)
    held = read(tmp_path / "new", numpy_bm25.FORM)
    assert [one.rows for one in held.layout.segments] == [200]
    assert not len(held.rows.removed)


def test_old_files_are_linked_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_bm25, "SMALL", 0)
    fresh(tmp_path / "old", made(np.random.default_rng(6), range(300), terms=60))
    (tmp_path / "new").mkdir()
    added = made(np.random.default_rng(7), range(300, 304), terms=60)
    assert NumpyBm25().update(
        tmp_path / "old", tmp_path / "new", added=items(added), removed=np.array([5])
    )
    for part in ("postings", "rows.npy"):
        (one,) = (tmp_path / "old").glob(f"*.{part}")
        assert os.path.samefile(one, tmp_path / "new" / one.name)


@pytest.mark.parametrize("gathered", [200, 3000])
def test_many_gatherings_give_the_same_files_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gathered: int
) -> None:
    passages = made(np.random.default_rng(8), range(500), terms=120)
    fresh(tmp_path / "one", passages)
    monkeypatch.setattr(postings_writing, "GATHERED", gathered)
    fresh(tmp_path / "many", passages)
    names = sorted(one.name for one in (tmp_path / "one").iterdir())
    assert names == sorted(one.name for one in (tmp_path / "many").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_what_is_common_has_a_row_of_the_matrix_and_no_list(tmp_path: Path) -> None:
    passages = {row: ["a", *(["b"] if row < 10 else []), f"c{row}"] for row in range(80)}
    fresh(tmp_path / "index", passages)
    held = read(tmp_path / "index", numpy_bm25.FORM)
    (segment,) = held.layout.segments
    postings = load(held, segment)["all"]
    names = postings.names()
    assert 10 * COMMON == 80  # b is in exactly one of COMMON: not more
    assert [names[one] for one in postings.common] == [b"a"]
    lists = np.diff(postings.starts)
    assert (lists[names.index(b"a")], lists[names.index(b"b")]) == (0, 10)
    assert postings.pairs.tolist() == [[0, 0], [1, 2], [1, 3]]


def test_terms_with_the_same_beginning_are_told_apart(tmp_path: Path) -> None:
    terms = [
        "similar",
        "similarity",
        "similarities",
        "similarl",
        "simil",
        "similari",
        "\x00",
        "ü" * 9,
    ]
    terms += [f"similarity{n}" for n in range(40)]
    passages = {row: [term] for row, term in enumerate(terms)}
    searcher = fresh(tmp_path / "index", passages)
    for row, term in enumerate(terms):
        assert searcher.search(Words((term,)), 3).rows.tolist() == [row]
        assert not len(searcher.search(Words((term + "x",)), 3).rows)
    assert not len(searcher.search(Words(("simila",)), 3).rows)
    order = sorted(one.encode() for one in terms)
    heads = [head_of(one) for one in order]
    assert heads == sorted(heads)


def test_lengths_and_counts_beyond_a_small_table_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages = {1: ["a"] * 3000 + ["b"], 2: ["a", "b"], 3: ["b"] * 70}
    usual = fresh(tmp_path / "usual", passages)
    monkeypatch.setattr(postings_writing, "_TABLE", 1)
    other = fresh(tmp_path / "other", passages)
    for terms in (("a",), ("b",), ("a", "b")):
        expected = lucene(passages, terms, gain=2.2)
        for searcher in (usual, other):
            found = searcher.search(Words(terms), 9)
            scores = dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
            assert scores == pytest.approx(expected, rel=1e-5)


def test_more_pairs_than_two_bytes_can_number_are_kept(tmp_path: Path) -> None:
    gathering = Gathering(1)
    for row in range(400):
        gathering.add(row, [" ".join(f"t{n}" for n in range(row + 1) for _ in range(n % 7 + 1))])
    codes = gathering.postings(0).codes
    assert codes.dtype == np.uint16
    wide = Gathering(1)
    for row in range(380):  # every passage has a length and numbers of its own
        wide.add(row, [" ".join(" ".join([f"t{n}"] * (n + 1)) for n in range(row + 1))])
    postings = wide.postings(0)
    assert postings.codes.dtype == np.uint32
    assert len(postings.pairs) == 380 * 381 // 2 + 1


def test_rows_that_do_not_rise_are_refused(tmp_path: Path) -> None:
    for rows in ((1, 1), (2, 1)):
        folder = tmp_path / f"{rows}"
        folder.mkdir()
        added = iter([(row, {"all": ["a"]}) for row in rows])
        with pytest.raises(CorpusError, match="was added after row"):
            NumpyBm25().update(None, folder, added=added, removed=none())
        assert list(folder.iterdir()) == []


def test_another_choice_of_fields_begins_anew(tmp_path: Path) -> None:
    fresh(tmp_path / "old", {1: ["a"]})
    (tmp_path / "new").mkdir()
    other = NumpyBm25(("body",))
    added = iter([(2, {"body": ["b"]})])
    assert not other.update(tmp_path / "old", tmp_path / "new", added=added, removed=none())
    with pytest.raises(CorpusError, match="its fields are"):
        other.open(tmp_path / "old")


def test_parameters_change_scores_and_nothing_in_the_files(tmp_path: Path) -> None:
    passages = made(np.random.default_rng(9), range(50), terms=40)
    fresh(tmp_path / "index", passages)
    found = NumpyBm25(k1=0.0, b=0.0).open(tmp_path / "index").search(Words(("t3",)), 99)
    assert len(set(found.scores.tolist())) == 1  # with k1 = 0 only being there counts
    with pytest.raises(UsageError, match="k1 from 0"):
        NumpyBm25(k1=-1)
