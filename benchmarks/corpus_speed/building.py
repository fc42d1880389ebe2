"""The corpus with words and vectors at full size, built once and used by the parts that search it.

    python benchmarks/corpora.py build

Documents of two tenants come in turns, and every second one asks for a role. One run, with timers
around the corpus's own functions: how long each took, and the most memory that was used.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from assay.corpora.corpus import Progress

from . import passages as made
from .figures import folder_bytes, head, keep, resident, table, told
from .timers import REST, Timers, watched
from .work import Child, Work, add_options, chosen, reply

TOLD = 30
"""Seconds between two words on how far a run is."""


def quiet(stage: str, done: int, total: int) -> None:
    """A progress that nobody follows."""


def followed() -> Progress:
    """A progress that is told on standard error now and then."""
    last = time.monotonic()

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > TOLD:
            last = time.monotonic()
            print(f"{stage}: {done:,} of {total:,}", file=sys.stderr)

    return progress


def build(work: Work) -> None:
    """Build the corpus in a process of its own, unless it is there; tell how long it took."""
    if (work.corpus_folder / "store.sqlite").exists():
        return
    work.prepare()
    child = Child("build", [*work.arguments(), "--child"])
    done = child.ask()
    child.end()
    _tell(work, done)


def _child(work: Work) -> None:
    """Build it here."""
    fresh = work.folder / "corpus.new"
    shutil.rmtree(fresh, ignore_errors=True)
    embedder = work.embedder()
    corpus = work.corpus(fresh, embedder=embedder)
    timers = Timers()
    made_of = timers.each("making the documents", made.documents(work.pool, work.passages))
    begin = time.perf_counter()
    with watched(corpus, timers):
        report = corpus.index(made_of, skipped={}, progress=followed())
    seconds = time.perf_counter() - begin
    shutil.rmtree(work.corpus_folder, ignore_errors=True)
    fresh.rename(work.corpus_folder)
    reply(
        seconds=seconds,
        parts=dict(timers.seconds),
        passages=report.passages,
        duplicates=report.duplicates,
        notes=list(report.notes),
        memory=resident(),
        bytes={
            item.name: folder_bytes(item) if item.is_dir() else item.stat().st_size
            for item in [*work.corpus_folder.iterdir(), *(work.corpus_folder / "indexes").iterdir()]
        },
    )


def _tell(work: Work, done: dict[str, Any]) -> None:
    making = done["parts"].pop("making the documents")
    whole = done["seconds"] - making
    parts = sorted(done["parts"].items(), key=lambda one: (one[0] == REST, -one[1]))
    count = done["passages"] + done["duplicates"]
    sizes = ", ".join(
        f"{name} {told(size / 1e6)} MB" for name, size in sorted(done["bytes"].items())
    )
    lines = [
        head(corpus=work.described()),
        "",
        f"{count:,} passages of two tenants ({done['duplicates']:,} merged) indexed with words and"
        f" vectors, embeddings given, in {told(whole)} s ({told(count / whole)} a second); highest"
        f" resident {told(done['memory']['highest'])} MB. {'; '.join(done['notes'])} On the disk:"
        f" {sizes}.",
        "",
        table(
            ("part", "s", "share"),
            [(name, told(part), f"{100 * part / whole:.1f} %") for name, part in parts],
        ),
    ]
    keep(work.figures, "build", "\n".join(lines), done)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work = chosen(options)
    if options.child:
        _child(work)
    else:
        build(work)
    return 0
