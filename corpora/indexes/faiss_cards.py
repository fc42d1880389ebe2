"""NVIDIA cards for faiss: what fits there answers open searches, the processor all others.

A card's index takes no filter. What it finds is used where enough of it is allowed; else the
index that stays beside it on the processor is asked. So a card changes times, never what a filter
leaves. Needs a release of faiss for cards (``pip install 'assay[gpu]'``).
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from assay.corpora.indexes.dense import Places
from assay.models.protocols import Floats
from assay.pipeline.errors import UsageError

MOST = 2048
"""Most neighbours that a card gives for a query."""


def require_cards(faiss: Any) -> None:
    """Nothing, where faiss sees a card.

    Raises:
        UsageError: if it was built without cards, or sees none.
    """
    if not hasattr(faiss, "index_cpu_to_all_gpus") or not hasattr(faiss, "StandardGpuResources"):
        raise UsageError(
            "device is 'cuda', but this faiss was built without cards: install it with"
            " `pip install 'assay[gpu]'` in the place of faiss-cpu, or write device 'cpu'"
        )
    if faiss.get_num_gpus() < 1:
        raise UsageError("device is 'cuda', but faiss sees no NVIDIA card: write device 'cpu'")


class CardCopy:
    """A copy of an index on all cards; safe between threads, which take turns.

    Args:
        copy: the index there.
    """

    def __init__(self, copy: Any) -> None:
        self._copy = copy
        self._turn = threading.Lock()

    def search(self, query: Floats, count: int) -> tuple[Places, Floats]:
        """The nearest places, best first, with their inner products; ``MOST`` at most."""
        with self._turn:
            scores, found = self._copy.search(query[None], min(count, MOST, self._copy.ntotal))
        there = found[0] >= 0
        return found[0][there].astype(np.intp), scores[0][there]


def to_cards(faiss: Any, index: Any) -> CardCopy:
    """Copy an index to all cards.

    Raises:
        UsageError: if their memory is too small for it.
    """
    try:
        return CardCopy(faiss.index_cpu_to_all_gpus(index))
    except RuntimeError as error:
        raise UsageError(
            "the index does not fit on the cards: write device 'cpu', or choose coarser codes"
            f" ({str(error).splitlines()[0][:200]})"
        ) from error
