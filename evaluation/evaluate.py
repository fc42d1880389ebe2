"""From run records and labels to every figure of ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.corpora.dataset import Dataset
from assay.evaluation.metrics import abstention, answers, cost, poison, ranking, selection
from assay.evaluation.observation import Measures, Observation, observe
from assay.evaluation.plan import Plan
from assay.evaluation.statistics.resampling import Estimate, Figure, Resampler
from assay.pipeline.errors import UsageError

Value = float | int | None | list[float]

_ROW_NAMES = {"abstention": "abstention_metrics"}  # 'abstention' is the outcome itself

SHOWN = {"passages": 20, "kept": 1000, "dropped": 50, "rationales": 50}
"""What a per-query row holds of a node's output at most."""

ONE_CLUSTER = "an interval needs at least two questions or clusters"
UNSTABLE = "undefined in most bootstrap samples"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that an evaluation found.

    Args:
        metrics: flat key to value; None where it is not measurable. Each figure has
            a twin ``<key>.ci95``.
        why: for each None the reason.
        per_query: one mapping a question, in the order of the set.
        curve: (coverage, selective risk) at each possible confidence threshold.
        reliability: (mean confidence, share right, questions) of up to 10 bins of equal
            mass, by rising confidence; empty where answers carry no confidence.
        confidence: kind of the confidences, such as ``probability``; None where there
            are none. A share right is to be compared with the mean confidence only where
            it is ``probability``.
    """

    metrics: Mapping[str, Value]
    why: Mapping[str, str]
    per_query: Sequence[Mapping[str, Any]]
    curve: Sequence[tuple[float, float]]
    reliability: Sequence[tuple[float, float, int]] = ()
    confidence: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return {**self.metrics, "why": dict(self.why)}

    @property
    def failed(self) -> int:
        """Questions on which a node failed."""
        return sum(row["outcome"] == "failed" for row in self.per_query)


def evaluate(
    dataset: Dataset,
    records: Sequence[Mapping[str, Any]],
    plan: Plan,
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> Report:
    """Score a run against a labelled set.

    A failed question is counted in ``n.failed``, scores 0 where answers, rankings and
    selections are scored, and is never read as text.

    Args:
        dataset: exactly the questions that were run, with their labels.
        records: run records as JSON, in any order.
        plan: from ``plan_of``.
        seed: of the bootstrap.
        resamples: bootstrap samples.

    Raises:
        UsageError: if the set has no questions.
        DataError: if records and questions do not match one to one.
    """
    observations = observe(dataset, records, plan)
    if not observations:
        raise UsageError("there is nothing to evaluate: the set has no questions")
    texts = {document.id: document.text for document in dataset.documents}
    planted = {
        document.id for document in dataset.documents if document.metadata.get("poison") is True
    }
    ranked = ranking.measure(observations)
    parts: dict[str, Measures] = {
        "retrieval": ranked,
        "selection": selection.measure(observations, texts),
        "qa": answers.measure(observations),
        "abstention": abstention.measure(observations),
        "poison": poison.measure(observations, planted.__contains__),
        "cost": cost.measure(observations, [row.get("ndcg@10") for row in ranked.rows]),
    }
    clusters = [cluster_of(one) for one in observations]
    resampler = Resampler(clusters, resamples=resamples, seed=seed)
    metrics: dict[str, Value] = _counts(observations, resampler.clusters)
    why: dict[str, str] = {}
    figures = {key: one for part in parts.values() for key, one in part.figures.items()}
    estimates = resampler.estimates({key: one.statistic for key, one in figures.items()})
    for key, figure in figures.items():
        _put(key, figure, estimates[key], resampler.clusters, metrics, why)
    per_query = [
        _describe(one)
        | {_ROW_NAMES.get(name, name): dict(part.rows[place]) for name, part in parts.items()}
        for place, one in enumerate(observations)
    ]
    judged = [dict(row) for row in parts["abstention"].rows]
    return Report(
        metrics,
        why,
        per_query,
        curve=abstention.risk_coverage(judged),
        reliability=abstention.reliability(judged),
        confidence=abstention.kind_of(observations),
    )


def cluster_of(one: Observation) -> str:
    """The question's cluster, or the question itself where it has none."""
    cluster = one.query.meta.get("cluster")
    # The prefixes keep a cluster's name from meeting a question's id.
    return f"q:{one.query.id}" if cluster is None else f"c:{cluster}"


def _put(
    key: str,
    figure: Figure,
    estimate: Estimate,
    clusters: int,
    metrics: dict[str, Value],
    why: dict[str, str],
) -> None:
    metrics[key] = estimate.value
    interval = f"{key}.ci95"
    metrics[interval] = None if estimate.interval is None else list(estimate.interval)
    if estimate.value is None:
        why[key] = why[interval] = figure.undefined
    elif estimate.interval is None:
        why[interval] = ONE_CLUSTER if clusters < 2 else UNSTABLE


def _counts(observations: Sequence[Observation], clusters: int) -> dict[str, Value]:
    answerable = sum(one.query.answerable for one in observations)
    return {
        "n.queries": len(observations),
        "n.clusters": clusters,
        "n.answerable": answerable,
        "n.unanswerable": len(observations) - answerable,
        "n.judged": sum(bool(one.relevant) for one in observations),
        "n.attacked": sum(one.attacked for one in observations),
        "n.untargeted": sum(one.attacked and not one.targets for one in observations),
        "n.answered": sum(one.answered for one in observations),
        "n.abstained": sum(one.abstained for one in observations),
        "n.failed": sum(one.failed for one in observations),
    }


def _describe(one: Observation) -> dict[str, Any]:
    record = one.record
    return {
        "query_id": one.query.id,
        "text": one.query.text,
        "answerable": one.query.answerable,
        "answers": list(one.query.answers),
        "cluster": one.query.meta.get("cluster"),
        "stratum": one.query.meta.get("stratum"),
        "outcome": record["outcome"],
        "answer": record.get("answer"),
        "abstention": record.get("abstention"),
        "error": record.get("error"),
        "relevant": sorted(one.relevant),
        "context": list(one.in_context),
        "flags": {
            name: [dict(flag) for flag in flags] for name, flags in one.verdicts.items() if flags
        },
        "refused": sorted(one.refused),
        "planted": sorted(one.planted),
        "funnel": _funnel(one),
        "stages": _stages(record["stages"]),
        "record_cost": record["cost"],
    }


def _stages(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each node put out in passages, cut to what a page shows; the counts are whole.

    A selection hands on what those before it dropped: here it has only its own.
    """
    found: dict[str, dict[str, Any]] = {}
    gone: set[tuple[str, str]] = set()
    for name, entry in stages.items():
        dropped = entry.get("dropped", ())
        own = [one for one in dropped if (one["id"], one["reason"]) not in gone]
        gone |= {(one["id"], one["reason"]) for one in dropped}
        if stage := _stage(entry, {"dropped": own}):
            found[name] = stage
    return found


def _stage(entry: Mapping[str, Any], shown: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """One node's; ``shown`` has what stands in the place of a list of the entry."""
    found: dict[str, Any] = {}
    for key, most in SHOWN.items():
        if key in entry:
            found[key] = list(shown.get(key, entry[key])[:most])
            found[f"n_{key}"] = len(entry[key])
    if entry.get("reasons"):
        names = set(found.get("kept", ()))
        found["reasons"] = {name: why for name, why in entry["reasons"].items() if name in names}
    return found


def _funnel(one: Observation) -> dict[str, int]:
    """How many passages came how far."""
    plan, stages = one.plan, one.record["stages"]
    retrieved = {name for node in plan.rankings for name in one.ranked(node)}
    first = stages.get(plan.selections[0], {}) if plan.selections else {}
    citations = (one.record.get("answer") or {}).get("citations", ())
    return {
        "retrieved": len(retrieved),
        "ranked": len(one.ranked(plan.ranking)) if plan.ranking is not None else 0,
        "selected": len(first.get("kept", ())),
        "in context": len(one.in_context),
        "cited": len({name for citation in citations for name in citation["passage_ids"]}),
    }
