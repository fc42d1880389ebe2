"""An index over vectors by faiss: exact while it is small, a graph or lists where it is large.

What is chosen by size, and why there: up to some ten thousand vectors a comparison with all of them
takes a few milliseconds and is exact, so that nothing else is worth its error. Above, a graph
finds about 97 of 100 in well under a millisecond for each 100,000 vectors, and stays the fastest
as long as it and its making are bearable; lists need less memory and a shorter making, and look
at more vectors for the same share (benchmarks/corpora.py measures all three).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assay.corpora.indexes.faiss_cards import require_cards
from assay.corpora.indexes.faiss_parts import (
    Codes,
    Making,
    Method,
    library,
    make_parts,
)
from assay.corpora.indexes.faiss_searcher import FaissSearcher, Searching
from assay.corpora.indexes.index import Index, Rows
from assay.corpora.indexes.segments import Held, Layout, Segment, read, write
from assay.corpora.indexes.vector_files import VECTORS, VectorWriter, blocks
from assay.corpora.indexes.vector_update import Staged, stage, write_rows
from assay.models.protocols import Floats
from assay.pipeline.canonical import digest
from assay.pipeline.errors import UsageError

FORM = "faiss vectors 1"

FLAT = 50_000
"""Vectors up to which all are compared, on the processor."""

FLAT_ON_CARDS = 1_000_000
"""The same on cards, which have no graphs and compare a million vectors in about a millisecond."""

GRAPHS = 2_000_000
"""Vectors up to which graphs are made: two million take some ten minutes on two cores."""

DOUBLED = 2
"""An index with graphs or lists is begun anew when it has grown to so many times its first size."""

Kind = Literal["auto", "flat", "hnsw", "ivf"]
Quantise = Literal["auto", "none", "half", "scalar", "product"]


class FaissVectors(Index[Floats, Floats]):
    """Vectors, exact or by graphs or lists of faiss, in segments.

    What is added later is compared one by one until it is more than ``flat_up_to`` vectors, which
    then become graphs or lists of their own. Hits of graphs and lists are scored again from the
    stored vectors, float32 with ``quantise='none'`` and else half precision: such a score is off
    by 0.001 at most.

    Args:
        kind: ``auto`` chooses by size; ``flat`` compares all, ``hnsw`` makes graphs, ``ivf`` lists.
        quantise: what graphs and lists hold: the numbers themselves (``none``), two bytes
            (``half``), one (``scalar``), or a byte for four numbers (``product``, lists only).
            ``auto``: one byte.
        flat_up_to: vectors up to which ``auto`` is flat, and up to which additions are; None:
            ``FLAT``, on cards ``FLAT_ON_CARDS``.
        graphs_up_to: vectors up to which ``auto`` makes graphs; on cards it makes none.
        links: neighbours of a vector in a graph (M), 4 to 64.
        build_breadth: candidates for them (efConstruction), from 8.
        breadth: candidates that a search in a graph keeps (efSearch), from 1.
        lists: number of lists (nlist); 0: twice the square root of the number of vectors.
        probes: lists that a search looks at (nprobe); 0: an eighth of them.
        device: ``cuda`` answers open searches on the NVIDIA cards that faiss sees.

    Raises:
        UsageError: if settings do not go together or are out of range.
    """

    def __init__(
        self,
        kind: Kind = "auto",
        *,
        quantise: Quantise = "auto",
        flat_up_to: int | None = None,
        graphs_up_to: int = GRAPHS,
        links: int = 24,
        build_breadth: int = 128,
        breadth: int = 192,
        lists: int = 0,
        probes: int = 0,
        device: Literal["cpu", "cuda"] = "cpu",
    ) -> None:
        if flat_up_to is None:
            flat_up_to = FLAT if device == "cpu" else FLAT_ON_CARDS
        _check(kind, quantise, device)
        _in_range(
            ("flat_up_to", flat_up_to, 0, 2**31),
            ("graphs_up_to", graphs_up_to, 0, 2**31),
            ("links", links, 4, 64),
            ("build_breadth", build_breadth, 8, 4096),
            ("breadth", breadth, 1, 65_536),
            ("lists", lists, 0, 1 << 20),
            ("probes", probes, 0, 1 << 20),
        )
        self._kind = kind
        self._quantise = quantise
        self._flat_up_to = flat_up_to
        self._graphs_up_to = graphs_up_to if device == "cpu" else 0
        self._links = links
        self._build_breadth = build_breadth
        self._lists = lists
        self._searching = Searching(breadth=breadth, probes=probes, device=device)

    def settings(self) -> Mapping[str, object]:
        """Everything but ``breadth``, ``probes`` and ``device``, which only searches depend on."""
        return {
            "index": FORM,
            "kind": self._kind,
            "quantise": self._quantise,
            "flat_up_to": self._flat_up_to,
            "graphs_up_to": self._graphs_up_to,
            "links": self._links,
            "build_breadth": self._build_breadth,
            "lists": self._lists,
        }

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Floats]],
        removed: Rows,
    ) -> bool:
        """See ``Index.update``.

        False once more than a fifth of the vectors was removed, where ``auto`` would now choose
        another method, and where graphs or lists have doubled their first size.

        Raises:
            UsageError: if faiss is needed and not installed.
        """
        held = None if old is None else read(old, FORM, removed=removed)
        if held is not None and held.worn:
            return False
        staged = stage(held, new, added, fits=_is_flat, most=self._room(held))
        if staged is None:
            return False
        count = len(staged.rows)
        method = self._chosen(count)
        facts: dict[str, Any] = {"method": method, "built": count}
        if held is not None:
            facts = {key: held.layout.facts[key] for key in ("method", "built")}
            method = facts["method"] if count > self._flat_up_to else "flat"
        made: tuple[Segment, ...] = ()
        if staged.added:
            flat = method == "flat"
            made = (staged.place(new) if flat else self._approximate(staged, new, method),)
        facts["dimension"] = staged.dimension
        write(new, Layout(FORM, staged.kept + made, staged.highest, facts), staged.removed)
        return True

    def open(self, folder: Path) -> FaissSearcher:
        """See ``Index.open``; cost: rows and the files of faiss are read once, vectors are not.

        Raises:
            UsageError: if faiss is needed and not installed, or there is no card for ``cuda``.
        """
        if self._searching.device == "cuda":
            require_cards(library())
        return FaissSearcher(read(folder, FORM), self._searching)

    def _chosen(self, count: int) -> Method:
        """The method for so many vectors."""
        if self._kind != "auto":
            return self._kind if count else "flat"
        if count <= self._flat_up_to:
            return "flat"
        return "hnsw" if count <= self._graphs_up_to else "ivf"

    def _room(self, held: Held | None) -> int | None:
        """How many vectors may be added before another method, or a new making, is due."""
        if held is None:
            return None
        method, size = held.layout.facts["method"], held.rows.size
        most: list[int] = []
        if method == "flat" and self._kind != "flat":
            most.append(self._flat_up_to if self._kind == "auto" else 0)
        if method != "flat":
            most.append(DOUBLED * int(held.layout.facts["built"]))
        if method == "hnsw" and self._kind == "auto":
            most.append(self._graphs_up_to)
        return max(0, min(most) - size) if most else None

    def _approximate(self, staged: Staged, new: Path, method: Method) -> Segment:
        """Make staged vectors a segment with graphs or lists."""
        codes: Codes = "scalar" if self._quantise == "auto" else self._quantise
        making = Making(method, codes, self._links, self._build_breadth, self._lists)
        vectors = np.load(staged.path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        name = f"{int(staged.rows[0])}-{int(staged.rows[-1])}"
        parts = make_parts(vectors, making, lambda number: new / f"{name}.{number}.faiss")
        facts: dict[str, Any] = {
            "codes": codes,
            "parts": parts,
            "digest": digest([_mark(staged.rows), *(one["sha256"] for one in parts)]),
        }
        segment = Segment(name, len(staged.rows), facts)
        path = segment.file(new, VECTORS)
        if codes == "none":
            staged.path.rename(path)
        else:
            with VectorWriter(path, "float16") as writer:
                for block in blocks(vectors):
                    writer.append(np.empty(0, dtype=np.int64), block)
            staged.path.unlink()
        write_rows(new, segment, staged.rows)
        return segment


def _mark(rows: Rows) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def _is_flat(segment: Segment) -> bool:
    return "parts" not in segment.facts


def _check(kind: str, quantise: str, device: str) -> None:
    known = {
        "kind": (kind, ("auto", "flat", "hnsw", "ivf")),
        "quantise": (quantise, ("auto", "none", "half", "scalar", "product")),
        "device": (device, ("cpu", "cuda")),
    }
    for name, (value, values) in known.items():
        if value not in values:
            raise UsageError(f"{name} is one of {', '.join(values)}; found '{value}'")
    if kind == "flat" and quantise not in ("auto", "none"):
        raise UsageError(
            f"a flat index keeps vectors as they are; quantise is '{quantise}': choose kind 'ivf'"
            " for less memory, or quantise 'none'"
        )
    if quantise == "product" and kind != "ivf":
        raise UsageError(
            f"product codes are for lists; kind is '{kind}': choose kind 'ivf', or quantise"
            " 'scalar'"
        )
    if kind == "hnsw" and device == "cuda":
        raise UsageError("faiss walks graphs on the processor only: choose kind 'ivf' or 'flat'")


def _in_range(*settings: tuple[str, int, int, int]) -> None:
    for name, value, least, most in settings:
        if not least <= value <= most:
            raise UsageError(f"{name} is a number from {least:,} to {most:,}; found {value}")
