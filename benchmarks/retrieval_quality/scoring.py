"""nDCG@10 with bootstrap intervals, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.statistics.resampling import Estimate, Resampler, mean
from assay.pipeline.words import Ranking
from benchmarks.retrieval_quality.tasks import Question


def ndcg(questions: Sequence[Question], rankings: Sequence[Ranking]) -> list[float]:
    """nDCG@10 of each question, linear gain, by trec_eval's code; 0 for an empty ranking."""
    import ir_measures
    from ir_measures import nDCG

    qrels = [
        ir_measures.Qrel(str(place), name, grade)
        for place, one in enumerate(questions)
        for name, grade in one.grades.items()
    ]
    run = [
        ir_measures.ScoredDoc(str(place), name, -float(rank))
        for place, ranking in enumerate(rankings)
        for rank, name in enumerate(ranking.ids)
    ]
    found = [0.0] * len(questions)
    for result in ir_measures.iter_calc([nDCG @ 10], qrels, run):
        found[int(result.query_id)] = float(result.value)
    return found


def interval(questions: Sequence[Question], values: Sequence[float]) -> Estimate:
    """The mean and its 95 % percentile interval by bootstrap over clusters of questions.

    Of the differences of two systems on the same questions it is the paired interval.
    """
    return Resampler([one.cluster for one in questions]).estimate(mean(list(values)))
