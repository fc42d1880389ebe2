"""What a runner may be able to do beside running; a suite asks for it where it needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from assay.corpora.dataset import LabelledQuery
from assay.corpora.document import Document
from assay.evaluation.suites.ranking_change import RankingChange
from assay.evaluation.suites.suite import Record, Runner
from assay.models.prompt import Prompt


@runtime_checkable
class ChangesRankings(Runner, Protocol):
    """A runner that can change a ranking inside the pipeline."""

    def run_changed(
        self,
        queries: Sequence[LabelledQuery],
        *,
        label: str,
        changes: Mapping[str, RankingChange],
        node: str = "",
        documents: Sequence[Document] | None = None,
    ) -> list[Record]:
        """As ``run``, with some questions' rankings changed.

        Args:
            queries: what to ask.
            label: names this run.
            changes: question id to what happens to its ranking.
            node: whose ranking; '' for the last one before anything is selected.
            documents: as for ``run``.

        Raises:
            UsageError: if the pipeline makes no ranking, or has no node of that name.
        """
        ...


@runtime_checkable
class Writes(Protocol):
    """A runner that lends the pipeline's language model."""

    def write(
        self, prompts: Sequence[Prompt], *, max_tokens: int, stop: Sequence[str], draw: int = 0
    ) -> list[str]:
        """What the pipeline's language model writes; the likeliest text where ``draw`` is 0.

        Raises:
            UsageError: if the pipeline has no language model that generates.
        """
        ...
