"""A thousand changed documents in a large corpus: seconds until they are found.

    python benchmarks/corpora.py update

The corpus is copied first (index folders never change, so they are linked). Each run gives
``index(..., keep=True)`` other documents with other texts, their embeddings given, while the corpus
is open, so that the new generation is opened within it; then a question that only a new text
answers is asked. One run goes with timers and is not counted. In a small corpus the runs change so
large a share that an index is begun anew on the way: at full size they change one document in 100.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus

from . import passages as made
from .building import build, quiet
from .figures import folder_bytes, head, keep, median, resident, table, told
from .timers import REST, Timers, watched
from .work import Child, Work, add_options, chosen, reply
from .worker import query

CHANGED = 1000
RUNS = 3


def copied(work: Work) -> Path:
    """The corpus a second time: the store is copied, index folders are linked."""
    place = work.folder / "update"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for item in work.corpus_folder.iterdir():
        if item.is_dir():
            shutil.copytree(item, place / item.name, copy_function=os.link)
        elif item.name != "embeddings.sqlite":
            shutil.copy2(item, place / item.name)
    return place


def changed(work: Work, run: int, count: int) -> list[Document]:
    """Documents of the main tenant with other texts; each run has others, spread over all."""
    total = work.passages // made.PER_DOCUMENT
    step = max(1, total // count)
    numbers = [(number * step + run) % total for number in range(count)]
    revised = [made.document(work.pool, number, revision=run + 1) for number in numbers]
    return list({one.id: one for one in revised}.values())


def _child(work: Work, count: int) -> None:
    """Update the copy here, and tell."""
    place = copied(work)
    sizes = [folder_bytes(place)]
    corpus = work.corpus(place, embedder=work.embedder())
    corpus.start()
    runs: list[dict[str, Any]] = []
    for run in range(RUNS + 1):
        documents = changed(work, run, count)
        timers = Timers() if run == RUNS else None
        begin = time.perf_counter()
        if timers is None:
            report = corpus.index(documents, skipped={}, progress=quiet, keep=True)
        else:
            with watched(corpus, timers):
                report = corpus.index(documents, skipped={}, progress=quiet, keep=True)
        done = time.perf_counter()
        seen = found(corpus, documents[-1])
        sizes.append(folder_bytes(place))
        runs.append(
            {
                "seconds": done - begin,
                "answer": time.perf_counter() - done,
                "changed": len(report.changed),
                "documents": len(documents),
                "seen": seen,
                "notes": list(report.notes),
                "parts": dict(timers.seconds) if timers else {},
            }
        )
    corpus.close()
    shutil.rmtree(place)
    reply(runs=runs, sizes=sizes, memory=resident())


def found(corpus: LocalCorpus, document: Document) -> bool:
    """Whether a passage of the document as it is now is the answer to its own text."""
    text = document.text.split("\n\n")[-1]
    hits = corpus.search_bm25(query(text, "all"), 1)
    return bool(hits) and hits[0].passage.text == text


def measure(work: Work, count: int) -> None:
    """Update a copy, print and keep the figures."""
    child = Child("update", [*work.arguments(), "--changed", str(count), "--child"])
    done = child.ask()
    child.end()
    if not all(one["seen"] and one["changed"] == one["documents"] for one in done["runs"]):
        raise SystemExit("an update did not become visible")
    *runs, timed = done["runs"]
    parts = sorted(timed["parts"].items(), key=lambda one: (one[0] == REST, -one[1]))
    documents = runs[0]["documents"]
    seconds = [one["seconds"] for one in runs]
    lines = [
        head(passages=work.described()),
        "",
        f"{documents:,} changed documents ({documents * made.PER_DOCUMENT:,} passages),"
        f" {RUNS} runs: {', '.join(map(told, seconds))} s until the new generation is open in this"
        f" process (median {told(statistics.median(seconds))}), and"
        f" {median([one['answer'] for one in runs])} s for the first answer out of it; highest"
        f" resident {told(done['memory']['highest'])} MB. On the disk, MB, before and after each of"
        f" {RUNS + 1} runs: {', '.join(told(one / 1e6) for one in done['sizes'])}. With timers,"
        f" {told(timed['seconds'])} s:",
        "",
        table(
            ("part", "s", "share"),
            [(name, told(one), f"{100 * one / timed['seconds']:.1f} %") for name, one in parts],
        ),
    ]
    keep(work.figures, "update", "\n".join(lines), done)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--changed", type=int, default=CHANGED, help="documents a run")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work = chosen(options)
    if options.child:
        _child(work, options.changed)
        return 0
    build(work)
    measure(work, options.changed)
    return 0
