"""Lexical separation: does the ranking hold where the right passage shares fewer words?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from assay.corpora.analyzer import Analyzer
from assay.corpora.dataset import Dataset
from assay.corpora.stop_words import StopWords
from assay.evaluation.observation import Observation
from assay.evaluation.statistics.resampling import Statistic, mean
from assay.evaluation.suites.candidate_bm25 import CandidateBm25, analyzer_for, order_by
from assay.evaluation.suites.comparing import clusters_of, compared, counted, observed
from assay.evaluation.suites.ranked_passages import (
    judged,
    ranking_node,
    ranking_values,
    texts_of,
    with_ranking,
    without_ranking,
)
from assay.evaluation.suites.suite import Findings, Row, Runner, Suite
from assay.pipeline.errors import UsageError

NO_GOLD = "none of their relevant passages is among the candidates"
ALL_GOLD = "all of their candidates are relevant"
NO_TEXT = "the set lacks the text of a candidate"


def separation(scores: Sequence[float], gold: Sequence[int]) -> float | None:
    """The best score of a relevant candidate less the best of any other.

    Below 0 a wrong passage looks better by its words than every right one.

    Source: D_S in "Language Model Re-rankers are Fooled by Lexical Similarities" (Hagström
    et al. 2025).

    Args:
        scores: BM25 of each candidate.
        gold: places of the relevant ones.

    Returns:
        None where no candidate, or every one, is relevant.

    >>> round(separation([3.1, 2.0, 4.0], [0]), 6), separation([3.1, 2.0, 4.0], [0, 2])
    (-0.9, 2.0)
    """
    right = [scores[place] for place in set(gold)]
    wrong = [score for place, score in enumerate(scores) if place not in set(gold)]
    return max(right) - max(wrong) if right and wrong else None


def agreement(scores: Sequence[float]) -> float | None:
    """Kendall's tau-b between an order and the BM25 scores of its passages; ties count as ties.

    Args:
        scores: of the passages, in the order that is judged.

    Returns:
        1 where the scores fall throughout, -1 where they rise; None where all are equal.

    >>> agreement([3.0, 2.0, 0.0, 0.0]) > 0.9, agreement([1.0, 1.0]) is None
    (True, True)
    """
    from scipy.stats import kendalltau

    if len(set(scores)) < 2:
        return None
    falling = [-float(place) for place in range(len(scores))]
    return float(kendalltau(falling, scores).statistic)


@dataclass(frozen=True, slots=True)
class _Question:
    """A question whose separation is defined.

    Args:
        seen: with the candidates as the pipeline ranks them.
        by_words: with the candidates as BM25 ranks them.
        separation: see ``separation``.
        candidates: passages that both rank, best first by the pipeline.
        scores: BM25 of each, in this order.
        bm25: the same passages, best first by BM25.
    """

    seen: Observation
    by_words: Observation
    separation: float
    candidates: tuple[str, ...]
    scores: tuple[float, ...]
    bm25: tuple[str, ...]


class LexicalSeparationSuite(BaseModel, Suite):
    """Slices questions by whether words alone would find the right passage.

    BM25 is indexed over each question's own candidates, the passages that the pipeline
    ranked for it. ``separation`` is the best BM25 score of a relevant one less the best of
    the others; the slice below the threshold holds the questions on which words mislead.
    Each row has the pipeline's figures over the candidates, BM25's over the same ones, the
    paired difference (``... over bm25``), and how far the two rankings agree: in the first
    passage, and by Kendall's tau-b of the ranking with the BM25 scores.

    Questions without a relevant passage among the candidates have no separation: they are
    left out and counted. BM25's inverse document frequency is of a question's candidates,
    so the threshold means something else with 10 candidates than with 100; the notes say
    how many there were.

    Source: Hagström et al. 2025, "Language Model Re-rankers are Fooled by Lexical
    Similarities"; BM25 and the threshold -0.5 as there (bm25s with k1 = 1.5, b = .75, English
    stop words and stemmer).
    Cost: the pipeline's cost for each question, once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "Whether the ranking holds where words mislead"

    threshold: float = Field(
        default=-0.5, allow_inf_nan=False, description="separation below which words mislead"
    )
    depth: int = Field(default=100, ge=2, le=1000, description="candidates of a question, at most")
    node: str = Field(default="", description="whose ranking; the last before the selection")
    language: StopWords = Field(
        default="english", description="of stemmer and stop words; none for neither"
    )

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        node = ranking_node(runner.plan, self.node)
        notes: list[str] = []
        dataset = judged(dataset, notes)
        records = runner.run(dataset.queries, label="as asked")
        missing = without_ranking(records, node)
        analyzer = analyzer_for(self.language)
        texts = texts_of(dataset.documents)
        left_out: Counter[str] = Counter()
        found = [
            question
            for one in observed(dataset, records, runner.plan)
            if (question := self._question(one, node, texts, analyzer, left_out)) is not None
        ]
        if not found:
            reasons = "; ".join(f"{number}: {why}" for why, number in left_out.items())
            raise UsageError(
                f"no question of '{dataset.name}' has a lexical separation ({reasons})"
            )
        low = [one for one in found if one.separation < self.threshold]
        high = [one for one in found if one.separation >= self.threshold]
        rows = [
            _row(name, some, node, seed)
            for name, some in (
                ("all", found),
                (f"words mislead (below {self.threshold:g})", low),
                (f"words help ({self.threshold:g} and above)", high),
            )
            if some
        ]
        notes += [
            f"{counted(number, 'question')} left out: {why}." for why, number in left_out.items()
        ]
        if missing:
            notes.append(f"{counted(missing, 'question')} had no ranking of '{node}' at all.")
        sizes = [len(one.candidates) for one in found]
        notes.append(
            f"BM25 is over each question's own candidates: {min(sizes)} to {max(sizes)}, median"
            f" {np.median(sizes):g}. Its P@1 is 0 below a separation of 0 and 1 above it, by"
            " definition."
        )
        notes.append(_gate(low, rows, self.threshold))
        per_query = [_described(one, node, self.threshold) for one in found]
        return Findings("lexical_separation", self.title, rows, notes, per_query)

    def _question(
        self,
        one: Observation,
        node: str,
        texts: Mapping[str, str],
        analyzer: Analyzer,
        left_out: Counter[str],
    ) -> _Question | None:
        """A question with both rankings, or None with the reason counted."""
        candidates = tuple(dict.fromkeys(one.ranked(node)))[: self.depth]
        gold = [place for place, name in enumerate(candidates) if name in one.relevant]
        why = (
            NO_GOLD
            if not gold
            else ALL_GOLD
            if len(gold) == len(candidates)
            else NO_TEXT
            if any(name not in texts for name in candidates)
            else None
        )
        if why is not None:
            left_out[why] += 1
            return None
        bm25 = CandidateBm25([texts[name] for name in candidates], analyzer)
        scores = bm25.scores(one.query.text).tolist()
        value = separation(scores, gold)
        if value is None:
            raise AssertionError("some candidates are relevant and some are not")
        by_words = tuple(order_by(scores, candidates))
        return _Question(
            seen=with_ranking(one, node, candidates),
            by_words=with_ranking(one, node, by_words),
            separation=value,
            candidates=candidates,
            scores=tuple(scores),
            bm25=by_words,
        )


def _row(name: str, found: Sequence[_Question], node: str, seed: int) -> Row:
    own = _values([one.seen for one in found], node)
    words = _values([one.by_words for one in found], node)
    columns: dict[str, Statistic] = {key: mean(values) for key, values in own.items()}
    columns |= {f"bm25 {key}": mean(words[key]) for key in ("p@1", "ndcg@10")}
    columns |= {f"{key} over bm25": mean(_less(own[key], words[key])) for key in ("p@1", "ndcg@10")}
    same = [float(one.candidates[0] == one.bm25[0]) for one in found]
    columns |= {
        "same first": mean(same),
        "tau": mean([agreement(one.scores) for one in found]),
    }
    return compared(name, clusters_of([one.seen for one in found]), columns, seed=seed)


def _values(observations: Sequence[Observation], node: str) -> dict[str, list[float | None]]:
    values = ranking_values(observations, node)
    first = [float(one.ranked(node)[0] in one.relevant) for one in observations]
    return {"p@1": list(first), "ndcg@10": values["ndcg@10"], "recall@10": values["recall@10"]}


def _less(first: Sequence[float | None], second: Sequence[float | None]) -> list[float | None]:
    return [
        None if one is None or other is None else one - other
        for one, other in zip(first, second, strict=True)
    ]


def _gate(low: Sequence[_Question], rows: Sequence[Row], threshold: float) -> str:
    """Whether the ranking beats BM25 where words mislead.

    By nDCG: BM25's P@1 is 0 there whatever it does.
    """
    if not low:
        return f"Gate: not decided, since no question has a separation below {threshold:g}."
    found = rows[1].values["ndcg@10 over bm25"]
    size = f"on {counted(len(low), 'question')} on which words mislead"
    if found.value is None or found.interval is None:
        value = "nothing" if found.value is None else f"{found.value:+.3f}"
        return f"Gate: not decided; nDCG@10 over BM25's {size} is {value}, without an interval."
    low_end, high_end = found.interval
    verdict = (
        "passed" if low_end > 0 else "failed" if high_end < 0 else "not decided, both are possible"
    )
    return (
        f"Gate, the ranking must beat BM25 where words mislead: {verdict}. nDCG@10 over BM25's"
        f" {size}: {found.value:+.3f} [{low_end:+.3f}, {high_end:+.3f}]."
    )


def _described(one: _Question, node: str, threshold: float) -> dict[str, Any]:
    return {
        "query_id": one.seen.query.id,
        "row": "words mislead" if one.separation < threshold else "words help",
        "text": one.seen.query.text,
        "separation": one.separation,
        "candidates": len(one.candidates),
        "first": one.candidates[0],
        "first_by_bm25": one.bm25[0],
        "first_is_relevant": one.candidates[0] in one.seen.relevant,
        "relevant": sorted(one.seen.relevant),
    }
