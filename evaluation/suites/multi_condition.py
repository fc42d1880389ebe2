"""Multi-condition queries: does a passage rise with the conditions that it meets?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.corpora.dataset import Dataset
from assay.corpora.stop_words import StopWords
from assay.evaluation.observation import Observation
from assay.evaluation.statistics.resampling import Statistic, mean, ratio
from assay.evaluation.suites.candidate_bm25 import analyzer_for
from assay.evaluation.suites.comparing import clusters_of, compared, counted, observed
from assay.evaluation.suites.conditions import Condition, Families, Family
from assay.evaluation.suites.rank_similarity import overlap_at
from assay.evaluation.suites.ranked_passages import (
    rank_in,
    ranking_node,
    ranking_values,
    without_ranking,
)
from assay.evaluation.suites.suite import Findings, Row, Runner, Suite
from assay.pipeline.errors import UsageError

Form = Literal["list", "prose", "reversed", "in front"]

TOP = 10
"""Ranks that are compared between forms."""

_FORMS: Mapping[Form, str] = {
    "list": "as a list",
    "prose": "in prose",
    "reversed": "as a list in reverse order",
    "in front": "before the question",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """How the passages of a family stand by the conditions that they meet.

    Args:
        right: pairs of passages of which the one that meets more stands higher.
        pairs: pairs of which at least one passage is ranked and that differ in what
            they meet.
        right_by_one: of ``pairs_by_one``, those that stand right.
        pairs_by_one: pairs that differ by one condition.
        unseen: pairs of which none is ranked.
    """

    right: int
    pairs: int
    right_by_one: int
    pairs_by_one: int
    unseen: int


def chain(met: Mapping[str, int], ranked: Sequence[str]) -> Chain:
    """Compare every two passages that differ in the conditions that they meet.

    A passage that is not ranked stands below all that are; of two such nothing is known.

    Args:
        met: passage to conditions met.
        ranked: passages, best first.

    >>> chain({"a": 0, "b": 1, "c": 2}, ["c", "a", "b"])
    Chain(right=2, pairs=3, right_by_one=1, pairs_by_one=2, unseen=0)
    """
    ranks = {name: rank_in(ranked, name) or len(ranked) + 1 for name in met}
    right = pairs = right_one = pairs_one = unseen = 0
    for lower, few in met.items():
        for higher, many in met.items():
            if few >= many:
                continue
            if ranks[lower] == ranks[higher]:
                unseen += 1
                continue
            kept = ranks[higher] < ranks[lower]
            pairs += 1
            right += kept
            pairs_one += many == few + 1
            right_one += kept and many == few + 1
    return Chain(right, pairs, right_one, pairs_one, unseen)


def query_text(question: str, conditions: Sequence[Condition], form: Form) -> str:
    """A question with conditions.

    >>> one = Condition(("green", "bridge"), frozenset(), 0, "")
    >>> query_text("Who built it?", [one], "prose")
    'Who built it? The passage should also speak of green and bridge.'
    >>> query_text("Who built it?", [], "list")
    'Who built it?'
    """
    if not conditions:
        return question
    said = [" and ".join(one.words) for one in conditions]
    match form:
        case "list":
            return "\n".join([question, "The passage must mention:", *(f"- {one}" for one in said)])
        case "reversed":
            return query_text(question, conditions[::-1], "list")
        case "in front":
            listed = [f"- {one}" for one in said]
            return "\n".join(["The passage must mention:", *listed, question])
        case "prose":
            *others, last = said
            joined = f"{', of '.join(others)}, and of {last}" if others else last
            return f"{question} The passage should also speak of {joined}."


class MultiConditionSuite(BaseModel, Suite):
    """Asks questions with conditions, over passages that meet all or some of them.

    Conditions are rare words of the relevant passage's other sentences, and passages that
    meet fewer are made of it by exchanging these sentences (``conditions``). All of them
    answer the question itself, so only the conditions tell them apart.

    ``win rate`` is the share of pairs of such passages in which the one that meets more
    conditions stands higher (a coin gives .5), ``by one`` the same for pairs that differ by
    one condition; ``in order`` is the share of questions with every pair right.
    ``found@10`` says whether a passage that meets all conditions is among the first ten,
    ``first`` whether the highest of them is one. The first row has all conditions as a
    list; the next ones have the same conditions in other forms, with nDCG@10 (gain 1 for
    the answer and 1 a condition) and the overlap of the first ten passages; the last
    ones have fewer conditions.

    Source: MultiConIR (Lu et al. 2025): robustness to complexity, relevance monotonicity by
    win rate, and sensitivity to format. There a language model writes conditions and hard
    negatives; here rules do, for any labelled set, with keywords instead of statements. Since
    the words stand in the passage as they are asked for, rankings by words have it easy: look
    at rankings by meaning, and at those of a reranker.
    Cost: the pipeline's cost for each question, once a row; one corpus is indexed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "Whether passages rise with the conditions that they meet"

    conditions: int = Field(default=3, ge=1, le=10, description="conditions of a question, at most")
    words: int = Field(default=2, ge=1, le=10, description="words of a condition")
    forms: tuple[Literal["prose", "reversed", "in front"], ...] = Field(
        default=("prose", "reversed", "in front"), description="how else all conditions are said"
    )
    node: str = Field(default="", description="whose ranking; the last before the selection")
    language: StopWords = Field(default="english", description="of stemmer and stop words")

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        node = ranking_node(runner.plan, self.node)
        maker = Families(dataset, analyzer_for(self.language), seed=seed)
        families, left_out = maker.make(self.conditions, self.words)
        if not families:
            reasons = "; ".join(f"{number}: {why}" for why, number in left_out.items())
            raise UsageError(
                f"no question of '{dataset.name}' can get {counted(self.conditions, 'condition')}"
                f" ({reasons}); ask for fewer with conditions="
            )
        notes = [
            f"{counted(number, 'question')} left out: {why}." for why, number in left_out.items()
        ]
        made = [one for family in families for one in family.variants]
        notes.append(
            f"{counted(len(families), 'question')} with {counted(self.conditions, 'condition')};"
            f" {counted(len(made), 'passage')} that meet fewer were added to the corpus."
        )
        corpus = (*dataset.documents, *made)
        forms: tuple[Form, ...] = ("list", *dict.fromkeys(self.forms))
        whole_name = counted(self.conditions, "condition")
        asked = [(f"{whole_name} {_FORMS[form]}", form, self.conditions) for form in forms]
        for number in range(self.conditions - 1, -1, -1):
            name = f"{counted(number, 'condition')} as a list" if number else "no condition"
            asked.append((name, "list", number))
        rows: list[Row] = []
        per_query: list[dict[str, Any]] = []
        first: list[Observation] = []
        for name, form, number in asked:
            queries = tuple(
                replace(one.query, text=query_text(one.query.text, one.conditions[:number], form))
                for one in families
            )
            some = replace(dataset, queries=queries)
            records = runner.run(queries, label=f"multi-condition {name}", documents=corpus)
            missing = without_ranking(records, node)
            if missing:
                notes.append(f"{name}: {counted(missing, 'question')} had no ranking.")
            seen = observed(some, records, runner.plan)
            first = first or seen
            whole = number == self.conditions
            columns, unseen = _columns(families, seen, first, node, number, whole=whole)
            if unseen:
                notes.append(
                    f"{name}: in {counted(unseen, 'pair')} none of the two is ranked; left out."
                )
            before = (
                None
                if seen is first
                else _columns(families, first, first, node, self.conditions, whole=whole)[0]
            )
            comparable = (
                None
                if before is None
                else {key: one for key, one in before.items() if not key.startswith("overlap")}
            )
            rows.append(compared(name, clusters_of(seen), columns, comparable, seed=seed))
            per_query += [
                _described(family, one, name, node, number)
                for family, one in zip(families, seen, strict=True)
            ]
        return Findings("multi_condition", self.title, rows, notes, per_query)


def _columns(
    families: Sequence[Family],
    seen: Sequence[Observation],
    first: Sequence[Observation],
    node: str,
    number: int,
    *,
    whole: bool,
) -> tuple[dict[str, Statistic], int]:
    """The columns of a row, and how many pairs cannot be compared.

    Args:
        families: in the order of the questions.
        seen: the questions as asked in this row.
        first: the same as asked in the first row.
        node: whose ranking.
        number: conditions of this row.
        whole: whether they are all; only such rankings have comparable gains.
    """
    met = [family.met(number) for family in families]
    chains = [chain(one, question.ranked(node)) for one, question in zip(met, seen, strict=True)]
    standing = [
        _standing(one, question.ranked(node)) for one, question in zip(met, seen, strict=True)
    ]
    columns: dict[str, Statistic] = {}
    if number:
        columns = {
            "win rate": ratio([one.right for one in chains], [one.pairs for one in chains]),
            "by one": ratio(
                [one.right_by_one for one in chains], [one.pairs_by_one for one in chains]
            ),
            "in order": mean(
                [float(one.right == one.pairs) if one.pairs else None for one in chains]
            ),
            "first": mean([_leads(one, number) for one in standing]),
        }
    columns["found@10"] = mean(
        [float(any(m == number and r <= TOP for m, r in one)) for one in standing]
    )
    if whole:
        graded = [
            replace(one, grades={name: 1 + count for name, count in family.items()})
            for one, family in zip(seen, met, strict=True)
        ]
        columns["ndcg@10"] = mean(ranking_values(graded, node)["ndcg@10"])
        if seen is not first:
            columns["overlap@10"] = mean(
                [
                    overlap_at(was.ranked(node), now.ranked(node), TOP)
                    for was, now in zip(first, seen, strict=True)
                ]
            )
    return columns, sum(one.unseen for one in chains)


def _standing(met: Mapping[str, int], ranked: Sequence[str]) -> list[tuple[int, int]]:
    """(conditions met, rank) of the family's passages that are ranked, best first."""
    ranks = [(met[name], rank) for name in met if (rank := rank_in(ranked, name)) is not None]
    return sorted(ranks, key=lambda one: one[1])


def _leads(standing: Sequence[tuple[int, int]], number: int) -> float | None:
    """Whether the highest passage of a family meets all conditions; None where none is ranked."""
    return float(standing[0][0] == number) if standing else None


def _described(
    family: Family, one: Observation, name: str, node: str, number: int
) -> dict[str, Any]:
    ranked = one.ranked(node)
    return {
        "query_id": family.query.id,
        "row": name,
        "text": one.query.text,
        "passage": family.passage.id,
        "conditions": [" ".join(each.words) for each in family.conditions[:number]],
    } | {
        f"rank, {met} met": rank_in(ranked, passage)
        for met, passage in enumerate((*(v.id for v in family.variants), family.passage.id))
    }
