"""How well passages are ranked: nDCG, recall and reciprocal rank, by trec_eval's code."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.observation import Measures, Observation
from assay.evaluation.statistics.resampling import Figure, mean

KEYS = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
NO_RELEVANT = "no question has a passage judged relevant"


def measure(observations: Sequence[Observation]) -> Measures:
    """``retrieval.*`` of the last ranking before selection, and of each ranking node.

    Linear gain, as trec_eval. Questions without a relevant passage are left out; a
    question that failed, or whose ranking is empty, counts 0.
    """
    plan = observations[0].plan
    figures: dict[str, Figure] = {}
    rows: list[dict[str, float | None]] = [{} for _ in observations]
    for node in plan.rankings:
        found = values(observations, node)
        for key, column in found.items():
            figures[f"retrieval.{node}.{key}"] = Figure(mean(column), NO_RELEVANT)
            if node == plan.ranking:
                figures[f"retrieval.{key}"] = Figure(mean(column), NO_RELEVANT)
                for row, value in zip(rows, column, strict=True):
                    row[key] = value
    if plan.ranking is None:
        nothing = mean([None] * len(observations))
        for key in KEYS:
            figures[f"retrieval.{key}"] = Figure(nothing, "no node makes a ranking")
    return Measures(figures, rows)


def values(observations: Sequence[Observation], node: str) -> dict[str, list[float | None]]:
    """Each metric's value for each question, None where nothing is judged relevant."""
    import ir_measures
    from ir_measures import RR, R, nDCG

    measures = dict(zip(KEYS, (nDCG @ 10, R @ 10, R @ 100, RR @ 10), strict=True))
    judged = {str(place): one for place, one in enumerate(observations) if one.relevant}
    columns: dict[str, list[float | None]] = {key: [None] * len(observations) for key in KEYS}
    if not judged:
        return columns
    qrels = [
        ir_measures.Qrel(place, name, grade)
        for place, one in judged.items()
        for name, grade in one.grades.items()
    ]
    # trec_eval sorts by score and breaks ties by id: the recorded order shall count.
    run = [
        ir_measures.ScoredDoc(place, name, -float(rank))
        for place, one in judged.items()
        for rank, name in enumerate(one.ranked(node))
    ]
    names = {str(one): key for key, one in measures.items()}
    for result in ir_measures.iter_calc(list(measures.values()), qrels, run):
        columns[names[str(result.measure)]][int(result.query_id)] = float(result.value)
    return columns
