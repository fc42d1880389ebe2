"""The table of a depth sweep: rows, what they come to in words, and each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.evaluation.observation import Observation
from assay.evaluation.statistics.paired import paired_difference
from assay.evaluation.statistics.resampling import Statistic, mean
from assay.evaluation.suites.comparing import clusters_of, compared, counted
from assay.evaluation.suites.depth_rankings import Reranked
from assay.evaluation.suites.ranked_passages import ranking_values
from assay.evaluation.suites.suite import Row


@dataclass(frozen=True, slots=True)
class Point:
    """One way to rank, a row of the table.

    Args:
        name: of its row.
        ranked: of each question.
        depth: passages that were reranked; 0 for none.
        phantoms: of each question; None where they are not counted.
    """

    name: str
    ranked: Sequence[Sequence[str]]
    depth: int
    phantoms: Sequence[Sequence[str]] | None = None


def rows_of(
    points: Sequence[Point],
    observations: Mapping[str, Sequence[Observation]],
    found: Sequence[Reranked],
    node: str,
    seed: int,
) -> list[Row]:
    """A row for each way to rank; the first is what the others are compared with.

    Args:
        points: ways to rank.
        observations: name of a way to the questions, each ranked that way.
        found: the rankings before and after the deepest rerank.
        node: whose ranking was changed.
        seed: of the bootstrap.
    """
    rows: list[Row] = []
    first: dict[str, Statistic] | None = None
    for point in points:
        seen = observations[point.name]
        values = ranking_values(seen, node)
        now: dict[str, Statistic] = {
            key: mean(values[key]) for key in ("recall@10", "ndcg@10", "mrr@10")
        }
        more: dict[str, Statistic] = {
            "reranked": mean([float(min(point.depth, len(one.before))) for one in found])
        }
        if point.phantoms is not None:
            more["phantoms"] = mean([float(len(one)) for one in point.phantoms])
        rows.append(compared(point.name, clusters_of(seen), now | more, first, seed=seed))
        first = first or now
    return rows


def in_words(
    points: Sequence[Point],
    observations: Mapping[str, Sequence[Observation]],
    rows: Sequence[Row],
    found: Sequence[Reranked],
    node: str,
    seed: int,
) -> list[str]:
    """What the rows say about depth, and the phantoms at the deepest; see ``rows_of``."""
    sizes = [len(one.before) for one in found]
    notes = [
        f"Passages that reach '{node}': {min(sizes)} to {max(sizes)}, median"
        f" {np.median(sizes):g}; beyond them depth changes nothing."
    ]
    swept = [one for one in points if one.phantoms is not None]
    scores = {row.name: row.values["ndcg@10"].value or 0.0 for row in rows}
    best = max(swept, key=lambda one: scores[one.name])
    deepest = swept[-1]
    if best is not deepest:
        seen = observations[best.name]
        apart = paired_difference(
            ranking_values(seen, node)["ndcg@10"],
            ranking_values(observations[deepest.name], node)["ndcg@10"],
            clusters_of(seen),
            seed=seed,
        )
        ends = "" if apart.interval is None else " [{:+.3f}, {:+.3f}]".format(*apart.interval)
        notes.append(
            f"The best nDCG@10 is at {best.name}, chosen on these same questions; {deepest.name}"
            f" less {best.name}: {apart.value or 0.0:+.3f}{ends}."
        )
    else:
        notes.append(f"nDCG@10 is best at the deepest one, {deepest.name}: it may go on rising.")
    seen = observations[deepest.name]
    named = [
        name in one.relevant
        for one, names in zip(seen, deepest.phantoms or (), strict=True)
        for name in names
    ]
    if named:
        notes.append(
            f"Phantoms at {deepest.name}: {len(named)} on"
            f" {counted(sum(map(bool, deepest.phantoms or ())), 'question')}, {sum(named)} of them"
            " judged relevant (these share a meaning, if no word)."
        )
    return notes


def described(
    points: Sequence[Point], seen: Sequence[Observation], depths: Sequence[int], source: str
) -> list[dict[str, Any]]:
    """The first relevant passage's rank at each depth, and the phantoms at the deepest."""
    by_name = {one.name: one for one in points}
    rows = []
    for place, one in enumerate(seen):
        ranks = {
            point.name: next(
                (rank for rank, name in enumerate(point.ranked[place], 1) if name in one.relevant),
                None,
            )
            for point in points
        }
        last = by_name[f"depth {depths[-1]}"].phantoms or ()
        rows.append(
            {"query_id": one.query.id, "text": one.query.text, "reranked_from": source}
            | {f"first relevant, {name}": rank for name, rank in ranks.items()}
            | {"phantoms": list(last[place])}
        )
    return rows
