"""Small labelled sets and run records, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.corpora.dataset import Dataset, EvidenceSpan, LabelledQuery
from assay.corpora.document import Document
from assay.evaluation.plan import Plan
from assay.pipeline.words import Scope

PLAN = Plan(
    rankings=("sparse", "reranked"),
    ranking="reranked",
    selections=("selected", "verified", "sufficient"),
    verifies=True,
    refuses=True,
)


def question(
    name: str, answers: Sequence[str] = ("right",), *, answerable: bool = True, **meta: Any
) -> LabelledQuery:
    accepted = tuple(answers) if answerable else ()
    return LabelledQuery(name, f"What about {name}?", accepted, answerable, meta)


def document(name: str, text: str = "some words here", **meta: Any) -> Document:
    return Document(name, text, Scope("local"), title=f"title of {name}", metadata=meta, whole=True)


def dataset(
    queries: Sequence[LabelledQuery],
    documents: Sequence[Document] = (),
    qrels: Mapping[str, Mapping[str, int]] | None = None,
    spans: Mapping[str, tuple[EvidenceSpan, ...]] | None = None,
) -> Dataset:
    return Dataset("made", tuple(documents), tuple(queries), qrels or {}, spans or {})


def passages(*ids: str) -> dict[str, Any]:
    return {
        "passages": [
            {"id": name, "score": -float(place), "kind": "logit"} for place, name in enumerate(ids)
        ]
    }


def kept(*ids: str, dropped: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    return passages(*ids) | {
        "kept": list(ids),
        "dropped": [{"id": name, "reason": reason} for name, reason in dropped],
    }


def answer(text: str, confidence: float | None = 0.5, kind: str = "probability") -> dict[str, Any]:
    return {
        "text": text,
        "citations": [],
        "confidence": None if confidence is None else {"value": confidence, "kind": kind},
    }


def record(
    name: str,
    outcome: str = "answered",
    *,
    text: str = "right",
    confidence: float | None = 0.5,
    kind: str = "probability",
    stages: Mapping[str, Any] | None = None,
    score: Mapping[str, Any] | None = None,
    cost: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A run record; an abstention by the last gate has its answer in ``stages``."""
    base: dict[str, Any] = {
        "query_id": name,
        "text": f"What about {name}?",
        "outcome": outcome,
        "stages": dict(stages or {}),
        "cost": {
            "calls": 2, "rounds": 1, "tokens_in": 10, "tokens_out": 3, "tokens_cached": 0, "flops": 0.0,
            "seconds": 0.5, "by_node": {},
        } | dict(cost or {}),
        "pipeline": "f" * 64,
        "certificate": None,
        "seed": 0,
    }  # fmt: skip
    match outcome:
        case "answered":
            base["answer"] = answer(text, confidence, kind)
        case "abstained":
            base["abstention"] = {
                "stage": "gate", "reason": "low_confidence", "detail": "too low",
                "score": score, "threshold": None, "evidence": [], "next_step": "",
            }  # fmt: skip
        case _:
            base["error"] = {"node": "drafted", "type": "ValueError", "message": "right"}
    return base
