"""Make the rankings: search every set by words, by meaning and by both, then ask the judge."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.corpora.dataset import to_query
from assay.corpora.local import LocalCorpus
from assay.models.onnx_cross_encoder import OnnxCrossEncoder, OnnxCrossEncoderConfig
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import CrossEncoder, Embedder
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, Ranking
from assay.stages.retrieve.bm25 import Bm25, Bm25Config
from assay.stages.retrieve.dense import Dense, DenseConfig
from assay.stages.retrieve.hybrid import Hybrid, HybridConfig
from assay.stages.windows.passage_text import read as text_of
from benchmarks.retrieval import CORPUS, MODEL
from benchmarks.select_figures.rankings import (
    Asked,
    Vectors,
    asked_of,
    logits_of,
    passages_of,
    write,
)
from benchmarks.select_figures.sets import LabelledSet, Prepared, prepare

DEPTH = 100
"""Length of a first-stage ranking."""

JUDGED = 30
"""Best passages of the hybrid ranking that the judge reads."""

JUDGE = "ms-marco-minilm-l12-v2-int8"


def make(folder: Path, root: Path, sets: tuple[LabelledSet, ...], *, limit: int | None) -> None:
    """Search and judge what is not there yet; a run that was stopped goes on where it was.

    Args:
        folder: for the rankings.
        root: of the sets.
        sets: which.
        limit: most questions of a set, None for its own.
    """
    missing = [one for one in sets if not (folder / f"{one.name}.npz").exists()]
    if missing:
        embedder = OnnxEmbedder(OnnxEmbedderConfig(model=MODEL))
        embedder.start()
        with closing(embedder):
            for one in missing:
                ready = prepare(one, root, limit=limit)
                asked, passages, vectors = retrieved(ready, embedder, folder / "index", CORPUS)
                write(folder, one.name, asked, passages, vectors)
                print(f"{one.name}: {len(asked)} questions retrieved", file=sys.stderr, flush=True)
    if all(len(logits_of(folder, one.name)) == len(asked_of(folder, one.name)) for one in sets):
        return
    judge = OnnxCrossEncoder(OnnxCrossEncoderConfig(model=JUDGE))
    judge.start()
    with closing(judge):
        for one in sets:
            pairs = judged(folder, one.name, judge)
            print(f"{one.name}: {pairs} pairs judged", file=sys.stderr, flush=True)


def retrieved(
    ready: Prepared, embedder: Embedder, folder: Path, settings: Mapping[str, Any]
) -> tuple[list[Asked], list[Passage], Vectors]:
    """Index a set and ask it by words, by meaning, and by both with the default fusion."""
    data = ready.data
    config = LocalCorpus.Config.model_validate({**settings, "path": str(folder / data.name)})
    corpus = LocalCorpus(config, embedder=embedder)
    corpus.index(data.documents, skipped=data.skipped, progress=lambda stage, done, total: None)
    corpus.start()
    with closing(corpus):
        queries = [to_query(one) for one in data.queries]
        items = [{"query": one} for one in queries]
        dense = Dense(DenseConfig(k=DEPTH), corpus=corpus)
        hybrid = Hybrid(HybridConfig(k=DEPTH), corpus=corpus)
        bm25 = Bm25(Bm25Config(k=DEPTH), corpus=corpus)
        hybrid.start()
        near = dense.run_batch(items, [RunContext() for _ in items])
        both = hybrid.run_batch(items, [RunContext() for _ in items])
        lists: list[dict[str, Ranking]] = [
            {"bm25": bm25.run(query), "dense": near[place], "hybrid": both[place]}
            for place, query in enumerate(queries)
        ]
        own = corpus.embed([one.text for one in queries], [RunContext() for _ in queries])
        hits = [hit for found in lists for ranking in found.values() for hit in ranking.hits]
        anywhere = replace(queries[0], filters={})
        graded = [data.qrels.get(one.id, {}) for one in data.queries]
        gold = {name for own in graded for name, grade in own.items() if grade > 0}
        missed = corpus.get(sorted(corpus.holds(gold, anywhere.scope.tenant)), anywhere)
        known = [*(hit.passage for hit in hits), *missed]
        passages = list({passage.id: passage for passage in known}.values())
        rows = corpus.vectors(passages, anywhere)
        asked = []
        for labelled, query, found in zip(data.queries, queries, lists, strict=True):
            grades = _standing(data.qrels.get(labelled.id, {}), corpus, anywhere)
            spans: dict[str, list[tuple[int, int]]] = {}
            for span in data.spans.get(labelled.id, ()):
                spans.setdefault(span.document_id, []).append((span.start, span.end))
            meta = {key: value for key, value in labelled.meta.items() if key != "scope"}
            ranked = {
                name: [(hit.passage.id, hit.score.value) for hit in ranking.hits]
                for name, ranking in found.items()
            }
            cluster = ready.clusters[labelled.id]
            asked.append(Asked(query, grades, cluster, labelled.answers, meta, spans, ranked))
    vectors = Vectors(
        {one.id: row for one, row in zip(passages, rows, strict=True)},
        {one.id: row for one, row in zip(queries, own, strict=True)},
        {},
    )
    return asked, [_placed(one, ready) for one in passages], vectors


def _placed(passage: Passage, ready: Prepared) -> Passage:
    """The passage as one of its document, as it is where whole documents are indexed."""
    document, place = ready.places[passage.id]
    start, end = passage.metadata.get("start"), passage.metadata.get("end")
    if isinstance(start, int) and isinstance(end, int):
        passage = replace(passage, start=start, end=end)
    return replace(passage, document_id=document, position=place)


def _standing(grades: Mapping[str, int], corpus: LocalCorpus, query: Any) -> dict[str, int]:
    """Grades on the passages that stand for duplicates in the corpus."""
    there = [name for name in grades if corpus.holds([name], query.scope.tenant)]
    found: dict[str, int] = {}
    for name, passage in zip(there, corpus.get(there, query), strict=True):
        found[passage.id] = max(grades[name], found.get(passage.id, 0))
    return found


def judged(folder: Path, name: str, judge: CrossEncoder) -> int:
    """Score the best of each question's hybrid ranking; gives how many pairs were new."""
    passages, known, count = passages_of(folder, name), logits_of(folder, name), 0
    with (folder / f"{name}.judge.jsonl").open("a", encoding="utf-8") as file:
        if file.tell():
            file.write("\n")  # ends a line that was cut off
        for one in asked_of(folder, name):
            if one.query.id in known:
                continue
            best = [passages[hit] for hit, _ in one.found["hybrid"][:JUDGED]]
            pairs = [(one.query.text, text_of(passage)) for passage in best]
            logits = judge.score(pairs, [RunContext() for _ in pairs]).tolist() if pairs else []
            told = {
                passage.id: round(logit, 6) for passage, logit in zip(best, logits, strict=True)
            }
            file.write(json.dumps({"question": one.query.id, "logits": told}) + "\n")
            file.flush()
            count += len(pairs)
    return count
