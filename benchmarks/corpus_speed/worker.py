"""A process that holds one system and answers questions by BM25, timed, when it is told to."""

from __future__ import annotations

import argparse
import functools
import gc
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from assay.pipeline.words import Query, Scope

from . import passages as made
from .figures import resident
from .peers import (
    BEST,
    CASE,
    YEAR,
    Bm25s,
    Bm25sNumba,
    Peer,
    RankBm25,
    Reader,
    Tantivy,
    TantivyTexts,
)
from .work import Work, add_options, chosen, reply

OURS = "assay"
RANK = "rank-bm25, bare"
PEERS: Mapping[str, tuple[type[Peer], str]] = {
    "tantivy, bare": (Tantivy, "tantivy"),
    "tantivy, bare, with texts": (TantivyTexts, "tantivy"),
    "bm25s, bare, numpy": (Bm25s, "bm25s"),
    "bm25s, bare, numba": (Bm25sNumba, "numba"),
    RANK: (RankBm25, "rank_bm25"),
}
"""Each system's class, and the module without which there is none."""

BESIDE = "beside"
"""A reader of the other tenant: the same question, asked for it."""

TITLES = {
    "all": "reader of everything",
    "half": "reader without the role, who may see half",
    "year": f"filter `year = {YEAR}`, a tenth",
    "case": f"filter `case = {CASE}`, a thousandth",
    BESIDE: "reader of the other tenant, a hundredth as large",
}

Search = Callable[[str, str], list[int]]
Result = TypeVar("Result")


def seconds_of(work: Callable[[], Result]) -> tuple[float, Result]:
    """How long something takes, and what it gives."""
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


def query(question: str, reader: str) -> Query:
    """The question as the corpus takes it."""
    match reader:
        case "half":
            return Query(question, Scope(made.TENANT))
        case "year":
            return Query(question, Scope(made.TENANT, (made.ROLE,)), filters={"year": YEAR})
        case "case":
            return Query(question, Scope(made.TENANT, (made.ROLE,)), filters={"case": CASE})
        case "beside":
            return Query(question, Scope(made.BESIDE, (made.ROLE,)))
        case _:
            return Query(question, Scope(made.TENANT, (made.ROLE,)))


def ours(work: Work, folder: Path, *, vectors: bool) -> Search:
    """The corpus, started, from question to passages with their texts."""
    corpus = work.corpus(folder, embedder=work.embedder() if vectors else None)
    corpus.start()

    def search(question: str, reader: str) -> list[int]:
        hits = corpus.search_bm25(query(question, reader), BEST)
        return [made.place_of(hit.passage.id) for hit in hits]

    return search


def _peer(work: Work, name: str) -> Search | None:
    kind, module = PEERS[name]
    if importlib.util.find_spec(module) is None:
        return None
    peer = kind(work)
    peer.open()

    def search(question: str, reader: str) -> list[int]:
        known: Reader = reader  # type: ignore[assignment]
        return peer.search(question, known)

    return search


def _build(work: Work, name: str) -> None:
    """Build a library's index, unless it is there."""
    kind, module = PEERS[name]
    if importlib.util.find_spec(module) is not None:
        peer = kind(work)
        if peer.built is None:
            peer.make()
        reply(seconds=peer.built)
    else:
        reply(seconds=None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the system, say so, then do tasks until there are no more."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--system", required=True)
    parser.add_argument("--corpus", type=Path, help="of our own system")
    parser.add_argument("--vectors", action="store_true", help="that corpus has vectors")
    parser.add_argument("--build", action="store_true", help="only build its index")
    options = parser.parse_args(arguments)
    work = chosen(options)
    if options.build:
        _build(work, options.system)
        return 0
    before = resident()["all"]
    begin = time.perf_counter()
    if options.system == OURS:
        search: Search | None = ours(work, options.corpus, vectors=options.vectors)
    else:
        search = _peer(work, options.system)
    reply(installed=search is not None, seconds=time.perf_counter() - begin, before=before)
    if search is None:
        return 0
    for line in sys.stdin:
        task = json.loads(line)
        seconds: list[float] = []
        found: list[list[int]] = []
        gc.collect()
        for number in task["questions"]:
            question = work.questions[number]
            took, best = seconds_of(functools.partial(search, question, task["reader"]))
            seconds.append(took)
            found.append(best)
        reply(seconds=seconds, found=found, memory=resident())
    return 0
