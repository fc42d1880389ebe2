"""Does reranking help, what does it cost, and do gate and blend keep it from hurting?

    python -m benchmarks.rerank_quality --work build/rerank --depths 20 50
    python -m benchmarks.rerank_quality --work build/rerank --depths 20 --inputs rrf --limit 100

The input is ``retrieve.hybrid@1`` over the labelled sets, best 100, with the corpus settings of
``benchmarks/retrieval.py``: by its default fusion (``adaptive``) or by reciprocal rank fusion
(``rrf``). The reranker is the embedded cross-encoder over the best ``--depths`` of it. Figures are
nDCG@10 (linear gain, by trec_eval's code); differences to the input have paired 95 % intervals by
bootstrap over clusters of questions. Questions are split by a hash of their ids as in
``benchmarks/retrieval.py``: settings of ``rerank.gate@1`` and ``rerank.blend@1`` were chosen on the
dev folds, ``--fold report`` gives the figures.

Indexes, rankings and scores are kept below ``--work`` and a run that was stopped goes on where it
was: nothing is scored twice, whatever the depth. ``--no-scoring`` measures on the questions that
have their scores already, and says how many are left out. Seconds are processor time, so that other
work on the machine counts little. RPP is nDCG@10 per PetaFLOP, the mean over questions that were
reranked; QPP is questions per PetaFLOP, over all. Tables go to standard output and ``table.md``,
figures to ``figures.json``.

Systems: the cross-encoder alone; ``rerank.blend@1`` of it and the input, with and without
``rerank.gate@1``; ``fuse.adaptive@1`` of it and the input ("fused"), for an input that this node
did not make, beside what the node does to that input alone ("texts only"); for one that it did
make, of the input's parts and the reranker together ("third voice"). ``--methods likeness`` adds
``rerank.pseudo_query@1`` (rocchio, from the best passage) blended in, ``likeness bridge`` beside it
``rerank.bridge@1``; ``language-models`` has a small one order a few questions of two sets.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assay.corpora.dataset import Dataset
from assay.models.onnx_cross_encoder import OnnxCrossEncoder, OnnxCrossEncoderConfig
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from benchmarks.rerank_figures import first_stage, scores
from benchmarks.rerank_figures.first_stage import (
    DEPTH,
    Candidates,
    Search,
    dense,
    hybrid,
    lexical,
)
from benchmarks.rerank_figures.kept import KeptCrossEncoder, KeptEmbedder, vectors
from benchmarks.rerank_figures.language_models import METHODS as ORDERED_BY
from benchmarks.rerank_figures.language_models import MODEL as WRITER
from benchmarks.rerank_figures.language_models import kept_at as kept_at_by
from benchmarks.rerank_figures.language_models import order_all, sampled
from benchmarks.rerank_figures.language_models import read as read_orders
from benchmarks.rerank_figures.measuring import Row, measured, measured_orders
from benchmarks.rerank_figures.systems import (
    BLENDED,
    BRIDGED,
    FUSED,
    FUSED_LIKENED,
    LIKENED,
    PARTS,
    TEXTS,
    VOICED,
    System,
    bridge_system,
    fused,
    likeness,
    raised_by_texts,
    systems,
    voiced,
)
from benchmarks.rerank_figures.tables import costs_table, quality_table
from benchmarks.retrieval import CORPUS, MODEL, WEIGHTS
from benchmarks.retrieval_quality.tasks import TASKS, Task, read

INPUTS: Mapping[str, Mapping[str, Any]] = {
    "adaptive": {"weights": dict(WEIGHTS)},
    "rrf": {"fusion": "rrf"},
}
"""Settings of ``retrieve.hybrid@1`` by the name of the input."""

SEARCHES: Mapping[str, Search] = {
    **{name: hybrid(fusion) for name, fusion in INPUTS.items()},
    "bm25": lexical,
    "dense": dense,
}
"""What rankings are kept of, by name: the inputs and their parts."""

JUDGE = "ms-marco-minilm-l12-v2-int8"
LEFT_OUT = "chunkeval"
METHODS = ("likeness", "bridge", "language-models")
"""What is asked for beside the scores."""
ASKED_OF_WRITER = ("contractnli_dev", "musique100")
"""Sets with short passages, which a language model on a processor reads in minutes."""


def kept_at(work: Path, task: Task, source: str, limit: int) -> Path:
    """Where a task's rankings are kept."""
    name = task.name.replace(", ", "-").replace(" ", "_")
    suffix = "" if source == "adaptive" else f"-{source}"
    return work / "first" / f"{name}{suffix}-{limit}.json"


def candidates(
    work: Path, tasks: Sequence[Task], data: Mapping[str, Dataset], source: str, limit: int
) -> dict[str, list[Candidates]]:
    """The rankings of each task, by its name; made where they are not kept."""
    missing = [one for one in tasks if not kept_at(work, one, source, limit).exists()]
    if missing:
        embedder = OnnxEmbedder(OnnxEmbedderConfig(model=MODEL))
        embedder.start()
        with closing(embedder):
            for task in missing:
                found = first_stage.retrieved(
                    task,
                    data[task.folder],
                    embedder=embedder,
                    folder=work / "index",
                    settings=CORPUS,
                    search=SEARCHES[source],
                    limit=limit,
                )
                first_stage.write(kept_at(work, task, source, limit), found)
                print(f"{task.name}: retrieved {len(found)}", file=sys.stderr)
    return {one.name: first_stage.read(kept_at(work, one, source, limit)) for one in tasks}


def scores_at(work: Path, task: Task) -> Path:
    """Where a task's scores are kept."""
    return work / "scores" / f"{task.name.replace(', ', '-').replace(' ', '_')}.jsonl"


def score_all(
    work: Path, tasks: Sequence[Task], found: Mapping[str, list[Candidates]], depth: int
) -> None:
    """Score whatever has no score yet."""
    model = OnnxCrossEncoder(OnnxCrossEncoderConfig(model=JUDGE))
    model.start()
    with closing(model):
        for task in tasks:
            pairs = sum(scores.score(scores_at(work, task), found[task.name], depth, model))
            print(f"{task.name}: scored {pairs} pairs", file=sys.stderr)


def scored_by(name: str) -> OnnxCrossEncoder:
    """A started cross-encoder."""
    model = OnnxCrossEncoder(OnnxCrossEncoderConfig(model=name))
    model.start()
    return model


def embedded_by(name: str) -> OnnxEmbedder:
    """A started embedder."""
    model = OnnxEmbedder(OnnxEmbedderConfig(model=name))
    model.start()
    return model


def compared(
    work: Path,
    task: Task,
    found: Sequence[Candidates],
    source: str,
    methods: Sequence[str],
    parts: Mapping[str, Sequence[Candidates]],
) -> dict[str, System]:
    """The systems that were asked for, for one task.

    Args:
        work: folder of what is kept.
        task: what is asked.
        found: its questions with their rankings.
        source: the input's name; fused anew is what ``fuse.adaptive`` did not make.
        methods: of ``METHODS``.
        parts: rankings of the same questions that the input is made of, by name.
    """
    made = systems()
    if source != "adaptive":
        made |= {TEXTS: raised_by_texts, FUSED: fused}
    else:
        made[VOICED] = voiced(parts)
    if "likeness" not in methods:
        return made
    slug = scores_at(work, task).stem
    known = vectors(work / "vectors" / f"{slug}.npz", found, DEPTH, lambda: embedded_by(MODEL))
    embedder = KeptEmbedder(known)
    made[LIKENED] = likeness(embedder, made[BLENDED])
    if source != "adaptive":
        made[FUSED_LIKENED] = likeness(embedder, made[FUSED])
    if "bridge" in methods:
        model = KeptCrossEncoder(work / "bridge" / f"{slug}.jsonl", lambda: scored_by(JUDGE))
        made[BRIDGED] = bridge_system(made[LIKENED], model, lambda: model.seconds)
    return made


def by_language_models(
    work: Path,
    tasks: Sequence[Task],
    found: Mapping[str, Sequence[Candidates]],
    *,
    depth: int,
    scoring: bool,
) -> list[Row]:
    """What the small language model makes of the default input."""
    folder = work / "language-models"
    if scoring:
        for name, method, done in order_all(folder, found, methods=list(ORDERED_BY), depth=depth):
            print(f"{name}, {method}: ordered {done}", file=sys.stderr)
    rows = []
    for task in tasks:
        orders = {
            name: read_orders(kept_at_by(folder, task.name, name, depth)) for name in ORDERED_BY
        }
        known = {name: own for name, own in orders.items() if own}
        if absent := sorted(set(orders) - set(known)):
            print(f"{task.name}: no orders by {', '.join(absent)}", file=sys.stderr)
        if known:
            rows += measured_orders(task, found[task.name], known, "adaptive", depth)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Retrieve, score, measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=Path("..") / "shared" / "data")
    parser.add_argument("--work", type=Path, default=Path("build/rerank"))
    parser.add_argument("--depths", type=int, nargs="+", default=[50], help="passages reranked")
    parser.add_argument("--inputs", nargs="+", choices=sorted(INPUTS), default=["adaptive"])
    parser.add_argument("--limit", type=int, default=300, help="most questions of a set")
    parser.add_argument("--fold", choices=("dev", "report", "all"), default="report")
    parser.add_argument("--only", nargs="+", help="folders of the sets, such as cranfield")
    parser.add_argument(
        "--methods", nargs="*", choices=METHODS, default=["likeness"], help="what else is compared"
    )
    parser.add_argument("--questions", type=int, default=25, help="of a set, by language models")
    parser.add_argument("--writer-depth", type=int, default=10, help="the same: passages")
    parser.add_argument(
        "--no-scoring",
        action="store_true",
        help="measure on what has scores; bridge scores all it lacks",
    )
    options = parser.parse_args(arguments)
    tasks = [
        one
        for one in TASKS
        if one.folder != LEFT_OUT and (not options.only or one.folder in options.only)
    ]
    data, missing = read(options.data_root, tasks)
    for folder, reason in missing.items():
        print(f"left out: {folder}: {reason}", file=sys.stderr)
    tasks = [one for one in tasks if one.folder in data]
    if not tasks:
        print("no set to measure on", file=sys.stderr)
        return 1
    rows: list[Row] = []
    parts = {
        name: candidates(options.work, tasks, data, name, options.limit)
        for name in (PARTS if "adaptive" in options.inputs else ())
    }
    for source in options.inputs:
        found = candidates(options.work, tasks, data, source, options.limit)
        for depth in sorted(options.depths):
            if not options.no_scoring:
                score_all(options.work, tasks, found, depth)
            for task in tasks:
                known = scores.read(scores_at(options.work, task))
                own = found[task.name]
                of_task = {name: one[task.name] for name, one in parts.items()}
                beside = compared(options.work, task, own, source, options.methods, of_task)
                rows += measured(task, own, known, source, depth, options.fold, beside)
    shown = "\n".join((quality_table(rows), costs_table(rows)))
    if "language-models" in options.methods:
        own_tasks = [task for task in tasks if task.folder in ASKED_OF_WRITER]
        found = candidates(options.work, own_tasks, data, "adaptive", options.limit)
        few = {name: sampled(own, options.fold, options.questions) for name, own in found.items()}
        written = by_language_models(
            options.work, own_tasks, few, depth=options.writer_depth, scoring=not options.no_scoring
        )
        if written:
            shown += "\n" + "\n".join((quality_table(written), costs_table(written)))
            rows += written
    (options.work / "table.md").write_text(shown, encoding="utf-8")
    run = {
        "model": JUDGE,
        "methods": list(options.methods),
        "language model": WRITER,
        "inputs": {name: dict(INPUTS[name]) for name in options.inputs},
        "corpus": dict(CORPUS),
        "limit": options.limit,
        "fold": options.fold,
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
    }
    told = {"run": run, "figures": [row.to_json() for row in rows]}
    (options.work / "figures.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
