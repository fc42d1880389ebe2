"""Graphs and lists: how near they come, under filters too, and what is on the disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.corpora.indexes import faiss_parts, faiss_search
from assay.corpora.indexes.dense import DenseSearcher, cosines
from assay.corpora.indexes.faiss_vectors import FaissVectors, Kind
from assay.corpora.indexes.flat_vectors import EXACT
from assay.corpora.indexes.folders import seal
from assay.corpora.indexes.index import Found
from assay.pipeline.errors import CorpusError, UsageError
from tests.conformance.index_subject import contents
from tests.corpora.indexes.grouped_vectors import (
    ASKED,
    ASKERS,
    COUNT,
    DIMENSION,
    GROUPS,
    OWNERS,
    VECTORS,
    brute,
    recall,
    update,
)

faiss = pytest.importorskip("faiss", reason="needs the extra embedded")

KINDS: dict[str, Callable[[], FaissVectors]] = {
    "graphs": lambda: FaissVectors("hnsw", flat_up_to=100, breadth=48),
    "graphs, half": lambda: FaissVectors("hnsw", quantise="half"),
    "graphs, whole": lambda: FaissVectors("hnsw", quantise="none"),
    "lists": lambda: FaissVectors("ivf", flat_up_to=100, probes=24),
    "lists, product": lambda: FaissVectors("ivf", quantise="product", probes=24),
    "lists, whole": lambda: FaissVectors("ivf", quantise="none", probes=24),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind; graphs in three."""
    base = tmp_path_factory.mktemp("dense")
    before, faiss_parts.GRAPH = faiss_parts.GRAPH, 2000
    for kind, make in KINDS.items():
        assert update(make(), None, base / kind, range(COUNT), VECTORS)
    faiss_parts.GRAPH = before
    return {kind: base / kind for kind in KINDS}


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[DenseSearcher]:
    searcher = KINDS[request.param]().open(folders[request.param])
    yield searcher
    searcher.close()


def test_an_open_search_finds_most_of_the_best(opened: DenseSearcher) -> None:
    assert not opened.exact
    assert recall(opened, lambda number: None) >= 0.95


@pytest.mark.parametrize("share", [0.5, 0.05, 0.005, 10 / COUNT])
def test_a_filter_takes_nothing_from_recall(opened: DenseSearcher, share: float) -> None:
    rng = np.random.default_rng(3)
    some = [np.sort(rng.choice(COUNT, round(share * COUNT), replace=False)) for _ in ASKED]
    assert recall(opened, lambda number: some[number]) >= 0.95


def test_a_filter_that_leaves_only_what_is_far_away_takes_nothing_from_recall(
    opened: DenseSearcher,
) -> None:
    """The hard case: whatever is near the query is not allowed, be it half of all or a tenth."""
    assert recall(opened, lambda number: np.flatnonzero(ASKERS[number] != OWNERS)) >= 0.95
    far = [np.flatnonzero(asker % 2 != OWNERS % 2) for asker in ASKERS]
    assert recall(opened, lambda number: far[number]) >= 0.95
    other = [np.flatnonzero((asker + 1) % GROUPS == OWNERS) for asker in ASKERS]
    assert recall(opened, lambda number: other[number]) >= 0.95


def test_in_lists_as_many_allowed_vectors_are_seen_as_an_open_search_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without groups, the best of few lie in many lists."""
    monkeypatch.setattr(faiss_search, "SEEN", 1)
    rng = np.random.default_rng(8)
    made = rng.standard_normal((4000, DIMENSION)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    index = FaissVectors("ivf", lists=64, probes=32)
    assert update(index, None, tmp_path / "one", range(4000), made)
    searcher = index.open(tmp_path / "one")
    some, shares = np.arange(0, 4000, 4), []
    for asked in made[1:80:2]:
        best = some[np.argsort(-cosines(made, asked, some))[:10]]
        found = searcher.search(asked, 10, allowed=some).rows.tolist()
        shares.append(len(set(found) & set(best.tolist())) / 10)
    assert np.mean(shares) >= 0.99


def test_any_number_of_hits_can_be_had(opened: DenseSearcher) -> None:
    for k in (100, 700, COUNT, 10**9):
        assert recall(opened, lambda number: None, k=k) >= 0.95
    some = np.arange(0, COUNT, 7)
    assert recall(opened, lambda number: some, k=300) >= 0.95
    assert len(opened.search(ASKED[0], 10**9, allowed=some).rows) == len(some)


def test_scores_are_cosines_within_a_thousandth(opened: DenseSearcher) -> None:
    for asked in ASKED:
        found = opened.search(asked, 20)
        assert found.scores == pytest.approx(cosines(VECTORS, asked, found.rows), abs=1e-3)
    assert opened.vectors(np.array([5, 3])) == pytest.approx(VECTORS[[5, 3]], abs=1e-3)


def test_threads_change_nothing(opened: DenseSearcher) -> None:
    some = np.arange(0, COUNT, 3)

    def search(number: int) -> Found:
        allowed = some if number % 2 else None
        return opened.search(ASKED[number % len(ASKED)], 10, allowed=allowed)

    alone = [search(number) for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(search, range(100)))
    for one, other in zip(alone, together, strict=True):
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores.tolist() == other.scores.tolist()


def test_files_are_mapped_and_not_read_into_memory(opened: DenseSearcher) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    text = maps.read_text(encoding="utf-8")
    assert ".faiss" in text and ".vectors.npy" in text


def test_removed_vectors_are_not_found_and_what_is_left_is(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for kind in ("graphs", "lists"):
        gone = sorted({brute(asked, None, 10)[place] for asked in ASKED for place in range(5)})
        new = tmp_path / kind
        assert update(KINDS[kind](), folders[kind], new, range(0), VECTORS[:0], gone)
        searcher = KINDS[kind]().open(new)
        assert searcher.size == COUNT - len(gone)
        left = np.setdiff1d(np.arange(COUNT), gone)
        shares = []
        for asked in ASKED:
            found = searcher.search(asked, 10).rows.tolist()
            assert not set(found) & set(gone)
            shares.append(len(set(found) & set(brute(asked, left, 10))) / 10)
        assert np.mean(shares) >= 0.95


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_the_same_vectors_give_the_same_files_with_any_number_of_threads(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_parts, "_FEW", 0)
    before, marks = faiss.omp_get_max_threads(), []
    for number, threads in enumerate((1, 2, 3, 2)):
        faiss.omp_set_num_threads(threads)
        folder = tmp_path / str(number)
        assert update(
            FaissVectors(kind, build_breadth=20), None, folder, range(2000), VECTORS[:2000]
        )
        marks.append(contents(folder))
    faiss.omp_set_num_threads(before)
    assert marks[0] == marks[1] == marks[2] == marks[3]


def test_building_and_searching_leave_the_threads_of_faiss_as_they_were(tmp_path: Path) -> None:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    update(FaissVectors("hnsw"), None, tmp_path / "one", range(300), VECTORS[:300])
    FaissVectors("hnsw").open(tmp_path / "one").search(ASKED[0], 3)
    assert faiss.omp_get_max_threads() == 3
    faiss.omp_set_num_threads(before)


def test_the_fingerprint_follows_graphs_and_how_they_are_searched(
    folders: dict[str, Path],
) -> None:
    def of(kind: str, **settings: Any) -> str:
        made = FaissVectors("hnsw" if kind.startswith("graphs") else "ivf", **settings)
        return made.open(folders[kind]).fingerprint()

    assert of("graphs", flat_up_to=100) == of("graphs", flat_up_to=5)
    assert len({of("graphs"), of("graphs", breadth=50), of("lists"), of("lists", probes=3)}) == 4
    assert EXACT not in (of("graphs"), of("lists"))


def test_settings_that_only_searches_depend_on_make_no_new_index() -> None:
    assert FaissVectors(breadth=9, probes=4).settings() == FaissVectors().settings()
    changes: tuple[dict[str, Any], ...] = (
        {"links": 8}, {"build_breadth": 20}, {"lists": 9}, {"quantise": "half"},
    )  # fmt: skip
    for change in changes:
        assert FaissVectors("ivf", **change).settings() != FaissVectors("ivf").settings()


def test_auto_chooses_by_size_says_so_and_asks_to_begin_anew_at_the_borders(
    tmp_path: Path,
) -> None:
    def make() -> FaissVectors:
        return FaissVectors("auto", flat_up_to=300, graphs_up_to=900, lists=20, probes=4)

    def kind(folder: Path) -> str:
        return make().open(folder).kind

    one = tmp_path / "one"
    assert update(make(), None, one, range(300), VECTORS[:300])
    assert kind(one) == "flat: 300 vectors of 32, exact"
    assert not update(make(), one, tmp_path / "a", range(300, 301), VECTORS[300:301])
    two = tmp_path / "two"
    assert update(make(), None, two, range(301), VECTORS[:301])
    assert kind(two) == "HNSW: 301 vectors of 32 in 1 graph, breadth 192, codes: scalar"
    three = tmp_path / "three"
    assert update(make(), two, three, range(301, 602), VECTORS[301:602])
    assert kind(three) == "HNSW: 602 vectors of 32 in 2 graphs, breadth 192, codes: scalar"
    assert not update(make(), three, tmp_path / "b", range(602, 603), VECTORS[602:603])
    four = tmp_path / "four"
    assert update(make(), None, four, range(901), VECTORS[:901])
    assert kind(four) == "IVF: 901 vectors of 32 in 20 lists, 4 looked at, codes: scalar"


def test_additions_are_compared_singly_and_become_a_graph_when_they_are_many(
    tmp_path: Path,
) -> None:
    def make() -> FaissVectors:
        return FaissVectors("hnsw", flat_up_to=250)

    folder, done = tmp_path / "0", 1000
    assert update(make(), None, folder, range(done), VECTORS[:done])
    kinds = []
    for number in range(1, 6):
        new = tmp_path / str(number)
        assert update(make(), folder, new, range(done, done + 100), VECTORS[done : done + 100])
        folder, done = new, done + 100
        kinds.append(make().open(folder).kind.split(", ", 1)[0:2])
        searcher = make().open(folder)
        assert recall_of(searcher, done) >= 0.95
    assert [one[0].rsplit(" in ")[1] for one in kinds] == \
        ["1 graph", "1 graph", "2 graphs", "2 graphs", "2 graphs"]  # fmt: skip
    before, after = contents(tmp_path / "0"), contents(folder)
    assert {name for name in before if ".faiss" in name} <= set(after)


def recall_of(searcher: DenseSearcher, size: int) -> float:
    shares = []
    for asked in ASKED:
        found = set(searcher.search(asked, 10).rows.tolist())
        shares.append(len(found & set(brute(asked, np.arange(size), 10))) / 10)
    return float(np.mean(shares))


def test_when_it_has_doubled_it_is_begun_anew(tmp_path: Path) -> None:
    kinds: tuple[Kind, ...] = ("hnsw", "ivf")
    for kind in kinds:
        make = FaissVectors(kind)
        old = tmp_path / kind
        assert update(make, None, old, range(300), VECTORS[:300])
        assert not update(make, old, tmp_path / f"{kind}1", range(300, 601), VECTORS[300:601])
        assert update(make, old, tmp_path / f"{kind}2", range(300, 600), VECTORS[300:600])


def test_a_graph_whose_content_changed_is_told_though_it_is_too_large_for_the_seal(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """faiss trusts what it reads: a wrong number in a graph could end the process."""
    for kind in ("graphs", "lists"):
        place = tmp_path / kind
        place.mkdir()
        for name, data in contents(folders[kind]).items():
            (place / name).write_bytes(data)
        for name in [one for one in contents(place) if one.endswith(".faiss")]:
            harmed = bytearray((place / name).read_bytes())
            harmed[len(harmed) // 2] ^= 0xFF
            (place / name).write_bytes(bytes(harmed))
        seal(place)
        with pytest.raises(CorpusError, match=r"faiss is not what was written"):
            KINDS[kind]().open(place)


def test_what_faiss_cannot_read_or_write_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "part.faiss"
    path.write_bytes(b"no index of faiss at all, but long enough")
    facts = {"first": 0, "rows": 3, "method": "hnsw", "sha256": faiss_parts.file_digest(path)}
    with pytest.raises(CorpusError, match=r"faiss cannot read part\.faiss \(.{5,}\)"):
        faiss_parts.read_part(tmp_path, path, facts)
    with pytest.raises(CorpusError, match=r"faiss cannot read gone\.faiss"):
        faiss_parts.read_part(tmp_path, tmp_path / "gone.faiss", facts)
    making = faiss_parts.Making("hnsw", "none", 8, 20, 0)
    with pytest.raises(OSError, match="faiss cannot write"):
        faiss_parts.make_parts(VECTORS[:50], making, lambda number: tmp_path / "no" / "folder")
    good = faiss_parts.make_parts(VECTORS[:50], making, lambda number: tmp_path / "good.faiss")[0]
    with pytest.raises(CorpusError, match="holds 50 vectors, not 51"):
        faiss_parts.read_part(tmp_path, tmp_path / "good.faiss", {**good, "rows": 51})


def test_without_faiss_small_indexes_work_and_large_ones_name_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    make = FaissVectors("auto", flat_up_to=100)
    assert update(make, None, tmp_path / "small", range(100), VECTORS[:100])
    assert make.open(tmp_path / "small").search(VECTORS[4], 1).rows.tolist() == [4]
    wanted = r"faiss, which is not installed: run `pip install 'assay\[embedded\]'`"
    with pytest.raises(UsageError, match=wanted):
        update(make, None, tmp_path / "large", range(101), VECTORS[:101])
    with pytest.raises(UsageError, match=wanted):
        KINDS["graphs"]().open(folders["graphs"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "tree"}, "kind is one of auto, flat, hnsw, ivf; found 'tree'"),
        ({"kind": "flat", "quantise": "scalar"}, "a flat index keeps vectors as they are"),
        ({"kind": "hnsw", "quantise": "product"}, "product codes are for lists"),
        ({"quantise": "product"}, "product codes are for lists; kind is 'auto'"),
        ({"kind": "hnsw", "device": "cuda"}, "graphs on the processor only"),
        ({"links": 2}, "links is a number from 4 to 64; found 2"),
        ({"breadth": 0}, "breadth is a number from 1 to 65,536; found 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        FaissVectors(**settings)
