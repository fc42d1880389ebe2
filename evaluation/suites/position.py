"""Position of evidence: is a passage found as well when the evidence stands late in it?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assay.corpora.dataset import Dataset
from assay.corpora.document import Document
from assay.evaluation.observation import Observation
from assay.evaluation.statistics.paired import paired_difference
from assay.evaluation.statistics.resampling import Resampler, Statistic, Values, Weights, mean
from assay.evaluation.statistics.sign_test import tally
from assay.evaluation.suites.comparing import clusters_of, compared, counted, observed
from assay.evaluation.suites.evidence_moved import PLACES, Place, Round, rounds_of
from assay.evaluation.suites.evidence_places import Evidence, evidence_of
from assay.evaluation.suites.ranked_passages import rank_in, ranking_node, without_ranking
from assay.evaluation.suites.suite import Findings, Row, Runner, Suite
from assay.pipeline.errors import UsageError

_THIRDS = ("first third", "middle third", "last third")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One evidence place with the question's record.

    Args:
        evidence: where.
        observation: the question.
        ranks: node to the rank of its passage; None where it is not ranked.
    """

    evidence: Evidence
    observation: Observation
    ranks: Mapping[str, int | None]

    @property
    def key(self) -> tuple[str, str]:
        """Question and passage."""
        return self.evidence.query.id, self.evidence.passage.id


class PositionSuite(BaseModel, Suite):
    """Looks at where in its passage the evidence stands, and moves it.

    Each pair of a question and a relevant passage is one case. ``recall@k`` says whether the
    passage is among the first k, ``ndcg@10`` is 1 / log2(1 + its rank), 0 beyond rank 10:
    as if it were the question's only relevant passage, with the other relevant ones taken
    out of the ranking above it, so that they do not push it down. ``in context`` says whether
    it reached the generator.

    The parts compare different passages and questions, which may be harder for other
    reasons. So the evidence's sentences are also moved to the beginning, the middle and the
    end of the same passage, in a corpus made for each, and compared on the same cases with
    the passages as they are. A sentence that is moved may lose what its pronouns stand for.

    Source: natural positions as in "Benchmarking the Myopic Trap" (Zeng et al. 2025), there
    with ``by=characters``, 100 a part and 6 parts; moved evidence as in "Collapse of Dense
    Retrievers" (Fayyaz et al. 2025).
    Cost: the pipeline's cost for each question once, and three times a round for those whose
    evidence is moved; a corpus is indexed once and three times a round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "Whether passages are found as well when their evidence stands late"

    by: Literal["share", "characters"] = Field(
        default="share",
        description="parts of equal length of each passage, by the middle of the evidence; or"
        " parts of 'width' characters, by its beginning",
    )
    parts: int = Field(default=3, ge=2, le=20, description="parts of a passage; the last is open")
    width: PositiveInt = Field(default=100, description="characters of a part")
    move: bool = Field(default=True, description="also move the evidence within its passages")
    rounds: int = Field(
        default=1, ge=1, le=20, description="times that it is moved, for shared passages"
    )
    cutoffs: tuple[PositiveInt, ...] = Field(default=(1, 10), min_length=1, description="of recall")
    nodes: tuple[str, ...] = Field(
        default=(), description="whose rankings; the last before the selection"
    )

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        nodes = [ranking_node(runner.plan, one) for one in self.nodes or ("",)]
        found, lost = evidence_of(dataset)
        if not found:
            raise UsageError(
                f"no evidence is known in the passages of '{dataset.name}': the set needs"
                " spans.jsonl, or answers that stand word for word in relevant passages"
            )
        notes = _known(found, lost)
        asked = {one.query.id for one in found}
        queries = tuple(one for one in dataset.queries if one.id in asked)
        some = replace(dataset, queries=queries)
        documents = dataset.documents if self.move else None
        records = runner.run(queries, label="position as it is", documents=documents)
        for node in nodes:
            missing = without_ranking(records, node)
            if missing:
                notes.append(
                    f"{counted(missing, 'question')} had no ranking of '{node}': nothing found."
                )
        by_id = {one.query.id: one for one in observed(some, records, runner.plan)}
        seen = [_seen(one, by_id[one.query.id], nodes) for one in found]
        rows = [self._row("as they are", seen, None, nodes, seed)]
        per_query = [_described(one, self._part_name(one.evidence)) for one in seen]
        groups = self._parts(seen)
        rows += [self._row(name, group, None, nodes, seed) for name, group in groups.items()]
        notes += [self._trend(groups, node, seed) for node in nodes]
        if self.move:
            made, left_out = rounds_of(found, self.rounds, seed=seed)
            notes += [
                f"Evidence not moved in {counted(number, 'passage')}: {why}."
                for why, number in left_out.items()
            ]
            moved = self._moved(made, some, runner, nodes)
            rows += [
                self._row(f"evidence {place}", group, seen, nodes, seed)
                for place, group in moved.items()
                if group
            ]
            if any(moved.values()):
                notes += [self._ends(moved, node, seed) for node in nodes]
            per_query += [
                _described(one, f"evidence {place}")
                for place, group in moved.items()
                for one in group
            ]
        return Findings("position", self.title, rows, notes, per_query)

    # -- asking ---------------------------------------------------------------

    def _moved(
        self, made: Sequence[Round], dataset: Dataset, runner: Runner, nodes: Sequence[str]
    ) -> dict[Place, list[_Seen]]:
        moved: dict[Place, list[_Seen]] = {place: [] for place in PLACES}
        for number, one in enumerate(made, 1):
            names = {evidence.query.id for evidence in one.evidence}
            some = replace(
                dataset, queries=tuple(query for query in dataset.queries if query.id in names)
            )
            for place in PLACES:
                corpus: tuple[Document, ...] = one.corpus(place, dataset.documents)
                records = runner.run(
                    some.queries, label=f"position {place} {number}", documents=corpus
                )
                by_id = {found.query.id: found for found in observed(some, records, runner.plan)}
                moved[place] += [
                    _seen(evidence, by_id[evidence.query.id], nodes) for evidence in one.evidence
                ]
        return moved

    # -- rows -----------------------------------------------------------------

    def _parts(self, seen: Sequence[_Seen]) -> dict[str, list[_Seen]]:
        """The cases of each part that has any, in the order of the parts."""
        groups: dict[int, list[_Seen]] = {}
        for one in seen:
            groups.setdefault(self._part(one.evidence), []).append(one)
        return {self._name(part): groups[part] for part in sorted(groups)}

    def _part(self, evidence: Evidence) -> int:
        if self.by == "share":
            return min(int(evidence.share * self.parts), self.parts - 1)
        return min(evidence.start // self.width, self.parts - 1)

    def _part_name(self, evidence: Evidence) -> str:
        return self._name(self._part(evidence))

    def _name(self, part: int) -> str:
        if self.by == "characters":
            begin = part * self.width
            last = part == self.parts - 1
            return f"from character {begin}" + ("" if last else f" to {begin + self.width}")
        return _THIRDS[part] if self.parts == 3 else f"part {part + 1} of {self.parts}"

    def _row(
        self,
        name: str,
        group: Sequence[_Seen],
        before: Sequence[_Seen] | None,
        nodes: Sequence[str],
        seed: int,
    ) -> Row:
        clusters = clusters_of([one.observation for one in group])
        now = self._columns(group, nodes)
        if before is None:
            return compared(name, clusters, now, seed=seed)
        by_key = {one.key: one for one in before}
        then = self._columns([by_key[one.key] for one in group], nodes)
        return compared(name, clusters, now, then, seed=seed)

    def _columns(self, group: Sequence[_Seen], nodes: Sequence[str]) -> dict[str, Statistic]:
        columns: dict[str, Statistic] = {}
        for node in nodes:
            behind = f" {node}" if len(nodes) > 1 else ""
            ranks = [one.ranks[node] for one in group]
            for cutoff in self.cutoffs:
                columns[f"recall@{cutoff}{behind}"] = mean([within(one, cutoff) for one in ranks])
            columns[f"ndcg@10{behind}"] = mean([discounted(one) for one in ranks])
        if group and group[0].observation.plan.selections:
            columns["in context"] = mean(
                [float(one.evidence.passage.id in one.observation.in_context) for one in group]
            )
        return columns

    # -- in words -------------------------------------------------------------

    def _trend(self, groups: Mapping[str, Sequence[_Seen]], node: str, seed: int) -> str:
        """The last part against the first, and the spread over all of them."""
        names = list(groups)
        if len(names) < 2:
            return f"'{node}': all evidence stands in one part, so parts cannot be compared."
        whole = [(name, one) for name, group in groups.items() for one in group]
        means = {
            part: mean(
                [discounted(one.ranks[node]) if name == part else None for name, one in whole]
            )
            for part in (names[0], names[-1])
        }
        last, first = means[names[-1]], means[names[0]]

        def apart(weights: Weights) -> Values:
            return last(weights) - first(weights)

        clusters = clusters_of([one.observation for _, one in whole])
        found = Resampler(clusters, seed=seed).estimate(apart)
        single = [sum(discounted(one.ranks[node]) for one in g) / len(g) for g in groups.values()]
        index = 1 - min(single) / max(single) if max(single) > 0 else 0.0
        ends = "" if found.interval is None else " [{:+.3f}, {:+.3f}]".format(*found.interval)
        return (
            f"'{node}', ndcg@10: {names[-1]} less {names[0]} {found.value or 0.0:+.3f}{ends}, of"
            f" different passages. Position sensitivity, 1 less the worst part over the best:"
            f" {index:.3f}."
        )

    def _ends(self, moved: Mapping[Place, Sequence[_Seen]], node: str, seed: int) -> str:
        """The end against the beginning, on the same cases."""
        first = [discounted(one.ranks[node]) for one in moved["at the beginning"]]
        last = [discounted(one.ranks[node]) for one in moved["at the end"]]
        clusters = clusters_of([one.observation for one in moved["at the end"]])
        found = paired_difference(first, last, clusters, seed=seed)
        gains = [after - before for before, after in zip(first, last, strict=True)]
        kept = tally(gains, clusters)
        ends = "" if found.interval is None else " [{:+.3f}, {:+.3f}]".format(*found.interval)
        return (
            f"'{node}', evidence at the end less at the beginning of the same"
            f" {counted(len(gains), 'passage')}: ndcg@10 {found.value or 0.0:+.3f}{ends},"
            f" p = {found.p_value:.3f}; better at the end {kept.wins}, the same {kept.draws},"
            f" worse {kept.losses}."
        )


def within(rank: int | None, cutoff: int) -> float:
    """1 where a rank is at most the cutoff."""
    return float(rank is not None and rank <= cutoff)


def discounted(rank: int | None) -> float:
    """nDCG@10 of a question with one relevant passage at this rank.

    >>> discounted(1), discounted(3), discounted(11), discounted(None)
    (1.0, 0.5, 0.0, 0.0)
    """
    return 1 / math.log2(1 + rank) if rank is not None and rank <= 10 else 0.0


def _seen(evidence: Evidence, observation: Observation, nodes: Sequence[str]) -> _Seen:
    other = observation.relevant - {evidence.passage.id}
    ranks = {
        node: rank_in(
            [name for name in observation.ranked(node) if name not in other], evidence.passage.id
        )
        for node in nodes
    }
    return _Seen(evidence, observation, ranks)


def _known(found: Sequence[Evidence], lost: Counter[str]) -> list[str]:
    spans = sum(one.source == "span" for one in found)
    repeated = sum(one.repeated for one in found)
    notes = [
        f"n counts pairs of a question and a relevant passage: {len(found)} of"
        f" {counted(len({one.query.id for one in found}), 'question')}. Evidence from spans of"
        f" the set: {spans}; from the first place of an accepted answer: {len(found) - spans}"
        + (f", of which {repeated} stand in the passage more than once." if repeated else ".")
    ]
    return notes + [f"{number} left out: {why}." for why, number in lost.items()]


def _described(one: _Seen, row: str) -> dict[str, Any]:
    evidence = one.evidence
    return {
        "query_id": evidence.query.id,
        "row": row,
        "text": evidence.query.text,
        "passage": evidence.passage.id,
        "evidence": evidence.passage.text[evidence.start : evidence.end],
        "from_character": evidence.start,
        "of_characters": len(evidence.passage.text),
    } | {f"rank {node}": rank for node, rank in one.ranks.items()}
