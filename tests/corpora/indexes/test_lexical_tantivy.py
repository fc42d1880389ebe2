from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.indexes import tantivy_bm25, tantivy_searcher
from assay.corpora.indexes.folders import link
from assay.corpora.indexes.index import Found, Rows, Terms
from assay.corpora.indexes.lexical import Words, best, floor
from assay.corpora.indexes.tantivy_bm25 import TantivyBm25
from assay.corpora.indexes.tantivy_searcher import TantivySearcher
from assay.pipeline.errors import CorpusError, UsageError
from tests.conformance.index_subject import History, contents, none, right
from tests.corpora.indexes.lexical_subjects import SUBJECTS, asked, cut, item, lucene

KEEPS = SUBJECTS["tantivy, removed rows kept"]
SEEDS = st.integers(0, 2**32 - 1)


def texts(*passages: str, start: int = 0) -> Iterator[tuple[int, Terms]]:
    return ((start + row, {"all": text.split()}) for row, text in enumerate(passages))


def built(folder: Path, *passages: str) -> TantivySearcher:
    folder.mkdir(exist_ok=True)
    assert TantivyBm25().update(None, folder, added=texts(*passages), removed=none())
    return TantivyBm25().open(folder)


def rows(*numbers: int) -> Rows:
    return np.array(numbers, dtype=np.int64)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> History[Terms, Words]:
    """400 rows, and some removed that leave traces."""
    rng = np.random.default_rng(7)
    history = History(KEEPS, tmp_path_factory.mktemp("large"))
    history.step(KEEPS.items(rng, 400))
    history.step(KEEPS.items(rng, 20, start=history.highest), sorted(history.live)[50:110])
    return history


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([1, 2, 7, 40, 170, 300]), st.sampled_from([1, 4, 30, 500]))
def test_a_search_over_allowed_rows_is_brute_force_over_them(
    large: History[Terms, Words], seed: int, count: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    allowed = np.sort(rng.choice(sorted(large.live), count, replace=False))
    query = asked(rng)
    chosen = set(allowed.tolist())
    expected = {row: one for row, one in large.expected(query).items() if row in chosen}
    opened = large.open()
    right(opened.search(query, k, allowed=allowed), expected, k, 2e-5, f"{count} allowed")
    opened.close()


def test_rows_that_the_query_hardly_meets_are_found_all_the_same(tmp_path: Path) -> None:
    # 300 rows answer better than any that is allowed, so that what is fetched first holds none.
    best_ones = ["bell bell bell"] * 300
    allowed_ones = [f"bell {'word ' * (20 + row % 7)}" for row in range(200)]
    opened = built(tmp_path / "index", *best_ones, *allowed_ones)
    allowed = np.arange(300, 500)
    found = opened.search(Words(("bell",)), 3, allowed=allowed)
    assert found.rows.tolist() == [row for row in range(300, 500) if (row - 300) % 7 == 0]
    everything = opened.search(Words(("bell",)), 10**6, allowed=allowed)
    assert sorted(everything.rows.tolist()) == allowed.tolist()
    opened.close()


def test_the_way_to_allowed_rows_changes_nothing(
    large: History[Terms, Words], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    opened = large.open()
    assert isinstance(opened, TantivySearcher)
    ways: list[list[Found]] = []
    allowed = np.array(sorted(large.live))[::2]
    queries = [asked(rng) for _ in range(20)]
    for row_cost in (0, 10**9):
        monkeypatch.setattr(tantivy_searcher, "ROW_COST", row_cost)
        ways.append([opened.search(query, 5, allowed=allowed) for query in queries])
    for one, other in zip(*ways, strict=True):
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores == pytest.approx(other.scores, rel=1e-6)
    opened.close()


def test_ties_come_whole_however_many_they_are(tmp_path: Path) -> None:
    passages = ["bell tower"] * 700 + ["bell bell"] + ["tower of stone and glass"] * 50
    opened = built(tmp_path / "index", *passages)
    assert opened.search(Words(("bell",)), 1).rows.tolist() == [700]
    assert opened.search(Words(("bell",)), 2).rows.tolist() == [700, *range(700)]
    assert opened.search(Words(("bell",)), 1, allowed=rows(3, 5, 699)).rows.tolist() == [3, 5, 699]
    opened.close()


def test_removed_rows_leave_the_statistics_and_say_so(tmp_path: Path) -> None:
    keeps = TantivyBm25(renew_below=0, renew_share=0.5)
    old, new, fresh = (tmp_path / name for name in ("old", "new", "fresh"))
    passages = ("bell tower", "bell", "tower", "stone")
    before = built(old, *passages)
    new.mkdir()
    assert keeps.update(old, new, added=texts("glass", start=9), removed=rows(1))
    after, anew = keeps.open(new), built(fresh, "bell tower")
    held = {**dict(enumerate(text.split() for text in passages)), 9: ["glass"]}
    expected = lucene(held, ["bell"], gain=2.2, kept=cut)
    found = after.search(Words(("bell",)), 5)
    assert found.rows.tolist() == [0]
    assert found.scores[0] == pytest.approx(expected[0], rel=1e-6)
    assert (before.size, after.size) == (4, 4)
    assert after.statistics(["bell"]).passages == 5
    assert after.statistics(["bell"]).counts == {"bell": 2}
    assert before.fingerprint() == anew.fingerprint() != after.fingerprint()
    for one in (before, after, anew):
        one.close()


def test_the_fingerprint_tells_what_was_removed_not_how(tmp_path: Path) -> None:
    def mark(name: str, *passages: str, removed: Sequence[Rows]) -> str:
        index = TantivyBm25(renew_below=0, renew_share=0.9)
        folder = tmp_path / name
        built(folder, *passages).close()
        for number, lost in enumerate(removed):
            new = tmp_path / f"{name}{number}"
            new.mkdir()
            assert index.update(folder, new, added=iter(()), removed=lost)
            folder = new
        opened = index.open(folder)
        told = opened.fingerprint()
        opened.close()
        return told

    three = ("a b", "b c", "c d")
    at_once = mark("at_once", *three, removed=[rows(0, 1)])
    assert mark("in_turn", *three, removed=[rows(1), rows(0)]) == at_once
    assert mark("less", *three, removed=[rows(0)]) != at_once
    # Other words in a row that was removed: other statistics, so other results.
    assert mark("other", "a z", "b c", "c d", removed=[rows(0, 1)]) != at_once


@pytest.mark.parametrize(
    ("size", "lost", "renewed"), [(50, 1, True), (120, 1, False), (120, 24, False), (120, 25, True)]
)
def test_the_index_is_begun_anew_when_it_is_small_or_too_much_was_removed(
    size: int, lost: int, renewed: bool, tmp_path: Path
) -> None:
    index = TantivyBm25(renew_below=100, renew_share=0.2)
    old, new = tmp_path / "old", tmp_path / "new"
    new.mkdir()
    built(old, *["bell"] * size).close()
    done = index.update(old, new, added=texts("bell", start=500), removed=np.arange(lost))
    assert done is not renewed
    more = tmp_path / "more"
    more.mkdir()
    assert index.update(old, more, added=texts("bell", start=500), removed=none())


def test_other_fields_ask_for_a_new_beginning(tmp_path: Path) -> None:
    built(tmp_path / "old", "bell").close()
    (tmp_path / "new").mkdir()
    other = TantivyBm25(("body", "title"))
    assert not other.update(tmp_path / "old", tmp_path / "new", added=iter(()), removed=none())


def test_files_are_linked_and_what_changes_is_replaced(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    built(old, *["bell tower"] * 30).close()
    new.mkdir()
    before = contents(old)
    assert TantivyBm25().update(old, new, added=texts("bell", start=50), removed=none())
    assert contents(old) == before
    inodes = {item.name: item.stat().st_ino for item in old.iterdir()}
    shared = {item.name for item in new.iterdir() if inodes.get(item.name) == item.stat().st_ino}
    assert {Path(name).suffix for name in shared} >= {".idx", ".term", ".fast", ".fieldnorm"}
    assert not shared & {"meta.json", ".managed.json", "index.json", "gone.npy", "files.json"}
    TantivyBm25().open(new).close()
    assert not [name for name in (*os.listdir(new), *before) if name.endswith(".lock")]


def test_tantivy_itself_replaces_its_lists_by_rename(tmp_path: Path) -> None:
    """What linking rests on: no file that is there is ever written into."""
    import tantivy

    old, new = tmp_path / "old", tmp_path / "new"
    built(old, *["bell tower"] * 30).close()
    new.mkdir()
    link(old, new, wanted=lambda name: not name.endswith(".lock"))
    before = contents(old)
    index = tantivy.Index.open(str(new))
    for number in range(12):
        writer = index.writer(heap_size=15_000_000, num_threads=1)
        document = tantivy.Document()
        document.add_unsigned("row_number", 100 + number)
        document.add_text("all", "bell")
        writer.add_document(document)
        writer.delete_documents_by_term("row_number", number)
        writer.commit()
        writer.wait_merging_threads()
    assert contents(old) == before
    assert tantivy.Index.open(str(old)).searcher().num_docs == 30


def test_many_small_updates_are_merged_and_stay_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    history = History(KEEPS, tmp_path)
    history.step(KEEPS.items(rng, 80))
    for _ in range(12):
        lost = rng.choice(sorted(history.live), 1)
        history.step(KEEPS.items(rng, 2, start=history.highest), lost.tolist())
    assert not history.renewals
    assert len(list(history.folder.glob("*.idx"))) < 8
    opened = history.open()
    for _ in range(20):
        query = asked(rng)
        right(opened.search(query, 5), history.expected(query), 5, 2e-5, "after merging")
    opened.close()


def test_the_number_of_threads_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    items = [(row, item(rng)) for row in range(0, 1200, 2)]
    opened = []
    for few in (10**6, 10):
        monkeypatch.setattr(tantivy_bm25, "FEW", few)
        monkeypatch.setattr(os, "cpu_count", lambda: 3)
        folder = tmp_path / str(few)
        folder.mkdir()
        index = TantivyBm25(("body", "title"))
        assert index.update(None, folder, added=iter(items), removed=none())
        opened.append(index.open(folder))
    assert opened[0].fingerprint() == opened[1].fingerprint()
    for _ in range(30):
        query = asked(rng)
        one, other = (searcher.search(query, 7) for searcher in opened)
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores == pytest.approx(other.scores, rel=1e-6)
    for searcher in opened:
        searcher.close()


def test_the_order_of_a_query_s_terms_does_not_count(large: History[Terms, Words]) -> None:
    opened = large.open()
    one = opened.search(Words(("a", "b", "if", "b", "c"), "body"), 20)
    other = opened.search(Words(("c", "b", "b", "if", "a"), "body"), 20)
    assert one.rows.tolist() == other.rows.tolist()
    assert one.scores.tolist() == other.scores.tolist()
    opened.close()


def test_a_closed_index_says_so(tmp_path: Path) -> None:
    opened = built(tmp_path / "index", "bell")
    opened.close()
    opened.close()
    with pytest.raises(UsageError, match="closed"):
        opened.search(Words(("bell",)), 1)


def test_an_index_leaves_no_threads_behind(tmp_path: Path) -> None:
    before = threading.active_count(), len(os.listdir("/proc/self/task"))
    for number in range(5):
        built(tmp_path / str(number), "bell").close()
    after = threading.active_count(), len(os.listdir("/proc/self/task"))
    assert after[0] == before[0]
    assert after[1] <= before[1] + 5


def test_a_disk_that_refuses_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="could not write the index"):
        TantivyBm25().update(None, tmp_path / "nowhere", added=texts("bell"), removed=none())


def test_what_tantivy_cannot_read_is_told_even_under_a_seal(tmp_path: Path) -> None:
    from assay.corpora.indexes.folders import seal

    folder = tmp_path / "index"
    built(folder, *["bell tower"] * 30).close()
    for path in sorted(folder.glob("*.idx")):
        path.write_bytes(b"\x07" * path.stat().st_size)
    seal(folder)
    with pytest.raises(CorpusError, match="tantivy cannot read it"):
        TantivyBm25().open(folder).search(Words(("bell",)), 3)


def test_scores_of_the_same_parts_tie() -> None:
    up = float(np.nextafter(np.float32(3), np.float32(4)))
    candidates, scores = rows(9, 4, 6, 2), np.array([up, 3.0, 2.9, 0.0])
    together = best(candidates, scores, 1, parts=3)
    assert together.rows.tolist() == [4, 9]
    assert together.scores.tolist() == [np.float32(up)] * 2
    # Sums of two parts have one order only: these are different scores.
    assert best(candidates, scores, 1, parts=2).rows.tolist() == [9]
    assert best(candidates, scores, 9, parts=3).rows.tolist() == [4, 9, 6]
    assert floor(candidates, scores, 1, parts=2) == up
    assert 2.9999 < floor(candidates, scores, 1, parts=3) < 3.0


@given(
    st.lists(st.floats(0, 100, width=32), max_size=30),
    st.integers(1, 40),
    st.integers(0, 5),
)
def test_the_best_do_not_depend_on_the_order_of_candidates(
    values: list[float], k: int, parts: int
) -> None:
    numbers, scores = np.arange(len(values)), np.array(values, dtype=np.float64)
    one = best(numbers, scores, k, parts=parts)
    turned = best(numbers[::-1], scores[::-1], k, parts=parts)
    assert one.rows.tolist() == turned.rows.tolist()
    assert len(one.rows) >= min(k, int(np.sum(scores > 0)))
    assert bool((one.scores > 0).all())
