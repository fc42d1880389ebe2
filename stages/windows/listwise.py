"""A language model that writes the order of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from assay.models.language_model import Ability, Form, Generation, LanguageModel
from assay.models.prompt import Prompt
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.identity import module_digest
from assay.stages.windows import templates
from assay.stages.windows.identifiers import MOST_LETTERS, parse_order, reasoning_of
from assay.stages.windows.template import TemplateName, permutation_grammar, template
from assay.stages.windows.window import Ordered, Sizes, Window, WindowAbility, WindowRanker
from assay.stages.windows.written import SHORTEST, answered, prompt_tokens, reading_of

SLACK = 8
"""Tokens that an answer may have over those of the ideal one."""


class ListwiseConfig(Config):
    """Settings of ``windows.listwise@1``."""

    template: TemplateName = Field("rank_zephyr", description="how a window is written out")
    max_window: int = Field(20, ge=2, le=1000, description="most passages of a window")
    words: int = Field(300, ge=SHORTEST, le=10_000, description="most words of a passage")
    temperature: float | None = Field(
        0.0, ge=0.0, le=2.0, description="0 takes the likeliest token; null leaves it to the model"
    )
    reasoning_tokens: int = Field(
        4096, ge=16, le=131_072, description="most tokens of reasoning, where a template has any"
    )
    constrained: bool = Field(
        False,
        description="force the form of the answer by a grammar, where model and template have one",
    )


@register("windows.listwise@1")
class Listwise(WindowRanker):
    """Ask for the order of all passages at once and read what is written.

    Every answer gives an order (``identifiers.parse_order``). What had to be repaired is counted
    in the run record: ``windows``, ``windows_failed``, ``windows_shortened``,
    ``identifiers_missing``, ``identifiers_repeated``, ``identifiers_unknown``. A window that does
    not fit the model is written again with shorter passages; one for which the model fails keeps
    its order. Source: the template's. Cost: one generation a window, all in one round.

    Args:
        config: see ``ListwiseConfig``.
        model: writes.
    """

    Config = ListwiseConfig

    def __init__(self, config: ListwiseConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self.model = model
        self._template = template(config.template)

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """To write, and within a grammar where that is asked for."""
        grammar = (Ability.GRAMMAR,) if self.config.constrained else ()
        return {"model": (Ability.GENERATE, *grammar)}

    @property
    def abilities(self) -> frozenset[str]:
        """It reads remarks."""
        return frozenset({WindowAbility.REMARKS})

    @property
    def max_window(self) -> int:
        """As configured; no more than there are letters where passages are named by letters."""
        most: int = self.config.max_window
        return min(most, MOST_LETTERS) if self._template.style == "letter" else most

    def fingerprint(self) -> str:
        """Over the name, the config, the template and the model."""
        settings = self.config.model_dump(mode="json")
        return digest(
            {
                "name": self.name,
                "config": settings,
                "template": module_digest(f"{templates.__name__}.{self.config.template}"),
                "model": self.model.fingerprint(),
            }
        )

    def rank(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Ordered]:
        """One generation for each window, those of the same size together.

        Raises:
            ModelError: if the model fails for every window.
        """
        found: dict[int, Ordered] = {}
        failures: list[ModelError] = []
        sizes = sorted({len(window.passages) for window in windows})
        for size in sizes:
            places = [place for place, window in enumerate(windows) if len(window.passages) == size]
            written = self._written(
                [windows[place] for place in places],
                [contexts[place] for place in places],
                size,
                failures,
            )
            for place, generation in zip(places, written, strict=True):
                found[place] = self._ordered(generation, size, contexts[place])
        if windows and len(failures) == len(windows):
            raise failures[0]
        return [found[place] for place in range(len(windows))]

    def estimate(self, window: int, sizes: Sizes) -> Cost:
        """A generation of about the ideal answer's length; reasoning counts as half its limit."""
        out = self._ideal_tokens(window)
        if self._template.thinking:
            out += self.config.reasoning_tokens // 2
        tokens = prompt_tokens(self.model, self._template, window, sizes, self.config.words)
        return Cost(calls=1, rounds=1, tokens_in=tokens, tokens_out=out)

    def _written(
        self,
        windows: Sequence[Window],
        contexts: Sequence[RunContext],
        size: int,
        failures: list[ModelError],
    ) -> list[Generation | None]:
        """What the model wrote; None where it failed."""

        def asked(
            some: Sequence[Window], words: int, own: Sequence[RunContext]
        ) -> Sequence[Generation]:
            prompts = [self._template.write(reading_of(one, words)) for one in some]
            return self._asked(prompts, own, size)

        return answered(asked, windows, contexts, int(self.config.words), failures)

    def _asked(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext], size: int
    ) -> list[Generation]:
        budget = self._ideal_tokens(size) + SLACK
        if self._template.thinking:
            budget += self.config.reasoning_tokens
        grammar = permutation_grammar(self._template, size) if self.config.constrained else None
        return self.model.generate_batch(
            prompts,
            contexts,
            max_tokens=budget,
            stop=self._template.stop,
            form=None if grammar is None else Form(grammar=grammar),
            temperature=self.config.temperature,
        )

    def _ordered(self, generation: Generation | None, size: int, context: RunContext) -> Ordered:
        context.count(windows=1)
        if generation is None:
            context.count(windows_failed=1)
            return Ordered(tuple(range(size)), failed=True)
        parsed = parse_order(generation.text, size, style=self._template.style)
        context.count(
            windows_failed=int(parsed.failed),
            identifiers_missing=parsed.missing,
            identifiers_repeated=parsed.duplicates,
            identifiers_unknown=parsed.out_of_range,
        )
        return Ordered(parsed.order, failed=parsed.failed, reasoning=reasoning_of(generation.text))

    def _ideal_tokens(self, size: int) -> int:
        return self.model.count_tokens(self._template.answer(tuple(range(size))))
