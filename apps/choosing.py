"""Losses of whole configurations on the same questions, to choose among them by bounds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal, assert_never, get_args

from assay.apps.console import progress
from assay.apps.session import opened
from assay.corpora.dataset import Dataset, LabelledQuery, to_query
from assay.corpora.matching import token_f1
from assay.evaluation import observation as evaluated
from assay.evaluation.plan import plan_of
from assay.evaluation.sampling import calibration_items, cut_of, only_fold
from assay.guards.risk.folds import Fold, one_per_cluster
from assay.pipeline.errors import DataError, UsageError

LossName = Literal["failed", "wrong", "f1"]
LOSSES: tuple[LossName, ...] = get_args(LossName)


def questions(dataset: Dataset, fold: Fold) -> Dataset:
    """One question of each cluster of a fold: losses of them are independent draws.

    Raises:
        UsageError: if the fold is empty.
    """
    part = only_fold(dataset, fold)
    picked = one_per_cluster(calibration_items(part), seed=cut_of(dataset).seed)
    kept = {item.id for item in picked}
    return replace(part, queries=tuple(one for one in part.queries if one.id in kept))


def losses(
    pipeline: str,
    overrides: Collection[str],
    asked: Dataset,
    *,
    loss: LossName,
    tenant: str,
) -> list[float]:
    """The loss of each question, 0 (good) to 1, in their order; one run of the pipeline each.

    * ``failed``: 1 unless the answer is right, or the question is unanswerable and met by an
      abstention;
    * ``wrong``: 1 where an answer is given that is not right;
    * ``f1``: 1 less the overlap of words with the best accepted answer; of an unanswerable
      question 1 where it is answered. An abstention on an answerable question loses 1.

    Raises:
        DataError: if nothing says what would be right.
    """
    found = []
    with opened(pipeline, overrides) as running, progress() as advance:
        plan = plan_of(running)
        for number, query in enumerate(asked.queries, 1):
            record = running.run(to_query(query, tenant)).to_json()
            alone = replace(asked, queries=(query,))
            found.append(loss_of(evaluated.observe(alone, [record], plan)[0], query, loss))
            advance(pipeline, number, len(asked.queries))
    return found


def loss_of(seen: evaluated.Observation, query: LabelledQuery, loss: LossName) -> float:
    """The loss of one question."""
    if not query.answerable:
        return float(seen.answered)
    if not query.answers:
        raise DataError(
            f"question '{query.id}' is answerable and has no accepted answer: nothing says"
            " whether what it gets is right"
        )
    text = seen.text
    match loss:
        case "failed":
            return float(text is None or not seen.right(text))
        case "wrong":
            return float(text is not None and not seen.right(text))
        case "f1":
            return 1.0 if text is None else min(1.0, max(0.0, 1 - token_f1(text, query.answers)))
        case _:
            assert_never(loss)


def named(pipelines: Sequence[str]) -> tuple[str, ...]:
    """The configurations, each once.

    Raises:
        UsageError: if one is given twice.
    """
    twice = sorted({one for one in pipelines if pipelines.count(one) > 1})
    if twice:
        raise UsageError(f"'{twice[0]}' is given twice: each configuration once")
    return tuple(pipelines)
