"""The files that faiss makes and reads: one graph or one set of lists over a run of vectors.

Graphs are those of Malkov & Yashunin (2018), "Efficient and robust approximate nearest neighbor
search using hierarchical navigable small world graphs"; lists are the inverted file of Jégou et
al. (2011), "Product quantization for nearest neighbor search", section 4, whose product quantiser
(section 3) they may use. Both work on inner products, which are the cosines of vectors of length 1.

The same vectors give the same file, byte for byte: samples are drawn by a fixed seed, and a graph
is made with several threads only by releases of faiss whose method does not depend on their order.
A file's digest is looked at before faiss reads it, since faiss trusts what it reads.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assay.corpora.indexes.folders import damaged
from assay.models.protocols import Floats
from assay.pipeline.errors import UsageError

Method = Literal["flat", "hnsw", "ivf"]
Codes = Literal["none", "half", "scalar", "product"]

GRAPH = 131_072
"""Vectors of one graph. Several such graphs are made sooner than a large one, and in less memory;
a search that goes through eight of them takes about as long as it would in one."""

SAMPLED = 16_384
"""Vectors from which the ranges of scalar codes are learned."""

PER_LIST = 50
"""Vectors a list from which the lists' centres are learned."""

ROUNDS = 10
"""Rounds of k-means for the centres."""

_ADDED = 65_536
_SEED = 20_250_101
_CODES = {"none": "Flat", "half": "SQfp16", "scalar": "SQ8"}
_PER_CODES = 2048
_FEW = 10_000


@dataclass(frozen=True, slots=True)
class Making:
    """How files are made.

    Args:
        method: ``hnsw`` or ``ivf``.
        codes: what numbers in the file are rounded to; ``product`` for lists only.
        links: neighbours of a vector in a graph, M of the paper; twice as many in its lowest layer.
        build_breadth: candidates for neighbours, efConstruction of the paper.
        lists: number of lists; 0: twice the square root of the number of vectors.
    """

    method: Method
    codes: Codes
    links: int
    build_breadth: int
    lists: int


def library() -> Any:
    """faiss, loaded when it is first needed.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise UsageError(
            "an index of this size needs faiss, which is not installed: run"
            " `pip install 'assay[embedded]'`, or choose a flat index"
        ) from error


def make_parts(
    vectors: Floats, making: Making, where: Callable[[int], Path]
) -> list[Mapping[str, Any]]:
    """Write files over vectors.

    Args:
        vectors: shape ``(n, dimension)``, float32, from 1; may lie in a file.
        making: how.
        where: gives the path of each file by its number, from 0.

    Returns:
        What ``read_part`` needs to know of each file: first vector, vectors, method, sha256.

    Raises:
        UsageError: if faiss is not installed.
        OSError: if a file cannot be written.
    """
    faiss = library()
    size = GRAPH if making.method == "hnsw" else len(vectors)
    made: list[Mapping[str, Any]] = []
    # Graphs of equal size, so that none of them is a small rest.
    count = -(-len(vectors) // size)
    bounds = [len(vectors) * number // count for number in range(count + 1)]
    for number, (first, last) in enumerate(pairwise(bounds)):
        run = vectors[first:last]
        with _threads(faiss, len(run), making.method):
            index = _MAKERS[making.method](faiss, run, making)
        path = where(number)
        try:
            faiss.write_index(index, str(path))
        except RuntimeError as error:
            raise OSError(f"faiss cannot write {path}: {_short(error)}") from error
        facts = {"first": first, "rows": last - first, "method": making.method}
        made.append({**facts, "sha256": file_digest(path)})
    return made


def read_part(folder: Path, path: Path, facts: Mapping[str, Any], *, map_it: bool = True) -> Any:
    """Open a file that ``make_parts`` wrote.

    Args:
        folder: the index's, for messages.
        path: of the file.
        facts: what ``make_parts`` said of it.
        map_it: read parts of it as they are used, and share them between processes; else all of it
            comes into memory.

    Raises:
        CorpusError: if it is not what was written.
        UsageError: if faiss is not installed.
    """
    faiss = library()
    flags = 0
    if map_it:
        graph = facts["method"] == "hnsw"
        flags = faiss.IO_FLAG_MMAP_IFC if graph else faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY
    try:
        if file_digest(path) != facts["sha256"]:
            raise damaged(folder, f"the content of {path.name} is not what was written")
        index = faiss.read_index(str(path), flags)
    except (OSError, RuntimeError) as error:
        raise damaged(folder, f"faiss cannot read {path.name} ({_short(error)})") from error
    if index.ntotal != facts["rows"]:
        raise damaged(folder, f"{path.name} holds {index.ntotal} vectors, not {facts['rows']}")
    if facts["method"] == "ivf" and map_it:
        # By default 32 threads would read ahead for every query.
        faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
    return index


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _graph(faiss: Any, vectors: Floats, making: Making) -> Any:
    factory = f"HNSW{making.links},{_CODES[making.codes]}"
    index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = making.build_breadth
    index.train(_sample(vectors, SAMPLED))
    # One call: a graph that is added to again may lose its way to what it held before
    # (faiss pull request 5524).
    index.add(np.ascontiguousarray(vectors))
    return index


def _lists(faiss: Any, vectors: Floats, making: Making) -> Any:
    count, dimension = vectors.shape
    lists = min(count, making.lists or max(1, round(2 * count**0.5)))
    codes = f"PQ{_parts(dimension)}" if making.codes == "product" else _CODES[making.codes]
    factory = f"IVF{lists},{codes}"
    index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical = True
    index.cp.niter = ROUNDS
    index.cp.seed = _SEED
    index.cp.min_points_per_centroid = 1  # else it prints a warning
    index.cp.max_points_per_centroid = PER_LIST
    sample = _sample(vectors, max(PER_LIST * lists, SAMPLED))
    if making.codes == "product":
        index.pq.cp.min_points_per_centroid = 1
        index.do_polysemous_training = False  # for a search by Hamming distance, not used here
        if len(sample) < _PER_CODES:  # k-means needs more of them than there are code words
            sample = np.resize(sample, (_PER_CODES, dimension))
    index.train(sample)
    for start in range(0, count, _ADDED):
        index.add(np.ascontiguousarray(vectors[start : start + _ADDED]))
    return index


def _parts(dimension: int) -> int:
    """Numbers that a product code has: four of the vector's numbers go into one where that fits."""
    return next(dimension // width for width in (4, 3, 2, 1) if dimension % width == 0)


def _sample(vectors: Floats, count: int) -> Floats:
    if len(vectors) <= count:
        return np.ascontiguousarray(vectors)
    chosen = np.random.default_rng(_SEED).choice(len(vectors), count, replace=False)
    return vectors[np.sort(chosen)]


@contextmanager
def single(faiss: Any) -> Iterator[None]:
    """In this thread, faiss uses no others: for one query they cost more than they give."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _threads(faiss: Any, count: int, method: Method) -> AbstractContextManager[None]:
    steady = method == "ivf" or hasattr(faiss, "hnsw_add_vertices_deterministic")
    return nullcontext() if steady and count > _FEW else single(faiss)


_MAKERS: Mapping[Method, Callable[[Any, Floats, Making], Any]] = {"hnsw": _graph, "ivf": _lists}


def _short(error: Exception) -> str:
    """What a C++ exception says, without the place in its source."""
    return (str(error).rsplit("Error: ", 1)[-1].splitlines() or [""])[0][:200]
