"""``select.meteora`` and ``select.set`` with the embedded language model, on a few questions a set.

A question takes the model seconds to a minute, so what it wrote is kept, a question a line, in
rounds over the sets: whenever this is stopped, the sets have about equally many.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Embedder, Floats
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Ranking, Score, ScoreKind
from assay.stages.rerank.unit_vectors import unit_rows
from assay.stages.select.meteora import Meteora, MeteoraConfig
from assay.stages.select.set import Set, SetConfig
from benchmarks.retrieval import MODEL as EMBEDDER
from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.protocol import Method
from benchmarks.select_figures.rationales import by_rationales

MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
SEED = "select-written-0"
SET = {"depth": 10, "batch": 10, "words": 80, "tokens": 60}
METHODS = ("set", "set, shuffled", "meteora")
METEORA = {"rationales": 6, "tokens": 320, "depth": 30, "min_k": 0}


def write(cases: Mapping[str, Sequence[Case]], work: Path, questions: int) -> None:
    """Ask the model what has not been asked.

    Args:
        cases: by set.
        work: folder.
        questions: of each set, drawn by a hash from those that need a passage.
    """
    path = work / "written.jsonl"
    known = {(one["method"], one["set"], one["question"]) for one in _lines(path)}
    wanted = [
        (method, one)
        for one in _rounds(cases, questions)
        for method in METHODS
        if (method, one.group, one.query.id) not in known
    ]
    if not wanted:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    model = LlamaCpp(LlamaCppConfig(model=MODEL, context_tokens=4096, threads=1))
    embedder = OnnxEmbedder(OnnxEmbedderConfig(model=EMBEDDER))
    model.start()
    embedder.start()
    with closing(model), closing(embedder), path.open("a", encoding="utf-8") as file:
        names = Set(SetConfig.model_validate(SET), model=model)
        thinks = Meteora(MeteoraConfig.model_validate(METEORA), model=model, embedder=embedder)
        for number, (method, one) in enumerate(wanted, 1):
            context = RunContext(seed=0)
            begin = time.perf_counter()
            if method != "meteora":
                shown = one.ranking if method == "set" else _shuffled(one.ranking)
                selection = names.run(one.query, shown, context)
                told: dict[str, Any] = {"kept": [hit.passage.id for hit in selection.kept]}
            else:
                told = _by_meteora(thinks, embedder, one, context)
            told |= {"method": method, "set": one.group, "question": one.query.id}
            told |= {"seconds": round(time.perf_counter() - begin, 2)}
            told |= {"counts": dict(context.notes)}
            file.write(json.dumps(told) + "\n")
            file.flush()
            print(f"{method}: {number} of {len(wanted)}", file=sys.stderr, flush=True)


def _by_meteora(
    node: Meteora, embedder: Embedder, case: Case, context: RunContext
) -> dict[str, Any]:
    """What the node would keep, by the vectors that are at hand."""
    found = node.rationales(case.query, context)
    if not found:
        kept = [hit.passage.id for hit in node.select(case.query, case.ranking, (), context).kept]
    else:
        texts = [one.text for one in found]
        vectors: Floats = unit_rows(embedder.embed_queries(texts, [context] * len(texts)))
        kept = sorted(by_rationales(lambda _: vectors)(case))
    return {"kept": kept, "rationales": [one.text for one in found]}


def _shuffled(ranking: Ranking) -> Ranking:
    """The passages that ``select.set`` looks at, in an order that says nothing about them."""
    head = list(ranking.hits[: SET["depth"]])
    head.sort(key=lambda hit: hashlib.sha256(f"{SEED}|{hit.passage.id}".encode()).hexdigest())
    # Scores tell the order that is shown, as those of a ranking do.
    hits = [
        Hit(hit.passage, Score(1 / place, ScoreKind.ORDER, "shuffled"))
        for place, hit in enumerate(head, 1)
    ]
    return Ranking(ranking.query, tuple(hits), "shuffled")


def _rounds(cases: Mapping[str, Sequence[Case]], questions: int) -> Iterator[Case]:
    drawn = {
        name: sorted(
            (one for one in own if one.needed),
            key=lambda one: hashlib.sha256(f"{SEED}|{one.query.id}".encode()).hexdigest(),
        )[:questions]
        for name, own in cases.items()
    }
    for place in range(questions):
        for own in drawn.values():
            if place < len(own):
                yield own[place]


def written(work: Path) -> tuple[Method, ...]:
    """The methods on the questions that the model has been asked."""
    found: dict[str, dict[tuple[str, str], list[str]]] = {name: {} for name in METHODS}
    for one in _lines(work / "written.jsonl"):
        found[one["method"]][one["set"], one["question"]] = one["kept"]

    def method(name: str, kept: Mapping[tuple[str, str], list[str]]) -> Method:
        return Method(
            name,
            lambda _: lambda case: kept[case.group, case.query.id],
            "none",
            asks=lambda case: (case.group, case.query.id) in kept,
        )

    return tuple(method(f"{name}, 0.5B model", found[name]) for name in METHODS)


def told(work: Path) -> dict[str, dict[str, float]]:
    """Sums of what the nodes counted, and mean seconds, by method."""
    sums: dict[str, dict[str, float]] = {}
    for one in _lines(work / "written.jsonl"):
        own = sums.setdefault(one["method"], {"questions": 0.0, "seconds": 0.0})
        own["questions"] += 1
        own["seconds"] += one["seconds"]
        for key, value in one["counts"].items():
            if isinstance(value, int | float):
                own[key] = own.get(key, 0.0) + value
    return sums


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
