"""How well BM25, embeddings and their fusions rank, on labelled sets, beside a plain reference.

    python -m benchmarks.retrieval --out build/retrieval
    python -m benchmarks.retrieval --out build/retrieval --choose
    python -m benchmarks.retrieval --out build/retrieval --model build/retrieval/weights.json

Figures are nDCG@10 (linear gain, by trec_eval's code) over the questions that have a relevant
passage, at most ``--limit`` a set by a seeded sample; brackets are 95 % intervals by bootstrap,
paired where two systems are compared. Passages are those of the sets; both indexes are made from
the same ones, by ``corpora.local`` with the embedded embedder. Each fusion gets the best 100 of
each part.

The questions of each set are split by a hash of their ids: 40 % are the dev fold, on which settings
are chosen, together with sets of which no figure is given (``--choose`` prints what they say); 60 %
are the report fold. The reference (``retrieval_quality.source.Reference``) is BM25 without stemming
by bm25s, cosine by numpy, and RRF; where it is compared, all questions count, as in the figures
that the issue quotes for its own, which have other samples of questions.

``--choose`` takes minutes where ``--cache`` has the embeddings, fewer with ``--limit 200``. It also
fits the optional model of ``fuse.adaptive`` on those questions and writes it to ``weights.json``;
``--model`` takes such a file. A set that is not below ``--data-root`` is left out, and said so.
Tables go to standard output and ``table.md``, figures to ``figures.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assay.corpora.dataset import Dataset
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Embedder
from benchmarks.retrieval_quality.choosing import Retrieved, choose
from benchmarks.retrieval_quality.measuring import Measured, measure
from benchmarks.retrieval_quality.source import DEPTH, Remembering, retrieve
from benchmarks.retrieval_quality.systems import fusions
from benchmarks.retrieval_quality.tables import fusions_table, reference_table, spoilt_table
from benchmarks.retrieval_quality.tasks import OTHER_TASKS, TASKS, Task, questions_of, read

CORPUS: Mapping[str, Any] = {
    "stemmer": "english",
    "stop_words": "english",
    "lexical": "bm25s",
    "k1": 0.9,
    "b": 0.4,
}
"""Settings of ``corpora.local@1`` that were chosen on the dev folds."""

WEIGHTS: Mapping[str, float] = {"bm25": 0.45, "dense": 0.55}
"""Of the parts in ``fuse.weighted`` and ``fuse.adaptive``, chosen there, too."""

MODEL = "bge-small-en-v1.5-int8"


def measured(
    tasks: Sequence[Task],
    data: Mapping[str, Dataset],
    *,
    embedder: Embedder,
    folder: Path,
    limit: int,
    model: str | None = None,
) -> list[Measured]:
    """Every system on every task.

    Args:
        tasks: what is asked.
        data: the sets by folder; a task without one is left out.
        embedder: started.
        folder: for indexes and embeddings.
        limit: most questions of a task.
        model: file with fitted weights for ``fuse.adaptive``, None for its formula.
    """
    fused = fusions(WEIGHTS, model=model)
    rows = []
    for task in tasks:
        if task.folder not in data:
            continue
        begin = time.perf_counter()
        found = retrieve(
            data[task.folder],
            questions_of(task, data[task.folder], limit),
            embedder=embedder,
            folder=folder,
            settings=CORPUS,
            fuse=fused["adaptive"],
            with_reference=True,
        )
        rows.append(measure(task, found, fused))
        print(f"{task.name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    return rows


def chosen(
    data: Mapping[str, Dataset], *, embedder: Embedder, folder: Path, limit: int, out: Path
) -> str:
    """What the questions that are in no figure say; the fitted model goes to ``weights.json``."""

    fused = fusions(WEIGHTS)

    def retrieve_all(settings: Mapping[str, Any], feedback: tuple[int, float] | None) -> Retrieved:
        found = {}
        for task in (*TASKS, *OTHER_TASKS):
            if task.folder in data:
                questions = questions_of(task, data[task.folder], limit)
                if task in TASKS:
                    questions = tuple(one for one in questions if one.fold == "dev")
                found[task.name] = retrieve(
                    data[task.folder],
                    questions,
                    embedder=embedder,
                    folder=folder,
                    settings=settings,
                    fuse=fused["adaptive"],
                    feedback=feedback,
                )
        print(f"retrieved with {dict(settings)}", file=sys.stderr)
        return found

    said, model = choose(retrieve_all, chosen=CORPUS, weights=WEIGHTS)
    (out / "weights.json").write_text(model.to_json(), encoding="utf-8")
    return f"{said}\nfitted: {model.to_json()}"


def told(rows: Sequence[Measured]) -> str:
    """The tables."""
    report = [row.only("report") for row in rows]
    return "\n".join(
        (
            "Report fold, nDCG@10:\n",
            fusions_table(report),
            "What a bad partner costs of the sound part's nDCG@10, report fold:\n",
            spoilt_table(report),
            "All questions, dev fold included, beside the reference:\n",
            reference_table(rows),
        )
    )


def figures(rows: Sequence[Measured]) -> list[dict[str, Any]]:
    """Means and intervals of every system, by task and fold."""
    made = []
    for row in rows:
        for fold in ("dev", "report", "all"):
            part = row if fold == "all" else row.only(fold)
            if not part.questions:
                continue
            estimates = {name: part.estimate(name) for name in part.values}
            made.append(
                {
                    "task": row.task.name,
                    "fold": fold,
                    "n": len(part.questions),
                    "ndcg@10": {name: one.value for name, one in estimates.items()},
                    "ci95": {name: one.interval for name, one in estimates.items()},
                }
            )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or choose, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=Path("..") / "shared" / "data")
    parser.add_argument("--out", type=Path, default=Path("build/retrieval"))
    parser.add_argument("--cache", type=Path, help="indexes and embeddings, kept between runs")
    parser.add_argument("--limit", type=int, default=600, help="most questions of a set")
    parser.add_argument("--only", nargs="+", help="folders of the sets, such as cranfield")
    parser.add_argument("--choose", action="store_true", help="compare settings on dev folds")
    parser.add_argument("--model", type=Path, help="fitted weights for fuse.adaptive")
    options = parser.parse_args(arguments)
    every = (*TASKS, *OTHER_TASKS) if options.choose else TASKS
    tasks = [one for one in every if not options.only or one.folder in options.only]
    data, missing = read(options.data_root, tasks)
    for folder, reason in missing.items():
        print(f"left out: {folder}: {reason}", file=sys.stderr)
    if not data:
        print("no set to measure on", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    embedder = OnnxEmbedder(OnnxEmbedderConfig(model=MODEL))
    embedder.start()
    with closing(embedder), tempfile.TemporaryDirectory() as empty:
        shared: dict[str, Any] = {
            "embedder": Remembering(embedder),
            "folder": options.cache or Path(empty),
            "limit": options.limit,
        }
        if options.choose:
            print(chosen(data, out=options.out, **shared))
            return 0
        model = None if options.model is None else str(options.model)
        rows = measured(tasks, data, model=model, **shared)
    shown = told(rows)
    (options.out / "table.md").write_text(shown, encoding="utf-8")
    run = {
        "corpus": dict(CORPUS),
        "weights": dict(WEIGHTS),
        "model": MODEL,
        "fitted": model,
        "depth": DEPTH,
        "limit": options.limit,
        "seconds": round(time.perf_counter() - begin, 1),
        "python": platform.python_version(),
        "bm25s": version("bm25s"),
    }
    (options.out / "figures.json").write_text(
        json.dumps({"run": run, "figures": figures(rows)}, indent=1) + "\n", encoding="utf-8"
    )
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
