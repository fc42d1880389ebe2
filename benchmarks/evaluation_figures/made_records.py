"""Questions and run records of a realistic shape, made from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.corpora.dataset import Dataset, EvidenceSpan, LabelledQuery
from assay.corpora.document import Document
from assay.evaluation.plan import Plan
from assay.pipeline.words import Scope

PLAN = Plan(
    rankings=("sparse", "dense", "fused", "reranked"),
    ranking="reranked",
    selections=("selected", "verified", "sufficient", "focused"),
    verifies=True,
    refuses=True,
)
DEPTHS = {"sparse": 50, "dense": 50, "fused": 91, "reranked": 20}
VERIFIERS = ("hidden_text", "provenance", "question_echo", "duplicates", "contradictions", "told")
DRAFTS = ("quoted", "drafted", "grounded", "rated", "answered")
WORDS = tuple(f"word{number}" for number in range(500))


def made(n: int, *, seed: int) -> tuple[Dataset, list[dict[str, Any]]]:
    """Questions with labels, and a run record for each."""
    generator = np.random.default_rng(seed)
    passages: list[dict[str, Any]] = [
        {"id": f"passage-{number}", "score": float(score), "kind": "logit"}
        for number, score in enumerate(generator.normal(size=5000))
    ]
    planted = [f"passage-{number}" for number in range(200)]
    documents = [
        Document(
            one["id"],
            " ".join(generator.choice(WORDS, 60)),
            Scope("local"),
            metadata={"poison": True} if one["id"] in planted else {},
            whole=True,
        )
        for one in passages
    ]
    queries, records, qrels, spans = [], [], {}, {}
    for number in range(n):
        name = f"q{number}"
        picked = generator.integers(len(passages), size=120)
        ranked = [passages[place] for place in dict.fromkeys(picked.tolist())]
        relevant = [ranked[place]["id"] for place in generator.integers(30, size=2)]
        answerable, attacked = number % 5 != 0, number % 10 == 1
        meta: dict[str, Any] = {"cluster": f"c{number // 2}"}
        if attacked:
            meta |= {"attacked": True, "incorrect_answer": f"wrong {number % 97}"}
        accepted = (f"the right {number % 89}", f"right number {number % 89}") if answerable else ()
        queries.append(LabelledQuery(name, f"What about {name}?", accepted, answerable, meta))
        if answerable:
            qrels[name] = {relevant[0]: 1, relevant[1]: 2}
            spans[name] = (EvidenceSpan(relevant[0], 5, 60, ""),)
        records.append(_record(number, name, ranked, generator))
    return Dataset("made", tuple(documents), tuple(queries), qrels, spans), records


def _record(
    number: int, name: str, ranked: Sequence[dict[str, Any]], generator: np.random.Generator
) -> dict[str, Any]:
    kind = generator.random()
    outcome = "answered" if kind < 0.7 else "abstained"
    said = ["right", "wrong", "neither"][int(generator.integers(3))]
    text = " ".join([*generator.choice(WORDS, 12), said, str(number % 89), "and so on."])
    answer = {
        "text": text,
        "citations": [{"start": 0, "end": 20, "passage_ids": [ranked[0]["id"]]}],
        "confidence": {"value": float(generator.random()), "kind": "probability"},
    }
    stages: dict[str, Any] = {node: {"passages": ranked[:k]} for node, k in DEPTHS.items()}
    kept = ranked[:3]
    dropped = [{"id": one["id"], "reason": "rank"} for one in ranked[3:20]]
    for node in PLAN.selections:
        ids = [one["id"] for one in kept]
        stages[node] = {"passages": kept, "kept": ids, "dropped": dropped}
    for node in VERIFIERS:
        flagged = generator.random() < 0.03
        flag = {"name": node, "score": float(kind), "p_value": None, "reason": "made"}
        stages[node] = {
            "verdicts": [{"id": one["id"], "flags": [flag] if flagged else []} for one in kept]
        }
    if kind < 0.9:
        stages |= {node: {"answer": answer} for node in DRAFTS}
    spent: dict[str, float] = {
        "calls": 2,
        "rounds": 1,
        "tokens_in": 300,
        "tokens_out": 20,
        "tokens_cached": 0,
    }
    spent |= {"flops": 1e12, "seconds": float(generator.random())}
    record = {
        "query_id": name,
        "text": f"What about {name}?",
        "outcome": outcome,
        "stages": stages,
        "cost": spent | {"by_node": dict.fromkeys(stages, spent)},
        "pipeline": "f" * 64,
        "certificate": None,
        "seed": 0,
    }
    if outcome == "answered":
        return record | {"answer": answer}
    score = {"value": 0.2, "kind": "probability"}
    refusal = {"stage": "gate", "reason": "low_confidence", "detail": "", "score": score}
    return record | {"abstention": refusal | {"threshold": 0.5, "evidence": [], "next_step": ""}}
