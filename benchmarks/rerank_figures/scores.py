"""Cross-encoder scores of (question, passage) pairs, kept on disk, so that nothing is scored twice.

A file a task, one JSON object a line, appended after each question: a run that was stopped goes on
where it was. Every pair keeps its own cost, so the cost at a smaller depth is a sum.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.models.protocols import CrossEncoder
from assay.pipeline.context import RunContext
from assay.stages.windows.passage_text import read as text_of
from benchmarks.rerank_figures.first_stage import Candidates


@dataclass(frozen=True, slots=True)
class Scored:
    """What a pair got and what it cost.

    Args:
        logit: of the cross-encoder.
        calls: windows read.
        tokens: of these.
        flops: estimated.
        seconds: processor time, all cores together; that of its question's pairs in proportion
            to the tokens.
    """

    logit: float
    calls: int
    tokens: int
    flops: float
    seconds: float


Scores = dict[str, dict[str, Scored]]
"""By question id, then passage id."""


def read(path: Path) -> Scores:
    """The scores of a file; none where there is no file. A last line that was cut off is left."""
    found: Scores = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                one = json.loads(line)
            except ValueError:
                continue
            own = found.setdefault(one["question"], {})
            own |= {name: Scored(*values) for name, values in one["pairs"].items()}
    return found


def missing(
    found: Sequence[Candidates], scores: Scores, depth: int
) -> Iterator[tuple[Candidates, list[int]]]:
    """Questions with the places of their best ``depth`` passages that have no score yet."""
    for one in found:
        own = scores.get(one.question.query.id, {})
        hits = one.ranking.hits[:depth]
        places = [place for place, hit in enumerate(hits) if hit.passage.id not in own]
        if places:
            yield one, places


def score(
    path: Path, found: Sequence[Candidates], depth: int, model: CrossEncoder
) -> Iterator[int]:
    """Score what is missing, a question at a time; yields how many pairs were scored.

    Args:
        path: the task's file.
        found: questions with their rankings.
        depth: passages of each that need a score.
        model: started.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for one, places in missing(found, read(path), depth):
        passages = [one.ranking.hits[place].passage for place in places]
        contexts = [RunContext() for _ in places]
        begin = time.process_time()
        logits = model.score(
            [(one.question.query.text, text_of(passage)) for passage in passages], contexts
        )
        spent = time.process_time() - begin
        tokens = sum(context.cost.tokens_in for context in contexts)
        pairs = {
            passage.id: [
                round(float(logit), 6),
                context.cost.calls,
                context.cost.tokens_in,
                context.cost.flops,
                round(spent * context.cost.tokens_in / tokens, 6),
            ]
            for passage, logit, context in zip(passages, logits, contexts, strict=True)
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"question": one.question.query.id, "pairs": pairs}) + "\n")
        yield len(places)
