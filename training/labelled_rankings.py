"""What everything that learns to fuse, rerank or select learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.pipeline.words import Ranking


@dataclass(frozen=True, slots=True)
class LabelledRankings:
    """The rankings of one question with what is relevant to it.

    Args:
        rankings: by name; of one query all.
        grades: passage id to grade; above 0 for what is needed. Empty for a question to which
            nothing is relevant.
        group: examples of one group count together as much as every other group, such as a
            data set.
        cluster: questions that share fate, such as all about one document, have one; '' for a
            question that stands alone.
    """

    rankings: Mapping[str, Ranking]
    grades: Mapping[str, int]
    group: str = ""
    cluster: str = ""

    @property
    def needed(self) -> frozenset[str]:
        """Ids of the passages with a grade above 0."""
        return frozenset(name for name, grade in self.grades.items() if grade > 0)
