"""What small language models make of the same rankings; kept on disk, a question at a time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assay.models.language_model import LanguageModel
from assay.pipeline.component import Node
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking
from benchmarks.rerank_figures.first_stage import Candidates
from benchmarks.rerank_figures.systems import Cost

MODEL = "smollm2-135m-instruct-q4_1"
WINDOW, STEP, WORDS = 10, 5, 60
FAILURES = ("windows_failed", "passages_failed")


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a method made of a question's ranking.

    Args:
        ids: the best passages in their new order; the others follow as they came.
        cost: of it.
        failed: windows that gave no order, or passages that could not be judged.
    """

    ids: tuple[str, ...]
    cost: Cost
    failed: int


def likelihood(model: LanguageModel, depth: int) -> Node:
    """UPR, worked examples first."""
    from assay.stages.rerank.query_likelihood import QueryLikelihoodConfig, QueryLikelihoodRerank

    config = QueryLikelihoodConfig(template="examples", depth=depth, passage_tokens=2 * WORDS)
    return QueryLikelihoodRerank(config, model=model)


def written(model: LanguageModel, depth: int) -> Node:
    """A sliding window whose order the model writes, in a form that a grammar holds it to."""
    from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
    from assay.stages.windows.listwise import Listwise, ListwiseConfig

    config = SlidingWindowConfig(window=WINDOW, step=STEP, depth=depth)
    ranker = Listwise(ListwiseConfig(words=WORDS, constrained=True), model=model)
    return SlidingWindowRerank(config, ranker=ranker)


def first(model: LanguageModel, depth: int) -> Node:
    """The same windows, in the order of one token's probabilities (FIRST)."""
    from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
    from assay.stages.windows.first import First, FirstConfig

    config = SlidingWindowConfig(window=WINDOW, step=STEP, depth=depth)
    return SlidingWindowRerank(config, ranker=First(FirstConfig(words=WORDS), model=model))


METHODS: Mapping[str, Callable[[LanguageModel, int], Node]] = {
    "query likelihood": likelihood,
    "sliding window, written": written,
    "sliding window, FIRST": first,
}


def sampled(found: Sequence[Candidates], fold: str, limit: int) -> list[Candidates]:
    """The first questions of a fold by a hash of their ids.

    Args:
        found: all.
        fold: ``dev``, ``report`` or ``all``.
        limit: how many.
    """
    own = [one for one in found if fold in ("all", one.question.fold)]
    return sorted(own, key=lambda one: _hash(one.question.query.id))[:limit]


def read(path: Path) -> dict[str, Ordered]:
    """What a file holds, by question id; nothing where there is none."""
    known: dict[str, Ordered] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                one = json.loads(line)
            except ValueError:
                continue
            known[one["question"]] = Ordered(tuple(one["ids"]), Cost(*one["cost"]), one["failed"])
    return known


def order(
    path: Path, found: Sequence[Candidates], *, method: str, depth: int, model: LanguageModel
) -> Iterator[str]:
    """Order what is missing; yields the id of each question that is done.

    Args:
        path: of the task and method, appended to.
        found: questions with their rankings.
        method: one of ``METHODS``.
        depth: passages of each that are ordered.
        model: started.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    node = METHODS[method](model, depth)
    known = read(path)
    for one in found:
        query = one.question.query
        if query.id in known:
            continue
        context = RunContext()
        begin = time.process_time()
        new: Ranking = node.run(query=query, ranking=one.ranking, context=context)
        spent = time.process_time() - begin
        cost = context.cost
        told = {
            "question": query.id,
            "ids": list(new.ids[:depth]),
            "cost": [cost.calls, cost.tokens_in + cost.tokens_out, cost.flops, round(spent, 3)],
            "failed": sum(int(context.notes.get(name, 0)) for name in FAILURES),
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
        yield query.id


def reordered(one: Candidates, ids: Sequence[str]) -> Ranking:
    """The ranking with its head in a kept order."""
    by_id = {hit.passage.id: hit for hit in one.ranking.hits}
    head = [by_id[name] for name in ids]
    rest = [hit for hit in one.ranking.hits if hit.passage.id not in set(ids)]
    return Ranking(one.ranking.query, (*head, *rest), "language model")


def order_all(
    folder: Path, found: Mapping[str, Sequence[Candidates]], *, methods: Sequence[str], depth: int
) -> Iterator[tuple[str, str, int]]:
    """Order all that is missing; yields task, method and how many questions were asked.

    Args:
        folder: where orders are kept.
        found: questions by task.
        methods: of ``METHODS``.
        depth: passages of each question.
    """
    from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig

    model = LlamaCpp(LlamaCppConfig(model=MODEL, context_tokens=4096, threads=1))
    model.start()
    with closing(model):
        for method in methods:
            for task, own in found.items():
                path = kept_at(folder, task, method, depth)
                done = sum(1 for _ in order(path, own, method=method, depth=depth, model=model))
                yield task, method, done


def kept_at(folder: Path, task: str, method: str, depth: int) -> Path:
    """Where a task's orders by a method are kept."""
    names = (one.replace(", ", "-").replace(" ", "_") for one in (task, method))
    return folder / f"{'-'.join(names)}-{depth}.jsonl"


def _hash(question: str) -> str:
    return hashlib.sha256(f"rerank-sample-0|{question}".encode()).hexdigest()
