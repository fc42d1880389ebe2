"""Rerank depth: how many passages should be reranked, and what does more of them harm?"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.stop_words import StopWords
from assay.evaluation.suites.comparing import counted, observed
from assay.evaluation.suites.depth_rankings import Reranked, feeding, phantoms, same_ranking
from assay.evaluation.suites.depth_table import Point, described, in_words, rows_of
from assay.evaluation.suites.ranked_passages import (
    judged,
    kinds_of,
    ranking_node,
    scores_of,
    with_ranking,
    without_ranking,
)
from assay.evaluation.suites.shared_words import SharedWords
from assay.evaluation.suites.suite import Findings, Record, Runner, Suite
from assay.pipeline.errors import BuildError, UsageError, nearest

ORDER = "order"
"""Kind of scores that say nothing but the order: those of listwise rerankers."""

TOP = 10
"""Ranks that count as in front, for phantoms."""

SLACK = 1e-3
"""Scores this near may swap their places when they are computed in another batch."""

Share = Annotated[float, Field(ge=0, le=1)]


class DepthSweepSuite(BaseModel, Suite):
    """Recall and nDCG as a function of the number of passages that are reranked.

    The first row is the ranking that the reranker gets. A pointwise reranker scores the
    deepest list once, and each depth is computed from these scores; on a few questions the
    smallest depth is run afresh, and where that gives another ranking, or scores say nothing
    but the order (a listwise reranker), every depth is run.

    Below the depths stand two safeguards at the deepest one: scores fused with those of the
    ranking before (each brought to 0..1 over the question's passages), and a guard by which a
    passage from beyond rank 10 must beat the median score of the first ten.

    A phantom is a passage among the first ten after the rerank that came behind them and late
    (``tail``), and shares no word with the question. ``phantoms`` is their mean number,
    ``reranked`` the mean number of passages that were scored. What is retrieved by words
    alone always shares one, so only other retrievers bring phantoms.

    Source: "Drowning in Documents" (Jacob et al. 2024): recall falls again at large depths.
    Cost: the pipeline's cost at the deepest depth for each question, and at the smallest for
    ``checked`` questions; where depths are run, the pipeline's cost for each question and depth.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "How many passages should be reranked"

    depths: tuple[PositiveInt, ...] = Field(
        default=(10, 20, 50, 100, 200), min_length=1, description="depths to look at"
    )
    node: str = Field(default="", description="the reranker; the last ranking before the selection")
    before: str = Field(default="", description="whose ranking it gets; found by its passages")
    weights: tuple[Share, ...] = Field(
        default=(0.25, 0.5, 0.75), description="of the reranker's score, where scores are fused"
    )
    trusted: PositiveInt = Field(default=10, description="ranks in front of the guard")
    tail: Share = Field(default=0.5, description="share of passages that came late, for phantoms")
    reuse: bool = Field(
        default=True, description="compute depths from cached scores, where a check allows it"
    )
    checked: PositiveInt = Field(default=8, description="questions on which that is checked")
    language: StopWords = Field(default="english", description="of the words for phantoms")

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        node = ranking_node(runner.plan, self.node)
        notes: list[str] = []
        dataset = judged(dataset, notes)
        depths = sorted(set(self.depths))
        records = _at(runner, dataset.queries, node, depths[-1])
        missing = without_ranking(records, node)
        if missing:
            notes.append(f"{counted(missing, 'question')} had no ranking of '{node}'.")
        source = self._source(runner.plan.rankings, records, node)
        seen = observed(dataset, records, runner.plan)
        found = [_reranked(one, node, source, depths[-1]) for one in records]
        ranked = {depth: [one.at(depth) for one in found] for depth in depths}
        again = self._afresh(dataset, runner, node, ranked, found, seed, notes)
        points = [Point("not reranked", [one.before for one in found], 0)]
        words = SharedWords(dataset, self.language)
        for depth in depths:
            order = again.get(depth, ranked[depth])
            points.append(Point(f"depth {depth}", order, depth, self._phantoms(
                found, order, depth, dataset.queries, words)))  # fmt: skip
        points += [
            Point(f"fused, weight {weight:g}", [one.fused(weight, depths[-1]) for one in found],
                   depths[-1])
            for weight in dict.fromkeys(self.weights)
        ]  # fmt: skip
        guarded = [one.guarded(self.trusted, depths[-1]) for one in found]
        points.append(Point(f"guard behind rank {self.trusted}", guarded, depths[-1]))
        observations = {
            one.name: [
                with_ranking(was, node, names) for was, names in zip(seen, one.ranked, strict=True)
            ]
            for one in points
        }
        rows = rows_of(points, observations, found, node, seed)
        notes += in_words(points, observations, rows, found, node, seed)
        if words.unknown:
            notes.append(
                f"The set lacks the text of {counted(len(words.unknown), 'passage')}: these are"
                " never counted as phantoms."
            )
        return Findings(
            "depth_sweep", self.title, rows, notes, described(points, seen, depths, source)
        )

    def _source(self, rankings: Sequence[str], records: Sequence[Record], node: str) -> str:
        """The node whose ranking the reranker gets."""
        if self.before:
            if self.before not in rankings:
                raise UsageError(
                    f"the pipeline has no node '{self.before}' that puts out a ranking;"
                    f" {nearest(self.before, rankings)}"
                )
            return self.before
        earlier = rankings[: rankings.index(node)]
        passages = [
            {"": scores_of(one, node)} | {name: scores_of(one, name) for name in earlier}
            for one in records
        ]
        source = feeding(passages, earlier)
        if source is None:
            raise UsageError(
                f"no ranking before '{node}' has the same passages, so '{node}' is no reranker or"
                " its input cannot be told: name the reranker with node=, its input with before="
            )
        return source

    def _afresh(
        self,
        dataset: Dataset,
        runner: Runner,
        node: str,
        ranked: Mapping[int, Sequence[Sequence[str]]],
        found: Sequence[Reranked],
        seed: int,
        notes: list[str],
    ) -> dict[int, list[tuple[str, ...]]]:
        """Rankings of runs at each depth but the deepest, where cached scores do not do."""
        *depths, deepest = ranked
        why = "it was asked for"
        if self.reuse and not depths:
            return {}
        if self.reuse:
            places = list(range(len(dataset.queries)))
            random.Random(f"{seed}|depth").shuffle(places)
            places = sorted(places[: self.checked])
            if any(one.listwise for one in found):
                why = "its scores say nothing but the order"
            else:
                queries = [dataset.queries[place] for place in places]
                fresh = _at(runner, queries, node, depths[0])
                same = [
                    same_ranking(
                        ranked[depths[0]][place], tuple(scores_of(one, node)), found[place].scores,
                        slack=SLACK,
                    )
                    for place, one in zip(places, fresh, strict=True)
                ]  # fmt: skip
                if all(same):
                    notes.append(
                        f"Depths are computed from the scores at depth {deepest}; on"
                        f" {counted(len(places), 'question')} a run at depth {depths[0]} gave the"
                        " same ranking."
                    )
                    return {}
                why = (
                    f"on {same.count(False)} of {counted(len(same), 'question')} depth"
                    f" {depths[0]} gave another ranking than the scores at depth {deepest} say"
                )
        notes.append(f"Every depth was run, since {why}.")
        return {
            depth: [
                tuple(scores_of(one, node)) for one in _at(runner, dataset.queries, node, depth)
            ]
            for depth in depths
        }

    def _phantoms(
        self,
        found: Sequence[Reranked],
        ranked: Sequence[Sequence[str]],
        depth: int,
        queries: Sequence[LabelledQuery],
        words: SharedWords,
    ) -> list[list[str]]:
        return [
            phantoms(
                one.before, order, depth, lambda name: words.shared(query.text, name),  # noqa: B023
                top=TOP, tail=self.tail,
            )
            for one, order, query in zip(found, ranked, queries, strict=True)
        ]  # fmt: skip


def _at(runner: Runner, queries: Sequence[LabelledQuery], node: str, depth: int) -> list[Record]:
    try:
        return runner.run(
            queries, label=f"rerank depth {depth}", overrides=(f"nodes.{node}.depth={depth}",)
        )
    except BuildError as error:
        raise UsageError(
            f"'{node}' cannot rerank {depth} passages: name the reranker with node=, or other"
            f" depths with depths=\n{error}"
        ) from error


def _reranked(record: Record, node: str, source: str, deepest: int) -> Reranked:
    before = scores_of(record, source)
    scored = set(list(before)[:deepest])
    after = {name: one for name, one in scores_of(record, node).items() if name in scored}
    kinds = kinds_of(record, node)[: len(after)]
    listwise = bool(kinds) and set(kinds) == {ORDER}
    if listwise:
        after = {name: -float(place) for place, name in enumerate(after)}
    return Reranked(tuple(before), before, after, listwise)
