"""BM25 by bm25s, its nDCG@10 by pytrec_eval, and the figures that are quoted of it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.corpora.dataset import Dataset, LabelledQuery, to_query
from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics import cost
from assay.evaluation.plan import Plan

WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A quoted BM25 figure.

    Args:
        folder: of the set.
        in_scope: whether questions search the passages of their scope only.
        questions: how many of them.
        ndcg: the figure, nDCG@10.
    """

    folder: str
    in_scope: bool
    questions: int
    ndcg: float


REFERENCE = (
    Reference("cranfield", False, 100, 0.331),
    Reference("contractnli_dev", True, 150, 0.517),
    Reference("musique100", False, 100, 0.556),
    Reference("tatqa_dev", True, 150, 0.883),
    Reference("tatqa_dev", False, 150, 0.511),
)


class Bm25:
    """BM25 by bm25s with the reference's parameters over a set's passages."""

    def __init__(self, data: Dataset) -> None:
        import bm25s

        self._documents = data.documents
        self._engine = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
        texts = [WORD.findall(f"{one.title} {one.text}".lower()) or [""] for one in data.documents]
        self._engine.index(texts, show_progress=False)

    def rank(self, query: LabelledQuery, *, in_scope: bool) -> list[tuple[str, float]]:
        """The best 100 passages with their scores."""
        words = dict.fromkeys(WORD.findall(query.text.lower()))
        known = [word for word in words if word in self._engine.vocab_dict]
        scores = self._engine.get_scores(known) if known else np.zeros(len(self._documents))
        filters = to_query(query).filters.items() if in_scope else ()
        found = []
        for place in np.argsort(-scores, kind="stable").tolist():
            document = self._documents[place]
            if all(document.metadata.get(key) == value for key, value in filters):
                found.append((document.id, float(scores[place])))
            if len(found) == 100:
                break
        return found


def trec_eval(data: Dataset, runs: Mapping[str, Sequence[tuple[str, float]]]) -> dict[str, float]:
    """nDCG@10 of each question by pytrec_eval, ties of scores in the order of the run."""
    import pytrec_eval

    qrels = {name: dict(data.qrels[name]) for name in runs}
    scored = {
        name: {one: -float(rank) for rank, (one, _) in enumerate(found)}
        for name, found in runs.items()
    }
    found = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(scored)
    return {name: float(one["ndcg_cut_10"]) for name, one in found.items()}


def agreement(data: Dataset) -> dict[str, float]:
    """Our nDCG@10 beside trec_eval's, and the largest distance on a question."""
    engine = Bm25(data)
    judged = [one for one in data.queries if any(data.qrels.get(one.id, {}).values())]
    runs = {one.id: engine.rank(one, in_scope=False) for one in judged}
    records = [
        {
            "query_id": name,
            "outcome": "abstained",
            "abstention": {},
            "stages": {
                "found": {"passages": [{"id": one, "score": score} for one, score in found]}
            },
            "cost": dict.fromkeys((*cost.MEANS, "seconds"), 0),
        }
        for name, found in runs.items()
    ]
    report = evaluate(replace(data, queries=tuple(judged)), records, Plan(("found",), "found"))
    theirs = trec_eval(data, runs)
    ours = {row["query_id"]: row["retrieval"]["ndcg@10"] for row in report.per_query}
    mean = report.metrics["retrieval.ndcg@10"]
    assert isinstance(mean, float)
    return {
        "questions": len(judged),
        "ours": mean,
        "trec_eval": sum(theirs.values()) / len(theirs),
        "largest distance": max(abs(ours[name] - theirs[name]) for name in theirs),
    }


def reproduced(data: Dataset, reference: Reference) -> dict[str, float]:
    """A quoted figure beside the one that its parameters give."""
    engine = Bm25(data)
    judged = [one for one in data.queries if any(data.qrels.get(one.id, {}).values())]
    random.Random(0).shuffle(judged)
    asked = judged[: reference.questions]
    runs = {one.id: engine.rank(one, in_scope=reference.in_scope) for one in asked}
    found = trec_eval(data, runs)
    ours = sum(found.values()) / len(found)
    return {
        "questions": len(found),
        "quoted": reference.ndcg,
        "here": ours,
        "distance": abs(ours - reference.ndcg),
    }
