"""Join rankings by taking from them in turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field

from assay.corpora.fusion import interleaved, joint_query
from assay.pipeline.component import Config, Node, register
from assay.pipeline.errors import nearest
from assay.pipeline.words import Ranking


class InterleaveConfig(Config):
    """Settings of ``fuse.interleave@1``."""

    first: str | None = Field(
        None,
        description="name of the input whose turn comes first; none for the first of the alphabet",
    )
    depth: int | None = Field(
        None, ge=1, le=100_000, description="length of the fused ranking; none for no limit"
    )


@register("fuse.interleave@1")
class Interleave(Node):
    """Fuse named rankings of one question by turns, each passage once; see ``interleaved``.

    For rankings that complement one another: the best of each stands high whatever the others
    say. The result carries the query of the input whose name comes first in the alphabet.
    Cost: no model calls.
    """

    Config = InterleaveConfig
    gives = ("rrf",)

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between ``first`` and the inputs that are wired.

        Args:
            names: port to the keys that feed it.

        Returns:
            One sentence a problem.
        """
        first, inputs = self.config.first, sorted(names.get("rankings", ()))
        if first is None or first in inputs:
            return []
        return [f"'first' is '{first}', which is no input; {nearest(first, inputs)}"]

    def run(self, rankings: Mapping[str, Ranking]) -> Ranking:
        """Fuse.

        Raises:
            UsageError: if there is no ranking, or they were made for different readers.
        """
        query = joint_query(rankings, (), self.name)
        # The first may have been left out of this run; the others then go by the alphabet.
        first = self.config.first if self.config.first in rankings else None
        return interleaved(query, rankings, first=first, source=self.name, limit=self.config.depth)
