"""The run record: one JSON object that tells what happened to one query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from assay.pipeline.context import Cost, RunContext
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Answer,
    Hit,
    Outcome,
    Query,
    QueryVariants,
    Ranking,
    Selection,
    Skipped,
    Verdicts,
)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What happened to one query; ``to_json`` gives the fixed format.

    Args:
        query: the query as it was asked.
        outcome: what came out; None if a node failed.
        error: node, type and message of the failure, None if there was none.
        stages: node name to what it put out, in the order of the plan.
        cost: node name to its account.
        seconds: wall time of the whole run.
        pipeline: fingerprint of the pipeline.
        certificate: id of the certificate in force, or None.
        seed: the run's seed.
        gates: threshold name to its target (``NODE.FIELD``) and the value in force.
    """

    query: Query
    outcome: Outcome | None
    error: Mapping[str, str] | None
    stages: Mapping[str, Mapping[str, Any]]
    cost: Mapping[str, Cost] = field(default_factory=dict)
    seconds: float = 0.0
    pipeline: str = ""
    certificate: str | None = None
    seed: int = 0
    gates: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["answered", "abstained", "failed"]:
        """The record's ``outcome`` field."""
        match self.outcome:
            case Answer():
                return "answered"
            case Abstention():
                return "abstained"
            case None:
                return "failed"

    def settled(self) -> RunRecord:
        """The same record with its stages and costs written out, free of the run behind them."""
        return replace(self, stages=dict(self.stages), cost=dict(self.cost))

    @property
    def margins(self) -> dict[str, dict[str, float | None]]:
        """How far each score came out above its threshold; empty where the file names none.

        ``score`` is None where the gate was not reached or nothing was recorded, ``margin``
        where there is no score or no threshold; a negative one is why a gate abstained.
        """
        found: dict[str, dict[str, float | None]] = {}
        for name, (target, threshold) in sorted(self.gates.items()):
            noted = self.stages.get(target.split(".", 1)[0], {}).get("notes", {}).get("score")
            score = None if noted is None else float(noted)
            margin = None if score is None or threshold is None else score - threshold
            found[name] = {"score": score, "threshold": threshold, "margin": margin}
        return found

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values, one line of a run file."""
        total = Cost()
        for cost in self.cost.values():
            total.add(cost)
        total.seconds = self.seconds
        record: dict[str, Any] = {
            "query_id": self.query.id,
            "text": self.query.text,
            "outcome": self.kind,
        }
        match self.outcome:
            case Answer() as answer:
                record["answer"] = _answer(answer)
            case Abstention() as abstention:
                record["abstention"] = _abstention(abstention)
            case None:
                record["error"] = dict(self.error or {})
        return (
            record
            | {
                "stages": {name: dict(stage) for name, stage in self.stages.items()},
                "cost": total.to_json()
                | {"by_node": {name: cost.to_json() for name, cost in self.cost.items()}},
                "pipeline": self.pipeline,
                "certificate": self.certificate,
                "seed": self.seed,
            }
            | ({"margins": self.margins} if self.gates else {})
        )


def stage(output: object, context: RunContext | None) -> dict[str, Any]:
    """One node's entry under ``stages``: ids and scores, never passage text."""
    write = _WRITERS.get(type(output))
    entry = {} if write is None else write(output)
    if context is not None and context.notes:
        entry["notes"] = dict(context.notes)
    return entry


def _selection(selection: Selection) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "passages": [_hit(hit) for hit in selection.kept],
        "kept": list(selection.ids),
        "dropped": [{"id": one.hit.passage.id, "reason": one.reason} for one in selection.dropped],
    }
    if selection.reasons:
        entry["reasons"] = dict(selection.reasons)
    if selection.rationales:
        entry["rationales"] = [
            {"text": one.text, "flag": one.flag, "chosen": [list(pair) for pair in one.chosen]}
            for one in selection.rationales
        ]
    return entry


def _verdicts(verdicts: Verdicts) -> dict[str, Any]:
    return {
        "verdicts": [
            {
                "id": verdict.passage_id,
                "flags": [
                    {
                        "name": flag.name,
                        "score": flag.score,
                        "p_value": flag.p_value,
                        "reason": flag.reason,
                    }
                    for flag in verdict.flags
                ],
            }
            for verdict in verdicts.verdicts
        ]
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {"id": hit.passage.id, "score": hit.score.value, "kind": hit.score.kind.value}


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "citations": [
            {"start": one.start, "end": one.end, "passage_ids": list(one.passage_ids)}
            for one in answer.citations
        ],
        "confidence": None
        if answer.confidence is None
        else {"value": answer.confidence.value, "kind": answer.confidence.kind.value},
        "source": answer.source,
        "signals": dict(answer.signals),
    }


def _abstention(abstention: Abstention) -> dict[str, Any]:
    score = abstention.score
    return {
        "stage": abstention.stage,
        "reason": abstention.reason.value,
        "detail": abstention.detail,
        "score": None if score is None else {"value": score.value, "kind": score.kind.value},
        "threshold": abstention.threshold,
        "evidence": [passage.id for passage in abstention.evidence],
        "next_step": abstention.next_step,
    }


_WRITERS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    Query: lambda one: {"text": one.text},
    QueryVariants: lambda one: {"texts": [query.text for query in one.queries]},
    Ranking: lambda one: {"passages": [_hit(hit) for hit in one.hits]},
    Selection: _selection,
    Verdicts: _verdicts,
    Answer: lambda one: {"answer": _answer(one)},
    Abstention: lambda one: {"abstention": _abstention(one)},
    Skipped: lambda one: {"skipped": one.reason},
}
"""How each word is written into a record; other outputs leave no trace but their notes."""


def stamped(outcome: Outcome | Skipped, certificate_id: str | None) -> Outcome:
    """What a run came to, under the certificate in force; an abstention where no node answered."""
    match outcome:
        case Skipped():
            return Abstention(
                stage=outcome.stage,
                reason=AbstentionReason.SKIPPED,
                detail=f"No node answered: {outcome.reason}.",
                certificate=certificate_id,
            )
        case Answer() | Abstention():
            return (
                outcome
                if outcome.certificate == certificate_id
                else replace(outcome, certificate=certificate_id)
            )
