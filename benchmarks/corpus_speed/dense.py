"""Vectors: build time, latency, recall against exact search, and memory, by kind of index.

    python benchmarks/corpora.py dense
    python benchmarks/corpora.py dense --kinds ivf/scalar ivf/half hnsw/half

The corpus itself (``auto``) is asked through ``search_dense``, its questions' vectors given; each
other kind is ``FaissVectors`` by itself over the same vectors, built and searched in a process of
its own. Recall@10 is the mean share, over questions, of found passages whose exact cosine is not
below that of the exact tenth (a tie is no miss); exact cosines are computed from float32. Faiss's
own flat index, bare, is the yardstick for time.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.indexes.faiss_vectors import FaissVectors, Kind, Quantise
from assay.models.protocols import Floats
from assay.pipeline.context import RunContext

from . import passages as made
from .building import build
from .figures import MEGABYTE, Percentiles, folder_bytes, head, keep, resident, table, told
from .peers import BEST, READERS, Reader, may_find
from .vectors import MODEL
from .work import Child, Work, add_options, chosen, reply
from .worker import TITLES, query, seconds_of

ASKED = 200
STEP = 50_000
NEAR = 1e-6
"""Cosines that differ by less are equal."""

CORPUS, FLAT = "corpus", "faiss flat, bare"
KINDS = ("ivf/scalar", "ivf/product")
Through = Callable[[int, Reader], list[int]]


def exact(work: Work, asked: int) -> dict[Reader, list[float]]:
    """The exact tenth cosine of each question, by reader; kept in the work folder."""
    path = work.folder / f"exact-{asked}.json"
    if not path.exists():
        vectors = np.load(work.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        best = {reader: np.full((asked, 0), 0.0, dtype=np.float32) for reader in READERS}
        for first in range(0, len(vectors), STEP):
            scores = work.question_vectors[:asked] @ np.asarray(vectors[first : first + STEP]).T
            for reader in READERS:
                allowed = may_find(len(vectors), reader)[first : first + STEP]
                both = np.concatenate([best[reader], scores[:, allowed]], axis=1)
                best[reader] = -np.sort(-both, axis=1)[:, :BEST] if both.shape[1] else both
        tenth = {reader: found[:, -1].tolist() for reader, found in best.items()}
        path.write_text(json.dumps(tenth), encoding="utf-8")
    found: dict[Reader, list[float]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def recall(work: Work, reader: Reader, found: Sequence[Sequence[int]]) -> list[float]:
    """Of each question, the share of the exact ten that was found."""
    vectors = np.load(work.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    tenth = exact(work, len(found))[reader]
    allowed = may_find(len(vectors), reader)
    shares: list[float] = []
    for number, rows in enumerate(found):
        distinct = sorted(set(rows))
        if not allowed[distinct].all():
            raise SystemExit(f"'{reader}' was given a passage that it may not find")
        cosines = np.asarray(vectors[distinct]) @ work.question_vectors[number]
        good = int(np.sum(cosines >= tenth[number] - NEAR))
        shares.append(min(good, BEST) / BEST)
    return shares


def _search(work: Work, name: str, asked: int) -> None:
    """Open one kind here and ask it."""
    before = resident()["all"]
    begin = time.perf_counter()
    if name == CORPUS:
        search = _corpus(work)
    elif name == FLAT:
        search = _flat(work)
    else:
        search = _index(work, name)
    opening = time.perf_counter() - begin
    answers: dict[str, Any] = {}
    for reader in READERS if name == CORPUS else READERS[:1]:
        asks = [functools.partial(search, number, reader) for number in range(asked)]
        first = seconds_of(asks[-1])[0]
        timed = [seconds_of(one) for one in asks]
        seconds, found = zip(*timed, strict=True)
        answers[reader] = {"first": first, "seconds": seconds, "found": found}
    reply(answers=answers, memory=resident(), before=before, opening=opening)


def _build(work: Work, name: str) -> None:
    """Build one kind here."""
    folder = _folder(work, name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    none = np.zeros(0, dtype=np.int64)
    begin = time.perf_counter()
    _kind(name).update(None, folder, added=_rows(work), removed=none)
    seconds = time.perf_counter() - begin
    reply(seconds=seconds, memory=resident(), bytes=folder_bytes(folder))


def _corpus(work: Work) -> Through:
    corpus = work.corpus(embedder=work.embedder())
    corpus.start()
    context = RunContext()
    questions = work.questions

    def search(number: int, reader: Reader) -> list[int]:
        hits = corpus.search_dense([query(questions[number], reader)], BEST, [context])[0]
        return [made.place_of(hit.passage.id) for hit in hits]

    return search


def _flat(work: Work) -> Through:
    import faiss

    vectors = np.load(work.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    index = faiss.IndexFlatIP(vectors.shape[1])
    for first in range(0, len(vectors), STEP):
        index.add(np.ascontiguousarray(vectors[first : first + STEP]))

    def search(number: int, reader: Reader) -> list[int]:
        rows = index.search(work.question_vectors[number : number + 1], BEST)[1][0]
        return [int(row) for row in rows]

    return search


def _index(work: Work, name: str) -> Through:
    searcher = _kind(name).open(_folder(work, name))

    def search(number: int, reader: Reader) -> list[int]:
        rows: list[int] = searcher.search(work.question_vectors[number], BEST).rows.tolist()
        return rows[:BEST]

    return search


def _kind(name: str) -> FaissVectors:
    kind, _, quantise = name.partition("/")
    known_kind: Kind = kind  # type: ignore[assignment]
    known_quantise: Quantise = quantise or "auto"  # type: ignore[assignment]
    return FaissVectors(kind=known_kind, quantise=known_quantise)


def _folder(work: Work, name: str) -> Path:
    return work.folder / "kinds" / name.replace("/", "-")


def _rows(work: Work) -> Iterator[tuple[int, Floats]]:
    vectors = np.load(work.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    for first in range(0, len(vectors), STEP):
        block = np.array(vectors[first : first + STEP])
        yield from ((first + number, row) for number, row in enumerate(block))


def measure(work: Work, kinds: Sequence[str], asked: int) -> None:
    """Build what is missing, ask all of them, print and keep the tables."""
    figures: dict[str, Any] = {}
    for name in (CORPUS, FLAT, *kinds):
        built = _built(work, name)
        child = Child("dense", [*work.arguments(), "--asked", str(asked), "--search", name])
        figures[name] = {"built": built, **child.ask()}
        child.end()
        for reader, answers in figures[name]["answers"].items():
            answers["recall"] = recall(work, reader, answers.pop("found"))
    keep(work.figures, "dense", _report(work, figures, asked), figures)


def _built(work: Work, name: str) -> dict[str, Any] | None:
    """What building a kind took; noted when it was built."""
    if name in (CORPUS, FLAT):
        return None
    noted = _folder(work, name).with_suffix(".json")
    if not noted.exists():
        child = Child("dense", [*work.arguments(), "--build", name])
        noted.write_text(json.dumps(child.ask()), encoding="utf-8")
        child.end()
    found: dict[str, Any] = json.loads(noted.read_text(encoding="utf-8"))
    return found


def _report(work: Work, figures: Mapping[str, Any], asked: int) -> str:
    percentiles = Percentiles(asked)
    rows = []
    for name, one in figures.items():
        built = one["built"]
        everything = one["answers"][READERS[0]]
        rows.append(
            (
                name,
                told(built["seconds"]) if built else "–",
                told(built["bytes"] / MEGABYTE) if built else "–",
                told(one["opening"]),
                percentiles.of(everything["seconds"], 0.5, scale=1e3),
                percentiles.of(everything["seconds"], 0.95, scale=1e3),
                percentiles.mean(everything["recall"]),
                told(one["memory"]["all"] - one["before"]),
                told(one["memory"]["files"]),
            )
        )
    columns = (
        *("index", "build, s", "on the disk, MB", "opening, s", "p50, ms", "p95, ms"),
        *("recall@10", "resident, MB, over the libraries", "of mapped files, MB"),
    )
    narrowed = [
        (
            TITLES[reader],
            percentiles.of(answers["seconds"], 0.5, scale=1e3),
            percentiles.of(answers["seconds"], 0.95, scale=1e3),
            told(1e3 * answers["first"]),
            percentiles.mean(answers["recall"]),
        )
        for reader, answers in figures[CORPUS]["answers"].items()
    ]
    lines = [
        head(passages=work.described()),
        "",
        f"A passage's vector is the mean of its sentences' vectors by {MODEL}, brought to"
        " length 1 (embedding a million passages is left out); questions are embedded as they"
        f" are, before the clock starts. {asked} questions one by one, [95 % interval]; `corpus` is"
        " `search_dense` with `dense: auto`, up to passages with their texts.",
        "",
        table(columns, rows),
        "",
        "The corpus with a scope or a filter:",
        "",
        table(("reader", "p50, ms", "p95, ms", "first, ms", "recall@10"), narrowed),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--asked", type=int, default=ASKED, help="questions")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), help="such as hnsw/scalar")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--search", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work = chosen(options)
    if options.build:
        _build(work, options.build)
    elif options.search:
        _search(work, options.search, options.asked)
    else:
        build(work)
        measure(work, options.kinds, min(options.asked, len(work.questions)))
    return 0
