"""Go down the ranking until a judge finds the evidence sufficient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from assay.models.language_model import Ability, LanguageModel
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Rationale, Selection
from assay.stages.select.choice import chosen
from assay.stages.select.sufficiency import (
    SHORTEST,
    Sufficiency,
    SufficiencyJudge,
    ask_whether_sufficient,
    sufficiency_prompt,
)
from assay.stages.windows.window import Sizes

PROBLEM = "give it one of the resources 'model', which is asked, and 'judge', a judge of your own"


class SufficientConfig(Config):
    """Settings of ``select.sufficient@1``."""

    step: int = Field(1, ge=1, le=1000, description="passages that are added before each judgement")
    max_steps: int = Field(5, ge=1, le=1000, description="most judgements")
    insufficient: Literal["keep", "none"] = Field(
        "keep", description="what is kept where the evidence never suffices: what was read, or none"
    )
    words: int = Field(300, ge=SHORTEST, le=10_000, description="most words of a passage")
    tokens: int = Field(64, ge=4, le=131_072, description="most tokens of a judgement")
    temperature: float | None = Field(
        0.0, ge=0, le=2, description="0 takes the likeliest token; null leaves it to the model"
    )


@register("select.sufficient@1")
class Sufficient(Node):
    """Read passages in their order and stop as soon as a judge finds that they suffice.

    The decision depends on the question and on the passages' texts alone, never on scores. The run
    record has ``sufficient``, ``judgements``, and ``missing``, what the judge said last that is
    missing ('' for nothing): with ``flow.repeat`` and ``next_query: NODE.missing`` it becomes the
    next question. The selection has it as a rationale that no passage was chosen by. With no
    passages the judge is asked once, so that there is something to search for. A judgement that
    cannot be read counts as not sufficient (``judgements_unread``).

    Source: the stop rule of Aly and Vlachos, EMNLP 2022 (natural-logic guided retrieval), with a
    judge in the place of the proof system. Cost: one generation a step, each after the other.

    Args:
        config: see ``SufficientConfig``.
        model: is asked; or
        judge: judges.
    """

    Config = SufficientConfig
    needs: Mapping[str, tuple[str, ...]] = {"model": (Ability.GENERATE,)}

    def __init__(
        self,
        config: SufficientConfig,
        *,
        model: LanguageModel | None = None,
        judge: SufficiencyJudge | None = None,
    ) -> None:
        super().__init__(config)
        self.model = model
        self.judge = judge

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether there is one judge."""
        given = (self.model is not None) + (self.judge is not None)
        return (PROBLEM,) if given != 1 else ()

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        """Select; the kept are in the ranking's order.

        Raises:
            PromptTooLong: if 8 words a passage do not fit the model.
            ModelError: if the model fails.
        """
        config = self.config
        most = min(len(ranking.hits), config.step * config.max_steps)
        size, judgements = 0, 0
        said = Sufficiency(None)
        while judgements == 0 or (size < most and not said.sufficient):
            size = min(size + config.step, most)
            said = self._judged(query, ranking.hits[:size], context)
            judgements += 1
        enough = said.sufficient is True
        context.note(sufficient=enough, missing=said.missing, judgements=judgements)
        read = f"after {size} passages" if size != 1 else "after the first passage"
        end = f"the evidence was found sufficient {read}" if enough else _lacking(said, read)
        keep = size if enough or config.insufficient == "keep" else 0

        def dropped(place: int, hit: Hit) -> str:
            return f"place {place + 1}, not read: {end}" if place >= size else end

        kept = [
            (hit, f"place {place} of {size} read; {end}")
            for place, hit in enumerate(ranking.hits[:keep], 1)
        ]
        lacking = (Rationale(said.missing),) if said.missing else ()
        return chosen(query, ranking, kept, dropped, rationales=lacking)

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """All steps, judgements as long as they may be; a judge of your own is a call a step."""
        config = self.config
        steps = max(1, min(config.max_steps, -(-n // config.step)))
        if self.model is None:
            return Cost(calls=steps, rounds=steps)
        own = self.model.count_prompt(sufficiency_prompt("", (), config.words)) + 2 * sizes.query
        shown = sum(min(n, config.step * number) for number in range(1, steps + 1))
        passage = min(sizes.passage, config.words * 4 // 3)
        return Cost(
            calls=steps,
            rounds=steps,
            tokens_in=steps * own + shown * passage,
            tokens_out=steps * config.tokens,
        )

    def _judged(self, query: Query, hits: tuple[Hit, ...], context: RunContext) -> Sufficiency:
        """One judgement."""
        passages = [hit.passage for hit in hits]
        if self.judge is not None:
            said = self.judge.judge(query, passages, context)
        elif self.model is not None:
            said = ask_whether_sufficient(
                self.model,
                query,
                passages,
                context,
                words=self.config.words,
                tokens=self.config.tokens,
                temperature=self.config.temperature,
            )
        else:
            raise UsageError(f"{self.name}: {PROBLEM}")
        context.count(judgements_unread=int(said.sufficient is None))
        return said


def _lacking(said: Sufficiency, read: str) -> str:
    """Why the reading ended without enough."""
    what = f'; missing: "{said.missing}"' if said.missing else ""
    return f"the evidence was not found sufficient {read}{what}"
