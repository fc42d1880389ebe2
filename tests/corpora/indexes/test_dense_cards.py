"""Indexes over vectors on cards; this machine has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assay.corpora.indexes import faiss_cards, faiss_searcher, faiss_vectors
from assay.corpora.indexes.faiss_vectors import FaissVectors
from assay.corpora.indexes.flat_vectors import FlatVectors
from assay.pipeline.errors import UsageError
from tests.conformance.index_subject import none
from tests.corpora.indexes.grouped_vectors import (
    ASKED,
    ASKERS,
    COUNT,
    OWNERS,
    VECTORS,
    recall,
    update,
)

faiss = pytest.importorskip("faiss", reason="needs the extra embedded")


@pytest.mark.skipif(hasattr(faiss, "StandardGpuResources"), reason="this faiss knows cards")
def test_cards_are_refused_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert update(FaissVectors("flat"), None, tmp_path / "one", range(9), VECTORS[:9])
    with pytest.raises(UsageError, match=r"built without cards: install it with `pip install 'ass"):
        FaissVectors("flat", device="cuda").open(tmp_path / "one")
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", lambda index: index, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(UsageError, match="faiss sees no NVIDIA card: write device 'cpu'"):
        FaissVectors("flat", device="cuda").open(tmp_path / "one")


def test_what_cards_leave_open_the_processor_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index of the processor stands for the card's copy: same protocol, no filter, few hits."""
    monkeypatch.setattr(faiss_vectors, "require_cards", lambda library: None)
    monkeypatch.setattr(
        faiss_searcher, "to_cards", lambda library, index: faiss_cards.CardCopy(index)
    )
    monkeypatch.setattr(faiss_cards, "MOST", 64)
    (tmp_path / "a").mkdir()
    FlatVectors().update(None, tmp_path / "a", added=enumerate(VECTORS), removed=none())
    exact = FlatVectors().open(tmp_path / "a")
    on_cards = FaissVectors("flat", device="cuda")
    assert update(on_cards, None, tmp_path / "b", range(COUNT), VECTORS)
    flat = on_cards.open(tmp_path / "b")
    in_lists = FaissVectors("ivf", flat_up_to=100, probes=24, device="cuda")
    assert update(in_lists, None, tmp_path / "d", range(COUNT), VECTORS)
    lists = in_lists.open(tmp_path / "d")
    assert flat.exact and flat.kind.endswith("exact, open searches on cards")
    for allowed in (None, np.arange(0, COUNT, 2), np.arange(0, COUNT, 900), none()):
        for asked in ASKED:
            for k in (3, 10, 100):
                found = flat.search(asked, k, allowed=allowed)
                expected = exact.search(asked, k, allowed=allowed)
                assert found.rows.tolist() == expected.rows.tolist()
                assert found.scores.tolist() == expected.scores.tolist()
        if allowed is not None and len(allowed):
            assert recall(lists, dict.fromkeys(range(len(ASKED)), allowed).get) >= 0.95
    assert recall(lists, lambda number: None) >= 0.95
    far = [np.flatnonzero(asker % 2 != OWNERS % 2) for asker in ASKERS]
    assert recall(lists, lambda number: far[number]) >= 0.95
    same = np.repeat(VECTORS[:1], 40, axis=0)
    assert update(on_cards, None, tmp_path / "c", range(50), np.concatenate([same, VECTORS[1:11]]))
    assert on_cards.open(tmp_path / "c").search(VECTORS[0], 3).rows.tolist() == list(range(40))
