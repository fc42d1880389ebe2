"""Plain text files to a searchable corpus: passages a second, and where the time goes.

    python benchmarks/corpora.py ingest

Files of ten passages each, read by ``Files`` and indexed by ``LocalCorpus``, as ``assay index``
does it, into an empty folder. Three runs without embeddings, a fourth with timers, and runs with
the embedded embedder on fewer passages, of which the time outside of ``embed_passages`` is told.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.corpora.loaders.folder import Files
from assay.corpora.local import LocalCorpus
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Floats
from assay.pipeline.words import Scope

from . import passages as made
from .building import quiet
from .figures import head, keep, median, table, told
from .timers import REST, Timers, watched
from .vectors import MODEL
from .work import Work, add_options, chosen

SCOPE = Scope(made.TENANT)
RUNS = 3


class TimedEmbedder(OnnxEmbedder):
    """The embedded embedder, with the seconds that it was at work."""

    name = OnnxEmbedder.name

    seconds = 0.0

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[Any]) -> Floats:
        """See ``Embedder.embed_passages``."""
        begin = time.perf_counter()
        try:
            return super().embed_passages(texts, contexts)
        finally:
            self.seconds += time.perf_counter() - begin


def write_files(work: Work, folder: Path, count: int) -> None:
    """Text files of ten passages each, a hundred in a folder; not those of the corpus."""
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(count // made.PER_DOCUMENT):
        document = made.document(work.pool, number, seed=made.SEED + 2)
        place = folder / f"{number // 100:04d}" / f"{number:06d}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(document.text + "\n", encoding="utf-8")


def run(corpus: LocalCorpus, source: Path, expected: int, timers: Timers | None = None) -> float:
    """Index a folder of files; seconds from the walk through the folder to the commit.

    Raises:
        SystemExit: if not every passage is there afterwards.
    """
    begin = time.perf_counter()
    if timers is None:
        files = Files([source], scope=SCOPE)
        report = corpus.index(files, skipped=files.skipped, progress=quiet)
    else:
        with watched(corpus, timers):
            files = timers.around("reading", Files)([source], scope=SCOPE)
            read = timers.each("reading", files)
            report = corpus.index(read, skipped=files.skipped, progress=quiet)
    seconds = time.perf_counter() - begin
    if report.passages + report.duplicates != expected:
        raise SystemExit(f"{report.passages} passages instead of {expected}")
    return seconds


def measure(work: Work, count: int, embedded: int) -> None:
    """All runs, printed and kept."""
    folder = work.top / "ingest"
    write_files(work, folder / "files", count)
    seconds = [run(_fresh(work, folder), folder / "files", count) for _ in range(RUNS)]
    timers = Timers()
    timed = run(_fresh(work, folder), folder / "files", count, timers)
    wholes, shares = _embedded(work, folder, embedded) if embedded else ([], [])
    speeds = [count / one for one in seconds]
    parts = sorted(timers.seconds.items(), key=lambda one: (one[0] == REST, -one[1]))
    lines = [
        head(
            files=f"{count // made.PER_DOCUMENT:,} text files of {made.PER_DOCUMENT} passages of"
            f" about 60 words, made of {len(work.pool.sentences):,} sentences, seed {made.SEED + 2}"
        ),
        "",
        f"{count:,} passages from files to words, {RUNS} runs: {median(speeds)} passages a second"
        f" [quartiles], {median(seconds)} s. With timers, {told(timed)} s:",
        "",
        table(
            ("part", "s", "share", "µs a passage"),
            [
                (name, told(one), f"{100 * one / timed:.1f} %", told(1e6 * one / count))
                for name, one in parts
            ],
        ),
    ]
    if embedded:
        lines += [
            "",
            f"{embedded:,} passages with {MODEL}, {RUNS} runs: {median(wholes)} s"
            f" ({median([embedded / one for one in wholes])} passages a second); outside of"
            f" `embed_passages` {median(shares)} % of the time.",
        ]
    figures = {
        "seconds": seconds,
        "parts": dict(timers.seconds),
        "embedded": wholes,
        "own share": shares,
    }
    keep(work.figures, "ingest", "\n".join(lines), figures)
    shutil.rmtree(folder)


def _embedded(work: Work, folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Seconds of each run with the embedder, and the share outside of it, in percent."""
    write_files(work, folder / "some", count)
    wholes: list[float] = []
    shares: list[float] = []
    for _ in range(RUNS):
        embedder = TimedEmbedder(OnnxEmbedderConfig(model=MODEL))
        embedder.start()
        wholes.append(run(_fresh(work, folder, embedder), folder / "some", count))
        embedder.close()
        shares.append(100 * (wholes[-1] - embedder.seconds) / wholes[-1])
    return wholes, shares


def _fresh(work: Work, folder: Path, embedder: OnnxEmbedder | None = None) -> LocalCorpus:
    shutil.rmtree(folder / "corpus", ignore_errors=True)
    return work.corpus(folder / "corpus", embedder=embedder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--from-files", type=int, default=20_000, help="passages in files")
    parser.add_argument("--embedded", type=int, default=2_000, help="passages that are embedded")
    options = parser.parse_args(arguments)
    measure(chosen(options), options.from_files, options.embedded)
    return 0
