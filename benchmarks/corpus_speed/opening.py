"""Opening an existing corpus, and what it holds in memory.

    python benchmarks/corpora.py open

A fresh process imports the package, starts the corpus, and answers one question by words and one
by vectors. ``cold``: the system was told to forget the corpus's files before. The memory is that of
the same process after it has answered all questions both ways.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.pipeline.context import RunContext

from .building import build
from .figures import folder_bytes, head, keep, median, resident, table, told
from .peers import BEST
from .work import Child, Work, add_options, chosen, reply
from .worker import query, seconds_of

WARM, COLD = 5, 3
STEPS = ("process and imports", "start", "first by words", "first by vectors")


def _child(work: Work, begun: float) -> None:
    """Open it here, answer, and tell the seconds of each step."""
    reading, questions = seconds_of(lambda: work.questions)
    context = RunContext()
    imported = time.time() - begun - reading
    before = resident()
    corpus = work.corpus(embedder=work.embedder())
    started = seconds_of(corpus.start)[0]
    one = query(questions[0], "all")
    words = seconds_of(lambda: corpus.search_bm25(one, BEST))[0]
    vectors = seconds_of(lambda: corpus.search_dense([one], BEST, [context]))[0]
    reply(steps=[imported, started, words, vectors], before=before, memory=resident())
    if sys.stdin.readline():
        for reader in ("all", "half"):
            for question in questions:
                asked = query(question, reader)
                corpus.search_bm25(asked, BEST)
                corpus.search_dense([asked], BEST, [context])
        reply(memory=resident())


def forget(folder: Path) -> None:
    """Have the system drop a folder's files from its cache; those that others map stay."""
    for item in folder.rglob("*"):
        if item.is_file():
            handle = os.open(item, os.O_RDONLY)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def opened(work: Work) -> tuple[Child, dict[str, Any]]:
    """A fresh process, with what it said of its opening."""
    child = Child("open", [*work.arguments(), "--begun", repr(time.time())])
    return child, child.ask()


def measure(work: Work) -> None:
    """Open it some times, print and keep the figures."""
    os.sync()
    child, _ = opened(work)  # so that the files are in the system's cache
    child.end()
    figures: dict[str, Any] = {"warm": [], "cold": []}
    for name, runs in (("warm", WARM), ("cold", COLD)):
        for _ in range(runs):
            if name == "cold":
                forget(work.corpus_folder)
            child, said = opened(work)
            child.end()
            figures[name].append(said["steps"])
    child, said = opened(work)
    asked = child.ask(go=True)["memory"]
    child.end()
    figures["memory"] = {"before": said["before"], "opened": said["memory"], "asked": asked}
    rows = [
        (
            name,
            *(median([run[step] for run in figures[name]]) for step in range(len(STEPS))),
            median([sum(run) for run in figures[name]]),
        )
        for name in ("warm", "cold")
    ]
    memory = [
        (name, *(told(one[kind]) for kind in ("all", "anonymous", "files")))
        for name, one in (
            ("libraries imported, questions read", said["before"]),
            ("one question answered both ways", said["memory"]),
            (f"{2 * len(work.questions)} questions answered both ways, by two readers", asked),
        )
    ]
    lines = [
        head(passages=work.described()),
        "",
        f"Seconds, median [quartiles] of {WARM} and {COLD} fresh processes; on the disk"
        f" {told(folder_bytes(work.corpus_folder) / 1e6)} MB:",
        "",
        table(("files in the system's cache", *STEPS, "all"), rows),
        "",
        "Resident memory of such a process, MB:",
        "",
        table(("when", "all", "its own", "of mapped files"), memory),
    ]
    keep(work.figures, "open", "\n".join(lines), figures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work = chosen(options)
    if options.begun:
        _child(work, options.begun)
        return 0
    build(work)
    measure(work)
    return 0
