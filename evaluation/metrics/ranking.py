"""How well passages are ranked: nDCG, recall and reciprocal rank, by trec_eval's code."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.observation import Measures, Observation, each
from assay.evaluation.statistics.resampling import Figure, mean

KEYS = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
DEPTH = 100
"""No metric looks further down."""

LAST_RANK = 1 / 10.5
"""Reciprocal ranks below this one are beyond rank 10."""

BATCH = 2000
"""Questions whose rankings are handed over at a time; bounds memory."""

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

    columns: dict[str, list[float | None]] = {key: [None] * len(observations) for key in KEYS}
    judged = [(place, one) for place, one in enumerate(observations) if one.relevant]
    measures = {nDCG @ 10: "ndcg@10", R @ 10: "recall@10", R @ 100: "recall@100", RR: "mrr@10"}
    for start in range(0, len(judged), BATCH):
        batch = judged[start : start + BATCH]
        ranked = each("retrieval", [one for _, one in batch], lambda one: _ranked(one, node))
        run = {str(place): found for (place, _), found in zip(batch, ranked, strict=True)}
        qrels = {str(place): dict(one.grades) for place, one in batch}
        # trec_eval's code directly: no other provider is asked, no row is built per passage.
        for result in ir_measures.pytrec_eval.iter_calc(list(measures), qrels, run):
            key, value = measures[result.measure], float(result.value)
            if key == "mrr@10" and value < LAST_RANK:
                value = 0.0
            columns[key][int(result.query_id)] = value
    return columns


def _ranked(one: Observation, node: str) -> dict[str, float]:
    """The first passages with scores that fall by rank.

    trec_eval sorts by score and breaks ties by id: the recorded order shall count.
    """
    ids = dict.fromkeys(one.ranked(node)[:DEPTH])
    return {name: -float(rank) for rank, name in enumerate(ids)}
