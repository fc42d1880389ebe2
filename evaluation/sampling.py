"""Parts of a labelled set: a stratified sample, or one fold of calibration's split."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from assay.corpora.dataset import Dataset
from assay.guards.risk.folds import CalibrationItem, Fold, Shares, Stratum, split
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError

STRATA: dict[str, Stratum] = {
    "answerable": "answerable",
    "unanswerable": "unanswerable",
    "poisoned": "poisoned",
}


def stratified_sample(dataset: Dataset, limit: int, *, seed: int = 0) -> Dataset:
    """At most ``limit`` questions, answerable and unanswerable in their proportion.

    A stratum that exists gets at least one question where ``limit`` allows it; the
    order of the file is kept.

    Raises:
        UsageError: if the limit is below 1.
    """
    if limit < 1:
        raise UsageError(f"the limit must be at least 1, found {limit}")
    queries = dataset.queries
    if limit >= len(queries):
        return dataset
    able = [place for place, query in enumerate(queries) if query.answerable]
    unable = [place for place, query in enumerate(queries) if not query.answerable]
    share = round(limit * len(unable) / len(queries))
    if unable and able and limit > 1:
        share = min(max(share, 1), limit - 1)
    share = min(max(share, limit - len(able)), len(unable))
    generator = random.Random(seed)
    chosen = sorted(generator.sample(able, limit - share) + generator.sample(unable, share))
    return replace(dataset, queries=tuple(queries[place] for place in chosen))


def calibration_items(dataset: Dataset) -> tuple[CalibrationItem, ...]:
    """The set's questions as calibration's split takes them.

    The stratum is ``meta.stratum``, else answerable or unanswerable; the cluster is
    ``meta.cluster``, else the question itself; the documents are those of the
    relevant passages (``meta.document`` in corpus.jsonl, else the passage itself).
    ``meta.fold``, where there is one, puts the question into that fold.

    Raises:
        DataError: for a stratum or a fold that is none of the three.
    """
    source = {one.id: str(one.metadata.get("document", one.id)) for one in dataset.documents}
    items = []
    for query in dataset.queries:
        named = str(query.meta.get("stratum", "answerable" if query.answerable else "unanswerable"))
        if named not in STRATA:
            raise DataError(
                f"question '{query.id}' has stratum '{named}'; expected one of {', '.join(STRATA)}"
            )
        grades = dataset.qrels.get(query.id, {})
        relevant = tuple(sorted(name for name, grade in grades.items() if grade > 0))
        items.append(
            CalibrationItem(
                id=query.id,
                stratum=STRATA[named],
                cluster=str(query.meta.get("cluster", query.id)),
                documents=tuple(sorted({source.get(name, name) for name in relevant})),
                content=digest([query.text, list(query.answers), query.answerable, list(relevant)]),
                fold=query.meta.get("fold"),
            )
        )
    return tuple(items)


@dataclass(frozen=True, slots=True)
class Cut:
    """How a set is cut into folds.

    Args:
        seed: of the cut.
        shares: sizes of the folds.
    """

    seed: int
    shares: Shares


def cut_of(dataset: Dataset) -> Cut:
    """How info.json says that the set is cut (``folds: {seed, tune, certify, report}``).

    Without it, seed 0 and three folds of equal size. Questions that name their fold
    (``meta.fold``) are not cut.

    Raises:
        DataError: if info.json says it in another form.
    """
    written = dataset.info.get("folds", {"seed": 0, "tune": 1, "certify": 1, "report": 1})
    try:
        parts = [float(written[name]) for name in ("tune", "certify", "report")]
        tune, certify, report = (part / sum(parts) for part in parts)
        return Cut(int(written["seed"]), Shares(tune, certify, report))
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise DataError(
            f"info.json of '{dataset.name}': 'folds' must be an object with seed, tune, certify"
            f" and report, found {written!r}"
        ) from error


def only_fold(dataset: Dataset, fold: Fold) -> Dataset:
    """The questions of one fold, cut as calibration cuts them.

    Raises:
        UsageError: if the fold is empty.
    """
    cut = cut_of(dataset)
    folds = split(calibration_items(dataset), seed=cut.seed, shares=cut.shares)
    wanted = {item.id for item in folds[fold]}
    queries = tuple(query for query in dataset.queries if query.id in wanted)
    if not queries:
        raise UsageError(
            f"the set '{dataset.name}' has no question in the fold '{fold}':"
            " give it a share under 'folds' in info.json, or evaluate the whole set"
        )
    return replace(dataset, queries=queries)
