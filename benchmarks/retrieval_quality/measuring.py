"""All systems on all questions of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assay.evaluation.statistics.resampling import Estimate
from assay.pipeline.words import Ranking
from benchmarks.retrieval_quality.scoring import interval, ndcg
from benchmarks.retrieval_quality.source import Found, Fusion
from benchmarks.retrieval_quality.systems import (
    FUSIONS,
    PARTS,
    WITH_FEEDBACK,
    exchanged,
    shuffled,
)
from benchmarks.retrieval_quality.tasks import Question, Task

REFERENCE = ("bm25", "dense", "hybrid")
SPOILT = {"shuffled": shuffled, "exchanged": exchanged}
"""What is done to one of the parts: its passages in random order, or another question's ranking."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A task's questions with each system's nDCG@10 on each of them.

    Args:
        task: what was asked.
        questions: in order.
        values: by system, in that order; ``<fusion>, <part> <spoilt>`` for a spoilt part and
            ``reference <part>`` for the reference.
    """

    task: Task
    questions: Sequence[Question]
    values: Mapping[str, Sequence[float]]

    def only(self, fold: str) -> Measured:
        """The questions of one fold."""
        kept = [place for place, one in enumerate(self.questions) if one.fold == fold]
        return Measured(
            self.task,
            [self.questions[place] for place in kept],
            {name: [own[place] for place in kept] for name, own in self.values.items()},
        )

    def mean(self, system: str) -> float:
        """A system's mean."""
        return sum(self.values[system]) / len(self.questions)

    def estimate(self, system: str) -> Estimate:
        """A system's mean with its interval."""
        return interval(self.questions, self.values[system])

    def difference(self, system: str, other: str) -> Estimate:
        """The mean difference of two systems with its paired interval."""
        pairs = zip(self.values[system], self.values[other], strict=True)
        return interval(self.questions, [one - another for one, another in pairs])

    def better(self, systems: Sequence[str]) -> str:
        """The system with the highest mean."""
        return max(systems, key=self.mean)


def measure(task: Task, found: Sequence[Found], fused: Mapping[str, Fusion]) -> Measured:
    """Run every system.

    Args:
        task: what was asked.
        found: what was retrieved for each question.
        fused: the fusions.
    """
    questions = [one.question for one in found]
    values: dict[str, list[float]] = {}

    def add(name: str, ranked: Callable[[Found], Ranking]) -> None:
        values[name] = ndcg(questions, [ranked(one) for one in found])

    for part in PARTS:
        add(part, lambda one, part=part: one.rankings[part])  # type: ignore[misc]
    for name in FUSIONS:
        values[name] = ndcg(questions, [fused[name](one.rankings) for one in found])
    moved = [(one.rankings, one.feedback) for one in found if one.feedback is not None]
    if len(moved) == len(found):
        ranked = [fused[WITH_FEEDBACK]({**own, "feedback": again}) for own, again in moved]
        values[WITH_FEEDBACK] = ndcg(questions, ranked)
    for kind, spoil in SPOILT.items():
        for part in PARTS:
            spoilt = spoil(found, part)
            for name in ("rrf", "weighted", "adaptive"):
                ranked = [fused[name](rankings) for rankings in spoilt]
                values[f"{name}, {part} {kind}"] = ndcg(questions, ranked)
    if all(one.reference for one in found):
        for part in REFERENCE:
            add(f"reference {part}", lambda one, part=part: one.reference[part])  # type: ignore[misc]
    return Measured(task, questions, values)
